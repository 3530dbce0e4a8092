//! The audit log: what was decided, for whom and why, and what became of it.
//!
//! A log is a file of JSON lines, each a CloudEvents 1.0 event with OCSF's names around the decision
//! record. It holds no token, no argument and no key. Each line names the hash of the line before it,
//! and all lines are the leaves of a Merkle tree (RFC 6962; the leaf is the line without its line
//! feed). After each line a checkpoint, a C2SP signed note over size and root, goes into the file
//! `….checkpoints` beside it. So a changed line is found and named, whether or not who changed it
//! also repaired the links, and one line can be proved to somebody who has nothing but the key.
//!
//! - [`AuditLog`] writes; it is a [`Journal`](crate::Journal) for [`Enforcer::log`](crate::Enforcer::log).
//! - [`check()`] reads a whole log; [`prove`] and [`verify_proof`] are about one line.
//!
//! A line counts as it was written because the process that wrote it also signed it. One that is found
//! without a checkpoint when the log is opened could have been changed by anybody: the next line says
//! that it was signed late, and [`Report::late`] names it for good.
//!
//! What a log cannot show by itself is that it was cut back to an older state together with its
//! checkpoints. Keep a checkpoint elsewhere; [`Report::extends`] compares.

mod ahead;
mod check;
mod error;
mod files;
mod log;
pub mod merkle;
mod proof;

use std::path::{Path, PathBuf};

pub use ambit_enforce::audit::{Checkpoint, Late, LogError, NoteError, NoteKey};
pub use check::{Report, check};
pub use error::AuditError;
pub use log::{AuditLog, Clock, system_clock};
pub use proof::{Proved, prove, verify_proof};

/// Where the checkpoints of a log are.
#[must_use]
pub fn checkpoints_path(log: &Path) -> PathBuf {
    beside(log, ".checkpoints")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
