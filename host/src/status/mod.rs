//! Status lists (Token Status List): whether one token was revoked.
//!
//! A token may name a list and its own place in it. [`StatusLists`] fetches lists under configured
//! addresses only, verifies and unpacks them within bounds, and keeps them as long as they say. There
//! is no network code here: the embedder gives a function that fetches.
//!
//! There are two ways to use it, and both may be used together:
//! - as the handler of the `status` obligation, after the decision: only tokens that were verified
//!   lead to a fetch;
//! - [`StatusLists::fact`] before the decision: the fact `{uri, idx, value, iat}` for the evaluator.
//!   It reads the token unverified, so an attacker can cause fetches of any list under a prefix.

mod list;
mod token;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_core::limits::TOKEN_BYTES as CHAIN_BYTES;
use ambit_token::{PublicKey, base64url};

use crate::enforce::{Discharge, NotDischarged, Obligation, Turn};

pub use list::{LIST_BYTES, StatusList};
pub use token::TOKEN_BYTES as STATUS_TOKEN_BYTES;
use token::VerifiedList;

/// Seconds that a list is kept when it names no `ttl`, and the most: TOKEN.md refuses a status of
/// more than 300 s for high risk.
const KEEP_SECONDS: i64 = 300;
/// Seconds until a list that could not be fetched is tried again.
const RETRY_SECONDS: i64 = 10;
/// Lists kept. Of more, the one fetched longest ago is dropped and fetched again when needed.
const LISTS: usize = 64;

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
        }
    }
}

impl std::error::Error for StatusError {}

/// Fetched lists, kept as long as they say.
pub struct StatusLists {
    sources: Vec<StatusSource>,
    fetch: Fetch,
    kept: Mutex<BTreeMap<String, Kept>>,
}

struct Kept {
    verified: VerifiedList,
    /// When it is fetched again.
    next: i64,
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
            kept: Mutex::default(),
        })
    }

    /// The status fact for a token, which is read without being verified; `None` for one that names
    /// no list. The evaluator verifies the token and compares `uri` and `idx`.
    ///
    /// # Errors
    ///
    /// [`StatusError`]. Evaluate without the fact then: its obligation is left, and fails here too.
    pub fn fact(&self, token: &str, now: i64) -> Result<Option<StatusFact>, StatusError> {
        match reference(token)? {
            Some((uri, idx)) => self.look_up(&uri, idx, now).map(Some),
            None => Ok(None),
        }
    }

    /// The status at a place of a list.
    ///
    /// A kept list stands in for one that cannot be fetched: what it revoked stays revoked for good,
    /// and what it did not is as old as it is, which the evaluator judges.
    ///
    /// # Errors
    ///
    /// [`StatusError`]
    pub fn look_up(&self, uri: &str, idx: i64, now: i64) -> Result<StatusFact, StatusError> {
        let source = self.source(uri).ok_or(StatusError::Address)?;
        let fetched = if self.is_due(uri, now) {
            self.refresh(source, uri, now)
        } else {
            Ok(())
        };
        let kept = self.lock();
        let Some(Kept { verified, .. }) = kept.get(uri) else {
            return Err(fetched.err().unwrap_or(StatusError::Index));
        };
        let place = usize::try_from(idx).map_err(|_| StatusError::Index)?;
        let value = verified.list.get(place).ok_or(StatusError::Index)?;
        let over = verified.exp.is_some_and(|exp| exp <= now);
        match fetched {
            Err(error) if over && value == 0 => Err(error),
            _ if over && value == 0 => Err(StatusError::Token("it has expired")),
            _ => Ok(StatusFact {
                uri: uri.to_owned(),
                idx,
                value,
                iat: verified.iat,
            }),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_due(&self, uri: &str, now: i64) -> bool {
        self.lock().get(uri).is_none_or(|kept| kept.next <= now)
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

    /// Fetched without the lock: a slow list holds up nobody who asks for another.
    fn refresh(&self, source: &StatusSource, uri: &str, now: i64) -> Result<(), StatusError> {
        let fetched = (self.fetch)(uri, STATUS_TOKEN_BYTES)
            .map_err(StatusError::Fetch)
            .and_then(|token| token::verify(&token, uri, &source.keys, now))
            .and_then(|verified| self.keep(uri, verified, now));
        if fetched.is_err()
            && let Some(kept) = self.lock().get_mut(uri)
        {
            kept.next = now.saturating_add(RETRY_SECONDS);
        }
        fetched
    }

    fn keep(&self, uri: &str, verified: VerifiedList, now: i64) -> Result<(), StatusError> {
        let mut kept = self.lock();
        if kept
            .get(uri)
            .is_some_and(|kept| verified.iat < kept.verified.iat)
        {
            return Err(StatusError::Rollback);
        }
        if kept.len() >= LISTS && !kept.contains_key(uri) {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.next);
            if let Some(oldest) = oldest.map(|(uri, _)| uri.clone()) {
                kept.remove(&oldest);
            }
        }
        let keep = verified.ttl.unwrap_or(KEEP_SECONDS).min(KEEP_SECONDS);
        let next = now.saturating_add(keep);
        let next = verified.exp.map_or(next, |exp| next.min(exp));
        kept.insert(uri.to_owned(), Kept { verified, next });
        Ok(())
    }

    fn source(&self, uri: &str) -> Option<&StatusSource> {
        self.sources.iter().find(|source| {
            let mut prefixes = source.prefixes.iter();
            prefixes.any(|prefix| uri.strip_prefix(prefix.as_str()).is_some_and(is_plain))
        })
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
