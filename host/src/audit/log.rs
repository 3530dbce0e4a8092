//! The writer.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ambit_core::json::Json;

use super::line::{self, Place};
use super::merkle::{self, Frontier, Hash, leaf_hash};
use super::note::{Checkpoint, NoteKey};
use super::{AuditError, LINE_BYTES, WRITTEN_BYTES, beside, check, checkpoints_path};
use crate::enforce::Verdict;
use crate::files::private;
use crate::journal::{Entry, Journal};
use crate::signer::Signer;

/// How long a log that another process writes is waited for: a command's run, not a service's.
const WAIT: Duration = Duration::from_secs(5);

/// What says when a line is written, in seconds since 1970 (UTC).
pub type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

/// The machine's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Box::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        })
    })
}

/// Writes a log. One process at a time does, as a lock beside the file ensures.
///
/// A line is on the disk before the call that it is about may happen. What cannot be written denies:
/// an [`Enforcer`](crate::Enforcer) with a log that failed permits nothing.
pub struct AuditLog {
    key: NoteKey,
    signer: Arc<dyn Signer>,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    log: File,
    checkpoints: File,
    /// Where the next line and the next note begin.
    ends: (u64, u64),
    frontier: Frontier,
    previous: Hash,
    broken: bool,
    /// Held as long as the log is.
    _lock: File,
}

impl AuditLog {
    /// Opens a log, or begins it where there is no file. `origin` names it, like
    /// `mail.example/audit`, and with `signer`'s key it signs the checkpoints.
    ///
    /// The whole file is read and checked. A line that a crash tore is taken out; the next line
    /// says so, and keeps what there was of it.
    ///
    /// # Errors
    ///
    /// [`AuditError`]: a log that was changed is not written any further.
    pub fn open(
        path: &Path,
        origin: &str,
        signer: Arc<dyn Signer>,
        clock: Clock,
    ) -> Result<Self, AuditError> {
        let key = NoteKey::new(origin, signer.public()).ok_or(AuditError::Name)?;
        let lock = lock(path)?;
        let (log, checkpoints) = (private(path)?, private(&checkpoints_path(path))?);
        let report = check(path, std::slice::from_ref(&key))?;
        // A note that was torn is none; the next begins where it did.
        checkpoints.set_len(report.ends.1)?;
        // A line is signed before the next is written, so a crash leaves one without a checkpoint, and
        // further crashes of those who open the log add only lines that say so. More of them are
        // somebody else's, and are not signed here.
        let unsigned = report.unsigned();
        let (lines, signed) = (report.lines, report.lines.saturating_sub(unsigned));
        if unsigned > report.mending.saturating_add(1) {
            return Err(AuditError::Unsigned { lines, signed });
        }
        // Whether these lines are as they were written nobody knows: they are not signed in silence.
        let late = (unsigned > 0).then(|| signed.saturating_add(1));
        let torn = report.torn;
        let opened = Self {
            key,
            signer,
            clock,
            state: Mutex::new(State {
                log,
                checkpoints,
                ends: report.ends,
                previous: report
                    .leaves
                    .last()
                    .copied()
                    .unwrap_or_else(merkle::empty_root),
                frontier: report.frontier,
                broken: false,
                _lock: lock,
            }),
        };
        if late.is_some() || !torn.is_empty() {
            // Longer than what it replaces, so a crash in the middle leaves a torn line again.
            opened.write(true, |place| Some(line::mended(place, late, &torn)))?;
        }
        Ok(opened)
    }

    /// The public key under the log's name: for [`check()`].
    pub const fn key(&self) -> &NoteKey {
        &self.key
    }

    /// Appends a line and signs. A line that cannot be written whole is taken back.
    fn write(
        &self,
        mending: bool,
        make: impl FnOnce(&Place<'_>) -> Option<String>,
    ) -> Result<Entry, AuditError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.broken {
            return Err(AuditError::Broken);
        }
        let number = state.frontier.size().saturating_add(1);
        let text = make(&Place {
            origin: self.key.name(),
            number,
            previous: &state.previous,
            now: (self.clock)(),
        });
        let most = if mending { LINE_BYTES } else { WRITTEN_BYTES };
        let text = text
            .filter(|text| text.len() < most)
            .ok_or(AuditError::Record)?;
        // Stays so unless everything succeeds: a line whose fate is not known must be the last.
        state.broken = true;
        state.append(text.as_bytes(), mending)?;
        let hash = leaf_hash(text.trim_end_matches('\n').as_bytes());
        state.frontier.push(hash);
        state.previous = hash;
        self.sign(&mut state)?;
        state.broken = false;
        Ok(Entry { number, hash })
    }

    fn sign(&self, state: &mut State) -> Result<(), AuditError> {
        let checkpoint = Checkpoint {
            origin: self.key.name().to_owned(),
            size: state.frontier.size(),
            root: state.frontier.root(),
        };
        let note = self
            .key
            .sign(&checkpoint.to_text(), &*self.signer)
            .map_err(AuditError::Sign)?;
        let note = format!("{note}\n");
        state.checkpoints.seek(SeekFrom::Start(state.ends.1))?;
        state.checkpoints.write_all(note.as_bytes())?;
        state.checkpoints.sync_data()?;
        state.ends.1 += u64::try_from(note.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

impl State {
    fn append(&mut self, line: &[u8], mending: bool) -> Result<(), AuditError> {
        let start = self.ends.0;
        // Somebody else wrote, lock or not: what stands there is not ours to overwrite.
        if !mending && self.log.metadata()?.len() != start {
            return Err(AuditError::Broken);
        }
        self.log.seek(SeekFrom::Start(start))?;
        if let Err(error) = self.log.write_all(line) {
            // As when the disk is full. What was written so far is no line.
            self.log.set_len(start)?;
            self.broken = false;
            return Err(error.into());
        }
        self.log.sync_data()?;
        self.ends.0 += u64::try_from(line.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

impl Journal for AuditLog {
    fn decided(&self, answer: Json<'_>) -> Result<Entry, String> {
        let told = |error: AuditError| format!("{}: {error}", error.code());
        let mut whole = true;
        let line = |place: &Place<'_>| {
            let line = line::decision(place, answer);
            whole = line.is_some();
            Some(line.unwrap_or_else(|| line::digests(place, answer)))
        };
        let entry = self.write(false, line).map_err(told)?;
        // A denial may be told by its digests; what happens must be written down whole.
        let denied = answer.get("decision").and_then(Json::as_bool) == Some(false);
        if whole || denied {
            Ok(entry)
        } else {
            Err(told(AuditError::Record))
        }
    }

    fn ended(&self, entry: &Entry, verdict: &Verdict) -> Result<(), String> {
        self.write(false, |place| {
            Some(line::discharge(place, (entry.number, &entry.hash), verdict))
        })
        .map(drop)
        .map_err(|error| format!("{}: {error}", error.code()))
    }
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLog")
            .field("origin", &self.key.name())
            .finish_non_exhaustive()
    }
}

/// The lock is a file of its own, so that readers are not kept out.
fn lock(path: &Path) -> Result<File, AuditError> {
    let file = private(&beside(path, ".lock"))?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) if started.elapsed() > WAIT => {
                return Err(AuditError::Locked);
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
