//! Strings eight bytes at a time: where the next byte is that is not plain, and which is the lesser.

use core::cmp::Ordering;

/// Each byte 1.
const ONES: u64 = u64::from_ne_bytes([1; 8]);
/// The highest bit of each byte.
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// How many bytes at the start of `text` are plain: no control (below 0x20), quote or backslash.
pub(super) fn plain_length(text: &[u8]) -> usize {
    let mut length = 0_usize;
    let mut words = text.chunks_exact(8);
    for word in &mut words {
        let Some(word) = word.first_chunk::<8>() else {
            break;
        };
        let marks = special(u64::from_le_bytes(*word));
        if marks != 0 {
            // The lowest mark is exact; only marks above a true one can be false.
            let bytes = usize::try_from(marks.trailing_zeros() / 8).unwrap_or_default();
            return length.saturating_add(bytes);
        }
        length = length.saturating_add(8);
    }
    let rest = words.remainder().iter().take_while(|byte| is_plain(**byte));
    length.saturating_add(rest.count())
}

/// The order of RFC 8785, by UTF-16 code units. UTF-16 orders as UTF-8 does, but for the pairs (lead bytes
/// from 0xf0 on), which stand below U+E000 to U+FFFF (0xee and 0xef).
///
/// A request can have thousands of long names that begin alike, and each is compared a dozen times.
pub(super) fn order(left: &[u8], right: &[u8]) -> Ordering {
    let (words, _) = left.as_chunks::<8>();
    let (others, _) = right.as_chunks::<8>();
    let same = words
        .iter()
        .zip(others)
        .take_while(|(one, other)| one == other);
    let same = same.count().saturating_mul(8);
    let rank = |byte: &u8| if *byte >= 0xee { byte | 0x10 } else { *byte };
    let left = left.get(same..).unwrap_or_default().iter().map(rank);
    left.cmp(right.get(same..).unwrap_or_default().iter().map(rank))
}

const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

/// Marks the highest bit of each byte that is not plain (Warren, Hacker's Delight, section 6-1).
const fn special(word: u64) -> u64 {
    let quote = word ^ ONES.wrapping_mul(0x22);
    let backslash = word ^ ONES.wrapping_mul(0x5c);
    (word.wrapping_sub(ONES.wrapping_mul(0x20)) & !word
        | quote.wrapping_sub(ONES) & !quote
        | backslash.wrapping_sub(ONES) & !backslash)
        & HIGHS
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::{is_plain, plain_length};

    #[test]
    fn every_byte_in_every_place() {
        for byte in 0..=255_u8 {
            for at in 0..20 {
                let mut text = std::vec![b'a'; 20];
                text[at] = byte;
                // A second special byte behind must not be found before the first.
                text[19] = if at == 19 { byte } else { b'"' };
                let expected = text.iter().position(|byte| !is_plain(*byte)).unwrap_or(20);
                assert_eq!(plain_length(&text), expected, "{byte} at {at}");
            }
        }
    }
}
