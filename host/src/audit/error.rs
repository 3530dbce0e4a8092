//! Why a log is not believed, or not written.

use std::{fmt, io};

use ambit_enforce::audit::LogError;

/// Why a log cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuditError {
    /// A file cannot be read or written.
    File(io::Error),
    /// Another process writes this log.
    Locked,
    /// The log is not as it was written, or a line cannot be.
    Log(LogError),
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
            Self::Log(error) => error.code(),
            Self::Late { .. } => "audit.late",
            Self::NoLine(_) => "audit.line",
            Self::Proof(_) => "audit.proof",
            Self::Sign(_) => "audit.sign",
            Self::Broken => "audit.broken",
        }
    }

    /// The same for another who waited for the same write.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::File(error) => Self::File(io::Error::new(error.kind(), error.to_string())),
            Self::Locked => Self::Locked,
            Self::Log(error) => Self::Log(*error),
            Self::Late { line, said_by } => Self::Late {
                line: *line,
                said_by: *said_by,
            },
            Self::NoLine(number) => Self::NoLine(*number),
            Self::Proof(why) => Self::Proof(why),
            Self::Sign(why) => Self::Sign(why.clone()),
            Self::Broken => Self::Broken,
        }
    }
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "the log cannot be read or written: {error}"),
            Self::Locked => f.write_str("another process writes this log"),
            Self::Log(error) => error.fmt(f),
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
            Self::Log(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for AuditError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<LogError> for AuditError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}
