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
}
