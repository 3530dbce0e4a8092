//! What the signers of a module state: an in-toto Statement v1.

use alloc::string::String;

use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use sha2::{Digest as _, Sha256};

use super::error::{ModuleError, ModuleErrorCode};
use super::{OUTDATED_PREDICATE_TYPE, PREDICATE_TYPE, STATEMENT_TYPE, SUBJECT_NAME, fail};
use crate::base64url;

/// The signed statement about a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The policy's uid.
    pub uid: String,
    /// The policy's version, at least 1.
    pub version: u64,
    /// When it was issued, in seconds since 1970.
    pub issued: i64,
    /// When it ends, in seconds since 1970; after `issued`.
    pub expires: i64,
    /// The ABI of the code.
    pub abi: u32,
    /// SHA-256 of the file: of the bytes before the signature section where there is one.
    pub file_s256: [u8; 32],
    /// SHA-256 of the guest: of the file before the bundle was put into it.
    pub guest_s256: [u8; 32],
    /// SHA-256 of the bundle.
    pub bundle_s256: [u8; 32],
    /// SHA-256 of the results of the policy's tests, if they were run.
    pub tests_s256: Option<[u8; 32]>,
}

impl Statement {
    /// Reads a statement whole: a verifier that does not understand all of it must not act on a part.
    ///
    /// # Errors
    ///
    /// [`ModuleErrorCode::Outdated`] for the form before, [`ModuleErrorCode::Format`] when a member is
    /// missing, malformed or not known.
    pub fn read(payload: &[u8]) -> Result<Self, ModuleError> {
        let malformed = || {
            let detail = "the signed statement is not of the form";
            fail(ModuleErrorCode::Format, detail)
        };
        let document = Document::parse(payload, Profile::Signed).map_err(|_| malformed())?;
        let members = ["_type", "subject", "predicateType", "predicate"];
        let [kind, subject, predicate_type, predicate] =
            exactly(document.root(), members).ok_or_else(malformed)?;
        match (kind.as_str(), predicate_type.as_str()) {
            (Some(STATEMENT_TYPE), Some(PREDICATE_TYPE)) => {}
            (Some(STATEMENT_TYPE), Some(OUTDATED_PREDICATE_TYPE)) => {
                let detail =
                    "the module was signed by a version that is unsafe; build and sign it again";
                return Err(fail(ModuleErrorCode::Outdated, detail));
            }
            _ => return Err(malformed()),
        }
        Self::from_parts(subject, predicate).ok_or_else(malformed)
    }

    fn from_parts(subject: Json<'_>, predicate: Json<'_>) -> Option<Self> {
        let members = [
            "uid",
            "version",
            "issued",
            "expires",
            "abi",
            "guest_s256",
            "bundle_s256",
            "tests_s256",
        ];
        let [uid, version, issued, expires, abi, guest, bundle, tests] =
            exactly(predicate, members)?;
        let statement = Self {
            uid: uid.as_str()?.into(),
            version: u64::try_from(version.as_int()?).ok()?,
            issued: issued.as_int()?,
            expires: expires.as_int()?,
            abi: u32::try_from(abi.as_int()?).ok()?,
            file_s256: subject_digest(subject)?,
            guest_s256: digest(guest)?,
            bundle_s256: digest(bundle)?,
            tests_s256: match tests.kind() {
                Kind::Null => None,
                _ => Some(digest(tests)?),
            },
        };
        let sound = !statement.uid.is_empty()
            && statement.version >= 1
            && statement.issued < statement.expires;
        sound.then_some(statement)
    }

    /// What a host remembers of this version: the SHA-256 of the digests of file, guest and bundle.
    /// All three, because whoever has only the bundle cannot see that they belong together.
    #[must_use]
    pub fn content_s256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for digest in [&self.file_s256, &self.guest_s256, &self.bundle_s256] {
            hash.update(digest);
        }
        hash.finalize().into()
    }

    /// The statement as JSON: what an envelope holds as its payload.
    #[must_use]
    pub fn write(&self) -> String {
        let mut out = Writer::default();
        out.object(|out| {
            out.name("_type").string(STATEMENT_TYPE);
            out.name("subject").array(|out| {
                out.object(|out| {
                    out.name("name").string(SUBJECT_NAME);
                    out.name("digest").object(|out| {
                        out.name("sha256").string(&hex(&self.file_s256));
                    });
                });
            });
            out.name("predicateType").string(PREDICATE_TYPE);
            out.name("predicate");
            self.write_predicate(out);
        });
        out.finish()
    }

    fn write_predicate(&self, out: &mut Writer) {
        out.object(|out| {
            out.name("uid").string(&self.uid);
            // Versions come from JSON integers and bundles, so they fit.
            let version = i64::try_from(self.version).unwrap_or(i64::MAX);
            out.name("version").integer(version);
            out.name("issued").integer(self.issued);
            out.name("expires").integer(self.expires);
            out.name("abi").integer(i64::from(self.abi));
            let guest = base64url::encode(&self.guest_s256);
            out.name("guest_s256").string(&guest);
            let bundle = base64url::encode(&self.bundle_s256);
            out.name("bundle_s256").string(&bundle);
            out.name("tests_s256");
            match &self.tests_s256 {
                Some(tests) => out.string(&base64url::encode(tests)),
                None => out.null(),
            };
        });
    }
}

/// The values of an object that has exactly these members.
fn exactly<'a, const N: usize>(object: Json<'a>, names: [&str; N]) -> Option<[Json<'a>; N]> {
    let mut values = [object; N];
    read_exactly(object, &names, &mut values)?;
    Some(values)
}

/// [`exactly`], which is there once for each number of names.
fn read_exactly<'a>(object: Json<'a>, names: &[&str], values: &mut [Json<'a>]) -> Option<()> {
    if object.kind() != Kind::Object || object.len() != names.len() {
        return None;
    }
    for (name, value) in names.iter().zip(values) {
        *value = object.get(name)?;
    }
    Some(())
}

/// The digest of the one subject.
fn subject_digest(subject: Json<'_>) -> Option<[u8; 32]> {
    let mut subjects = subject.elements();
    let (Some(only), None) = (subjects.next(), subjects.next()) else {
        return None;
    };
    let [name, digest] = exactly(only, ["name", "digest"])?;
    let [sha256] = exactly(digest, ["sha256"])?;
    if name.as_str() != Some(SUBJECT_NAME) {
        return None;
    }
    unhex(sha256.as_str()?)
}

fn digest(value: Json<'_>) -> Option<[u8; 32]> {
    base64url::decode_array(value.as_str()?.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Lower-case hexadecimal, exactly 32 bytes.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a')?.checked_add(10),
        _ => None,
    };
    let mut out = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (pair, to) in text.as_bytes().chunks_exact(2).zip(&mut out) {
        let [high, low] = pair else { return None };
        *to = (digit(high)? << 4) | digit(low)?;
    }
    Some(out)
}
