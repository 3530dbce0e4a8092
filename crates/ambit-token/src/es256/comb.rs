//! Multiples of a fixed point, so that multiplying it needs additions and no doublings.

use super::curve::{Affine, Point};
use super::order;
use super::words::{self, Words};
use crate::digits::{MULTIPLES, digits};

/// Points that share an inversion while a table is filled: 12 KB on the stack.
const BATCH: usize = 8 * MULTIPLES;

/// Fills a table: [`MULTIPLES`] for each digit.
pub(crate) fn fill(table: &mut [Affine], point: Affine) {
    let mut base = point.point();
    for rows in table.chunks_exact_mut(BATCH) {
        let mut at = 0_usize;
        let mut multiple = Point::INFINITY;
        let multiples = [(); BATCH].map(|()| {
            multiple = multiple.plus(base);
            let this = multiple;
            at = at.wrapping_add(1);
            if at.is_multiple_of(MULTIPLES) {
                base = this.double();
                multiple = Point::INFINITY;
            }
            this
        });
        // The order of the group is prime: no multiple below it is at infinity.
        rows.copy_from_slice(&Affine::all(&multiples));
    }
}

/// `sum` and the scalar times the point of the table.
pub(crate) fn add(mut sum: Point, table: &[Affine], scalar: &Words) -> Point {
    // The negative of what is 2^255 or more is less.
    let (less, _) = words::subtract(&order::N, scalar);
    let [.., top] = scalar;
    let negative = top >> 31 == 1;
    let digits = digits(&words::bytes(if negative { &less } else { scalar }));
    for (row, digit) in table.chunks_exact(MULTIPLES).zip(digits) {
        let size = usize::from(digit.unsigned_abs());
        let Some(multiple) = size.checked_sub(1).and_then(|at| row.get(at)) else {
            continue;
        };
        sum = sum.plus_affine(if (digit < 0) == negative {
            *multiple
        } else {
            multiple.negate()
        });
    }
    sum
}
