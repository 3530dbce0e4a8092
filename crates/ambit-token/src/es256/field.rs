//! The field of P-256: integers modulo p = 2^256 - 2^224 + 2^192 + 2^96 - 1.

use super::words::{self, LOW, Words};

const P: Words = [LOW, LOW, LOW, 0, 0, 0, 1, LOW];

/// An element, in its one form: below p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field(Words);

impl Field {
    pub(super) const ZERO: Self = Self([0; 8]);
    pub(super) const ONE: Self = Self([1, 0, 0, 0, 0, 0, 0, 0]);

    /// `None` for what is not below p.
    pub(super) fn new(words: Words) -> Option<Self> {
        words::is_below(&words, &P).then_some(Self(words))
    }

    /// For constants that are known to be below p.
    pub(super) const fn constant(words: Words) -> Self {
        Self(words)
    }

    pub(super) fn add(self, other: Self) -> Self {
        self.zip(other, i64::wrapping_add)
    }

    pub(super) fn sub(self, other: Self) -> Self {
        self.zip(other, i64::wrapping_sub)
    }

    /// A small multiple.
    pub(super) fn times(self, factor: i64) -> Self {
        carried(self.0.map(|word| word.cast_signed().wrapping_mul(factor)))
    }

    pub(super) fn negate(self) -> Self {
        Self::ZERO.sub(self)
    }

    pub(super) fn mul(self, other: Self) -> Self {
        reduced(&words::multiply(&self.0, &other.0))
    }

    pub(super) fn square(self) -> Self {
        self.mul(self)
    }

    /// The inverse: the power p - 2.
    pub(super) fn invert(self) -> Self {
        let [low, rest @ ..] = P;
        let mut power = Self::ONE;
        for word in rest.iter().rev().chain([&low.wrapping_sub(2)]) {
            for bit in (0..32).rev() {
                power = power.square();
                if (word >> bit) & 1 == 1 {
                    power = power.mul(self);
                }
            }
        }
        power
    }

    fn zip(self, other: Self, by: fn(i64, i64) -> i64) -> Self {
        let mut sums = self.0.map(u64::cast_signed);
        for (sum, other) in sums.iter_mut().zip(other.0) {
            *sum = by(*sum, other.cast_signed());
        }
        carried(sums)
    }
}

/// A product modulo p: FIPS 186-4, D.2.3, column by column.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "sums of at most nine words of 32 bits"
)]
#[expect(
    clippy::many_single_char_names,
    reason = "the names of the standard's words"
)]
fn reduced(product: &[u64; 16]) -> Field {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, a, b, c, d, e, f] = product.map(u64::cast_signed);
    carried([
        c0 + c8 + c9 - b - c - d - e,
        c1 + c9 + a - c - d - e - f,
        c2 + a + b - d - e - f,
        c3 + 2 * (b + c) + d - f - c8 - c9,
        c4 + 2 * (c + d) + e - c9 - a,
        c5 + 2 * (d + e) + f - a - b,
        c6 + 3 * e + 2 * f + d - c8 - c9,
        c7 + 3 * f + c8 - a - b - c - d,
    ])
}

/// The element with these words, which may be negative or too large.
fn carried(mut sums: [i64; 8]) -> Field {
    loop {
        let mut carry: i64 = 0;
        for sum in &mut sums {
            let whole = sum.wrapping_add(carry);
            *sum = whole & LOW.cast_signed();
            carry = whole >> 32;
        }
        if carry == 0 {
            break;
        }
        // 2^256 is 2^224 - 2^192 - 2^96 + 1 modulo p.
        let [s0, _, _, s3, _, _, s6, s7] = &mut sums;
        *s0 = s0.wrapping_add(carry);
        *s3 = s3.wrapping_sub(carry);
        *s6 = s6.wrapping_sub(carry);
        *s7 = s7.wrapping_add(carry);
    }
    let words = sums.map(i64::cast_unsigned);
    match words::subtract(&words, &P) {
        (_, true) => Field(words),
        (less, false) => Field(less),
    }
}
