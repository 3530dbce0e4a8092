//! The writer.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ambit_core::json::Json;

use ambit_enforce::audit::line::{self, Place};
use ambit_enforce::audit::{Head, LogError, NoteKey, check_unsigned, fits};

use super::{AuditError, beside, check, checkpoints_path};
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
    head: Head,
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
        let key = NoteKey::new(origin, signer.public()).ok_or(LogError::Name)?;
        let lock = lock(path)?;
        let (log, checkpoints) = (private(path)?, private(&checkpoints_path(path))?);
        let report = check(path, std::slice::from_ref(&key))?;
        // A note that was torn is none; the next begins where it did.
        checkpoints.set_len(report.ends.1)?;
        let signed = report.lines.saturating_sub(report.unsigned());
        let late = check_unsigned(report.lines, signed, report.mending)?;
        let torn = report.torn;
        let opened = Self {
            key,
            signer,
            clock,
            state: Mutex::new(State {
                log,
                checkpoints,
                ends: report.ends,
                head: report.head,
                broken: false,
                _lock: lock,
            }),
        };
        if late.is_some() || !torn.is_empty() {
            // Longer than what it replaces, so a crash in the middle leaves a torn line again.
            opened.write(true, |place| line::mended(place, late, &torn))?;
        }
        Ok(opened)
    }

    /// The public key under the log's name: for [`check()`].
    pub const fn key(&self) -> &NoteKey {
        &self.key
    }

    /// Writes down what a broker did: `what` names it, `facts` is an object, which stands there as it is.
    ///
    /// # Errors
    ///
    /// [`AuditError`]: what cannot be written must not happen.
    pub fn broker(&self, what: &str, allowed: bool, facts: Json<'_>) -> Result<Entry, AuditError> {
        self.write(false, |place| line::broker(place, what, allowed, facts))
    }

    /// Appends a line and signs. A line that cannot be written whole is taken back.
    fn write(
        &self,
        mending: bool,
        make: impl FnOnce(&Place<'_>) -> String,
    ) -> Result<Entry, AuditError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.broken {
            return Err(AuditError::Broken);
        }
        let text = make(&state.head.next(self.key.name(), (self.clock)()));
        fits(&text, mending)?;
        // Stays so unless everything succeeds: a line whose fate is not known must be the last.
        state.broken = true;
        state.append(text.as_bytes(), mending)?;
        let entry = state.head.push(text.as_bytes());
        self.sign(&mut state)?;
        state.broken = false;
        Ok(entry)
    }

    fn sign(&self, state: &mut State) -> Result<(), AuditError> {
        let text = state.head.checkpoint(self.key.name()).to_text();
        let signature = self
            .signer
            .sign(text.as_bytes())
            .map_err(AuditError::Sign)?;
        let note = self.key.note(&text, &signature);
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
        let mut is_enough = true;
        let line = |place: &Place<'_>| {
            let decided = line::decided(place, answer);
            is_enough = decided.is_enough;
            decided.line
        };
        let entry = self.write(false, line).map_err(told)?;
        if is_enough {
            Ok(entry)
        } else {
            Err(told(LogError::Record.into()))
        }
    }

    fn ended(&self, entry: &Entry, verdict: &Verdict) -> Result<(), String> {
        self.write(false, |place| line::discharge(place, entry, verdict))
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
