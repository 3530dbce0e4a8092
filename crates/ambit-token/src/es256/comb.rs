//! Multiples of a fixed point, so that multiplying it needs additions and no doublings.

use super::curve::{Affine, Point};
use super::order;
use super::words::{self, Words};
use crate::digits::Width;

/// Points that share an inversion while a table is filled: 6 KB on the stack.
const BATCH: usize = 32;

/// Fills a table: the multiples for each digit.
pub(crate) fn fill(table: &mut [Affine], width: Width, point: Affine) {
    let mut base = point.point();
    let mut multiple = Point::INFINITY;
    let mut at = 0_usize;
    for places in table.chunks_exact_mut(BATCH) {
        let multiples = [(); BATCH].map(|()| {
            multiple = multiple.plus(base);
            let this = multiple;
            at = at.wrapping_add(1);
            if at.is_multiple_of(width.multiples()) {
                base = this.double();
                multiple = Point::INFINITY;
            }
            this
        });
        // The order of the group is prime: no multiple below it is at infinity.
        places.copy_from_slice(&Affine::all(&multiples));
    }
}

/// `sum` and the scalar times the point of the table.
pub(crate) fn add(mut sum: Point, table: &[Affine], width: Width, scalar: &Words) -> Point {
    // The negative of what is 2^255 or more is less.
    let (less, _) = words::subtract(&order::N, scalar);
    let [.., top] = scalar;
    let turned = top >> 31 == 1;
    let bytes = words::bytes(if turned { &less } else { scalar });
    let rows = table.chunks_exact(width.multiples());
    for (row, (negative, size)) in rows.zip(width.of(&bytes)) {
        let Some(multiple) = size.checked_sub(1).and_then(|at| row.get(at)) else {
            continue;
        };
        sum = sum.plus_affine(if negative == turned {
            *multiple
        } else {
            multiple.negate()
        });
    }
    sum
}

const _: () = assert!(
    crate::digits::BASE.points().is_multiple_of(BATCH)
        && crate::digits::KEY.points().is_multiple_of(BATCH),
    "every point of a table is in a batch"
);
