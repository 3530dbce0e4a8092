//! How a log stands, and what a line makes of it.

use alloc::borrow::ToOwned as _;

use super::line::Place;
use super::merkle::{Frontier, Hash, empty_root, leaf_hash};
use super::{Checkpoint, LINE_BYTES, LogError, WRITTEN_BYTES};

/// Where a decision was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, counted from 1.
    pub number: u64,
    /// Its hash.
    pub hash: Hash,
}

/// How a log stands.
#[derive(Clone, Debug)]
pub struct Head {
    frontier: Frontier,
    previous: Hash,
}

impl Head {
    /// A log with these lines, the last of which has this hash; [`empty_root`] where there is none.
    #[must_use]
    pub const fn of(frontier: Frontier, previous: Hash) -> Self {
        Self { frontier, previous }
    }

    /// A log without lines.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(Frontier::default(), empty_root())
    }

    /// The tree of its lines.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The hash of the last line.
    #[must_use]
    pub const fn previous(&self) -> &Hash {
        &self.previous
    }

    /// Where the next line stands.
    #[must_use]
    pub const fn next<'a>(&'a self, origin: &'a str, now: i64) -> Place<'a> {
        Place {
            origin,
            number: self.frontier.size().saturating_add(1),
            previous: &self.previous,
            now,
        }
    }

    /// Adds a line, with or without its line feed.
    pub fn push(&mut self, line: &[u8]) -> Entry {
        let hash = leaf_hash(line.strip_suffix(b"\n").unwrap_or(line));
        self.frontier.push(hash);
        self.previous = hash;
        Entry {
            number: self.frontier.size(),
            hash,
        }
    }

    /// What is to be signed.
    #[must_use]
    pub fn checkpoint(&self, origin: &str) -> Checkpoint {
        Checkpoint {
            origin: origin.to_owned(),
            size: self.frontier.size(),
            root: self.frontier.root(),
        }
    }
}

/// Whether a line may be written. One that keeps a torn line may be longer.
///
/// # Errors
///
/// [`LogError::Record`]
pub const fn fits(line: &str, mending: bool) -> Result<(), LogError> {
    let most = if mending { LINE_BYTES } else { WRITTEN_BYTES };
    if line.len() < most {
        Ok(())
    } else {
        Err(LogError::Record)
    }
}
