//! The file ahead of a log (`….ahead`): lines and their checkpoint, on the disk by one write and one sync.
//!
//! Lines and checkpoints stand in two files, and no disk writes two at once. So a group of lines is first written
//! here together with its checkpoint, as one record with a digest, and synced: from then on it counts. What is written
//! into the two files afterwards waits for no disk. They are synced before the records are written over, and when the log
//! is closed. After a crash, [`mend`] writes into both what they lack, before the log is read and checked as ever.
//!
//! Nothing is believed because it stands here: a record only fills what is missing behind the end of a file, or is zero,
//! and then links, checkpoints and signatures of the whole log are checked. A record that contradicts a file is passed over.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{beside, checkpoints_path};
use crate::files::{private, sync_folder};

/// Bytes of records before the files are synced and the records written over: some 30 groups of 16 calls.
const MOST: u64 = 1024 * 1024;
/// Bytes of lines that a group may have. Its record fits then, since a note has less than the rest.
pub(super) const GROUP: usize = 1020 * 1024;
const MARK: &[u8; 8] = b"ambtgrp1";
/// The mark, five numbers of 8 bytes, and a digest of these and of what follows.
const HEAD: usize = 48;
const DIGEST: usize = 32;

/// Lines and the note that signs them, and where they begin in their files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group<'a> {
    pub(super) places: (u64, u64),
    pub(super) lines: &'a [u8],
    pub(super) note: &'a [u8],
}

/// The records that count, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Records {
    places: (u64, u64),
    lines: Vec<u8>,
    notes: Vec<u8>,
}

/// The file, while its log is written.
#[derive(Debug)]
pub(super) struct Ahead {
    file: File,
    /// Which time the file is filled: what an earlier time left behind the end is none of this.
    round: u64,
    end: u64,
    last: u64,
}

fn path_of(log: &Path) -> PathBuf {
    beside(log, ".ahead")
}

impl Ahead {
    /// Of a log that [`mend`] was called for, and that was found sound. What stood here is thrown away.
    pub(super) fn open(log: &Path) -> io::Result<Self> {
        let file = private(&path_of(log))?;
        // A file counts from when its name does, and so do the two others.
        sync_folder(log)?;
        let mut ahead = Self {
            file,
            round: 0,
            end: 0,
            last: 0,
        };
        ahead.clear()?;
        Ok(ahead)
    }

    /// Whether a group still fits.
    pub(super) fn has_room(&self, group: &Group<'_>) -> bool {
        self.end.saturating_add(size(group)) <= MOST
    }

    /// Writes a group. It counts only once [`Self::sync`] has returned.
    pub(super) fn put(&mut self, group: &Group<'_>) -> io::Result<()> {
        self.last = self.end;
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&record(group, self.round))?;
        self.end += size(group);
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Takes the last group back.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let zeros = [0; HEAD];
        let most = usize::try_from(length.saturating_sub(self.last)).unwrap_or(HEAD);
        self.file.seek(SeekFrom::Start(self.last))?;
        self.file
            .write_all(zeros.get(..most.min(HEAD)).unwrap_or(&zeros))?;
        self.end = self.last;
        self.sync()
    }

    /// Begins again at the start: both files are synced.
    pub(super) const fn begin_again(&mut self) {
        self.round += 1;
        (self.end, self.last) = (0, 0);
    }

    /// Puts another file in its place, for tests of disks that fail.
    #[cfg(test)]
    pub(super) const fn replace(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }

    /// Forgets everything: both files are synced.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.begin_again();
        if self.file.metadata()?.len() > 0 {
            self.file.set_len(0)?;
            self.sync()?;
        }
        Ok(())
    }
}

fn size(group: &Group<'_>) -> u64 {
    let bytes = HEAD + DIGEST + group.lines.len() + group.note.len();
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn record(group: &Group<'_>, round: u64) -> Vec<u8> {
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut bytes = Vec::with_capacity(HEAD + DIGEST + group.lines.len() + group.note.len());
    bytes.extend_from_slice(MARK);
    let (log_at, notes_at) = group.places;
    for number in [
        round,
        log_at,
        length(group.lines),
        notes_at,
        length(group.note),
    ] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let digest = digest(&bytes, group.lines, group.note);
    bytes.extend_from_slice(&digest);
    bytes.extend_from_slice(group.lines);
    bytes.extend_from_slice(group.note);
    bytes
}

fn digest(head: &[u8], lines: &[u8], note: &[u8]) -> [u8; DIGEST] {
    let all = Sha256::new().chain_update(head).chain_update(lines);
    all.chain_update(note).finalize().into()
}

impl Records {
    /// Those ahead of this log; `None` without any.
    pub(super) fn of(log: &Path) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        match File::open(path_of(log)) {
            Ok(file) => drop(file.take(MOST).read_to_end(&mut bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Self::read(&bytes))
    }

    fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut records: Option<(Self, u64)> = None;
        while let Some((round, group, rest)) = split(bytes) {
            bytes = rest;
            match &mut records {
                None => {
                    let first = Self {
                        places: group.places,
                        lines: group.lines.to_vec(),
                        notes: group.note.to_vec(),
                    };
                    records = Some((first, round));
                }
                Some((all, first)) if *first == round && all.ends() == group.places => {
                    all.lines.extend_from_slice(group.lines);
                    all.notes.extend_from_slice(group.note);
                }
                Some(_) => break,
            }
        }
        records.map(|(records, _)| records)
    }

    /// Where the next line and note begin.
    fn ends(&self) -> (u64, u64) {
        let end = |at: u64, bytes: &[u8]| {
            at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
        };
        (
            end(self.places.0, &self.lines),
            end(self.places.1, &self.notes),
        )
    }
}

/// The record at the beginning of these bytes, with its round and what stands behind it.
fn split(bytes: &[u8]) -> Option<(u64, Group<'_>, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (said, rest) = rest.split_at_checked(DIGEST)?;
    let mut numbers = head.strip_prefix(MARK)?.chunks_exact(8).map(|bytes| {
        let bytes = bytes.try_into().unwrap_or_default();
        u64::from_le_bytes(bytes)
    });
    let mut next = || numbers.next();
    let (round, log_at, lines, notes_at, note) = (next()?, next()?, next()?, next()?, next()?);
    let (lines, rest) = rest.split_at_checked(usize::try_from(lines).ok()?)?;
    let (note, rest) = rest.split_at_checked(usize::try_from(note).ok()?)?;
    let group = Group {
        places: (log_at, notes_at),
        lines,
        note,
    };
    (digest(head, lines, note) == said).then_some((round, group, rest))
}

/// What a file lacks of some bytes at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    Nothing,
    /// It ends before, or has zeros there.
    Some,
    /// It has something else there.
    Contradicts,
}

fn lack(path: &Path, at: u64, bytes: &[u8]) -> io::Result<Lack> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        // Somebody took it away: its name was on the disk before the first record.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lack::Contradicts),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() < at {
        return Ok(Lack::Contradicts);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut there = Vec::with_capacity(bytes.len());
    let most = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut there)?;
    let is_other = |(there, wanted): (&u8, &u8)| there != wanted && *there != 0;
    Ok(if there == bytes {
        Lack::Nothing
    } else if there.iter().zip(bytes).any(is_other) {
        Lack::Contradicts
    } else {
        Lack::Some
    })
}

/// The records, and what each file lacks of them; `None` where there are none, or one file contradicts.
fn lacking(log: &Path) -> io::Result<Option<(Records, [Lack; 2])>> {
    let Some(records) = Records::of(log)? else {
        return Ok(None);
    };
    let lacks = [
        lack(log, records.places.0, &records.lines)?,
        lack(&checkpoints_path(log), records.places.1, &records.notes)?,
    ];
    let agree = !lacks.contains(&Lack::Contradicts);
    Ok(agree.then_some((records, lacks)))
}

/// Writes into a log and its checkpoints what a crash left only here. Whoever calls has the log's lock.
pub(super) fn mend(log: &Path) -> io::Result<()> {
    let Some((records, lacks)) = lacking(log)? else {
        return Ok(());
    };
    let fill = |path: &Path, at: u64, bytes: &[u8]| {
        let mut file = private(path)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)?;
        file.sync_data()
    };
    let notes = checkpoints_path(log);
    let parts = [
        (log, records.places.0, &records.lines),
        (&notes, records.places.1, &records.notes),
    ];
    for ((path, at, bytes), lack) in parts.into_iter().zip(lacks) {
        if lack == Lack::Some {
            fill(path, at, bytes)?;
        }
    }
    Ok(())
}

/// Log and checkpoints as they will be once they are mended, for whoever only reads them. The first is opened last: it is
/// at least as far as the other then, while somebody writes.
pub(super) struct Texts {
    pub(super) notes: Option<Box<dyn Read>>,
    lines: Option<(u64, Vec<u8>)>,
}

impl Texts {
    pub(super) fn open(log: &Path) -> io::Result<Self> {
        let (mut lines, mut notes) = (None, None);
        if let Some((records, lacks)) = lacking(log)? {
            let part = |lack, at, bytes| (lack == Lack::Some).then_some((at, bytes));
            lines = part(lacks[0], records.places.0, records.lines);
            notes = part(lacks[1], records.places.1, records.notes);
        }
        let path = checkpoints_path(log);
        let notes = match with(&path, notes) {
            Ok(notes) => Some(notes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { notes, lines })
    }

    /// The lines of the log.
    pub(super) fn log(self, log: &Path) -> io::Result<Box<dyn Read>> {
        with(log, self.lines)
    }
}

/// A file with these bytes in the place of its own.
fn with(path: &Path, bytes: Option<(u64, Vec<u8>)>) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    let Some((at, bytes)) = bytes else {
        return Ok(Box::new(file));
    };
    let mut rest = File::open(path)?;
    let behind = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    rest.seek(SeekFrom::Start(behind))?;
    let bytes = io::Cursor::new(bytes);
    Ok(Box::new(file.take(at).chain(bytes).chain(rest)))
}
