//! The work budget of one decision.

use crate::limits;

/// Counts down the work that a decision may still do.
///
/// Time is not an input of the evaluator, so work is bounded in *steps*. The same input spends the
/// same steps on every engine, so running out is as deterministic as any other answer, as long as
/// steps end before anything of an engine does. So what a step pays for is bounded: at most
/// [`limits::STEP_WORK`] instructions, and [`limits::STEP_BYTES`] bytes that are kept. Whatever
/// grows with input and is done more than once for a byte of it is paid for here.
#[derive(Debug)]
pub struct Steps(core::cell::Cell<u32>);

impl Steps {
    /// How many are left.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.0.get()
    }

    /// What looking at so many bytes takes: comparing one is some eight instructions.
    #[must_use]
    pub const fn for_bytes(bytes: usize) -> usize {
        bytes / 16
    }

    /// How often a search by halves looks at one of so many, at most; a sort, at each.
    #[must_use]
    pub fn for_halving(count: usize) -> usize {
        let times = count.checked_ilog2().unwrap_or_default();
        usize::try_from(times).unwrap_or_default().saturating_add(1)
    }

    /// A full budget: [`limits::STEPS`].
    #[must_use]
    pub const fn new() -> Self {
        Self(core::cell::Cell::new(limits::STEPS))
    }

    /// Takes `count` steps. `false` when the budget does not hold that many; it is then empty, and
    /// stays so.
    #[must_use]
    pub fn take(&self, count: usize) -> bool {
        let left = u32::try_from(count)
            .ok()
            .and_then(|count| self.0.get().checked_sub(count));
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Takes steps where the answer comes too late to stop: what was done is bounded by the input
    /// once more. Whoever ends the decision looks at [`Steps::exhausted`].
    pub fn charge(&self, count: usize) {
        let _ = self.take(count);
    }

    /// Whether the budget ran out. A decision that sees this must deny.
    #[must_use]
    pub fn exhausted(&self) -> bool {
        self.0.get() == 0
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self::new()
    }
}
