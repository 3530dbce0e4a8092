//! The guest in a module: the file as it was before a bundle was put into it.
//!
//! The compiler adds four things, which are taken away here: memory for the bundle, behind the guest's
//! own; a data segment with the bundle there; one with its place and digest, written over the guest's
//! slot; and the bundle section. What is left is the guest, byte for byte, so a statement cannot name
//! another one than the code is of, and the code cannot find another bundle than the section shows.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use super::error::{ModuleError, ModuleErrorCode};
use super::layout::{CUSTOM, Layout, PREAMBLE, Reader, push_leb};
use super::{BUNDLE_SECTION, fail};
use crate::sha256;

/// The sixteen bytes in a guest's data that its slot follows.
pub const SLOT_MAGIC: [u8; 16] = *b"AMBIT-BUNDLE-SLT";
/// Bytes of the slot: address and length of the bundle (each four bytes, little-endian), its SHA-256.
pub const SLOT_BYTES: usize = 40;

const MEMORY: u8 = 5;
const DATA: u8 = 11;
const DATA_COUNT: u8 = 12;
/// Data segments that the compiler adds.
const ADDED: usize = 2;
const PAGE: usize = 65_536;

impl Layout<'_> {
    /// SHA-256 of the guest of this module.
    ///
    /// # Errors
    ///
    /// [`ModuleErrorCode::Mismatch`] when the file is not a guest with the bundle of its section put into
    /// it as the compiler does; as [`Layout::sole_bundle`] when there is no such section.
    pub fn guest_s256(&self) -> Result<[u8; 32], ModuleError> {
        let bundle = self.sole_bundle()?;
        let sections = self.signed.get(PREAMBLE.len()..).unwrap_or_default();
        without(sections, bundle).ok_or_else(|| {
            let detail = "the code holds another bundle than the bundle section, or not where the compiler puts it";
            fail(ModuleErrorCode::Mismatch, detail)
        })
    }
}

/// The digest of these sections without what the compiler added for the bundle. `None` when it added
/// something else.
fn without(sections: &[u8], bundle: &[u8]) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    hash.update(PREAMBLE);
    let mut reader = Reader { left: sections };
    let (mut end, mut embedded) = (None, false);
    while !reader.left.is_empty() {
        let before = reader.left;
        let section = reader.section().ok()?;
        let changed = match section.id {
            MEMORY => {
                let (first, memory) = memory_before(section.content, bundle)?;
                end = Some(first);
                memory
            }
            DATA_COUNT => count_before(section.content)?,
            DATA => {
                embedded = true;
                data_before(section.content, end?, bundle)?
            }
            CUSTOM if is_bundle_section(section.content) => continue,
            _ => {
                let length = before.len().checked_sub(reader.left.len())?;
                hash.update(before.get(..length)?);
                continue;
            }
        };
        let mut head = Vec::with_capacity(6);
        head.push(section.id);
        push_leb(&mut head, changed.len());
        hash.update(head);
        hash.update(changed);
    }
    embedded.then(|| hash.finalize().into())
}

fn is_bundle_section(content: &[u8]) -> bool {
    let mut reader = Reader { left: content };
    let name = reader.leb().and_then(|length| reader.take(length.value));
    name.is_ok_and(|name| name == BUNDLE_SECTION.as_bytes())
}

/// The memory without the bundle's pages: the address where it ends, and the section's content. It must
/// be the only one, of 32 bits and not shared.
fn memory_before(content: &[u8], bundle: &[u8]) -> Option<(usize, Vec<u8>)> {
    let added = bundle.len().div_ceil(PAGE);
    let mut reader = Reader { left: content };
    let (count, flags) = (reader.leb().ok()?.value, reader.byte().ok()?);
    if count != 1 || flags > 1 {
        return None;
    }
    let mut memory = Vec::from([1, flags]);
    let pages = reader.leb().ok()?.value.checked_sub(added)?;
    push_leb(&mut memory, pages);
    if flags == 1 {
        push_leb(&mut memory, reader.leb().ok()?.value.checked_sub(added)?);
    }
    let end = pages.checked_mul(PAGE)?;
    reader.left.is_empty().then_some((end, memory))
}

fn count_before(content: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader { left: content };
    let mut count = Vec::new();
    push_leb(&mut count, reader.leb().ok()?.value.checked_sub(ADDED)?);
    reader.left.is_empty().then_some(count)
}

/// The data section's content without its last two segments, which must be the bundle at the guest's
/// `end` of memory, and what the slot says of it.
fn data_before(content: &[u8], end: usize, bundle: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader { left: content };
    let own = reader.leb().ok()?.value.checked_sub(ADDED)?;
    let segments = reader.left;
    let mut slot = None;
    for _ in 0..own {
        for found in slots_in(&segment(&mut reader)?)? {
            // A second one would leave open which of them the code reads.
            if slot.replace(found).is_some() {
                return None;
            }
        }
    }
    let length = segments.len().checked_sub(reader.left.len())?;
    let (end, size) = (u32::try_from(end).ok()?, u32::try_from(bundle.len()).ok()?);
    let added = segment(&mut reader)?;
    let place = segment(&mut reader)?;
    let said = [
        &end.to_le_bytes()[..],
        &size.to_le_bytes()[..],
        &sha256(bundle),
    ]
    .concat();
    let sound = added.is_at(end, bundle) && place.is_at(slot?, &said) && reader.left.is_empty();
    let mut before = Vec::with_capacity(length.saturating_add(5));
    push_leb(&mut before, own);
    before.extend_from_slice(segments.get(..length)?);
    sound.then_some(before)
}

struct Segment<'a> {
    /// The address it is written to; `None` for one that code copies.
    address: Option<u32>,
    bytes: &'a [u8],
}

impl Segment<'_> {
    fn is_at(&self, address: u32, bytes: &[u8]) -> bool {
        self.address == Some(address) && self.bytes == bytes
    }
}

/// A data segment: active (0, or 2 with the only memory's index) or passive (1).
fn segment<'a>(reader: &mut Reader<'a>) -> Option<Segment<'a>> {
    let kind = reader.leb().ok()?.value;
    let address = match kind {
        0 => Some(constant(reader)?),
        1 => None,
        2 if reader.leb().ok()?.value == 0 => Some(constant(reader)?),
        _ => return None,
    };
    let length = reader.leb().ok()?.value;
    let bytes = reader.take(length).ok()?;
    Some(Segment { address, bytes })
}

/// `i32.const N end`, with N as an unsigned address.
fn constant(reader: &mut Reader<'_>) -> Option<u32> {
    if reader.byte().ok()? != 0x41 {
        return None;
    }
    let mut value = 0_u32;
    for shift in [0_u32, 7, 14, 21, 28] {
        let byte = reader.byte().ok()?;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            // Signed: the last bit given stands for those that are not.
            let given = shift.checked_add(7)?;
            if byte & 0x40 != 0 {
                value |= u32::MAX.checked_shl(given).unwrap_or_default();
            }
            return (reader.byte().ok()? == 0x0b).then_some(value);
        }
    }
    None
}

/// Addresses behind each mark in a segment.
fn slots_in(segment: &Segment<'_>) -> Option<Vec<u32>> {
    let mut fields = Vec::new();
    for (at, window) in segment.bytes.windows(SLOT_MAGIC.len()).enumerate() {
        if *window == SLOT_MAGIC {
            let behind = u32::try_from(at.checked_add(SLOT_MAGIC.len())?).ok()?;
            fields.push(segment.address?.checked_add(behind)?);
        }
    }
    Some(fields)
}
