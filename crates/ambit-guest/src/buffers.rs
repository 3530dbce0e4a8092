//! What the host holds: a short list, so that a wrong pointer is an answer and never a wrong read.

/// Buffers that the host may hold at the same time. It needs two: a request and its answer.
const HELD: usize = 16;

/// A run of bytes in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buffer {
    pub(crate) at: usize,
    pub(crate) len: usize,
    /// Bytes taken from the arena: `len`, or 1 for an empty buffer, which needs an address too.
    pub(crate) size: usize,
}

/// The buffers that were handed out and not returned.
#[derive(Debug)]
pub(crate) struct Buffers([Option<Buffer>; HELD]);

impl Buffers {
    pub(crate) const fn new() -> Self {
        Self([None; HELD])
    }

    /// Whether `len` bytes from `at` on lie within one buffer. Nothing lies anywhere.
    pub(crate) fn hold(&self, at: usize, len: usize) -> bool {
        len == 0
            || self.iter().any(|buffer| {
                let end = buffer.at.checked_add(buffer.len);
                at >= buffer.at && at.checked_add(len).is_some_and(|last| Some(last) <= end)
            })
    }

    /// Whether another buffer can be noted.
    pub(crate) fn has_room(&self) -> bool {
        self.iter().count() < HELD
    }

    /// Notes a buffer; `false` when the list is full.
    pub(crate) fn add(&mut self, buffer: Buffer) -> bool {
        let free = self.0.iter_mut().find(|place| place.is_none());
        free.map(|place| *place = Some(buffer)).is_some()
    }

    /// Takes exactly this buffer off the list.
    pub(crate) fn remove(&mut self, at: usize, len: usize) -> Option<Buffer> {
        let this = |place: &&mut Option<Buffer>| {
            place.is_some_and(|buffer| buffer.at == at && buffer.len == len)
        };
        self.0.iter_mut().find(this).and_then(Option::take)
    }

    /// Takes all off the list.
    #[cfg(any(all(feature = "host-core", target_arch = "wasm32"), test))]
    pub(crate) const fn clear(&mut self) {
        self.0 = [None; HELD];
    }

    /// How many there are, and the first address behind all of them.
    pub(crate) fn extent(&self) -> (usize, Option<usize>) {
        let ends = self
            .iter()
            .map(|buffer| buffer.at.saturating_add(buffer.size));
        (self.iter().count(), ends.max())
    }

    fn iter(&self) -> impl Iterator<Item = &Buffer> {
        self.0.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn buffer(at: usize, len: usize) -> Buffer {
        let size = if len == 0 { 1 } else { len };
        Buffer { at, len, size }
    }

    #[test]
    fn only_bytes_within_one_buffer_are_held() {
        let mut buffers = Buffers::new();
        assert!(buffers.add(buffer(100, 10)) && buffers.add(buffer(110, 10)));
        for (at, len, held) in [
            (100, 10, true),
            (105, 5, true),
            (119, 1, true),
            (100, 11, false),
            (99, 2, false),
            (105, 10, false),
            (120, 1, false),
            (105, usize::MAX, false),
            (usize::MAX, 2, false),
            (0, 0, true),
        ] {
            assert_eq!(buffers.hold(at, len), held, "{at} {len}");
        }
    }

    #[test]
    fn a_buffer_is_returned_once_and_exactly() {
        let mut buffers = Buffers::new();
        assert!(buffers.add(buffer(100, 10)) && buffers.add(buffer(110, 0)));
        assert_eq!(buffers.extent(), (2, Some(111)));
        assert_eq!(buffers.remove(100, 9), None);
        assert_eq!(buffers.remove(101, 9), None);
        assert_eq!(buffers.remove(100, 10), Some(buffer(100, 10)));
        assert_eq!(buffers.remove(100, 10), None);
        assert_eq!(buffers.remove(110, 0), Some(buffer(110, 0)));
        assert_eq!(buffers.extent(), (0, None));
    }

    #[test]
    fn the_list_is_bounded() {
        let mut buffers = Buffers::new();
        for at in 0..HELD {
            assert!(buffers.has_room());
            assert!(buffers.add(buffer(at * 10, 10)));
        }
        assert!(!buffers.has_room());
        assert!(!buffers.add(buffer(9999, 1)));
    }

    #[test]
    fn nothing_is_held_of_a_list_that_was_cleared() {
        let mut buffers = Buffers::new();
        assert!(buffers.add(buffer(100, 10)) && buffers.hold(100, 10));
        buffers.clear();
        assert!(!buffers.hold(100, 10) && buffers.has_room());
        assert_eq!(buffers.remove(100, 10), None);
        assert_eq!(buffers.extent(), (0, None));
    }
}
