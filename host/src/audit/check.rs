//! Reads a whole log and holds it against its links and checkpoints.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use ambit_enforce::audit::{Checkpoint, Head, LINE_BYTES, Late, LogError, NoteKey, Reading};

use super::AuditError;
use super::ahead::Texts;
use super::merkle::{self, Hash};

/// Bytes of one line of a note.
const NOTE_LINE: u64 = 4096;
/// Bytes of a note: ours have some 300, and another's signatures may stand beside ours.
const NOTE_BYTES: usize = 64 * 1024;

/// A log that is as it was written.
#[derive(Debug)]
pub struct Report {
    /// Its lines, without a torn one.
    pub lines: u64,
    /// The root of their tree.
    pub root: Hash,
    /// The latest checkpoint by a known key.
    pub signed: Option<Checkpoint>,
    /// How many checkpoints no known key has signed; they count for nothing. Where there is a key, the last is by one.
    pub unknown: usize,
    /// What a crash left of a line that was not written to its end; empty for none.
    pub torn: Vec<u8>,
    /// Lines that were signed late, in order: nobody vouches for these alone.
    pub late: Vec<Late>,
    /// How many of the last lines only say what a crash left behind.
    pub(super) mending: u64,
    pub(super) leaves: Vec<Hash>,
    pub(super) head: Head,
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

/// Reads a log and its checkpoints. A log without any is read for its links alone, and so is every log without
/// a key: [`Report::signed`] says so.
///
/// # Errors
///
/// [`AuditError`], which names the line that is not as it was written.
pub fn check(log: &Path, keys: &[NoteKey]) -> Result<Report, AuditError> {
    let mut texts = Texts::open(log)?;
    let notes = read_notes(texts.notes.take(), keys)?;
    let mut log = BufReader::new(texts.log(log)?);
    let mut reading = Reading::begin(notes.checkpoints.iter().cloned());
    let (mut leaves, mut end) = (Vec::new(), 0);
    let torn = loop {
        let bytes = next_line(&mut log)?;
        if bytes.is_empty() || is_torn(&reading, &bytes, &mut log)? {
            break bytes;
        }
        reading.take(bytes.strip_suffix(b"\n").unwrap_or(&bytes))?;
        leaves.push(*reading.head().previous());
        end += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    };
    reading.end()?;
    let head = reading.head();
    Ok(Report {
        lines: head.frontier().size(),
        root: head.frontier().root(),
        signed: notes.checkpoints.last().cloned(),
        unknown: notes.unknown,
        torn,
        late: reading.late().to_vec(),
        mending: reading.mending(),
        leaves,
        head: head.clone(),
        ends: (end, notes.end),
        note: notes.last,
    })
}

/// A last line without its end, or one of which a crash left no JSON.
fn is_torn(reading: &Reading, bytes: &[u8], log: &mut impl BufRead) -> Result<bool, AuditError> {
    Ok(match bytes.strip_suffix(b"\n") {
        None => true,
        Some(content) => reading.is_torn(content) && log.fill_buf()?.is_empty(),
    })
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
    /// The last note is by none of the keys.
    foreign: bool,
}

/// The notes of a file, each followed by an empty line. One without it was torn, and is none.
fn read_notes(file: Option<impl Read>, keys: &[NoteKey]) -> Result<Notes, AuditError> {
    let mut notes = Notes::default();
    let Some(file) = file else {
        return Ok(notes);
    };
    let mut file = BufReader::new(file);
    let (mut note, mut signatures) = (Vec::new(), false);
    let mut number = 1;
    loop {
        let refused = |why| LogError::Checkpoint { number, why };
        let start = note.len();
        let read = (&mut file).take(NOTE_LINE).read_until(b'\n', &mut note)?;
        if read == 0 {
            return notes.end_known(keys);
        }
        if note.len() > NOTE_BYTES {
            return Err(refused("it is too long").into());
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
    fn add(&mut self, note: &str, number: usize, keys: &[NoteKey]) -> Result<(), LogError> {
        let before = self.checkpoints.last();
        let Some(checkpoint) = Checkpoint::open(note, number, keys, before)? else {
            self.unknown += 1;
            self.foreign = true;
            return Ok(());
        };
        self.foreign = false;
        self.checkpoints.push(checkpoint);
        self.last = Some(note.to_owned());
        Ok(())
    }

    /// What was read, unless the log ends with somebody else's note.
    fn end_known(self, keys: &[NoteKey]) -> Result<Self, AuditError> {
        if self.foreign && !keys.is_empty() {
            let number = self.checkpoints.len() + self.unknown;
            return Err(LogError::foreign(number).into());
        }
        Ok(self)
    }
}
