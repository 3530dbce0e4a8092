//! Where decisions are written down.

use ambit_core::json::Json;

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

/// Where a decision was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, counted from 1.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
}
