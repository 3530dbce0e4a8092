//! The work budget of one decision.

use crate::limits;

/// Counts down the work that matching may still do.
///
/// Time is not an input of the evaluator, so work is bounded in *steps* (about one byte or one
/// value compared). The same input spends the same steps on every engine, so running out is as
/// deterministic as any other answer.
#[derive(Debug)]
pub struct Steps(core::cell::Cell<u32>);

impl Steps {
    /// How many are left.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.0.get()
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
