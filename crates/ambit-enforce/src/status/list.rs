//! The list itself: packed values behind zlib.

use alloc::boxed::Box;
use alloc::vec::Vec;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::StatusError;

/// Bytes of an unpacked list: 64 million tokens of one bit, 8 million of eight. Reading stops there,
/// whatever the packed text could become.
pub const LIST_BYTES: usize = 8 * 1024 * 1024;
/// Room that unpacking begins with.
const FIRST_BYTES: usize = 4096;

/// The values of a list, unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    /// Of one value: 1, 2, 4 or 8.
    bits: u32,
    bytes: Vec<u8>,
}

impl StatusList {
    /// Unpacks a list with 1, 2, 4 or 8 bits for each token.
    ///
    /// # Errors
    ///
    /// [`StatusError::List`] for other widths, for what is not exactly one whole zlib stream, and for
    /// one that becomes more than [`LIST_BYTES`].
    pub fn unpack(bits: i64, packed: &[u8]) -> Result<Self, StatusError> {
        let bits = u32::try_from(bits)
            .ok()
            .filter(|bits| matches!(bits, 1 | 2 | 4 | 8))
            .ok_or(StatusError::List("an entry has 1, 2, 4 or 8 bits"))?;
        let bytes = inflate(packed)?;
        Ok(Self { bits, bytes })
    }

    /// How many tokens it has values for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_mul(self.each())
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The value of a token: the first one stands in the lowest bits of the first byte.
    #[must_use]
    pub fn get(&self, idx: usize) -> Option<u8> {
        let byte = *self.bytes.get(idx.checked_div(self.each())?)?;
        let place = u32::try_from(idx.checked_rem(self.each())?).ok()?;
        let shifted = byte.checked_shr(place.checked_mul(self.bits)?)?;
        Some(shifted & u8::MAX.checked_shr(8_u32.checked_sub(self.bits)?)?)
    }

    /// Values of one byte.
    const fn each(&self) -> usize {
        match self.bits {
            1 => 8,
            2 => 4,
            4 => 2,
            _ => 1,
        }
    }

    /// Whether it clears somebody whom another list of the same time revokes.
    pub(super) fn clears(&self, other: &Self) -> bool {
        if self.bits != other.bits || self.bytes.len() < other.bytes.len() {
            return true;
        }
        let bytes = other.bytes.iter().zip(&self.bytes).enumerate();
        let each = self.each();
        bytes.filter(|(_, (one, two))| one != two).any(|(at, _)| {
            let first = at.saturating_mul(each);
            let mut places = first..first.saturating_add(each);
            places.any(|idx| other.get(idx) != Some(0) && self.get(idx) == Some(0))
        })
    }
}

/// Exactly one zlib stream, as long as it stays within the bound.
fn inflate(packed: &[u8]) -> Result<Vec<u8>, StatusError> {
    const FLAGS: u32 = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = Box::<DecompressorOxide>::default();
    let mut bytes = Vec::new();
    let (mut read, mut written, mut room) = (0_usize, 0_usize, FIRST_BYTES);
    loop {
        bytes.resize(room, 0);
        let rest = packed.get(read..).unwrap_or_default();
        let (status, taken, given) = decompress(&mut state, rest, &mut bytes, written, FLAGS);
        read = read.saturating_add(taken);
        written = written.saturating_add(given);
        match status {
            TINFLStatus::Done if written <= LIST_BYTES => break,
            TINFLStatus::HasMoreOutput if room <= LIST_BYTES => {
                // One byte more than may be: that it is filled shows that the list is too large.
                room = room.saturating_mul(2).min(LIST_BYTES.saturating_add(1));
            }
            TINFLStatus::Done | TINFLStatus::HasMoreOutput => {
                return Err(StatusError::List(
                    "unpacked it is larger than a list may be",
                ));
            }
            _ => return Err(StatusError::List("it is not a whole zlib stream")),
        }
    }
    if read != packed.len() {
        return Err(StatusError::List("something follows its zlib stream"));
    }
    bytes.truncate(written);
    Ok(bytes)
}
