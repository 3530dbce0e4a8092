//! The one ES256 verification of the project (RFC 7518 section 3.4; FIPS 186-4 section 6.4).
//!
//! It is our own because it has to be small and fast in WebAssembly, which constant-time code is not:
//! everything that it works on is public. The `p256` crate and Wycheproof judge it in the tests.
//!
//! An ECDSA signature is malleable: with `(r, s)` also `(r, n - s)` verifies. Nothing here is
//! identified by its signature, so both are accepted, as every JOSE library does.

pub(crate) mod comb;
mod curve;
mod field;
mod order;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use curve::Affine;
use curve::Point;
use field::Field;
use words::Words;

use crate::digits;

/// Whether `signature` is one by `public` (`x`, then `y`) over `message`: exactly 64 bytes `r`, `s`
/// (IEEE P1363, never DER), both between 1 and the group order.
#[must_use]
pub fn verify(public: &[u8; 64], message: &[u8], signature: &[u8]) -> bool {
    <&[u8; 64]>::try_from(signature)
        .is_ok_and(|signature| verify_digest(public, &crate::sha256(message), signature))
}

/// Whether `public` can be anybody's key: a point of the curve. The curve has prime order, so there
/// are no points of small order, and the point at infinity has no such coordinates.
#[must_use]
pub fn usable(public: &[u8; 64]) -> bool {
    point(public).is_some()
}

/// The point of a usable key.
pub(crate) fn affine(public: &[u8; 64]) -> Option<Affine> {
    point(public)?.affine()
}

/// The same as [`verify`], with the tables of the base point and of the key's point.
pub(crate) fn verify_with(
    base: &[Affine],
    table: &[Affine],
    message: &[u8],
    signature: &[u8],
) -> bool {
    <&[u8; 64]>::try_from(signature).is_ok_and(|signature| {
        holds(
            &crate::sha256(message),
            signature,
            &combined_with(base, table),
        )
    })
}

fn combined_with(base: &[Affine], table: &[Affine]) -> impl Fn(&Words, &Words) -> Point {
    |a, b| {
        let key_part = comb::add(Point::INFINITY, table, digits::KEY, b);
        comb::add(key_part, base, digits::BASE, a)
    }
}

/// The same as [`verify`] for a message whose SHA-256 is known.
fn verify_digest(public: &[u8; 64], digest: &[u8; 32], signature: &[u8; 64]) -> bool {
    point(public).is_some_and(|key| holds(digest, signature, &|a, b| key.combined(a, b)))
}

/// Whether the equation of ECDSA holds. `combined` gives `a` times the base point and `b` times the key.
fn holds(
    digest: &[u8; 32],
    signature: &[u8; 64],
    combined: &dyn Fn(&Words, &Words) -> Point,
) -> bool {
    let (r, s) = halves(signature);
    let in_range = |value| value != [0; 8] && words::is_below(&value, &order::N);
    if !in_range(r) || !in_range(s) {
        return false;
    }
    let inverse = order::invert(&s);
    let a = order::multiply(&order::reduce(words::read(digest)), &inverse);
    let b = order::multiply(&r, &inverse);
    let sum = combined(&a, &b);
    // The x of the sum, which is below p, must be r modulo n: it is r, or r + n where that is below p.
    let other = match words::add(&r, &order::N) {
        (sum, 0) => Field::new(sum),
        _ => None,
    };
    let candidates = [Field::new(r), other];
    candidates.into_iter().flatten().any(|x| sum.has_x(x))
}

fn point(public: &[u8; 64]) -> Option<Point> {
    let (x, y) = halves(public);
    Point::new(x, y)
}

fn halves(bytes: &[u8; 64]) -> (Words, Words) {
    let mut both = [[0; 32]; 2];
    let (chunks, _) = bytes.as_chunks::<32>();
    for (half, chunk) in both.iter_mut().zip(chunks) {
        *half = *chunk;
    }
    let [first, second] = both;
    (words::read(&first), words::read(&second))
}
