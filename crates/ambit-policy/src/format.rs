//! The bytes of a bundle. All numbers are little-endian `u32`.
//!
//! ```text
//!  0  magic "AMBITBDL"
//!  8  format (2; 1 was written by compilers and for evaluators that are unsafe)
//! 12  bytes of the whole bundle
//! 16  offset, length of: nodes, text, index, program (compiled Cedar policies; may be empty)
//! 48  the four sections, in that order, without gaps
//! ```
//!
//! The index holds four tables, each a count and that many node indices: the names of the actions,
//! manifests and resources (sorted by name), and the keys (sorted by `kid`).

use alloc::vec::Vec;

use ambit_core::json::{Document, Json};
use ambit_core::sort;

pub(crate) const MAGIC: &[u8; 8] = b"AMBITBDL";
pub(crate) const FORMAT: u32 = 2;
const HEADER_BYTES: usize = 48;
const SECTIONS: usize = 4;

/// Which table of the index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Actions,
    Manifests,
    Resources,
    Keys,
}

impl Table {
    const ALL: [Self; 4] = [Self::Actions, Self::Manifests, Self::Resources, Self::Keys];

    pub(crate) const fn member(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::Manifests => "manifests",
            Self::Resources => "resources",
            Self::Keys => "keys",
        }
    }
}

/// The sections of a bundle whose header is sound.
#[derive(Clone, Debug)]
pub(crate) struct Sections<'a> {
    pub(crate) document: Document<'a>,
    index: &'a [u8],
    pub(crate) program: &'a [u8],
}

/// Which format these bytes are in; `None` when they are no bundle.
pub(crate) fn format(bytes: &[u8]) -> Option<u32> {
    (bytes.get(..8)? == MAGIC).then(|| word(bytes, 8))?
}

/// Reads the header: constant time, whatever the size.
pub(crate) fn open(bytes: &[u8]) -> Option<Sections<'_>> {
    if format(bytes)? != FORMAT {
        return None;
    }
    if usize::try_from(word(bytes, 12)?).ok()? != bytes.len() {
        return None;
    }
    let mut end = HEADER_BYTES;
    let mut sections: [&[u8]; SECTIONS] = [&[]; SECTIONS];
    for (number, section) in sections.iter_mut().enumerate() {
        let at = number.checked_mul(8)?.checked_add(16)?;
        let offset = usize::try_from(word(bytes, at)?).ok()?;
        let length = usize::try_from(word(bytes, at.checked_add(4)?)?).ok()?;
        if offset != end {
            return None;
        }
        end = offset.checked_add(length)?;
        *section = bytes.get(offset..end)?;
    }
    let [nodes, text, index, program] = sections;
    (end == bytes.len()).then_some(Sections {
        document: Document::in_place(nodes, text),
        index,
        program,
    })
}

/// Writes a bundle around a document and a program. `None` when a size does not fit its field, or a table's
/// member is missing.
pub(crate) fn encode(document: Json<'_>, program: &[u8]) -> Option<Vec<u8>> {
    let (nodes, text) = Document::flatten(document)?;
    let flat = Document::in_place(&nodes, &text);
    let mut index = Vec::new();
    for table in Table::ALL {
        let rows = rows(flat.root(), table)?;
        push(&mut index, rows.len())?;
        for (_, node) in rows {
            push(&mut index, node)?;
        }
    }
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    let body = [&nodes[..], &text[..], &index[..], program];
    let total = body
        .iter()
        .try_fold(HEADER_BYTES, |sum, part| sum.checked_add(part.len()))?;
    push(&mut out, total)?;
    let mut offset = HEADER_BYTES;
    for part in body {
        push(&mut out, offset)?;
        push(&mut out, part.len())?;
        offset = offset.checked_add(part.len())?;
    }
    for part in body {
        out.extend_from_slice(part);
    }
    Some(out)
}

/// The rows of a table: name and node index, sorted by name. For keys the node is the key object,
/// elsewhere the member's name.
fn rows<'a>(root: Json<'a>, table: Table) -> Option<Vec<(&'a str, usize)>> {
    let value = root.get(table.member())?;
    let mut rows = Vec::new();
    match table {
        Table::Keys => {
            for key in value.elements() {
                rows.push((key.get_str("kid")?, key.index()));
            }
        }
        _ => {
            for (name, member) in value.members() {
                rows.push((name, member.index().checked_sub(1)?));
            }
        }
    }
    sort(&mut rows);
    Some(rows)
}

impl<'a> Sections<'a> {
    /// The node indices of a table, as bytes.
    fn table(&self, table: Table) -> Option<&'a [u8]> {
        let mut rest = self.index;
        for candidate in Table::ALL {
            let count = usize::try_from(word(rest, 0)?).ok()?;
            let body = rest.get(4..)?;
            let length = count.checked_mul(4)?;
            let rows = body.get(..length)?;
            if candidate == table {
                return Some(rows);
            }
            rest = body.get(length..)?;
        }
        None
    }

    /// The value with this name in a table of names.
    pub(crate) fn named(&self, table: Table, name: &str) -> Option<Json<'_>> {
        let rows = self.table(table)?;
        let at = self.first(rows, |node| node.as_str().unwrap_or_default(), name);
        let node = self.row(rows, at)?;
        (node.as_str()? == name).then(|| self.document.value_at(node.index().saturating_add(1)))
    }

    /// The keys with this `kid`.
    pub(crate) fn keys(&self, kid: &str) -> impl Iterator<Item = Json<'_>> {
        let rows = self.table(Table::Keys).unwrap_or_default();
        let first = self.first(rows, key_id, kid);
        (first..)
            .map_while(move |at| self.row(rows, at))
            .take_while(move |key| key_id(*key) == kid)
    }

    fn row(&self, rows: &[u8], at: usize) -> Option<Json<'_>> {
        let node = word(rows, at.checked_mul(4)?)?;
        Some(self.document.value_at(usize::try_from(node).ok()?))
    }

    /// The first row whose name is not below `name`.
    fn first<'s>(
        &'s self,
        rows: &[u8],
        name_of: impl Fn(Json<'s>) -> &'s str,
        name: &str,
    ) -> usize {
        let (mut low, mut high) = (0_usize, rows.len() / 4);
        while low < high {
            let middle = low.midpoint(high);
            let below = self
                .row(rows, middle)
                .is_some_and(|row| name_of(row) < name);
            if below {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low
    }

    /// Whether the index is exactly the one that [`encode`] would write for this document.
    pub(crate) fn index_is_sound(&self) -> bool {
        let mut rest = self.index;
        for table in Table::ALL {
            let (Some(rows), Some(stored)) = (rows(self.document.root(), table), self.table(table))
            else {
                return false;
            };
            let same = rows.len() == stored.len() / 4
                && rows.iter().enumerate().all(|(at, (_, node))| {
                    self.row(stored, at).is_some_and(|row| row.index() == *node)
                });
            let used = stored.len().saturating_add(4);
            let Some(next) = rest.get(used..).filter(|_| same) else {
                return false;
            };
            rest = next;
        }
        rest.is_empty()
    }
}

fn key_id(key: Json<'_>) -> &str {
    key.get_str("kid").unwrap_or_default()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?))
}

fn push(out: &mut Vec<u8>, value: usize) -> Option<()> {
    out.extend_from_slice(&u32::try_from(value).ok()?.to_le_bytes());
    Some(())
}
