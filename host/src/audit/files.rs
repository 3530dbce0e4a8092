//! The files of a log while it is written.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::ahead::{Ahead, Group};
use super::{AuditError, checkpoints_path};
use crate::files::private;

/// The log, its checkpoints, and the file [ahead](super::ahead) of both.
pub(super) struct Files {
    log: File,
    checkpoints: File,
    pub(super) ahead: Ahead,
    /// Where the next line and the next note begin.
    ends: (u64, u64),
    /// Held as long as the log is.
    _lock: File,
}

/// Why a group was not written.
pub(super) struct Fault {
    pub(super) error: AuditError,
    /// What became of it is not known, or what stands in the files is not ours: nothing may follow.
    pub(super) is_last: bool,
}

impl Fault {
    pub(super) fn last(error: impl Into<AuditError>) -> Self {
        Self {
            error: error.into(),
            is_last: true,
        }
    }
}

impl Files {
    /// Of a log that was checked; its whole lines and notes end here.
    pub(super) fn open(path: &Path, ends: (u64, u64), lock: File) -> io::Result<Self> {
        let (log, checkpoints) = (private(path)?, private(&checkpoints_path(path))?);
        Self::of((log, checkpoints), ends, lock, || Ahead::open(path))
    }

    /// What a process that was killed wrote is read here, and yet may not be on the disk: both files are synced before the
    /// records ahead of them are thrown away.
    fn of(
        (log, checkpoints): (File, File),
        ends: (u64, u64),
        lock: File,
        ahead: impl FnOnce() -> io::Result<Ahead>,
    ) -> io::Result<Self> {
        // A note that was torn is none; the next begins where it did.
        cut(&checkpoints, ends.1)?;
        log.sync_data()?;
        checkpoints.sync_data()?;
        Ok(Self {
            log,
            checkpoints,
            ahead: ahead()?,
            ends,
            _lock: lock,
        })
    }

    /// Writes lines and the note that signs them. They are on the disk when this returns.
    pub(super) fn write(&mut self, lines: &[u8], note: &[u8]) -> Result<(), Fault> {
        // Somebody else wrote, lock or not: what stands there is not ours to overwrite.
        let length = self.log.metadata().map_err(Fault::last)?.len();
        if length != self.ends.0 {
            return Err(Fault::last(AuditError::Broken));
        }
        let group = Group {
            places: self.ends,
            lines,
            note,
        };
        if !self.ahead.has_room(&group) {
            self.settle().map_err(Fault::last)?;
        }
        if !self.ahead.has_room(&group) {
            return self.write_through(lines, note);
        }
        // As when the disk is full. A record that is not whole is none.
        self.ahead.put(&group).map_err(|error| Fault {
            error: error.into(),
            is_last: false,
        })?;
        // Whether a write that failed to be synced is on the disk, nobody knows.
        if let Err(error) = self.ahead.sync() {
            self.take_back(io::ErrorKind::Other.into());
            return Err(Fault::last(error));
        }
        let written = write_at(&mut self.log, self.ends.0, lines)
            .and_then(|()| write_at(&mut self.checkpoints, self.ends.1, note));
        written.map_err(|error| self.take_back(error))?;
        self.add(lines, note);
        Ok(())
    }

    /// The same without the file ahead: one line that is too long for it, and the line that stands for a torn one, which is
    /// longer than that. So a crash in the middle leaves a torn line again, or one line that nobody signed.
    pub(super) fn write_through(&mut self, line: &[u8], note: &[u8]) -> Result<(), Fault> {
        let stands_alone = self.log.metadata().map_err(Fault::last)?.len() == self.ends.0;
        if let Err(error) = write_at(&mut self.log, self.ends.0, line) {
            // As when the disk is full. What was written so far is no line.
            return Err(match self.log.set_len(self.ends.0) {
                Ok(()) => Fault {
                    error: error.into(),
                    is_last: false,
                },
                Err(_) => Fault::last(error),
            });
        }
        self.log.sync_data().map_err(Fault::last)?;
        if let Err(error) = write_at(&mut self.checkpoints, self.ends.1, note) {
            // What a crash tore stands in this line only, so then the line stays, and is signed when the log is opened.
            let is_last = !stands_alone || self.cut_back().is_err();
            return Err(Fault {
                error: error.into(),
                is_last,
            });
        }
        self.checkpoints.sync_data().map_err(Fault::last)?;
        self.add(line, note);
        Ok(())
    }

    /// Takes a line back that is on the disk, and what there is of its note.
    fn cut_back(&self) -> io::Result<()> {
        cut(&self.checkpoints, self.ends.1)?;
        cut(&self.log, self.ends.0)?;
        self.log.sync_data()
    }

    /// What was written of the group is taken back, and others may follow if that is done.
    fn take_back(&mut self, error: io::Error) -> Fault {
        let (log, checkpoints) = (&self.log, &self.checkpoints);
        let cut = log
            .set_len(self.ends.0)
            .and_then(|()| checkpoints.set_len(self.ends.1));
        let is_last = cut.is_err() | self.ahead.take_back().is_err();
        Fault {
            error: error.into(),
            is_last,
        }
    }

    fn add(&mut self, lines: &[u8], note: &[u8]) {
        let end = |at: u64, bytes: &[u8]| at + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.ends = (end(self.ends.0, lines), end(self.ends.1, note));
    }

    /// Syncs both files, so that the records ahead of them may be written over.
    fn settle(&mut self) -> io::Result<()> {
        self.log.sync_data()?;
        self.checkpoints.sync_data()?;
        self.ahead.begin_again();
        Ok(())
    }

    /// Leaves nothing in the file ahead. Where this fails it is read when the log is opened.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.settle()?;
        self.ahead.clear()
    }
}

/// What stands behind the end is cut off.
fn cut(file: &File, end: u64) -> io::Result<()> {
    if file.metadata()?.len() == end {
        return Ok(());
    }
    file.set_len(end)
}

fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
