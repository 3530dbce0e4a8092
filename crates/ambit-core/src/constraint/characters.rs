//! What a character does to a line of text, by its Unicode general category.
//!
//! The table is bytes, because a reader of every character of Unicode in code would be as large as
//! half the evaluator: 206 offsets of two bytes (little-endian), one for each block of 1,024
//! characters, then the runs of the blocks. A run is a byte `length << 2 | class`; length 0 is the
//! rest of the block, and of length 63 the next byte holds what is more. `tests/characters.rs` makes
//! the table from the categories.

/// What stands behind `TABLE`'s blocks (U+33800 on) is unassigned, private or invisible.
const BLOCKS: u32 = 206;
const BLOCK_BITS: u32 = 10;
const LONG: u8 = 63;
static TABLE: &[u8] = include_bytes!("characters.bin");

/// What a character does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It is seen where it stands.
    Seen,
    /// It is not seen, looks like another, or moves what stands around it: Cc, Cf, Cs, Co, Cn, Zl,
    /// Zp, Zs but for the space, and those of other categories that show nothing.
    Unseen,
    /// It is drawn onto the character before it: Mn, Mc, Me.
    Mark,
}

/// The class of a character. What the table does not know is not shown.
pub(super) fn class(character: char) -> Class {
    if character.is_ascii() {
        let seen = matches!(character, ' '..='~');
        return if seen { Class::Seen } else { Class::Unseen };
    }
    match found(u32::from(character)) {
        Some(0) => Class::Seen,
        Some(2) => Class::Mark,
        _ => Class::Unseen,
    }
}

fn found(code: u32) -> Option<u8> {
    let block = code >> BLOCK_BITS;
    if block >= BLOCKS {
        return None;
    }
    let mut left = code & ((1 << BLOCK_BITS) - 1);
    let entry = usize::try_from(block).ok()?.checked_mul(2)?;
    let start = [*TABLE.get(entry)?, *TABLE.get(entry.checked_add(1)?)?];
    let mut runs = TABLE.get(usize::from(u16::from_le_bytes(start))..)?.iter();
    loop {
        let run = runs.next()?;
        let mut length = u32::from(run >> 2);
        if run >> 2 == LONG {
            length = length.saturating_add(u32::from(*runs.next()?));
        }
        if length == 0 || left < length {
            return Some(run & 3);
        }
        left = left.saturating_sub(length);
    }
}
