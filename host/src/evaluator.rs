//! What every engine can do.

use ambit_core::Reason;
use ambit_evaluator::refuse;

/// An engine with one policy in it.
///
/// Every method answers: what goes wrong in an engine is a denial in the form of any other answer.
pub trait Evaluator: Send + Sync {
    /// Answers one request (JSON).
    fn evaluate(&self, request: &[u8]) -> String;

    /// Says what would help after a denial of this request: `{"decision", "reason", "alternatives"}`.
    fn advise(&self, request: &[u8]) -> String;

    /// Puts capabilities into words: `{"authorization_details": […]}` to `{"text": …, …}`.
    fn describe(&self, request: &[u8]) -> String;

    /// Says which policy this is.
    fn info(&self) -> String;
}

/// Why an engine gave no answer of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The code stopped, or broke its own interface.
    Trap(&'static str),
    /// The code needed more memory or more work than it may have.
    Resources(&'static str),
}

impl Fault {
    /// The denial that stands for the fault.
    #[must_use]
    pub fn denial(&self) -> String {
        match self {
            Self::Trap(what) => refuse(Reason::EngineTrap, what),
            Self::Resources(what) => refuse(Reason::EngineResources, what),
        }
    }
}
