//! Looking for a few characters. The search of `str` brings four kilobytes of wasm to be fast in long texts.

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
