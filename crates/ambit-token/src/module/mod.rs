//! Signed policy modules: a WebAssembly file with a bundle in it and a statement about it.
//!
//! [`verify`] answers whether a file may run here. It reads the sections of the file, the DSSE
//! envelope (carried as the last section, or detached), counts the trusted keys that signed it,
//! and compares the statement with the file, the guest and the bundle. Nothing of a file is used
//! before the signature over it holds, except where its sections begin and end.
//!
//! A host that brings an evaluator of its own needs no code: [`verify_bundle`] checks a bundle alone
//! against the same statement, by the same rules.

mod error;
mod guest;
mod layout;
mod statement;
mod trust;

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::limits::{BUNDLE_BYTES, MODULE_BYTES};

pub use error::{ModuleError, ModuleErrorCode, ModuleRefusal};
pub use guest::{SLOT_BYTES, SLOT_MAGIC};
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
pub const PREDICATE_TYPE: &str = "https://ambit.dev/policy-module/v2";
/// The one before, which did not name the guest: of versions that are unsafe.
const OUTDATED_PREDICATE_TYPE: &str = "https://ambit.dev/policy-module/v1";
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

/// A module that may run, or the bundle of one. Made only by [`verify`] and [`verify_bundle`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifiedModule<'a> {
    /// The bytes of the bundle.
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
/// [`ModuleError`]. The order: size, sections, signature, statement, file digest, ABI, uid, guest
/// demanded, bundle, the guest around it, agreement of statement and bundle, expiry.
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
    let (statement, signers) = stated(layout.signature, detached, trust)?;
    if statement.file_s256 != sha256(layout.signed) {
        let detail = "the file is not the one that was signed";
        return Err(fail(ModuleErrorCode::Altered, detail));
    }
    check_expected(&statement, trust, expect)?;
    let bundle = layout.sole_bundle()?;
    if sha256(bundle) != statement.bundle_s256 {
        let detail = "the bundle is not the one that the statement names";
        return Err(fail(ModuleErrorCode::Mismatch, detail));
    }
    if layout.guest_s256()? != statement.guest_s256 {
        let detail = "the code is not of the guest that the statement names";
        return Err(fail(ModuleErrorCode::Mismatch, detail));
    }
    agreed(bundle, statement, signers, expect, bundle_claims)
}

/// Verifies the bundle of a module without the code around it, by the module's detached signature.
///
/// For hosts that run bundles in an evaluator of their own. What the statement says of the file and
/// of its guest cannot be compared with anything here.
///
/// # Errors
///
/// As [`verify`], without what is about sections.
pub fn verify_bundle<'a>(
    bundle: &'a [u8],
    detached: Option<&[u8]>,
    trust: &TrustedKeys,
    expect: &Expect<'_>,
    bundle_claims: impl FnOnce(&'a [u8]) -> Result<BundleClaims, ModuleError>,
) -> Result<VerifiedModule<'a>, ModuleError> {
    if bundle.len() > BUNDLE_BYTES {
        return Err(fail(ModuleErrorCode::Size, "the bundle is too large"));
    }
    let (statement, signers) = stated(None, detached, trust)?;
    if statement.bundle_s256 != sha256(bundle) {
        let detail = "the bundle is not the one that was signed";
        return Err(fail(ModuleErrorCode::Altered, detail));
    }
    check_expected(&statement, trust, expect)?;
    agreed(bundle, statement, signers, expect, bundle_claims)
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

/// What enough trusted keys state, and which of them.
fn stated(
    carried: Option<&[u8]>,
    detached: Option<&[u8]>,
    trust: &TrustedKeys,
) -> Result<(Statement, Vec<String>), ModuleError> {
    let envelope = envelope(carried, detached)?;
    let signers = trust.signers(&envelope)?;
    Ok((Statement::read(&envelope.payload)?, signers))
}

/// The one envelope, carried or detached, never both.
fn envelope(carried: Option<&[u8]>, detached: Option<&[u8]>) -> Result<Envelope, ModuleError> {
    let signature = |detail| fail(ModuleErrorCode::Signature, detail);
    let text = match (carried, detached) {
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

fn check_expected(
    statement: &Statement,
    trust: &TrustedKeys,
    expect: &Expect<'_>,
) -> Result<(), ModuleError> {
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
    if !trust.accepts_guest(&statement.guest_s256) {
        let detail = "the module was built with a guest that the trust file does not name";
        return Err(fail(ModuleErrorCode::Guest, detail));
    }
    Ok(())
}

/// The end of every check: what the bundle says of itself is what is stated, and holds.
fn agreed<'a>(
    bundle: &'a [u8],
    statement: Statement,
    signers: Vec<String>,
    expect: &Expect<'_>,
    bundle_claims: impl FnOnce(&'a [u8]) -> Result<BundleClaims, ModuleError>,
) -> Result<VerifiedModule<'a>, ModuleError> {
    let claims = bundle_claims(bundle)?;
    check_agreement(&statement, &claims)?;
    check_end(&statement, expect.now)?;
    Ok(VerifiedModule {
        bundle,
        bundle_digest: statement.bundle_s256,
        statement,
        signers,
    })
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
