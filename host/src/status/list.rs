//! The list itself: packed values behind zlib.

use std::io::Read as _;

use flate2::bufread::ZlibDecoder;

use super::StatusError;

/// Bytes of an unpacked list: 64 million tokens of one bit, 8 million of eight. Reading stops there,
/// whatever the packed text could become.
pub const LIST_BYTES: usize = 8 * 1024 * 1024;

/// The values of a list, unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: usize,
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
        let bits = usize::try_from(bits)
            .ok()
            .filter(|bits| matches!(bits, 1 | 2 | 4 | 8))
            .ok_or(StatusError::List("an entry has 1, 2, 4 or 8 bits"))?;
        let mut decoder = ZlibDecoder::new(packed);
        let most = u64::try_from(LIST_BYTES).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        decoder
            .by_ref()
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| StatusError::List("it is not a whole zlib stream"))?;
        if bytes.len() > LIST_BYTES {
            return Err(StatusError::List(
                "unpacked it is larger than a list may be",
            ));
        }
        if decoder.total_in() != u64::try_from(packed.len()).unwrap_or(u64::MAX) {
            return Err(StatusError::List("something follows its zlib stream"));
        }
        Ok(Self { bits, bytes })
    }

    /// How many tokens it has values for.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len() * (8 / self.bits)
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The value of a token: the first one stands in the lowest bits of the first byte.
    #[must_use]
    pub fn get(&self, idx: usize) -> Option<u8> {
        let each = 8 / self.bits;
        let byte = *self.bytes.get(idx / each)?;
        let shifted = byte >> ((idx % each) * self.bits);
        Some(shifted & (u8::MAX >> (8 - self.bits)))
    }

    /// Whether it clears somebody whom another list of the same time revokes.
    pub(super) fn clears(&self, other: &Self) -> bool {
        if self.bits != other.bits || self.bytes.len() < other.bytes.len() {
            return true;
        }
        let bytes = other.bytes.iter().zip(&self.bytes).enumerate();
        let each = 8 / self.bits;
        bytes.filter(|(_, (one, two))| one != two).any(|(at, _)| {
            let mut places = (at * each)..(at * each + each);
            places.any(|idx| other.get(idx) != Some(0) && self.get(idx) == Some(0))
        })
    }
}
