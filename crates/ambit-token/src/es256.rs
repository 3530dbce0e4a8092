//! The one ES256 verification of the project (RFC 7518 section 3.4).
//!
//! An ECDSA signature is malleable: with `(r, s)` also `(r, n - s)` verifies. Nothing here is
//! identified by its signature, so both are accepted, as every JOSE library does.

use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};

/// Whether `signature` is one by `public` (`x`, then `y`) over `message`: exactly 64 bytes `r`, `s`
/// (IEEE P1363, never DER), both between 1 and the group order.
#[must_use]
pub fn verify(public: &[u8; 64], message: &[u8], signature: &[u8]) -> bool {
    let Ok(bytes) = <&[u8; 64]>::try_from(signature) else {
        return false;
    };
    let (Some(key), Ok(signature)) = (point(public), Signature::from_slice(bytes)) else {
        return false;
    };
    key.verify(message, &signature).is_ok()
}

/// Whether `public` can be anybody's key: a point of the curve. The curve has prime order, so there
/// are no points of small order, and the point at infinity has no such coordinates.
#[must_use]
pub fn usable(public: &[u8; 64]) -> bool {
    point(public).is_some()
}

fn point(public: &[u8; 64]) -> Option<VerifyingKey> {
    let mut sec1 = [0x04; 65];
    sec1.get_mut(1..)?.copy_from_slice(public);
    VerifyingKey::from_sec1_bytes(&sec1).ok()
}
