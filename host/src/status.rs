//! Status lists (Token Status List): whether one token was revoked.
//!
//! A token may name a list and its own place in it. [`StatusLists`] fetches lists under configured
//! addresses only, verifies and unpacks them within bounds, and keeps them as long as they say. There
//! is no network code here: the embedder gives a function that fetches.
//!
//! There are two ways to use it, and both may be used together:
//! - as the handler of the `status` obligation, after the decision. Only this fetches, so that only
//!   tokens that were verified lead to a fetch: one at a time for each list, and not again at once
//!   where it failed;
//! - [`StatusLists::fact`] before the decision: the fact `{uri, idx, value, iat}` for the evaluator,
//!   from a list that is kept.
//!
//! A list never goes back behind one that was verified before, also not one that was dropped or, with
//! [`StatusLists::remember`], after the process ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ambit_enforce::status::{
    Asked, Kept, VerifiedList, check, is_put_off, of, reference, retry_at, verify,
};
pub use ambit_enforce::status::{
    LIST_BYTES, StatusError, StatusFact, StatusKey, StatusList, StatusSource,
    TOKEN_BYTES as STATUS_TOKEN_BYTES,
};

use crate::enforce::{Discharge, NotDischarged, Obligation, Turn};
use crate::versions::{MemoryVersions, STATUS, StatementVersions, VersionError};

/// Lists kept. Of more, the one fetched longest ago is dropped and fetched again when needed.
const LISTS: usize = 64;
/// Addresses of which it is remembered that they could not be fetched.
const FAILURES: usize = 256;

/// Fetches a list: its address, and the most bytes to read. The answer's content type should be
/// `application/statuslist+jwt`; redirects must not be followed.
pub type Fetch = Box<dyn Fn(&str, usize) -> Result<Vec<u8>, String> + Send + Sync>;

/// Fetched lists, kept as long as they say.
pub struct StatusLists {
    sources: Vec<StatusSource>,
    fetch: Fetch,
    versions: Arc<dyn StatementVersions>,
    state: Mutex<State>,
    /// Told whenever a fetch has ended.
    landed: Condvar,
}

#[derive(Default)]
struct State {
    kept: BTreeMap<String, Kept>,
    /// Lists of which none is kept and that could not be fetched: why, and when they are tried again.
    failed: BTreeMap<String, (StatusError, i64)>,
    /// Lists that somebody fetches now.
    flying: BTreeSet<String>,
}

impl StatusLists {
    /// Lists of these sources.
    ///
    /// # Errors
    ///
    /// [`StatusError::Prefix`]
    pub fn new(sources: Vec<StatusSource>, fetch: Fetch) -> Result<Self, StatusError> {
        check(&sources)?;
        Ok(Self {
            sources,
            fetch,
            versions: Arc::new(MemoryVersions::new()),
            state: Mutex::default(),
            landed: Condvar::new(),
        })
    }

    /// Remembers when the lists were issued that were verified, for good where `versions` does: one
    /// that is older is refused also after the process ended. Without this until it ends.
    #[must_use]
    pub fn remember(mut self, versions: Arc<dyn StatementVersions>) -> Self {
        self.versions = versions;
        self
    }

    /// The status fact for a token, which is read without being verified; `None` for one that names
    /// no list, or one of which none is kept that still counts: its obligation then fetches it, once
    /// the token is verified. The evaluator compares `uri` and `idx`.
    ///
    /// # Errors
    ///
    /// [`StatusError`]. Evaluate without the fact then: its obligation is left, and fails here too.
    pub fn fact(&self, token: &str, now: i64) -> Result<Option<StatusFact>, StatusError> {
        let Some((uri, idx)) = reference(token)? else {
            return Ok(None);
        };
        of(&self.sources, &uri)?;
        match self.lock().kept.get(&uri) {
            None => Ok(None),
            Some(kept) => kept.known(&uri, idx, now),
        }
    }

    /// The status at a place of a list, which is fetched where it must be: for tokens that were
    /// verified. Whoever asks for a list that somebody fetches already waits for it; bound the time
    /// that your function may take.
    ///
    /// A kept list stands in for one that cannot be fetched: what it revoked stays revoked for good,
    /// and what it did not is as old as it is, which the evaluator judges.
    ///
    /// # Errors
    ///
    /// [`StatusError`]
    pub fn look_up(&self, uri: &str, idx: i64, now: i64) -> Result<StatusFact, StatusError> {
        let source = of(&self.sources, uri)?;
        let fetched = self.refresh(source, uri, now);
        match self.lock().kept.get(uri) {
            None => Err(fetched.err().unwrap_or(StatusError::Index)),
            Some(kept) => kept.look_up(uri, idx, now, fetched),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a list that arrives by itself, so that a revocation need not wait until the kept one is
    /// fetched again.
    ///
    /// # Errors
    ///
    /// [`StatusError`]; the kept list stays then.
    pub fn receive(&self, uri: &str, token: &[u8], now: i64) -> Result<(), StatusError> {
        let source = of(&self.sources, uri)?;
        self.keep(uri, verify(token, uri, &source.keys, now)?, now)
    }

    /// Fetches a list that is due. One asker does, without the lock: a slow list holds up nobody who
    /// asks for another. Those who ask for the same take what came of it.
    fn refresh(&self, source: &StatusSource, uri: &str, now: i64) -> Result<(), StatusError> {
        let flying = |state: &mut State| state.flying.contains(uri);
        let mut state = self
            .landed
            .wait_while(self.lock(), flying)
            .unwrap_or_else(PoisonError::into_inner);
        if !state.is_due(uri, now)? {
            return Ok(());
        }
        state.flying.insert(uri.to_owned());
        drop(state);
        let _flight = Flight { lists: self, uri };
        let fetched = (self.fetch)(uri, STATUS_TOKEN_BYTES)
            .map_err(StatusError::Fetch)
            .and_then(|token| verify(&token, uri, &source.keys, now))
            .and_then(|verified| self.keep(uri, verified, now));
        if let Err(error) = &fetched {
            self.lock().fail(uri, error, now);
        }
        fetched
    }

    /// Remembers a list before it counts. One that cannot be remembered revokes, and clears nobody.
    fn keep(&self, uri: &str, verified: VerifiedList, now: i64) -> Result<(), StatusError> {
        let unsaved = match self.versions.raise(STATUS, uri, verified.version()) {
            Err(VersionError::Older { .. }) => return Err(StatusError::Rollback),
            saved => saved
                .err()
                .map(|error| StatusError::Store(error.to_string())),
        };
        let mut state = self.lock();
        let kept = Kept::replace(state.kept.get(uri), verified, now, unsaved.clone())?;
        state.make_room(uri);
        state.failed.remove(uri);
        state.kept.insert(uri.to_owned(), kept);
        unsaved.map_or(Ok(()), Err)
    }
}

impl State {
    /// Whether a list is to be fetched now; the error of the last time where that was just now.
    fn is_due(&self, uri: &str, now: i64) -> Result<bool, StatusError> {
        if let Some(kept) = self.kept.get(uri) {
            return Ok(kept.is_due(now));
        }
        match self.failed.get(uri) {
            Some((error, next)) if is_put_off(*next, now) => Err(error.clone()),
            _ => Ok(true),
        }
    }

    fn fail(&mut self, uri: &str, error: &StatusError, now: i64) {
        if let Some(kept) = self.kept.get_mut(uri) {
            kept.put_off(now);
            return;
        }
        if self.failed.len() >= FAILURES && !self.failed.contains_key(uri) {
            let first = self.failed.iter().min_by_key(|(_, (_, next))| *next);
            if let Some(first) = first.map(|(uri, _)| uri.clone()) {
                self.failed.remove(&first);
            }
        }
        self.failed
            .insert(uri.to_owned(), (error.clone(), retry_at(now)));
    }

    fn make_room(&mut self, uri: &str) {
        if self.kept.len() < LISTS || self.kept.contains_key(uri) {
            return;
        }
        let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.next());
        if let Some(oldest) = oldest.map(|(uri, _)| uri.clone()) {
            self.kept.remove(&oldest);
        }
    }
}

/// A fetch that is under way; dropped, also by a panic, it lets others try.
struct Flight<'a> {
    lists: &'a StatusLists,
    uri: &'a str,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.lists.lock().flying.remove(self.uri);
        self.lists.landed.notify_all();
    }
}

impl fmt::Debug for StatusLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusLists")
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

/// Discharges `status`: `{"uri", "idx", "max_age"}`.
impl Discharge for StatusLists {
    fn discharge(&self, obligation: &Obligation<'_>) -> Result<(), NotDischarged> {
        let asked = Asked::read(obligation.ext, obligation.now)
            .ok_or_else(|| NotDischarged::new("the status obligation cannot be read"))?;
        let fact = self
            .look_up(asked.uri, asked.idx, asked.now)
            .map_err(|error| NotDischarged::new(format!("{}: {error}", error.code())))?;
        asked
            .judge(&fact)
            .map_err(|(reason, detail)| NotDischarged::because(reason, detail))
    }

    fn turn(&self) -> Turn {
        Turn::Check
    }
}
