//! Why a chain is refused.

use alloc::string::String;
use core::fmt;

use ambit_core::Reason;

/// Why a chain is refused, and in which block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    /// The stable reason.
    pub reason: Reason,
    /// The block that shows it; 0 is the root. 0 too for a fault of the whole chain.
    pub block: usize,
    /// What exactly, for administrators. Never content of an unverified block.
    pub detail: String,
}

impl TokenError {
    pub(crate) fn new(reason: Reason, block: usize, detail: impl Into<String>) -> Self {
        Self {
            reason,
            block,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: block {}: {}", self.reason, self.block, self.detail)
    }
}

impl core::error::Error for TokenError {}
