//! Chance that can be repeated.

/// The random choices of one case: the same seed and case number always give the same.
#[derive(Debug)]
pub(crate) struct Dice(fastrand::Rng);

impl Dice {
    /// The dice of a case. Mixed, since neighbouring seeds of the generator give similar starts.
    pub(crate) fn new(seed: u64, case: u64) -> Self {
        let mixed =
            fastrand::Rng::with_seed(seed).u64(..) ^ fastrand::Rng::with_seed(!case).u64(..);
        Self(fastrand::Rng::with_seed(mixed))
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.usize(..bound.max(1))
    }

    /// A number of the range, both ends included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        self.0.usize(low..=high.max(low))
    }

    /// Any integer.
    pub(crate) fn long(&mut self) -> i64 {
        self.0.i64(..)
    }

    /// A small integer.
    pub(crate) fn small(&mut self) -> i64 {
        self.0.i64(-12..=12)
    }

    /// True `percent` times in a hundred.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }

    /// One of the items.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        self.0.choice(items)
    }

    /// One of the items of a list that is not empty.
    pub(crate) fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// One of the items, by weight.
    pub(crate) fn weighted<T: Copy>(&mut self, items: &[(u32, T)]) -> T {
        let sum: u32 = items.iter().map(|(weight, _)| weight).sum();
        let mut left = self.0.u32(..sum.max(1));
        for (weight, item) in items {
            if left < *weight {
                return *item;
            }
            left -= weight;
        }
        items[0].1
    }

    /// Some of the items, in random order.
    pub(crate) fn some<T: Clone>(&mut self, items: &[T], most: usize) -> Vec<T> {
        let mut items = items.to_vec();
        self.0.shuffle(&mut items);
        let keep = self.between(0, most.min(items.len()));
        items.truncate(keep);
        items
    }

    /// Another order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }
}
