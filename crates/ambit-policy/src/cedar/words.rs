//! Little-endian `u32` words, read where they lie.

/// A section of a program as words.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many words there are.
    pub(super) const fn len(self) -> usize {
        self.0.len() / 4
    }

    pub(super) fn get(self, at: usize) -> Option<u32> {
        let bytes = self.0.get(at.checked_mul(4)?..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    }

    /// A word that is an offset, an index or a count.
    pub(super) fn index(self, at: usize) -> Option<usize> {
        usize::try_from(self.get(at)?).ok()
    }

    /// Two words that are one `i64`.
    pub(super) fn long(self, at: usize) -> Option<i64> {
        let bytes = self.0.get(at.checked_mul(4)?..)?.first_chunk::<8>()?;
        Some(i64::from_le_bytes(*bytes))
    }

    /// The list at `at`: a count, then that many words.
    pub(super) fn list(self, at: usize) -> Option<List<'a>> {
        let count = self.index(at)?;
        let from = at.checked_add(1)?;
        let bytes = self.0.get(from.checked_mul(4)?..)?;
        Some(List(Self(bytes.get(..count.checked_mul(4)?)?)))
    }
}

/// Words behind a count.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a>(Words<'a>);

impl<'a> List<'a> {
    pub(super) const fn len(self) -> usize {
        self.0.len()
    }

    pub(super) fn get(self, at: usize) -> Option<usize> {
        self.0.index(at)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = usize> + use<'a> {
        (0..self.len()).map_while(move |at| self.get(at))
    }
}

/// The row, among `count` that are sorted by what `of` gives for them, that has `wanted`.
pub(super) fn find<T: PartialOrd>(
    count: usize,
    of: impl Fn(usize) -> Option<T>,
    wanted: T,
) -> Option<usize> {
    let at = lower_bound(count, |at| of(at).is_some_and(|known| known < wanted));
    (at < count && of(at)? == wanted).then_some(at)
}

/// The first of `count` sorted rows that is not below what `order` looks for.
pub(super) fn lower_bound(count: usize, below: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0_usize, count);
    while low < high {
        let middle = low.midpoint(high);
        if below(middle) {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    low
}
