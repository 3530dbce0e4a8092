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

use crate::digits::{MULTIPLES, digits};

/// Fills a table: [`MULTIPLES`] for each digit.
pub(crate) fn fill(table: &mut [EdwardsPoint], point: EdwardsPoint) {
    let mut base = point;
    for row in table.chunks_exact_mut(MULTIPLES) {
        let mut multiple = EdwardsPoint::identity();
        for place in row {
            multiple += base;
            *place = multiple;
        }
        base = multiple + multiple;
    }
}

/// `sum` and the scalar times the point of the table.
pub(crate) fn add(mut sum: EdwardsPoint, table: &[EdwardsPoint], scalar: &Scalar) -> EdwardsPoint {
    for (row, digit) in table.chunks_exact(MULTIPLES).zip(digits(scalar.as_bytes())) {
        let size = usize::from(digit.unsigned_abs());
        let multiple = size.checked_sub(1).and_then(|at| row.get(at));
        match multiple {
            Some(multiple) if digit > 0 => sum += multiple,
            Some(multiple) => sum -= multiple,
            None => {}
        }
    }
    sum
}
