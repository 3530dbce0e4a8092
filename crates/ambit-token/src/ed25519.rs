//! The one Ed25519 verification of the project.
//!
//! Libraries disagree about edge cases (mixed-order points, non-canonical encodings, cofactored
//! equations), so a signature that one engine accepts another may refuse. Every engine therefore
//! runs this function, never the platform's, and never verifies in batches.

pub(crate) mod comb;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha512};

use crate::digits;

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

/// The point of a usable key.
pub(crate) fn point(public: &[u8; 32]) -> Option<EdwardsPoint> {
    let point = CompressedEdwardsY(*public).decompress()?;
    (!point.is_small_order()).then_some(point)
}

/// The same as [`verify_strict`], with the tables of the base point and of the point that `public` is,
/// which is usable.
///
/// `R` is not decompressed: whatever is equal to the encoding of a point is the encoding of a point, and
/// it is that point that must not be of small order.
pub(crate) fn verify_with(
    base: &[EdwardsPoint],
    table: &[EdwardsPoint],
    public: &[u8; 32],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Some((r, rest)) = signature.split_first_chunk::<32>() else {
        return false;
    };
    let s = <[u8; 32]>::try_from(rest).ok();
    let Some(s) = s.and_then(|s| Option::<Scalar>::from(Scalar::from_canonical_bytes(s))) else {
        return false;
    };
    let mut hash = Sha512::new();
    hash.update(r);
    hash.update(public);
    hash.update(message);
    let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let key_part = comb::add(EdwardsPoint::identity(), table, digits::KEY, &challenge);
    let sum = comb::add(core::ops::Neg::neg(key_part), base, digits::BASE, &s);
    sum.compress().as_bytes() == r && !sum.is_small_order()
}
