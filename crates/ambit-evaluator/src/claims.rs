//! What a bundle says of itself, for those who verify the module around it.

use alloc::string::String;

use ambit_policy::Bundle;
use ambit_token::module::BundleClaims;

/// Verifies a bundle and reads what a module's statement must agree with: the last argument of
/// [`ambit_token::module::verify`]. `None` when the bundle is not sound.
#[must_use]
pub fn bundle_claims(bytes: &[u8]) -> Option<BundleClaims> {
    let bundle = Bundle::verify(bytes).ok()?;
    Some(BundleClaims {
        uid: String::from(bundle.uid()),
        version: u64::try_from(bundle.version()).ok()?,
        issued: bundle.issued(),
        expires: bundle.expires(),
    })
}
