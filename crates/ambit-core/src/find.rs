//! Looking for a few characters, and comparing bytes. The search of `str` brings four kilobytes of wasm to be
//! fast in long texts, and so does `contains` with a character, where bytes are looked through instead; and `==`
//! compares byte by byte in wasm.

/// Each byte 1.
const ONES: u64 = u64::from_ne_bytes([1; 8]);
/// The highest bit of each byte.
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Where the first byte is that is `mark`, looked for in eight bytes at a time.
#[must_use]
#[inline(never)]
pub fn place(text: &[u8], mark: u8) -> Option<usize> {
    let marks = ONES.wrapping_mul(u64::from(mark));
    let (words, _) = text.as_chunks::<8>();
    // A byte that is the mark becomes 0, and only words with one borrow from a highest bit that is not set.
    let without = words.iter().take_while(|word| {
        let word = u64::from_le_bytes(**word) ^ marks;
        word.wrapping_sub(ONES) & !word & HIGHS == 0
    });
    let before = without.count().saturating_mul(8);
    let rest = text.get(before..)?;
    let at = rest.iter().position(|byte| *byte == mark)?;
    before.checked_add(at)
}

/// Where the first of some ASCII characters is.
#[must_use]
#[inline(never)]
#[expect(
    clippy::manual_contains,
    reason = "`contains` brings another search with it: bytes of the evaluator"
)]
pub fn place_of_any(text: &str, marks: &[u8]) -> Option<usize> {
    text.bytes()
        .position(|byte| marks.iter().any(|mark| *mark == byte))
}

/// What stands before the first `mark`, and what behind it.
#[must_use]
#[inline(never)]
pub fn split_once<'t>(text: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    let first = *mark.as_bytes().first()?;
    let mut from = 0_usize;
    loop {
        let at = from.checked_add(place(text.as_bytes().get(from..)?, first)?)?;
        // A mark begins and ends at the border of a character.
        let (before, behind) = text.split_at_checked(at)?;
        if let Some(behind) = behind.strip_prefix(mark) {
            return Some((before, behind));
        }
        from = at.saturating_add(1);
    }
}

/// What stands before the last `mark`, an ASCII character, and what behind it.
#[must_use]
#[inline(never)]
pub fn rsplit_once(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = text.bytes().rposition(|byte| byte == mark)?;
    text.get(..at).zip(text.get(at.checked_add(1)?..))
}

/// What stands between the `mark`s, an ASCII character.
#[must_use]
pub const fn split(text: &str, mark: u8) -> Split<'_> {
    Split {
        rest: Some(text),
        mark,
    }
}

/// The parts that [`split`] gives, one more than there are marks.
#[derive(Clone, Debug)]
pub struct Split<'t> {
    rest: Option<&'t str>,
    mark: u8,
}

impl<'t> Iterator for Split<'t> {
    type Item = &'t str;

    #[inline(never)]
    fn next(&mut self) -> Option<&'t str> {
        let rest = self.rest?;
        let at = place(rest.as_bytes(), self.mark).unwrap_or(rest.len());
        // Behind the last part there is no mark, hence nothing.
        self.rest = at.checked_add(1).and_then(|behind| rest.get(behind..));
        rest.get(..at)
    }
}

/// Whether two texts are the same, eight bytes at a time.
#[must_use]
#[inline(never)]
pub fn same_bytes(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    // The last eight overlap those before them: no byte is left over.
    if let (Some(left_end), Some(right_end)) = (left.last_chunk(), right.last_chunk()) {
        let same = |(left, right): (&[u8; 8], &[u8; 8])| {
            u64::from_le_bytes(*left) == u64::from_le_bytes(*right)
        };
        let (left, right) = (left.as_chunks().0, right.as_chunks().0);
        return same((left_end, right_end)) && left.iter().zip(right).all(same);
    }
    left.iter().zip(right).all(|(left, right)| left == right)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::{place, rsplit_once, same_bytes, split, split_once};

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        for mark in [b'~', b'.', 0, 1, 0x7f, 0x80, 0xff] {
            // What differs from the mark by one bit or by one, on either side, is not found.
            for other in [
                mark ^ 1,
                mark ^ 0x80,
                mark.wrapping_add(1),
                mark.wrapping_sub(1),
            ] {
                for at in 0..20 {
                    let mut text = [other; 20];
                    assert_eq!(place(&text, mark), None);
                    text[at] = mark;
                    text[19] = mark;
                    assert_eq!(place(&text, mark), Some(at));
                    assert_eq!(place(&text[..at], mark), None);
                }
            }
        }
    }

    #[test]
    fn texts_are_split_as_the_standard_library_splits_them() {
        // Every text of up to seven characters out of four, one of them of two bytes.
        for length in 0..=7 {
            for number in 0..4_usize.pow(length) {
                let sign = |place| ['.', '/', 'a', '\u{e4}'][number / 4_usize.pow(place) % 4];
                let text: String = (0..length).map(sign).collect();
                assert!(split(&text, b'.').eq(text.split('.')), "{text}");
                assert_eq!(split_once(&text, "."), text.split_once('.'), "{text}");
                assert_eq!(split_once(&text, "./"), text.split_once("./"), "{text}");
                assert_eq!(rsplit_once(&text, b'.'), text.rsplit_once('.'), "{text}");
            }
        }
    }

    #[test]
    fn one_byte_makes_a_difference() {
        let text: [u8; 40] = core::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
        for from in 0..text.len() {
            for to in from..=text.len() {
                let part = &text[from..to];
                assert!(same_bytes(part, part));
                assert!(from == to || !same_bytes(part, &part[1..]));
                for at in 0..part.len() {
                    let mut other = part.to_vec();
                    other[at] ^= 0x80;
                    assert!(!same_bytes(part, &other), "{part:?}");
                    assert!(!same_bytes(&other, part), "{part:?}");
                }
            }
        }
    }
}
