//! The one Ed25519 verification of the project.
//!
//! Libraries disagree about edge cases (mixed-order points, non-canonical encodings, cofactored
//! equations), so a signature that one engine accepts another may refuse. Every engine therefore
//! runs this function, never the platform's, and never verifies in batches.

use ed25519_dalek::{Signature, VerifyingKey};

/// Whether `signature` is the one by `public` over `message`, by the acceptance rule of
/// `ed25519_dalek::VerifyingKey::verify_strict`: the unbatched equation without cofactor, `S` below
/// the group order, `R` compared as bytes, no small-order `A` or `R`.
#[must_use]
pub fn verify_strict(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = <&[u8; 64]>::try_from(signature) else {
        return false;
    };
    VerifyingKey::from_bytes(public).is_ok_and(|key| {
        key.verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    })
}

/// Whether `public` can be anybody's key: a point of the curve that is not of small order.
#[must_use]
pub fn usable(public: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(public).is_ok_and(|key| !key.is_weak())
}
