//! Holding a log against its links and checkpoints, line by line.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::line;
use super::{Checkpoint, Head, LogError};

/// Lines that had no checkpoint when the log was opened, and so were signed without anybody knowing
/// that they are as they were written: a crash leaves one, and so does whoever rewrites the end of a
/// log without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// The first of them, counted from 1.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// The line that says so.
    pub said_by: u64,
}

impl Late {
    /// Whether a checkpoint that was kept elsewhere clears them: made after they were written and
    /// before they were found unsigned, so by the process that wrote them.
    #[must_use]
    pub const fn cleared_by(&self, kept: &Checkpoint) -> bool {
        self.to <= kept.size && kept.size < self.said_by
    }
}

/// A log as far as it was read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Checkpoints whose size was not reached yet.
    pending: VecDeque<Checkpoint>,
    /// The largest size whose root a checkpoint has confirmed.
    good: u64,
    head: Head,
    late: Vec<Late>,
    /// How many lines up to here, one after the other, are about what a crash left behind.
    mending: u64,
    suspicion: Option<Suspicion>,
}

/// Something is wrong, and the next line says where: whether it links to the line before it.
#[derive(Clone, Copy, Debug)]
struct Suspicion {
    linked: (u64, u64),
    unlinked: (u64, u64),
    why: &'static str,
}

impl Suspicion {
    const fn settle(self, linked: bool) -> LogError {
        let (from, to) = if linked { self.linked } else { self.unlinked };
        LogError::Changed {
            from,
            to,
            why: self.why,
        }
    }
}

impl Reading {
    /// The beginning of a log that these checkpoints have signed.
    #[must_use]
    pub fn begin(checkpoints: impl IntoIterator<Item = Checkpoint>) -> Self {
        Self::resume(Head::empty(), checkpoints, (0, 0))
    }

    /// A log that was read so far: what its checkpoints have confirmed up to there, and how many of the last lines
    /// say what a crash left behind.
    #[must_use]
    pub fn resume(
        head: Head,
        checkpoints: impl IntoIterator<Item = Checkpoint>,
        (good, mending): (u64, u64),
    ) -> Self {
        Self {
            pending: checkpoints.into_iter().collect(),
            good,
            head,
            late: Vec::new(),
            mending,
            suspicion: None,
        }
    }

    /// Takes the next line, without its line feed.
    ///
    /// # Errors
    ///
    /// [`LogError::Changed`]
    pub fn take(&mut self, content: &[u8]) -> Result<(), LogError> {
        let number = self.head.frontier().size().saturating_add(1);
        let linked = line::previous(content) == Some(*self.head.previous());
        if let Some(suspicion) = self.suspicion {
            return Err(suspicion.settle(linked));
        }
        if let Some(why) = line::fault(content, number) {
            let (from, to) = (number, number);
            return Err(LogError::Changed { from, to, why });
        }
        match line::mending(content, number) {
            Some(late) => {
                self.mending = self.mending.saturating_add(1);
                self.late.extend(late);
            }
            None => self.mending = 0,
        }
        self.head.push(content);
        self.suspicion = self.suspect(number, linked);
        Ok(())
    }

    /// Whether a last line that has its line feed and is no JSON can be one that a crash tore. What a checkpoint has
    /// signed was on the disk before, so it was not torn.
    #[must_use]
    pub fn is_torn(&self, content: &[u8]) -> bool {
        let number = self.head.frontier().size().saturating_add(1);
        let signed = self.pending.iter().any(|one| one.size >= number);
        !signed && !line::is_json(content)
    }

    /// There are no more lines.
    ///
    /// # Errors
    ///
    /// [`LogError::Changed`], [`LogError::Missing`]
    pub fn end(&self) -> Result<(), LogError> {
        self.pause()?;
        let lines = self.head.frontier().size();
        match self.pending.iter().map(|one| one.size).max() {
            Some(signed) => Err(LogError::Missing { lines, signed }),
            None => Ok(()),
        }
    }

    /// That nothing is wrong so far. Without a next line nothing speaks against the links.
    ///
    /// # Errors
    ///
    /// [`LogError::Changed`]
    pub const fn pause(&self) -> Result<(), LogError> {
        match self.suspicion {
            Some(suspicion) => Err(suspicion.settle(true)),
            None => Ok(()),
        }
    }

    /// How the log stands.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Lines that were signed late, in order.
    #[must_use]
    pub fn late(&self) -> &[Late] {
        &self.late
    }

    /// How many lines up to here, one after the other, are about what a crash left behind.
    #[must_use]
    pub const fn mending(&self) -> u64 {
        self.mending
    }

    /// The largest size whose root a checkpoint has confirmed.
    #[must_use]
    pub const fn good(&self) -> u64 {
        self.good
    }

    /// The checkpoints whose size was not reached yet.
    pub fn pending(&self) -> impl Iterator<Item = &Checkpoint> {
        self.pending.iter()
    }

    /// Asks the links and the checkpoints about the line that was just taken.
    fn suspect(&mut self, number: u64, linked: bool) -> Option<Suspicion> {
        let before = number.saturating_sub(1);
        if !linked {
            // Lines up to `good` are those that were signed: then this one is the changed one.
            let changed = if self.good >= before { number } else { before };
            return Some(Suspicion {
                linked: (changed, changed),
                unlinked: (number, number),
                why: "it does not have the hash that the next line names",
            });
        }
        let root = self.head.frontier().root();
        while let Some(checkpoint) = self.pending.front() {
            if checkpoint.size > number {
                break;
            }
            if checkpoint.size == number && checkpoint.root != root {
                return Some(Suspicion {
                    linked: (self.good.saturating_add(1), number),
                    unlinked: (number, number),
                    why: "the lines do not have the root that a checkpoint signed",
                });
            }
            self.good = self.good.max(number);
            self.pending.pop_front();
        }
        None
    }
}

/// The first of the lines that are to be signed late when a log of so many lines is opened to be written, if there is one.
///
/// A line is signed before the next is written, so a crash leaves one without a checkpoint, and further crashes of those
/// who open the log add only lines that say so (`mending`). More of them are somebody else's, and are not signed.
///
/// # Errors
///
/// [`LogError::Unsigned`]
pub const fn check_unsigned(
    lines: u64,
    signed: u64,
    mending: u64,
) -> Result<Option<u64>, LogError> {
    let unsigned = lines.saturating_sub(signed);
    if unsigned > mending.saturating_add(1) {
        return Err(LogError::Unsigned { lines, signed });
    }
    if unsigned == 0 {
        return Ok(None);
    }
    // Whether these lines are as they were written nobody knows: they are not signed in silence.
    Ok(Some(signed.saturating_add(1)))
}
