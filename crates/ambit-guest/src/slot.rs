//! Where the compiler says that the bundle lies.

use core::ops::Range;

use ambit_core::limits::BUNDLE_BYTES;

/// The sixteen bytes by which the compiler finds the slot in the template's data. They occur once.
pub(crate) const MAGIC: [u8; 16] = *b"AMBIT-BUNDLE-SLT";

/// The slot: zeroes behind the magic in the template, patched by the compiler. Little-endian, so
/// that it reads the same as the file that it is patched in.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) magic: [u8; 16],
    /// Address of the bundle, and its length in bytes.
    pub(crate) at: [u8; 4],
    pub(crate) len: [u8; 4],
    /// SHA-256 of the bundle.
    pub(crate) digest: [u8; 32],
}

impl Slot {
    /// The template's slot.
    pub(crate) const EMPTY: Self = Self {
        magic: MAGIC,
        at: [0; 4],
        len: [0; 4],
        digest: [0; 32],
    };

    /// The bundle's addresses, if they can be true: behind everything of the template's own
    /// (`heap`), within memory (`end`), not empty, and within the limit.
    pub(crate) fn range(&self, heap: usize, end: usize) -> Option<Range<usize>> {
        let at = usize::try_from(u32::from_le_bytes(self.at)).ok()?;
        let len = usize::try_from(u32::from_le_bytes(self.len)).ok()?;
        let last = at.checked_add(len)?;
        let possible = at >= heap && last <= end && (1..=BUNDLE_BYTES).contains(&len);
        possible.then_some(at..last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(at: u32, len: u32) -> Option<Range<usize>> {
        let (at, len) = (at.to_le_bytes(), len.to_le_bytes());
        Slot {
            at,
            len,
            ..Slot::EMPTY
        }
        .range(1000, 2000)
    }

    #[test]
    fn a_bundle_lies_behind_the_heap_and_within_memory() {
        assert_eq!(range(1000, 1000), Some(1000..2000));
        assert_eq!(range(1500, 1), Some(1500..1501));
        for (at, len) in [
            (0, 0),
            (1500, 0),
            (999, 10),
            (1000, 1001),
            (2000, 1),
            (u32::MAX, u32::MAX),
        ] {
            assert_eq!(range(at, len), None, "{at} {len}");
        }
    }

    #[test]
    fn a_bundle_is_at_most_as_long_as_the_limit() {
        let len = u32::try_from(BUNDLE_BYTES + 1).unwrap();
        let slot = Slot {
            at: 1000_u32.to_le_bytes(),
            len: len.to_le_bytes(),
            ..Slot::EMPTY
        };
        assert_eq!(slot.range(1000, usize::MAX), None);
        assert_eq!((Slot::EMPTY.magic, Slot::EMPTY.digest), (MAGIC, [0; 32]));
    }
}
