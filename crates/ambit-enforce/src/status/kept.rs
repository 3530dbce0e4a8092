//! A list that is kept, what it says of a token, and what an obligation makes of that.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use core::cmp::Ordering;

use ambit_core::Reason;
use ambit_core::json::{Json, Writer};
use ambit_core::limits::CLOCK_SKEW_SECONDS;

use super::{StatusError, VerifiedList};

/// Seconds that a list is kept when it names no `ttl`, and the most: docs/token.md refuses a status of
/// more than 300 s for high risk.
const KEEP_SECONDS: i64 = 300;
/// Seconds until a list that could not be fetched is tried again.
const RETRY_SECONDS: i64 = 10;

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

/// A list that counts, or counted until it ended.
#[derive(Clone, Debug)]
pub struct Kept {
    verified: VerifiedList,
    /// When it is fetched again.
    next: i64,
    /// Why it was not remembered: it revokes, and clears nobody.
    unsaved: Option<StatusError>,
}

impl Kept {
    /// A list that was just fetched, in place of `before`. Its version must be remembered by then; `unsaved` says
    /// why it is not.
    ///
    /// # Errors
    ///
    /// [`StatusError::Rollback`], and [`StatusError::Token`] for one that has ended: `before` stays.
    pub fn replace(
        before: Option<&Self>,
        verified: VerifiedList,
        now: i64,
        unsaved: Option<StatusError>,
    ) -> Result<Self, StatusError> {
        // Of two lists of one second nobody knows which is the newer: what one revokes is revoked.
        let older = |kept: &Self| match verified.iat.cmp(&kept.verified.iat) {
            Ordering::Less => true,
            Ordering::Equal => verified.list.clears(&kept.verified.list),
            Ordering::Greater => false,
        };
        if before.is_some_and(older) {
            return Err(StatusError::Rollback);
        }
        if verified.exp.is_some_and(|exp| exp <= now) {
            return Err(StatusError::Token("it has expired"));
        }
        let keep = verified.ttl.unwrap_or(KEEP_SECONDS).min(KEEP_SECONDS);
        let next = now.saturating_add(keep);
        Ok(Self {
            next: verified.exp.map_or(next, |exp| next.min(exp)),
            verified,
            unsaved,
        })
    }

    /// One that was kept elsewhere, to be fetched again at `next`.
    #[must_use]
    pub const fn again(verified: VerifiedList, next: i64) -> Self {
        Self {
            verified,
            next,
            unsaved: None,
        }
    }

    /// When it is fetched again.
    #[must_use]
    pub const fn next(&self) -> i64 {
        self.next
    }

    /// It could not be fetched: not again at once.
    pub const fn put_off(&mut self, now: i64) {
        self.next = retry_at(now);
    }

    /// Whether it is to be fetched again. A clock that went back does not make it last longer.
    #[must_use]
    pub const fn is_due(&self, now: i64) -> bool {
        self.next <= now || self.next > now.saturating_add(KEEP_SECONDS)
    }

    /// What it says without being fetched, if that counts: before a decision.
    ///
    /// # Errors
    ///
    /// [`StatusError::Index`]
    pub fn known(&self, uri: &str, idx: i64, now: i64) -> Result<Option<StatusFact>, StatusError> {
        let fact = self.fact(uri, idx)?;
        let counts = !self.is_due(now) && !self.is_over(now) && self.unsaved.is_none();
        Ok(Some(fact).filter(|fact| counts || fact.value != 0))
    }

    /// What it says, after `fetched` came of fetching it if it was due. It stands in for one that cannot be fetched:
    /// what it revoked stays revoked for good, and what it did not is as old as it is.
    ///
    /// # Errors
    ///
    /// [`StatusError`]
    pub fn look_up(
        &self,
        uri: &str,
        idx: i64,
        now: i64,
        fetched: Result<(), StatusError>,
    ) -> Result<StatusFact, StatusError> {
        let fact = self.fact(uri, idx)?;
        if fact.value != 0 {
            return Ok(fact);
        }
        if let Some(error) = &self.unsaved {
            return Err(error.clone());
        }
        match fetched {
            Err(error) if self.is_over(now) => Err(error),
            _ if self.is_over(now) => Err(StatusError::Token("it has expired")),
            _ => Ok(fact),
        }
    }

    fn fact(&self, uri: &str, idx: i64) -> Result<StatusFact, StatusError> {
        let place = usize::try_from(idx).map_err(|_| StatusError::Index)?;
        Ok(StatusFact {
            uri: uri.to_owned(),
            idx,
            value: self.verified.list.get(place).ok_or(StatusError::Index)?,
            iat: self.verified.iat,
        })
    }

    fn is_over(&self, now: i64) -> bool {
        self.verified.exp.is_some_and(|exp| exp <= now)
    }
}

/// When what could not be fetched `now` is tried again.
#[must_use]
pub const fn retry_at(now: i64) -> i64 {
    now.saturating_add(RETRY_SECONDS)
}

/// Whether what is not to be tried again before `next` may not be tried yet. A clock that went back does not make
/// a failure last longer.
#[must_use]
pub const fn is_put_off(next: i64, now: i64) -> bool {
    now < next && next <= retry_at(now)
}

/// What an obligation `status` asks: `{"uri", "idx", "max_age"}`.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The list.
    pub uri: &'a str,
    /// The place in it.
    pub idx: i64,
    /// Seconds that the list may be old.
    pub max_age: i64,
    /// The time by which the decision was made.
    pub now: i64,
}

impl<'a> Asked<'a> {
    /// From an obligation's `ext`. `None` for what is not of its form.
    #[must_use]
    pub fn read(ext: Json<'a>, now: Option<i64>) -> Option<Self> {
        let number = |name| ext.get_int(name);
        let asked = Self {
            uri: ext.get("uri")?.as_str()?,
            idx: number("idx")?,
            max_age: number("max_age")?,
            now: now?,
        };
        (ext.len() == 3).then_some(asked)
    }

    /// Whether a fact discharges the obligation.
    ///
    /// # Errors
    ///
    /// The reason of the denial, and words for administrators.
    pub fn judge(&self, fact: &StatusFact) -> Result<(), (Reason, String)> {
        if fact.value != 0 {
            let detail = format!("the status list says {}", fact.value);
            return Err((Reason::StatusRevoked, detail));
        }
        let age = self.now.saturating_sub(fact.iat);
        if age < CLOCK_SKEW_SECONDS.saturating_neg() {
            let detail = format!("the list is from the future, by {} s", age.saturating_neg());
            return Err((Reason::StatusStale, detail));
        }
        if age > self.max_age {
            let max_age = self.max_age;
            let detail = format!("the list is {age} s old, at most {max_age} s count");
            return Err((Reason::StatusStale, detail));
        }
        Ok(())
    }
}
