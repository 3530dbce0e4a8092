//! Strings and entities of a program, each once.

use std::collections::HashMap;

use super::expr::Uid;

/// Numbers strings and entities in the order in which they are first asked for, so that the same
/// policies give the same bytes.
#[derive(Debug, Default)]
pub(super) struct Pool {
    strings: HashMap<String, u32>,
    pub(super) text: String,
    /// Offset and length of each string.
    pub(super) string_rows: Vec<u32>,
    uids: HashMap<(u32, u32), u32>,
    /// Type and identifier of each entity.
    pub(super) uid_rows: Vec<u32>,
}

/// Sizes are bounded by the bundle's; a number that does not fit makes it too large.
pub(super) fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl Pool {
    pub(super) fn string(&mut self, text: &str) -> u32 {
        if let Some(known) = self.strings.get(text) {
            return *known;
        }
        let found = number(self.string_rows.len() / 2);
        self.string_rows.push(number(self.text.len()));
        self.string_rows.push(number(text.len()));
        self.text.push_str(text);
        self.strings.insert(text.to_owned(), found);
        found
    }

    pub(super) fn uid(&mut self, uid: &Uid) -> u32 {
        let row = (self.string(&uid.kind), self.string(&uid.id));
        let next = number(self.uid_rows.len() / 2);
        let found = *self.uids.entry(row).or_insert(next);
        if found == next {
            self.uid_rows.extend([row.0, row.1]);
        }
        found
    }
}
