//! Where decisions are written down.

use ambit_core::json::Json;
pub use ambit_enforce::audit::Entry;

use crate::enforce::Verdict;

/// Writes down what was decided, and what became of it.
///
/// Each must be kept for good when the call returns; what cannot be written denies.
pub trait Journal: Send + Sync {
    /// An answer fell, whatever it is: called before any obligation is discharged.
    ///
    /// # Errors
    ///
    /// Why it could not be written.
    fn decided(&self, answer: Json<'_>) -> Result<Entry, String>;

    /// What became of an allow: called before the action happens.
    ///
    /// # Errors
    ///
    /// Why it could not be written.
    fn ended(&self, entry: &Entry, verdict: &Verdict) -> Result<(), String>;

    /// As [`Self::decided`], of an allow; but it need be kept for good only when [`Begun::keep`] or [`Begun::end`]
    /// returns, so that one sync can do for both lines.
    ///
    /// # Errors
    ///
    /// Why it could not be written.
    fn begin(&self, answer: Json<'_>) -> Result<Box<dyn Begun + '_>, String> {
        let entry = self.decided(answer)?;
        Ok(Box::new(Plain(self, entry)))
    }
}

/// An allow that was written down, and of which it will be written down what became of it.
pub trait Begun {
    /// The decision is kept for good when this returns.
    ///
    /// # Errors
    ///
    /// Why it could not be written.
    fn keep(&self) -> Result<(), String>;

    /// What became of it. Both are kept for good when this returns.
    ///
    /// # Errors
    ///
    /// Why it could not be written, or the decision could not.
    fn end(&self, verdict: &Verdict) -> Result<(), String>;
}

/// Of a journal that keeps the decision at once.
struct Plain<'a, J: ?Sized>(&'a J, Entry);

impl<J: Journal + ?Sized> Begun for Plain<'_, J> {
    fn keep(&self) -> Result<(), String> {
        Ok(())
    }

    fn end(&self, verdict: &Verdict) -> Result<(), String> {
        self.0.ended(&self.1, verdict)
    }
}
