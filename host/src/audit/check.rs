//! Reads a whole log and holds it against its links and checkpoints.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use super::merkle::{self, Frontier, Hash, leaf_hash};
use super::note::{Checkpoint, NoteError, NoteKey};
use super::{AuditError, LINE_BYTES, checkpoints_path, line};

/// Bytes of one line of a note.
const NOTE_LINE: u64 = 4096;
/// Bytes of a note: ours have some 300, and another's signatures may stand beside ours.
const NOTE_BYTES: usize = 64 * 1024;

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

/// A log that is as it was written.
#[derive(Debug)]
pub struct Report {
    /// Its lines, without a torn one.
    pub lines: u64,
    /// The root of their tree.
    pub root: Hash,
    /// The latest checkpoint by a known key.
    pub signed: Option<Checkpoint>,
    /// How many checkpoints no known key has signed; they count for nothing.
    pub unknown: usize,
    /// What a crash left of a line that was not written to its end; empty for none.
    pub torn: Vec<u8>,
    /// Lines that were signed late, in order: nobody vouches for these alone.
    pub late: Vec<Late>,
    /// How many of the last lines only say what a crash left behind.
    pub(super) mending: u64,
    pub(super) leaves: Vec<Hash>,
    pub(super) frontier: Frontier,
    /// Where the whole lines end, and the whole notes of the other file.
    pub(super) ends: (u64, u64),
    pub(super) note: Option<String>,
}

impl Report {
    /// Lines that no checkpoint has signed yet.
    #[must_use]
    pub fn unsigned(&self) -> u64 {
        let signed = self.signed.as_ref().map_or(0, |signed| signed.size);
        self.lines.saturating_sub(signed)
    }

    /// Whether this log is a checkpoint's log with lines added, and none changed: the checkpoint is
    /// one that was kept elsewhere.
    #[must_use]
    pub fn extends(&self, earlier: &Checkpoint) -> bool {
        let origin = self.signed.as_ref().map(|signed| &signed.origin);
        let size = usize::try_from(earlier.size).unwrap_or(usize::MAX);
        origin == Some(&earlier.origin)
            && self
                .leaves
                .get(..size)
                .is_some_and(|leaves| merkle::root(leaves) == earlier.root)
    }
}

/// Reads a log and its checkpoints. A log without any is read for its links alone:
/// [`Report::signed`] says so.
///
/// # Errors
///
/// [`AuditError`], which names the line that is not as it was written.
pub fn check(log: &Path, keys: &[NoteKey]) -> Result<Report, AuditError> {
    let notes = read_notes(&checkpoints_path(log), keys)?;
    let file = File::open(log)?;
    let mut reading = Reading {
        pending: notes.checkpoints.iter().cloned().collect(),
        good: 0,
        frontier: Frontier::default(),
        leaves: Vec::new(),
        last: merkle::empty_root(),
        late: Vec::new(),
        mending: 0,
    };
    let (end, torn) = reading.run(BufReader::new(file))?;
    let lines = reading.frontier.size();
    if let Some(beyond) = reading
        .pending
        .iter()
        .map(|checkpoint| checkpoint.size)
        .max()
    {
        return Err(AuditError::Missing {
            lines,
            signed: beyond,
        });
    }
    Ok(Report {
        lines,
        root: reading.frontier.root(),
        signed: notes.checkpoints.last().cloned(),
        unknown: notes.unknown,
        torn,
        late: reading.late,
        mending: reading.mending,
        leaves: reading.leaves,
        frontier: reading.frontier,
        ends: (end, notes.end),
        note: notes.last,
    })
}

struct Reading {
    /// Checkpoints whose size was not reached yet.
    pending: VecDeque<Checkpoint>,
    /// The largest size whose root a checkpoint has confirmed.
    good: u64,
    frontier: Frontier,
    leaves: Vec<Hash>,
    /// The hash of the line before.
    last: Hash,
    late: Vec<Late>,
    /// How many lines up to here, one after the other, are about what a crash left behind.
    mending: u64,
}

/// Something is wrong, and the next line says where: whether it links to the line before it.
struct Suspicion {
    linked: (u64, u64),
    unlinked: (u64, u64),
    why: &'static str,
}

impl Suspicion {
    fn settle(self, linked: bool) -> AuditError {
        let (from, to) = if linked { self.linked } else { self.unlinked };
        AuditError::Changed {
            from,
            to,
            why: self.why,
        }
    }
}

impl Reading {
    /// Gives where the whole lines end, and what is torn behind them.
    fn run(&mut self, mut log: impl BufRead) -> Result<(u64, Vec<u8>), AuditError> {
        let mut suspicion: Option<Suspicion> = None;
        let mut end = 0;
        loop {
            let number = self.frontier.size().saturating_add(1);
            let bytes = next_line(&mut log)?;
            if bytes.is_empty() || self.is_torn(&bytes, number, &mut log)? {
                // Without a next line nothing speaks against the links.
                return match suspicion {
                    Some(suspicion) => Err(suspicion.settle(true)),
                    None => Ok((end, bytes)),
                };
            }
            let content = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let linked = line::previous(content) == Some(self.last);
            if let Some(suspicion) = suspicion {
                return Err(suspicion.settle(linked));
            }
            if let Some(why) = line::fault(content, number) {
                let (from, to) = (number, number);
                return Err(AuditError::Changed { from, to, why });
            }
            suspicion = self.take(content, number, linked)?;
            end += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        }
    }

    /// A last line without its end, or one of which a crash left no JSON. What a checkpoint has
    /// signed was on the disk before, so it was not torn.
    fn is_torn(
        &self,
        bytes: &[u8],
        number: u64,
        log: &mut impl BufRead,
    ) -> Result<bool, AuditError> {
        let Some(content) = bytes.strip_suffix(b"\n") else {
            return Ok(true);
        };
        let signed = self
            .pending
            .iter()
            .any(|checkpoint| checkpoint.size >= number);
        Ok(!signed && !line::is_json(content) && log.fill_buf()?.is_empty())
    }

    /// Adds a line and asks the checkpoints about it.
    fn take(
        &mut self,
        content: &[u8],
        number: u64,
        linked: bool,
    ) -> Result<Option<Suspicion>, AuditError> {
        let before = number.saturating_sub(1);
        match line::mending(content, number) {
            Some(late) => {
                self.mending += 1;
                self.late.extend(late);
            }
            None => self.mending = 0,
        }
        self.last = leaf_hash(content);
        self.leaves.push(self.last);
        self.frontier.push(self.last);
        if !linked {
            // Lines up to `good` are those that were signed: then this one is the changed one.
            let changed = if self.good >= before { number } else { before };
            return Ok(Some(Suspicion {
                linked: (changed, changed),
                unlinked: (number, number),
                why: "it does not have the hash that the next line names",
            }));
        }
        let root = self.frontier.root();
        while let Some(checkpoint) = self.pending.front() {
            if checkpoint.size > number {
                break;
            }
            if checkpoint.size == number && checkpoint.root != root {
                return Ok(Some(Suspicion {
                    linked: (self.good.saturating_add(1), number),
                    unlinked: (number, number),
                    why: "the lines do not have the root that a checkpoint signed",
                }));
            }
            self.good = self.good.max(number);
            self.pending.pop_front();
        }
        Ok(None)
    }
}

/// A line with its line feed, if it has one; empty at the end.
fn next_line(log: &mut impl BufRead) -> Result<Vec<u8>, AuditError> {
    let mut line = Vec::new();
    let most = u64::try_from(LINE_BYTES).unwrap_or(u64::MAX);
    log.take(most).read_until(b'\n', &mut line)?;
    if line.len() >= LINE_BYTES && !line.ends_with(b"\n") {
        let why = "the file has a line that is too long for a log";
        return Err(AuditError::File(io::Error::new(
            io::ErrorKind::InvalidData,
            why,
        )));
    }
    Ok(line)
}

#[derive(Default)]
struct Notes {
    checkpoints: Vec<Checkpoint>,
    unknown: usize,
    end: u64,
    last: Option<String>,
}

/// The notes of a file, each followed by an empty line. One without it was torn, and is none.
fn read_notes(path: &Path, keys: &[NoteKey]) -> Result<Notes, AuditError> {
    let mut notes = Notes::default();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(notes),
        Err(error) => return Err(error.into()),
    };
    let mut file = BufReader::new(file);
    let (mut note, mut signatures) = (Vec::new(), false);
    let mut number = 1;
    loop {
        let refused = |why| AuditError::Checkpoint { number, why };
        let start = note.len();
        let read = (&mut file).take(NOTE_LINE).read_until(b'\n', &mut note)?;
        if read == 0 {
            return Ok(notes);
        }
        if note.len() > NOTE_BYTES {
            return Err(refused("it is too long"));
        }
        match (note.get(start..), signatures) {
            (Some(b"\n"), false) => signatures = true,
            (Some(b"\n"), true) => {
                notes.end += u64::try_from(note.len()).unwrap_or(u64::MAX);
                note.truncate(start);
                // Not sooner: one that was torn may end in the middle of a character.
                let text = std::str::from_utf8(&note).map_err(|_| refused("it is not text"))?;
                notes.add(text, number, keys)?;
                (note, signatures) = (Vec::new(), false);
                number += 1;
            }
            _ => {}
        }
    }
}

impl Notes {
    fn add(&mut self, note: &str, number: usize, keys: &[NoteKey]) -> Result<(), AuditError> {
        let refused = |why| AuditError::Checkpoint { number, why };
        let mut text = None;
        for key in keys {
            match key.open(note) {
                Ok(opened) => text = Some(opened),
                Err(NoteError::Unknown) => {}
                Err(NoteError::Malformed) => return Err(refused("it is not a signed note")),
                Err(NoteError::Signature) => return Err(refused("its signature does not verify")),
            }
        }
        let Some(text) = text else {
            self.unknown += 1;
            return Ok(());
        };
        let checkpoint =
            Checkpoint::parse(text).ok_or_else(|| refused("it is not a checkpoint"))?;
        if let Some(last) = self.checkpoints.last()
            && (checkpoint.size < last.size || checkpoint.origin != last.origin)
        {
            return Err(refused("it does not follow the one before it"));
        }
        self.checkpoints.push(checkpoint);
        self.last = Some(note.to_owned());
        Ok(())
    }
}
