//! Why a chain is refused.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::ops::{Deref, DerefMut};

use ambit_core::Reason;

/// Why a chain is refused, and in which block. One word, so that what a check gives is handed on in a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError(Box<Refusal>);

/// What a [`TokenError`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable reason.
    pub reason: Reason,
    /// The block that shows it; 0 is the root. 0 too for a fault of the whole chain.
    pub block: usize,
    /// What exactly, for administrators. Never content of an unverified block.
    pub detail: String,
}

impl TokenError {
    pub(crate) fn new(reason: Reason, block: usize, detail: impl Into<String>) -> Self {
        Self(Box::new(Refusal {
            reason,
            block,
            detail: detail.into(),
        }))
    }

    /// What exactly, for administrators.
    #[must_use]
    pub fn into_detail(self) -> String {
        self.0.detail
    }
}

impl Deref for TokenError {
    type Target = Refusal;

    fn deref(&self) -> &Refusal {
        &self.0
    }
}

impl DerefMut for TokenError {
    fn deref_mut(&mut self) -> &mut Refusal {
        &mut self.0
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: block {}: {}", self.reason, self.block, self.detail)
    }
}

impl core::error::Error for TokenError {}
