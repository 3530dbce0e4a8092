//! What a bundle says of itself, for those who verify the module around it.

use alloc::string::{String, ToString as _};

use ambit_policy::{Bundle, BundleError};
use ambit_token::module::{BundleClaims, ModuleError, ModuleErrorCode};

/// Verifies a bundle and reads what a module's statement must agree with: the last argument of
/// [`ambit_token::module::verify`].
///
/// # Errors
///
/// [`ModuleErrorCode::Outdated`] for a bundle of an older format, [`ModuleErrorCode::Bundle`] for
/// one that is not sound.
pub fn bundle_claims(bytes: &[u8]) -> Result<BundleClaims, ModuleError> {
    let bundle = Bundle::verify(bytes).map_err(refused)?;
    // Not negative: the bundle was verified.
    let version = u64::try_from(bundle.version()).unwrap_or_default();
    Ok(BundleClaims {
        uid: String::from(bundle.uid()),
        version,
        issued: bundle.issued(),
        expires: bundle.expires(),
    })
}

fn refused(error: BundleError) -> ModuleError {
    let code = match error {
        BundleError::Outdated => ModuleErrorCode::Outdated,
        _ => ModuleErrorCode::Bundle,
    };
    ModuleError::new(code, error.to_string())
}
