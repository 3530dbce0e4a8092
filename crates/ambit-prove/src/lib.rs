//! What holds for every request that a policy can be asked, and what a change of it changes: manifests and guard
//! rails are translated to Cedar, Cedar to SMT-LIB, and a solver answers.
#![forbid(unsafe_code)]

mod constraint;
mod diff;
mod entry;
mod expr;
mod facts;
mod image;
mod policy;
mod property;
mod rails;
mod shrink;
mod solver;
mod text;
mod value;
mod witness;

use core::fmt;

pub use diff::{Change, Difference, Plain, Undecided, diff};
pub use policy::Policy;
pub use property::{Outcome, Verdict, prove};
pub use rails::{Call, Rails};
pub use solver::Solver;
pub use text::case as case_text;
pub use witness::request;

/// Why nothing could be proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProveError {
    /// Stable.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl ProveError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for ProveError {}
