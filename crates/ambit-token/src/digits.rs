//! Scalars as signed digits, which halves the multiples that a table needs.

/// How wide the digits are that a table has multiples for. A wider digit means fewer additions, and more
/// points.
#[derive(Clone, Copy)]
pub(crate) struct Width {
    bits: usize,
}

/// For the base point of a curve, which every signature needs.
pub(crate) const BASE: Width = Width { bits: 6 };
/// For the point of a key.
pub(crate) const KEY: Width = Width { bits: 5 };

impl Width {
    /// Digits of a scalar.
    const fn digits(self) -> usize {
        usize::div_ceil(256, self.bits)
    }

    /// Multiples that a digit can ask for: its size.
    pub(crate) const fn multiples(self) -> usize {
        1 << self.bits.saturating_sub(1)
    }

    /// Points of a table: the multiples for each digit.
    pub(crate) const fn points(self) -> usize {
        self.digits().saturating_mul(self.multiples())
    }

    /// A scalar below 2^255, its lowest byte first, as digits, the lowest first: nothing is carried out of
    /// the last. A digit is its sign (whether it is negative) and its size.
    pub(crate) fn of(self, scalar: &[u8; 32]) -> impl Iterator<Item = (bool, usize)> {
        let byte = |at: usize| scalar.get(at).copied().unwrap_or_default();
        let values = 1_usize << self.bits;
        let mut carry = 0;
        (0..self.digits()).map(move |at| {
            let bit = at.wrapping_mul(self.bits);
            let bytes = [byte(bit / 8), byte((bit / 8).wrapping_add(1))];
            let rest = usize::from(u16::from_le_bytes(bytes) >> (bit % 8));
            let value = (rest & values.wrapping_sub(1)).wrapping_add(carry);
            let negative = value > self.multiples();
            carry = usize::from(negative);
            let size = if negative {
                values.wrapping_sub(value)
            } else {
                value
            };
            (negative, size)
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::Width;

    /// The digits of every width make the scalar again, and none is too large.
    #[test]
    fn digits_make_the_scalar() {
        let mut dice = fastrand::Rng::with_seed(3);
        for round in 0..400 {
            let mut scalar: [u8; 32] = core::array::from_fn(|_| match round % 4 {
                0 => 0,
                1 => 0xff,
                _ => dice.u8(..),
            });
            scalar[31] &= 0x7f;
            for bits in 2..=9 {
                let width = Width { bits };
                let mut digits: Vec<(bool, usize)> = width.of(&scalar).collect();
                assert_eq!(digits.len(), width.digits());
                let mut sum = num(&[0; 32]);
                digits.reverse();
                for (negative, size) in digits {
                    assert!(size <= width.multiples());
                    for _ in 0..bits {
                        sum = twice(sum);
                    }
                    sum = plus(sum, negative, size);
                }
                assert_eq!(sum, num(&scalar), "{bits} {scalar:?}");
            }
        }
    }

    /// Numbers modulo 2^320, lowest limb first.
    fn num(bytes: &[u8; 32]) -> [u64; 5] {
        let (limbs, _) = bytes.as_chunks::<8>();
        core::array::from_fn(|at| limbs.get(at).map_or(0, |limb| u64::from_le_bytes(*limb)))
    }

    fn twice(number: [u64; 5]) -> [u64; 5] {
        let mut carry = 0;
        number.map(|limb| {
            let twice = limb << 1 | carry;
            carry = limb >> 63;
            twice
        })
    }

    fn plus(number: [u64; 5], negative: bool, size: usize) -> [u64; 5] {
        let mut left = u64::try_from(size).unwrap();
        number.map(|limb| {
            let (sum, over) = if negative {
                limb.overflowing_sub(left)
            } else {
                limb.overflowing_add(left)
            };
            left = u64::from(over);
            sum
        })
    }
}
