//! Why a log is not believed, or not written.

use std::{fmt, io};

/// Why a log cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuditError {
    /// A file cannot be read or written.
    File(io::Error),
    /// Another process writes this log.
    Locked,
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
    /// A line that was signed late: nobody vouches that it is as it was written.
    Late {
        /// Which.
        line: u64,
        /// The line that says so.
        said_by: u64,
    },
    /// No line of this number, or none under a checkpoint yet.
    NoLine(u64),
    /// A proof that does not hold.
    Proof(&'static str),
    /// The answer's record is not in the form of a decision record, or too long.
    Record,
    /// The name of the log is not one, or the key is unusable.
    Name,
    /// The key did not sign.
    Sign(String),
    /// An earlier write failed and could not be undone.
    Broken,
}

impl AuditError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File(_) => "audit.file",
            Self::Locked => "audit.locked",
            Self::Changed { .. } => "audit.changed",
            Self::Missing { .. } => "audit.missing",
            Self::Unsigned { .. } => "audit.unsigned",
            Self::Checkpoint { .. } => "audit.checkpoint",
            Self::Late { .. } => "audit.late",
            Self::NoLine(_) => "audit.line",
            Self::Proof(_) => "audit.proof",
            Self::Record => "audit.record",
            Self::Name => "audit.name",
            Self::Sign(_) => "audit.sign",
            Self::Broken => "audit.broken",
        }
    }
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "the log cannot be read or written: {error}"),
            Self::Locked => f.write_str("another process writes this log"),
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
            Self::Late { line, said_by } => write!(
                f,
                "line {line} was signed late, as line {said_by} says, and may not be as it was written"
            ),
            Self::NoLine(number) => {
                write!(
                    f,
                    "there is no line {number}, or no checkpoint has signed it yet"
                )
            }
            Self::Proof(why) => write!(f, "the proof does not hold: {why}"),
            Self::Record => f.write_str(
                "the answer has no decision record in RFC 8785 form, or one that is too long",
            ),
            Self::Name => f.write_str(
                "the log's name is empty or has spaces or a plus sign, or the key is unusable",
            ),
            Self::Sign(why) => write!(f, "the checkpoint cannot be signed: {why}"),
            Self::Broken => {
                f.write_str("an earlier write to the log failed; repair its disk and open it again")
            }
        }
    }
}

impl std::error::Error for AuditError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for AuditError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}
