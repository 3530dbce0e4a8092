//! Numbers of 256 bits as eight words of 32 bits, the least significant first, each in a `u64`.

/// Eight words, each below 2^32.
pub(crate) type Words = [u64; 8];

/// The low 32 bits.
pub(super) const LOW: u64 = 0xffff_ffff;

/// A number from its 32 bytes, the most significant first.
pub(super) fn read(bytes: &[u8; 32]) -> Words {
    let mut words = [0; 8];
    let (chunks, _) = bytes.as_chunks::<4>();
    for (word, chunk) in words.iter_mut().rev().zip(chunks) {
        *word = u64::from(u32::from_be_bytes(*chunk));
    }
    words
}

/// Its 32 bytes, the least significant first.
pub(super) fn bytes(words: &Words) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (chunks, _) = bytes.as_chunks_mut::<4>();
    for (chunk, word) in chunks.iter_mut().zip(words) {
        let [a, b, c, d, ..] = word.to_le_bytes();
        *chunk = [a, b, c, d];
    }
    bytes
}

/// Whether `a` is below `b`.
pub(super) fn is_below(a: &Words, b: &Words) -> bool {
    subtract(a, b).1
}

/// `a - b`, and whether it wrapped.
pub(super) fn subtract(a: &Words, b: &Words) -> (Words, bool) {
    let mut borrow = 0;
    let mut out = *a;
    for (word, b) in out.iter_mut().zip(b) {
        let difference = word.wrapping_sub(*b).wrapping_sub(borrow);
        *word = difference & LOW;
        borrow = (difference >> 32) & 1;
    }
    (out, borrow == 1)
}

/// `a + b`, and the bit that is carried out.
pub(super) fn add(a: &Words, b: &Words) -> (Words, u64) {
    let mut carry = 0;
    let mut out = *a;
    for (word, b) in out.iter_mut().zip(b) {
        let sum = word.wrapping_add(*b).wrapping_add(carry);
        *word = sum & LOW;
        carry = sum >> 32;
    }
    (out, carry)
}

/// `a` times one word; what does not fit is lost.
pub(super) fn scale(a: &Words, factor: u64) -> Words {
    let mut carry: u64 = 0;
    a.map(|word| {
        let sum = word.wrapping_mul(factor).wrapping_add(carry);
        carry = sum >> 32;
        sum & LOW
    })
}

/// The product, of sixteen words.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "fixed loops over fixed arrays; (2^32 - 1)^2 + 2 (2^32 - 1) is 2^64 - 1"
)]
pub(super) fn multiply(a: &Words, b: &Words) -> [u64; 16] {
    let mut product = [0; 16];
    for i in 0..8 {
        let mut carry = 0;
        for j in 0..8 {
            let sum = product[i + j] + a[i] * b[j] + carry;
            product[i + j] = sum & LOW;
            carry = sum >> 32;
        }
        product[i + 8] = carry;
    }
    product
}
