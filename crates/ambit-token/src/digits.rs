//! Scalars as signed digits of four bits, which halves the multiples that a table needs.

/// Digits of a scalar.
pub(crate) const DIGITS: usize = 64;
/// Multiples that a digit can ask for: its size.
pub(crate) const MULTIPLES: usize = 8;

/// A scalar below 2^255, its lowest byte first, as digits from -7 to 8, the lowest first: nothing is
/// carried out of the last.
pub(crate) fn digits(scalar: &[u8; 32]) -> [i8; DIGITS] {
    let mut digits = [0; DIGITS];
    let mut carry = 0;
    let nibbles = scalar.iter().flat_map(|byte| [byte & 15, byte >> 4]);
    for (digit, nibble) in digits.iter_mut().zip(nibbles) {
        let value = nibble.wrapping_add(carry).cast_signed();
        carry = u8::from(value > 8);
        *digit = match carry {
            0 => value,
            _ => value.wrapping_sub(16),
        };
    }
    digits
}
