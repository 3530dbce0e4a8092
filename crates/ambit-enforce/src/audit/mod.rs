//! The audit log: its lines, how they hang together, and whether a log is as it was written.
//!
//! `ambit_host::audit` says what a log is.

mod error;
mod head;
pub mod line;
pub mod merkle;
mod note;
mod reading;

pub use error::LogError;
pub use head::{Entry, Head, fits};
pub use note::{Checkpoint, NoteError, NoteKey, whole_notes};
pub use reading::{Late, Reading, check_unsigned};

/// Bytes of one line that is read.
pub const LINE_BYTES: usize = 1024 * 1024;
/// Bytes of one line that is written: half of that, so that the line that keeps a torn one fits.
const WRITTEN_BYTES: usize = LINE_BYTES / 2;
