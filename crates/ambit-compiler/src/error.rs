//! Why an operation failed.

use core::fmt;

use crate::secret::conceal;

/// Why building, signing or minting failed: a stable code and one sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// The stable code, for example `sign.already_signed`.
    pub code: &'static str,
    /// What is wrong, lower case, without a full stop, without secrets.
    pub message: String,
}

impl CompileError {
    /// One of a [`Signer`](crate::keys::Signer) that does not sign, for example.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: conceal(&message.into()),
        }
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl core::error::Error for CompileError {}
