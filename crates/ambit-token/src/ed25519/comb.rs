//! Multiples of a fixed point, so that multiplying it needs additions and no doublings.
//!
//! Only the public API of `curve25519-dalek`. The formulas of the curve are complete, so a key with a
//! component of small order comes out as it does there; `tests` compares. Variable time: all is public.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "points of a group, which have no side effects"
)]

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;

use crate::digits::Width;

/// Fills a table: the multiples for each digit.
pub(crate) fn fill(table: &mut [EdwardsPoint], width: Width, point: EdwardsPoint) {
    let mut base = point;
    for row in table.chunks_exact_mut(width.multiples()) {
        let mut multiple = EdwardsPoint::identity();
        for place in row {
            multiple += base;
            *place = multiple;
        }
        base = multiple + multiple;
    }
}

/// `sum` and the scalar times the point of the table.
pub(crate) fn add(
    mut sum: EdwardsPoint,
    table: &[EdwardsPoint],
    width: Width,
    scalar: &Scalar,
) -> EdwardsPoint {
    let rows = table.chunks_exact(width.multiples());
    for (row, (negative, size)) in rows.zip(width.of(scalar.as_bytes())) {
        match size.checked_sub(1).and_then(|at| row.get(at)) {
            Some(multiple) if negative => sum -= multiple,
            Some(multiple) => sum += multiple,
            None => {}
        }
    }
    sum
}
