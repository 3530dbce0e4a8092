//! Why a log is not believed, or a line not written.

use core::fmt;

/// Why a log is not believed, or a line not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogError {
    /// Lines are not as they were written. Counted from 1; `from` equals `to` where it is known
    /// which line.
    Changed {
        /// The first line that may be the changed one.
        from: u64,
        /// The last one.
        to: u64,
        /// How it shows.
        why: &'static str,
    },
    /// Lines are missing at the end.
    Missing {
        /// The lines that there are.
        lines: u64,
        /// The lines that a checkpoint has signed.
        signed: u64,
    },
    /// More lines without a checkpoint than a crash can leave.
    Unsigned {
        /// The lines that there are.
        lines: u64,
        /// The lines that a checkpoint has signed.
        signed: u64,
    },
    /// A checkpoint, counted from 1, is not one, or its signature does not verify.
    Checkpoint {
        /// Which.
        number: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// The answer's record is not in the form of a decision record, or too long.
    Record,
    /// The name of the log is not one, or the key is unusable.
    Name,
}

impl LogError {
    /// The last checkpoint, counted from 1, is none of this log by one of the keys.
    #[must_use]
    pub const fn foreign(number: usize) -> Self {
        Self::Checkpoint {
            number,
            why: "the log ends with it, and it is by another key or of another log",
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Changed { .. } => "audit.changed",
            Self::Missing { .. } => "audit.missing",
            Self::Unsigned { .. } => "audit.unsigned",
            Self::Checkpoint { .. } => "audit.checkpoint",
            Self::Record => "audit.record",
            Self::Name => "audit.name",
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { from, to, why } if from == to => {
                write!(f, "line {from} is not as it was written: {why}")
            }
            Self::Changed { from, to, why } => {
                write!(
                    f,
                    "a line between {from} and {to} is not as it was written: {why}"
                )
            }
            Self::Missing { lines, signed } => {
                write!(
                    f,
                    "the log has {lines} lines, and a checkpoint has signed {signed}"
                )
            }
            Self::Unsigned { lines, signed } => write!(
                f,
                "the log has {lines} lines, and its key has signed only {signed} of them"
            ),
            Self::Checkpoint { number, why } => write!(f, "checkpoint {number}: {why}"),
            Self::Record => f.write_str(
                "the answer has no decision record in RFC 8785 form, or one that is too long",
            ),
            Self::Name => f.write_str(
                "the log's name is empty or has spaces or a plus sign, or the key is unusable",
            ),
        }
    }
}

impl core::error::Error for LogError {}
