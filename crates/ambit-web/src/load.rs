//! Verifying a module, or its bundle alone.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::{Document, Json, Kind, Profile};
use ambit_evaluator::{ABI, bundle_claims};
use ambit_policy::is_bundle;
use ambit_token::base64url;
use ambit_token::module::{self, Expect, TrustedKeys};

use crate::seen::{Refused, Seen};

/// What is kept of a verified module.
pub(crate) struct Loaded {
    pub(crate) bundle: Vec<u8>,
    pub(crate) bundle_digest: [u8; 32],
    pub(crate) seen: Seen,
}

/// An argument of `load` that is not of its form.
fn unusable(message: &str) -> Refused {
    Refused {
        code: "module.options",
        message: String::from(message),
        seen: None,
    }
}

/// The fourth argument of `PolicyModule.load`: `{uid?, now, seen?: {version, digest}}`.
struct Options<'a> {
    uid: Option<&'a str>,
    now: i64,
    seen: Option<(u64, [u8; 32])>,
}

impl<'a> Options<'a> {
    fn read(root: Json<'a>) -> Result<Self, Refused> {
        known_members(root, &["uid", "now", "seen"])?;
        let uid = root.get("uid");
        if uid.is_some_and(|uid| uid.as_str().is_none()) {
            return Err(unusable("`uid` is not a text"));
        }
        let now = root.get_int("now");
        Ok(Self {
            uid: uid.and_then(Json::as_str),
            now: now.ok_or_else(|| unusable("`now` is not a number of seconds"))?,
            seen: match root.get("seen").filter(|seen| !seen.is_null()) {
                None => None,
                Some(seen) => Some(read_seen(seen)?),
            },
        })
    }
}

/// Refuses what is no object, and members of another name: a misspelt `uid` must not pass.
fn known_members(value: Json<'_>, names: &[&str]) -> Result<(), Refused> {
    if value.kind() != Kind::Object {
        return Err(unusable("the options are not an object"));
    }
    if value.members().all(|(name, _)| names.contains(&name)) {
        Ok(())
    } else {
        Err(unusable("the options have a member that is not known"))
    }
}

/// What the host kept of the last module that it accepted.
fn read_seen(seen: Json<'_>) -> Result<(u64, [u8; 32]), Refused> {
    known_members(seen, &["version", "digest"])?;
    let version = seen.get_int("version");
    let digest = seen.get_str("digest");
    let digest = digest
        .and_then(|digest| base64url::decode(digest.as_bytes()))
        .and_then(|digest| digest.try_into().ok());
    version
        .and_then(|version| u64::try_from(version).ok())
        .zip(digest)
        .ok_or_else(|| unusable("`seen` is not `{version, digest}`"))
}

/// Whether it has ended is asked last: what was verified is to be remembered all the same, or an older
/// one, which was to last longer, could come after it. So its error says what was seen.
pub(crate) fn load(
    file: &[u8],
    detached: Option<&[u8]>,
    trust: &[u8],
    options: &[u8],
) -> Result<Loaded, Refused> {
    let document = Document::parse(options, Profile::Signed)
        .map_err(|_| unusable("the options have a number that is not whole"))?;
    let options = Options::read(document.root())?;
    let trust = TrustedKeys::parse(trust)?;
    let expect = Expect {
        uid: options.uid,
        now: i64::MIN,
        abi: ABI.unsigned_abs(),
    };
    let verified = if is_bundle(file) {
        module::verify_bundle(file, detached, &trust, &expect, bundle_claims)?
    } else {
        module::verify(file, detached, &trust, &expect, bundle_claims)?
    };
    let statement = &verified.statement;
    let content = statement.content_s256();
    module::check_seen(options.seen, statement.version, &content)?;
    let seen = Seen {
        version: statement.version,
        digest: base64url::encode(&content),
    };
    if let Err(ended) = module::check_end(statement, options.now) {
        return Err(Refused {
            seen: Some(seen),
            ..ended.into()
        });
    }
    Ok(Loaded {
        bundle: verified.bundle.to_vec(),
        bundle_digest: verified.bundle_digest,
        seen,
    })
}
