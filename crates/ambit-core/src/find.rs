//! Looking for a few characters, and comparing bytes. The search of `str` brings four kilobytes of wasm to be
//! fast in long texts, and so does `contains` with a character, where bytes are looked through instead; and `==`
//! compares byte by byte in wasm.

/// What stands before the first `mark`, and what behind it.
#[must_use]
pub fn split_once<'t>(text: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    let mut from = 0_usize;
    loop {
        let rest = text.as_bytes().get(from..)?;
        if rest.starts_with(mark.as_bytes()) {
            // A mark begins and ends at the border of a character.
            return text
                .get(..from)
                .zip(text.get(from.checked_add(mark.len())?..));
        }
        if rest.is_empty() {
            return None;
        }
        from = from.saturating_add(1);
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
    use super::same_bytes;

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
