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

mod list;
mod token;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_core::limits::{CLOCK_SKEW_SECONDS, TOKEN_BYTES as CHAIN_BYTES};
use ambit_token::{PublicKey, base64url};

use crate::enforce::{Discharge, NotDischarged, Obligation, Turn};
use crate::versions::{MemoryVersions, STATUS, StatementVersions, VersionError};

pub use list::{LIST_BYTES, StatusList};
pub use token::TOKEN_BYTES as STATUS_TOKEN_BYTES;
use token::VerifiedList;

/// Seconds that a list is kept when it names no `ttl`, and the most: docs/token.md refuses a status of
/// more than 300 s for high risk.
const KEEP_SECONDS: i64 = 300;
/// Seconds until a list that could not be fetched is tried again.
const RETRY_SECONDS: i64 = 10;
/// Lists kept. Of more, the one fetched longest ago is dropped and fetched again when needed.
const LISTS: usize = 64;
/// Addresses of which it is remembered that they could not be fetched.
const FAILURES: usize = 256;

/// Whose lists are believed, and where they are.
#[derive(Clone, Debug)]
pub struct StatusSource {
    /// Beginnings of addresses, each `https://host/…/` with the last slash.
    pub prefixes: Vec<String>,
    /// The keys that sign these lists.
    pub keys: Vec<StatusKey>,
}

/// A key that signs status lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusKey {
    /// Its name in the header.
    pub kid: String,
    /// The public key, which fixes the algorithm.
    pub public: PublicKey,
}

/// Fetches a list: its address, and the most bytes to read. The answer's content type should be
/// `application/statuslist+jwt`; redirects must not be followed.
pub type Fetch = Box<dyn Fn(&str, usize) -> Result<Vec<u8>, String> + Send + Sync>;

/// A token's status, as the evaluator's fact `facts.status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusFact {
    /// The list.
    pub uri: String,
    /// The place in it.
    pub idx: i64,
    /// 0: valid. Everything else denies.
    pub value: u8,
    /// When the list was issued (seconds since 1970, UTC).
    pub iat: i64,
}

impl StatusFact {
    /// The fact as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = Writer::default();
        out.object(|out| {
            out.name("uri").string(&self.uri);
            out.name("idx").integer(self.idx);
            out.name("value").integer(i64::from(self.value));
            out.name("iat").integer(self.iat);
        });
        out.finish()
    }
}

/// Why there is no status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusError {
    /// The address is not under a configured prefix.
    Address,
    /// The list could not be fetched, and none is kept that still counts.
    Fetch(String),
    /// The signed carrier is not believed.
    Token(&'static str),
    /// The packed values cannot be read.
    List(&'static str),
    /// The list has no such place.
    Index,
    /// An older list than the one seen before.
    Rollback,
    /// The capability token is not in the form of one.
    Reference,
    /// A prefix that is configured is not one.
    Prefix(String),
    /// When the list was issued cannot be remembered.
    Store(String),
}

impl StatusError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address => "status.address",
            Self::Fetch(_) => "status.fetch",
            Self::Token(_) => "status.token",
            Self::List(_) => "status.list",
            Self::Index => "status.index",
            Self::Rollback => "status.rollback",
            Self::Reference => "status.reference",
            Self::Prefix(_) => "status.prefix",
            Self::Store(_) => "status.store",
        }
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => {
                f.write_str("the status list is not at an address that is configured here")
            }
            Self::Fetch(why) => write!(f, "the status list cannot be fetched: {why}"),
            Self::Token(why) => write!(f, "the status list is not believed: {why}"),
            Self::List(why) => write!(f, "the status list cannot be read: {why}"),
            Self::Index => f.write_str("the status list has no such place"),
            Self::Rollback => f.write_str("the status list is older than one seen before"),
            Self::Reference => f.write_str("the token's status reference cannot be read"),
            Self::Prefix(prefix) => write!(
                f,
                "`{prefix}` is no beginning of addresses; wanted `https://host/…/` with the last slash"
            ),
            Self::Store(why) => write!(f, "the status list cannot be remembered: {why}"),
        }
    }
}

impl std::error::Error for StatusError {}

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

struct Kept {
    verified: VerifiedList,
    /// When it is fetched again.
    next: i64,
    /// Why it was not remembered: it revokes, and clears nobody.
    unsaved: Option<StatusError>,
}

impl StatusLists {
    /// Lists of these sources.
    ///
    /// # Errors
    ///
    /// [`StatusError::Prefix`]
    pub fn new(sources: Vec<StatusSource>, fetch: Fetch) -> Result<Self, StatusError> {
        let prefixes = sources.iter().flat_map(|source| &source.prefixes);
        if let Some(wrong) = prefixes.into_iter().find(|prefix| !is_prefix(prefix)) {
            return Err(StatusError::Prefix(wrong.clone()));
        }
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
        self.source(&uri).ok_or(StatusError::Address)?;
        let state = self.lock();
        let Some(kept) = state.kept.get(&uri) else {
            return Ok(None);
        };
        let fact = kept.fact(&uri, idx)?;
        let counts = !kept.is_due(now) && !kept.is_over(now) && kept.unsaved.is_none();
        Ok(Some(fact).filter(|fact| counts || fact.value != 0))
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
        let source = self.source(uri).ok_or(StatusError::Address)?;
        let fetched = self.refresh(source, uri, now);
        let state = self.lock();
        let Some(kept) = state.kept.get(uri) else {
            return Err(fetched.err().unwrap_or(StatusError::Index));
        };
        let fact = kept.fact(uri, idx)?;
        if fact.value != 0 {
            return Ok(fact);
        }
        if let Some(error) = &kept.unsaved {
            return Err(error.clone());
        }
        match fetched {
            Err(error) if kept.is_over(now) => Err(error),
            _ if kept.is_over(now) => Err(StatusError::Token("it has expired")),
            _ => Ok(fact),
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
        let source = self.source(uri).ok_or(StatusError::Address)?;
        self.keep(uri, token::verify(token, uri, &source.keys, now)?, now)
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
            .and_then(|token| token::verify(&token, uri, &source.keys, now))
            .and_then(|verified| self.keep(uri, verified, now));
        if let Err(error) = &fetched {
            self.lock().fail(uri, error, now);
        }
        fetched
    }

    /// Remembers a list before it counts. One that cannot be remembered revokes, and clears nobody.
    fn keep(&self, uri: &str, verified: VerifiedList, now: i64) -> Result<(), StatusError> {
        let version = u64::try_from(verified.iat).unwrap_or_default();
        let unsaved = match self.versions.raise(STATUS, uri, version) {
            Err(VersionError::Older { .. }) => return Err(StatusError::Rollback),
            saved => saved
                .err()
                .map(|error| StatusError::Store(error.to_string())),
        };
        let mut state = self.lock();
        // Of two lists of one second nobody knows which is the newer: what one revokes is revoked.
        let older = |kept: &Kept| match verified.iat.cmp(&kept.verified.iat) {
            Ordering::Less => true,
            Ordering::Equal => verified.list.clears(&kept.verified.list),
            Ordering::Greater => false,
        };
        if state.kept.get(uri).is_some_and(older) {
            return Err(StatusError::Rollback);
        }
        if verified.exp.is_some_and(|exp| exp <= now) {
            return Err(StatusError::Token("it has expired"));
        }
        state.make_room(uri);
        state.failed.remove(uri);
        let keep = verified.ttl.unwrap_or(KEEP_SECONDS).min(KEEP_SECONDS);
        let next = now.saturating_add(keep);
        let kept = Kept {
            next: verified.exp.map_or(next, |exp| next.min(exp)),
            verified,
            unsaved: unsaved.clone(),
        };
        state.kept.insert(uri.to_owned(), kept);
        unsaved.map_or(Ok(()), Err)
    }

    fn source(&self, uri: &str) -> Option<&StatusSource> {
        self.sources.iter().find(|source| {
            let mut prefixes = source.prefixes.iter();
            prefixes.any(|prefix| uri.strip_prefix(prefix.as_str()).is_some_and(is_plain))
        })
    }
}

impl State {
    /// Whether a list is to be fetched now; the error of the last time where that was just now.
    fn is_due(&self, uri: &str, now: i64) -> Result<bool, StatusError> {
        if let Some(kept) = self.kept.get(uri) {
            return Ok(kept.is_due(now));
        }
        // A clock that went back does not make a failure last longer.
        let latest = now.saturating_add(RETRY_SECONDS);
        match self.failed.get(uri) {
            Some((error, next)) if now < *next && *next <= latest => Err(error.clone()),
            _ => Ok(true),
        }
    }

    fn fail(&mut self, uri: &str, error: &StatusError, now: i64) {
        let next = now.saturating_add(RETRY_SECONDS);
        if let Some(kept) = self.kept.get_mut(uri) {
            kept.next = next;
            return;
        }
        if self.failed.len() >= FAILURES && !self.failed.contains_key(uri) {
            let first = self.failed.iter().min_by_key(|(_, (_, next))| *next);
            if let Some(first) = first.map(|(uri, _)| uri.clone()) {
                self.failed.remove(&first);
            }
        }
        self.failed.insert(uri.to_owned(), (error.clone(), next));
    }

    fn make_room(&mut self, uri: &str) {
        if self.kept.len() < LISTS || self.kept.contains_key(uri) {
            return;
        }
        let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.next);
        if let Some(oldest) = oldest.map(|(uri, _)| uri.clone()) {
            self.kept.remove(&oldest);
        }
    }
}

impl Kept {
    fn fact(&self, uri: &str, idx: i64) -> Result<StatusFact, StatusError> {
        let place = usize::try_from(idx).map_err(|_| StatusError::Index)?;
        Ok(StatusFact {
            uri: uri.to_owned(),
            idx,
            value: self.verified.list.get(place).ok_or(StatusError::Index)?,
            iat: self.verified.iat,
        })
    }

    /// A clock that went back does not make it last longer.
    fn is_due(&self, now: i64) -> bool {
        self.next <= now || self.next > now.saturating_add(KEEP_SECONDS)
    }

    fn is_over(&self, now: i64) -> bool {
        self.verified.exp.is_some_and(|exp| exp <= now)
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
        let ext = obligation.ext;
        let number = |name| ext.get(name).and_then(Json::as_int);
        let uri = ext.get("uri").and_then(Json::as_str);
        let (Some(uri), Some(idx), Some(max_age), Some(now), 3) = (
            uri,
            number("idx"),
            number("max_age"),
            obligation.now,
            ext.len(),
        ) else {
            return Err(NotDischarged::new("the status obligation cannot be read"));
        };
        let fact = self
            .look_up(uri, idx, now)
            .map_err(|error| NotDischarged::new(format!("{}: {error}", error.code())))?;
        if fact.value != 0 {
            let detail = format!("the status list says {}", fact.value);
            return Err(NotDischarged::because(Reason::StatusRevoked, detail));
        }
        let age = now.saturating_sub(fact.iat);
        if age < -CLOCK_SKEW_SECONDS {
            let detail = format!("the list is from the future, by {} s", age.saturating_neg());
            return Err(NotDischarged::because(Reason::StatusStale, detail));
        }
        if age > max_age {
            let detail = format!("the list is {age} s old, at most {max_age} s count");
            return Err(NotDischarged::because(Reason::StatusStale, detail));
        }
        Ok(())
    }

    fn turn(&self) -> Turn {
        Turn::Check
    }
}

/// Where the root of a chain says that its status is.
fn reference(token: &str) -> Result<Option<(String, i64)>, StatusError> {
    let root = token.split('~').next().unwrap_or_default();
    let payload = root.split('.').nth(1);
    let claims = payload
        .filter(|_| token.len() <= CHAIN_BYTES)
        .and_then(|payload| base64url::decode(payload.as_bytes()))
        .ok_or(StatusError::Reference)?;
    let document = Document::parse(&claims, Profile::Signed).map_err(|_| StatusError::Reference)?;
    let Some(status) = document.root().get("status") else {
        return Ok(None);
    };
    let list = status.get("status_list");
    let uri = list.and_then(|list| list.get("uri")?.as_str());
    let idx = list.and_then(|list| list.get("idx")?.as_int());
    let (uri, idx) = uri.zip(idx).ok_or(StatusError::Reference)?;
    Ok(Some((uri.to_owned(), idx)))
}

fn is_prefix(prefix: &str) -> bool {
    let Some((host, path)) = prefix
        .strip_prefix("https://")
        .and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b':');
    !host.is_empty()
        && host.bytes().all(plain)
        && (path.is_empty() || path.ends_with('/'))
        && is_plain(path)
}

/// Nothing by which an address under a prefix could lead out of it: no `..`, no escapes, no second
/// host. Lists have plain names.
fn is_plain(rest: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_.~/?=&".contains(&c);
    rest.bytes().all(plain) && rest.split(['/', '?', '&', '=']).all(|part| part != "..")
}
