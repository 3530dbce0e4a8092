//! The one Ed25519 verification of the project.
//!
//! Libraries disagree about edge cases (mixed-order points, non-canonical encodings, cofactored
//! equations), so a signature that one engine accepts another may refuse. Every engine therefore
//! runs this function, never the platform's, and never verifies in batches.

pub(crate) mod comb;

use core::ops::Neg as _;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use sha2::{Digest as _, Sha512};

use crate::digits;

/// Whether `signature` is the one by `public` over `message`, by the acceptance rule of
/// `ed25519_dalek::VerifyingKey::verify_strict`: the unbatched equation without cofactor, `S` below
/// the group order, `R` compared as bytes, no small-order `A` or `R`.
#[must_use]
pub fn verify_strict(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let Some(key) = point(public) else {
        return false;
    };
    let sum = |challenge: &Scalar, s: &Scalar| {
        EdwardsPoint::vartime_double_scalar_mul_basepoint(challenge, &key.neg(), s)
    };
    verify_by(&sum, public, message, signature)
}

/// Whether `public` can be anybody's key: a point of the curve that is not of small order.
#[must_use]
pub fn usable(public: &[u8; 32]) -> bool {
    point(public).is_some()
}

/// The point of a usable key.
pub(crate) fn point(public: &[u8; 32]) -> Option<EdwardsPoint> {
    let point = CompressedEdwardsY(*public).decompress()?;
    (!point.is_small_order()).then_some(point)
}

/// The same as [`verify_strict`], with the tables of the base point and of the point that `public` is,
/// which is usable.
pub(crate) fn verify_with(
    base: &[EdwardsPoint],
    table: &[EdwardsPoint],
    public: &[u8; 32],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let sum = |challenge: &Scalar, s: &Scalar| {
        let key_part = comb::add(EdwardsPoint::identity(), table, digits::KEY, challenge);
        comb::add(key_part.neg(), base, digits::BASE, s)
    };
    verify_by(&sum, public, message, signature)
}

/// The rule, for a usable key and what multiplies it: of the challenge and `S`, the sum of the base point times
/// `S` and the key's point times the negative challenge.
///
/// `R` is not decompressed: whatever is equal to the encoding of a point is the encoding of a point, and
/// it is that point that must not be of small order.
fn verify_by(
    sum: &dyn Fn(&Scalar, &Scalar) -> EdwardsPoint,
    public: &[u8; 32],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Some((r, rest)) = signature.split_first_chunk::<32>() else {
        return false;
    };
    let Some(s) = <[u8; 32]>::try_from(rest).ok().and_then(below_order) else {
        return false;
    };
    let mut hash = Sha512::new();
    hash.update(r);
    hash.update(public);
    hash.update(message);
    let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let sum = sum(&challenge, &s);
    sum.compress().as_bytes() == r && !sum.is_small_order()
}

/// A number below the group order: it stays as it is when it is reduced, which is done here as for the challenge.
fn below_order(bytes: [u8; 32]) -> Option<Scalar> {
    let mut wide = [0; 64];
    wide.first_chunk_mut().map(|low| *low = bytes)?;
    let reduced = Scalar::from_bytes_mod_order_wide(&wide);
    (reduced.to_bytes() == bytes).then_some(reduced)
}
