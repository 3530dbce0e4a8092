//! Loading a policy: a module's file, or a bundle and its signature.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_evaluator::{ABI, bundle_claims, info};
use ambit_policy::{Bundle, is_bundle};
use ambit_token::base64url;
use ambit_token::module::{self, Expect, ModuleError, Statement, TrustedKeys, VerifiedModule};

use crate::{has_only, refusal};

/// What is asked is not of its form.
const OPTIONS: &str = "module.options";

/// A policy that was verified.
#[derive(Debug)]
pub struct Loaded<'f> {
    /// Its bundle, a part of the file.
    pub bundle: &'f [u8],
    /// The SHA-256 of the bundle.
    pub digest: [u8; 32],
    /// The verified statement, for the host.
    pub statement: String,
}

/// What a host kept of the last policy that it accepted: the version, and the digest of what was signed.
type Seen = Option<(u64, [u8; 32])>;

/// `{"trust", "uid", "now", "seen", "guest"?, "signature"?}`.
struct Options<'a> {
    trust: &'a str,
    uid: &'a str,
    now: i64,
    seen: Seen,
    guest: Option<[u8; 32]>,
    signature: Option<&'a str>,
}

/// Verifies the file of a module, or a bundle with its detached signature, as `request` asks for.
///
/// In this order: the request, everything that [`module::verify`] checks, the guest demanded, the version seen
/// before, its end. The end is asked last, and a policy that has ended says in its refusal what was `seen`: it is
/// to be remembered all the same, or an older one, which was to last longer, could come after it.
///
/// # Errors
///
/// The text of `{"code", "admin", "seen"?}`.
pub fn load<'f>(file: &'f [u8], request: &[u8]) -> Result<Loaded<'f>, String> {
    let document = Document::parse(request, Profile::Signed)
        .map_err(|_| refusal(OPTIONS, "what is asked is not JSON with whole numbers"))?;
    let options = Options::read(document.root()).map_err(|admin| refusal(OPTIONS, admin))?;
    let verified = options.verify(file).map_err(|error| refused(&error))?;
    let statement = &verified.statement;
    if options
        .guest
        .is_some_and(|guest| guest != statement.guest_s256)
    {
        let admin = "the module was built with another guest than the host demands";
        return Err(refusal("module.guest", admin));
    }
    module::check_seen(options.seen, statement.version, &statement.content_s256())
        .map_err(|error| refused(&error))?;
    if let Err(ended) = module::check_end(statement, options.now) {
        let mut out = Writer::default();
        out.object(|out| {
            out.name("code").string(ended.code());
            out.name("admin").string(&ended.detail);
            write_seen(out, statement);
        });
        return Err(out.finish());
    }
    Ok(Loaded {
        bundle: verified.bundle,
        digest: verified.bundle_digest,
        statement: said(&verified),
    })
}

/// Whether the code of a module, which was asked for its `ambit_info`, holds the policy that was loaded: in the same
/// bytes as the evaluator here says it from the verified bundle. `{}`, or `{"code", "admin"}`.
#[must_use]
pub fn check_info(bundle: &Bundle<'_>, answer: &[u8]) -> String {
    if answer == info(bundle).as_bytes() {
        return String::from("{}");
    }
    let admin = "the module's code does not hold the policy that was signed";
    refusal("module.mismatch", admin)
}

impl<'a> Options<'a> {
    /// Every member that matters must be there: a host that forgets `seen` would take any older policy.
    fn read(root: Json<'a>) -> Result<Self, &'static str> {
        const KNOWN: [&str; 6] = ["trust", "uid", "now", "seen", "guest", "signature"];
        if !has_only(root, &KNOWN) {
            return Err("what is asked is not an object, or has a member that is not known");
        }
        let text = |name| root.get_str(name);
        let optional = |name| root.get(name).filter(|value| !value.is_null());
        let seen = root
            .get("seen")
            .ok_or("`seen` is missing: what was kept of the last policy, `null` the first time")?;
        let guest = match optional("guest") {
            Some(guest) => Some(digest(guest).ok_or("`guest` is not a SHA-256 as base64url")?),
            None => None,
        };
        let signature = match optional("signature") {
            Some(text) => Some(text.as_str().ok_or("`signature` is not a text")?),
            None => None,
        };
        Ok(Self {
            trust: text("trust").ok_or("`trust` is not the text of the trusted keys")?,
            uid: text("uid").ok_or("`uid` is not the name of the policy")?,
            now: root
                .get_int("now")
                .ok_or("`now` is not a number of seconds")?,
            seen: read_seen(seen).ok_or("`seen` is not `{version, digest}` or `null`")?,
            guest,
            signature,
        })
    }

    fn verify<'f>(&self, file: &'f [u8]) -> Result<VerifiedModule<'f>, ModuleError> {
        let trust = TrustedKeys::parse(self.trust.as_bytes())?;
        let expect = Expect {
            uid: Some(self.uid),
            now: i64::MIN,
            abi: ABI.unsigned_abs(),
        };
        let detached = self.signature.map(str::as_bytes);
        if is_bundle(file) {
            module::verify_bundle(file, detached, &trust, &expect, bundle_claims)
        } else {
            module::verify(file, detached, &trust, &expect, bundle_claims)
        }
    }
}

fn read_seen(seen: Json<'_>) -> Option<Seen> {
    if seen.is_null() {
        return Some(None);
    }
    if !has_only(seen, &["version", "digest"]) {
        return None;
    }
    let version = seen.get_int("version");
    let version = version.and_then(|version| u64::try_from(version).ok());
    Some(Some((version?, digest(seen.get("digest")?)?)))
}

fn digest(value: Json<'_>) -> Option<[u8; 32]> {
    let bytes: Vec<u8> = base64url::decode(value.as_str()?.as_bytes())?;
    bytes.try_into().ok()
}

fn refused(error: &ModuleError) -> String {
    refusal(error.code(), &error.detail)
}

/// What the signers state, who they are, and what the host keeps.
fn said(verified: &VerifiedModule<'_>) -> String {
    let statement = &verified.statement;
    let mut out = Writer::default();
    out.object(|out| {
        out.name("uid").string(&statement.uid);
        out.name("version").integer(whole(statement.version));
        out.name("issued").integer(statement.issued);
        out.name("expires").integer(statement.expires);
        out.name("abi").integer(i64::from(statement.abi));
        for (name, digest) in [
            ("file_s256", &statement.file_s256),
            ("guest_s256", &statement.guest_s256),
            ("bundle_s256", &statement.bundle_s256),
        ] {
            out.name(name).string(&base64url::encode(digest));
        }
        if let Some(tests) = &statement.tests_s256 {
            out.name("tests_s256").string(&base64url::encode(tests));
        }
        out.name("signers").array(|out| {
            for signer in &verified.signers {
                out.string(signer);
            }
        });
        write_seen(out, statement);
    });
    out.finish()
}

fn write_seen(out: &mut Writer, statement: &Statement) {
    out.name("seen").object(|out| {
        out.name("version").integer(whole(statement.version));
        let digest = statement.content_s256();
        out.name("digest").string(&base64url::encode(&digest));
    });
}

/// Versions are integers of JSON, which are never above this.
fn whole(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
