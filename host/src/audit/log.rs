//! The writer.

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ambit_core::json::Json;

use ambit_enforce::audit::line::{self, Place};
use ambit_enforce::audit::{Head, LogError, NoteKey, check_unsigned, fits};

use super::files::{Fault, Files};
use super::{AuditError, ahead, beside, check};
use crate::enforce::Verdict;
use crate::files::private;
use crate::group::Lead;
use crate::journal::{Begun, Entry, Journal};
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
/// an [`Enforcer`](crate::Enforcer) with a log that failed permits nothing. Lines that wait at the same time are one
/// group: one checkpoint signs them, and one write to the disk keeps them, or none of them.
pub struct AuditLog {
    key: NoteKey,
    signer: Arc<dyn Signer>,
    clock: Clock,
    state: Mutex<State>,
    lead: Lead,
    files: Mutex<Files>,
}

struct State {
    /// With the lines that wait.
    head: Head,
    /// With the lines that are kept.
    kept: Head,
    waiting: VecDeque<Waiting>,
    broken: bool,
}

impl State {
    /// What waits and is linked to a group that is lost, is lost with it.
    fn lose(&mut self, error: &AuditError, is_last: bool) {
        self.broken |= is_last;
        self.head = self.kept.clone();
        for linked in self.waiting.drain(..) {
            linked.fate.set(Err(error.again()));
        }
    }
}

/// A group of lines that wait to be written.
#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// The log with these, where others wait behind them.
    head: Option<Head>,
    fate: Fate,
}

impl Waiting {
    fn has_room(&self, line: &str) -> bool {
        self.lines.len().saturating_add(line.len()) <= ahead::GROUP
    }
}

/// What becomes of a group, for all who wait for it.
#[derive(Clone, Default)]
struct Fate(Arc<OnceLock<Result<(), AuditError>>>);

impl Fate {
    fn is_known(&self) -> bool {
        self.0.get().is_some()
    }

    fn is_lost(&self) -> bool {
        matches!(self.0.get(), Some(Err(_)))
    }

    fn get(&self) -> Result<(), AuditError> {
        match self.0.get() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(error.again()),
            None => Err(AuditError::Broken),
        }
    }

    /// The first word counts.
    fn set(&self, fate: Result<(), AuditError>) {
        drop(self.0.set(fate));
    }
}

/// A group that is being written. Where a panic ends that, it is lost, and nobody knows what stands in the files.
struct Taken<'a> {
    log: &'a AuditLog,
    lines: Vec<u8>,
    fate: Fate,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.fate.is_known() {
            self.log.state().lose(&AuditError::Broken, true);
            self.fate.set(Err(AuditError::Broken));
        }
    }
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
        ahead::mend(path)?;
        private(path)?;
        let report = check(path, std::slice::from_ref(&key))?;
        let signed = report.lines.saturating_sub(report.unsigned());
        let late = check_unsigned(report.lines, signed, report.mending)?;
        let torn = report.torn;
        let opened = Self {
            key,
            signer,
            clock,
            state: Mutex::new(State {
                kept: report.head.clone(),
                head: report.head,
                waiting: VecDeque::new(),
                broken: false,
            }),
            lead: Lead::default(),
            files: Mutex::new(Files::open(path, report.ends, lock)?),
        };
        if late.is_some() || !torn.is_empty() {
            let (_, fate) = opened.append(true, |place| line::mended(place, late, &torn))?;
            opened.flush(Files::write_through);
            fate.get()?;
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
        self.write(|place| line::broker(place, what, allowed, facts))
    }

    /// Appends a line, which is on the disk when this returns.
    fn write(&self, make: impl FnOnce(&Place<'_>) -> String) -> Result<Entry, AuditError> {
        let (entry, fate) = self.append(false, make)?;
        self.keep(&fate)?;
        Ok(entry)
    }

    /// Puts a line behind those that wait.
    fn append(
        &self,
        mending: bool,
        make: impl FnOnce(&Place<'_>) -> String,
    ) -> Result<(Entry, Fate), AuditError> {
        self.append_after(&Fate::default(), mending, make)
    }

    /// The same, unless the group of an earlier line that it speaks of is lost.
    fn append_after(
        &self,
        earlier: &Fate,
        mending: bool,
        make: impl FnOnce(&Place<'_>) -> String,
    ) -> Result<(Entry, Fate), AuditError> {
        let mut state = self.state();
        if state.broken {
            return Err(AuditError::Broken);
        }
        // Asked under the lock under which groups are lost: no line of another follows in the place of a lost one.
        if earlier.is_lost() {
            earlier.get()?;
        }
        let text = make(&state.head.next(self.key.name(), (self.clock)()));
        fits(&text, mending)?;
        let State { head, waiting, .. } = &mut *state;
        if !waiting.back().is_some_and(|last| last.has_room(&text)) {
            if let Some(full) = waiting.back_mut() {
                full.head = Some(head.clone());
            }
            waiting.push_back(Waiting::default());
        }
        let entry = head.push(text.as_bytes());
        let group = waiting.back_mut().ok_or(AuditError::Broken)?;
        group.lines.extend_from_slice(text.as_bytes());
        Ok((entry, group.fate.clone()))
    }

    /// Waits until what became of a group is known.
    fn keep(&self, fate: &Fate) -> Result<(), AuditError> {
        self.lead
            .until(|| fate.is_known(), || self.flush(Files::write));
        fate.get()
    }

    /// Writes the first group that waits, with one checkpoint. Those behind it are linked to it, and lost with it.
    fn flush(&self, write: impl FnOnce(&mut Files, &[u8], &[u8]) -> Result<(), Fault>) {
        let (taken, head) = {
            let mut state = self.state();
            let Some(Waiting { lines, head, fate }) = state.waiting.pop_front() else {
                return;
            };
            let log = self;
            let head = head.unwrap_or_else(|| state.head.clone());
            (Taken { log, lines, fate }, head)
        };
        let written = self.note(&head).and_then(|note| {
            // After a panic nobody knows what stands there.
            let mut files = self
                .files
                .lock()
                .map_err(|_| Fault::last(AuditError::Broken))?;
            write(&mut files, &taken.lines, note.as_bytes())
        });
        let mut state = self.state();
        match written {
            Ok(()) => {
                state.kept = head;
                taken.fate.set(Ok(()));
            }
            Err(Fault { error, is_last }) => {
                state.lose(&error, is_last);
                taken.fate.set(Err(error));
            }
        }
    }

    /// The checkpoint of a log that stands like this.
    fn note(&self, head: &Head) -> Result<String, Fault> {
        let text = head.checkpoint(self.key.name()).to_text();
        let signed = self.signer.sign(text.as_bytes());
        let signature = signed.map_err(|why| Fault {
            error: AuditError::Sign(why),
            is_last: false,
        })?;
        Ok(format!("{}\n", self.key.note(&text, &signature)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line of a decision.
    fn append_decided(&self, answer: Json<'_>) -> Result<(Entry, Fate), AuditError> {
        let mut is_enough = true;
        let line = |place: &Place<'_>| {
            let decided = line::decided(place, answer);
            is_enough = decided.is_enough;
            decided.line
        };
        let (entry, fate) = self.append(false, line)?;
        if is_enough {
            return Ok((entry, fate));
        }
        self.keep(&fate)?;
        Err(LogError::Record.into())
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        // Lines that nobody waits for any more are written all the same.
        while !self.state().waiting.is_empty() {
            self.flush(Files::write);
        }
        if let Ok(files) = self.files.get_mut()
            && !self.state.get_mut().is_ok_and(|state| state.broken)
        {
            // What is not done here is done when the log is opened.
            drop(files.close());
        }
    }
}

impl Journal for AuditLog {
    fn decided(&self, answer: Json<'_>) -> Result<Entry, String> {
        let (entry, fate) = self.append_decided(answer).map_err(told)?;
        self.keep(&fate).map_err(told)?;
        Ok(entry)
    }

    fn ended(&self, entry: &Entry, verdict: &Verdict) -> Result<(), String> {
        self.write(|place| line::discharge(place, entry, verdict))
            .map(drop)
            .map_err(told)
    }

    fn begin(&self, answer: Json<'_>) -> Result<Box<dyn Begun + '_>, String> {
        let (entry, fate) = self.append_decided(answer).map_err(told)?;
        Ok(Box::new(Allowed {
            log: self,
            entry,
            fate,
        }))
    }
}

/// An allow whose line may still wait.
struct Allowed<'a> {
    log: &'a AuditLog,
    entry: Entry,
    fate: Fate,
}

impl Begun for Allowed<'_> {
    fn keep(&self) -> Result<(), String> {
        self.log.keep(&self.fate).map_err(told)
    }

    fn end(&self, verdict: &Verdict) -> Result<(), String> {
        let line = |place: &Place<'_>| line::discharge(place, &self.entry, verdict);
        let appended = self.log.append_after(&self.fate, false, line);
        // The later line hangs on the earlier one: what keeps it keeps both.
        let (_, fate) = appended.map_err(told)?;
        self.log.keep(&fate).map_err(told)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "handed to `map_err`, which gives the error away"
)]
fn told(error: AuditError) -> String {
    format!("{}: {error}", error.code())
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

#[cfg(test)]
mod tests;
