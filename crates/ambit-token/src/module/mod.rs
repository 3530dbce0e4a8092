//! Signed policy modules: a WebAssembly file with a bundle in it and a statement about it.
//!
//! [`verify`] answers whether a file may run here. It reads the sections of the file, the DSSE
//! envelope (carried as the last section, or detached), counts the trusted keys that signed it,
//! and compares the statement with the file and the bundle. Nothing of a file is used before the
//! signature over it holds, except where its sections begin and end.

mod error;
mod layout;
mod statement;
mod trust;

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::limits::{BUNDLE_BYTES, MODULE_BYTES};

pub use error::{ModuleError, ModuleErrorCode};
pub use layout::{Layout, append_section, layout};
pub use statement::Statement;
pub use trust::TrustedKeys;

use crate::dsse::Envelope;
use crate::sha256;

/// Name of the custom section that holds the bundle, verbatim.
pub const BUNDLE_SECTION: &str = "ambit.bundle";
/// Name of the custom section that holds a carried envelope.
pub const SIGNATURE_SECTION: &str = "ambit.signature";
/// The DSSE `payloadType` of a module's statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The `_type` of the statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The `predicateType` of the statement.
pub const PREDICATE_TYPE: &str = "https://ambit.dev/policy-module/v1";
/// The name of the statement's one subject.
pub const SUBJECT_NAME: &str = "policy.wasm";
/// Bytes of an envelope: 64 signatures of 200 bytes and a statement of a few hundred, four times.
pub const ENVELOPE_BYTES: usize = 64 * 1024;

/// What the host expects of a module.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'e> {
    /// The policy's uid; `None`: any (tools that only look).
    pub uid: Option<&'e str>,
    /// Seconds since 1970, UTC.
    pub now: i64,
    /// The ABI that the host speaks.
    pub abi: u32,
}

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleClaims {
    /// The policy's uid.
    pub uid: String,
    /// The policy's version.
    pub version: u64,
    /// When it was issued, in seconds since 1970.
    pub issued: i64,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
}

/// A module that may run. Made only by [`verify`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifiedModule<'a> {
    /// The bytes of the bundle section.
    pub bundle: &'a [u8],
    /// SHA-256 of the bundle.
    pub bundle_digest: [u8; 32],
    /// What the signers state.
    pub statement: Statement,
    /// The `kid`s of the trusted keys that signed, each key once, in the order of the trust file.
    pub signers: Vec<String>,
}

/// Verifies a module with its carried or detached signature.
///
/// `bundle_claims` reads the bundle and says what it claims, or why it is not used.
/// It is called only with bytes that trusted keys signed.
///
/// # Errors
///
/// [`ModuleError`]. The order: size, sections, signature, statement, file digest, ABI, uid, bundle,
/// agreement of statement and bundle, expiry.
pub fn verify<'a>(
    file: &'a [u8],
    detached: Option<&[u8]>,
    trust: &TrustedKeys,
    expect: &Expect<'_>,
    bundle_claims: impl FnOnce(&'a [u8]) -> Result<BundleClaims, ModuleError>,
) -> Result<VerifiedModule<'a>, ModuleError> {
    if file.len() > MODULE_BYTES {
        return Err(fail(ModuleErrorCode::Size, "the file is too large"));
    }
    let layout = layout(file)?;
    let envelope = envelope(&layout, detached)?;
    let signers = trust.signers(&envelope)?;
    let statement = Statement::parse(&envelope.payload).ok_or_else(|| {
        fail(
            ModuleErrorCode::Format,
            "the signed statement is not of the form",
        )
    })?;
    if statement.file_s256 != sha256(layout.signed) {
        let detail = "the file is not the one that was signed";
        return Err(fail(ModuleErrorCode::Altered, detail));
    }
    check_expected(&statement, expect)?;
    let (bundle, bundle_digest) = sole_bundle(&layout, &statement)?;
    let claims = bundle_claims(bundle)?;
    check_agreement(&statement, &claims)?;
    check_end(&statement, expect.now)?;
    Ok(VerifiedModule {
        bundle,
        bundle_digest,
        statement,
        signers,
    })
}

/// Refuses a module whose time has ended.
///
/// # Errors
///
/// [`ModuleErrorCode::Expired`]
pub fn check_end(statement: &Statement, now: i64) -> Result<(), ModuleError> {
    if now >= statement.expires {
        return Err(fail(ModuleErrorCode::Expired, "the module has expired"));
    }
    Ok(())
}

/// TUF's rule against going back: a version below the highest seen is refused, and so is the same
/// version with another digest. `seen` is the highest version accepted so far, with its digest.
///
/// # Errors
///
/// [`ModuleErrorCode::Rollback`] and [`ModuleErrorCode::SameVersion`].
pub fn check_seen(
    seen: Option<(u64, [u8; 32])>,
    version: u64,
    digest: &[u8; 32],
) -> Result<(), ModuleError> {
    let Some((highest, known)) = seen else {
        return Ok(());
    };
    if version < highest {
        let detail = alloc::format!("version {version} after version {highest}");
        return Err(ModuleError::new(ModuleErrorCode::Rollback, detail));
    }
    if version == highest && *digest != known {
        let detail = alloc::format!("another file was seen as version {version}");
        return Err(ModuleError::new(ModuleErrorCode::SameVersion, detail));
    }
    Ok(())
}

/// The one envelope, carried or detached, never both.
fn envelope(layout: &Layout<'_>, detached: Option<&[u8]>) -> Result<Envelope, ModuleError> {
    let signature = |detail| fail(ModuleErrorCode::Signature, detail);
    let text = match (layout.signature, detached) {
        (None, None) => return Err(fail(ModuleErrorCode::Unsigned, "the module is not signed")),
        (Some(_), Some(_)) => {
            return Err(signature(
                "a carried and a detached signature: only one may be",
            ));
        }
        (Some(text), None) | (None, Some(text)) => text,
    };
    if text.len() > ENVELOPE_BYTES {
        return Err(fail(ModuleErrorCode::Size, "the signature is too large"));
    }
    let envelope = if detached.is_some() {
        Envelope::parse(text)
    } else {
        Envelope::parse_exact(text)
    };
    let envelope = envelope.ok_or_else(|| signature("the envelope is not of the form"))?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(signature("the envelope holds something else"));
    }
    Ok(envelope)
}

fn check_expected(statement: &Statement, expect: &Expect<'_>) -> Result<(), ModuleError> {
    if statement.abi < expect.abi {
        let detail = alloc::format!(
            "the module was built by a version before ABI {}, which is unsafe; build and sign it again",
            expect.abi
        );
        return Err(ModuleError::new(ModuleErrorCode::Outdated, detail));
    }
    if statement.abi != expect.abi {
        let detail = alloc::format!("ABI {}, not {}", statement.abi, expect.abi);
        return Err(ModuleError::new(ModuleErrorCode::Abi, detail));
    }
    if expect.uid.is_some_and(|uid| uid != statement.uid) {
        let detail = alloc::format!("the module is of policy `{}`", statement.uid);
        return Err(ModuleError::new(ModuleErrorCode::Uid, detail));
    }
    Ok(())
}

/// The content of the one bundle section, which is the one that the statement names.
fn sole_bundle<'a>(
    layout: &Layout<'a>,
    statement: &Statement,
) -> Result<(&'a [u8], [u8; 32]), ModuleError> {
    let bundle = match (layout.bundle, layout.bundles) {
        (Some(bundle), 1) => bundle,
        (_, 0) => return Err(fail(ModuleErrorCode::Bundle, "there is no bundle section")),
        _ => {
            return Err(fail(
                ModuleErrorCode::Bundle,
                "there are two bundle sections",
            ));
        }
    };
    if bundle.len() > BUNDLE_BYTES {
        return Err(fail(ModuleErrorCode::Size, "the bundle is too large"));
    }
    let digest = sha256(bundle);
    if digest != statement.bundle_s256 {
        let detail = "the bundle is not the one that the statement names";
        return Err(fail(ModuleErrorCode::Mismatch, detail));
    }
    if !layout.holds_no_other(bundle)? {
        let detail = "the code holds another bundle than the bundle section";
        return Err(fail(ModuleErrorCode::Mismatch, detail));
    }
    Ok((bundle, digest))
}

fn check_agreement(statement: &Statement, claims: &BundleClaims) -> Result<(), ModuleError> {
    let differs = [
        ("uid", statement.uid != claims.uid),
        ("version", statement.version != claims.version),
        ("issued", statement.issued != claims.issued),
        ("expires", statement.expires != claims.expires),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        None => Ok(()),
        Some((name, _)) => {
            let detail = alloc::format!("statement and bundle differ in `{name}`");
            Err(ModuleError::new(ModuleErrorCode::Mismatch, detail))
        }
    }
}

fn fail(code: ModuleErrorCode, detail: &str) -> ModuleError {
    ModuleError::new(code, detail)
}
