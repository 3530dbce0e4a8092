//! Which browser, and which person in it.

use ambit_gateway::http::{Heard, Reply};
use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::refusal::Refusal;
use crate::secret::{self, Own, digest};

/// `__Host-`: only this origin sets it, over TLS, for no other host.
const COOKIE: &str = "__Host-ambit";
/// Seconds that a login lasts, and that a browser may take to log in.
pub(crate) const LOGIN: i64 = 3600;
const ANONYMOUS: i64 = 900;

/// A browser that we know.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// What the cookie says. It is not kept.
    secret: String,
    pub(crate) sub: Option<String>,
    pub(crate) auth_time: Option<i64>,
    pub(crate) challenge: Option<String>,
}

impl Session {
    /// The digest by which it is kept.
    pub(crate) fn id(&self) -> String {
        digest(&self.secret)
    }

    /// The person, and when they logged in.
    pub(crate) fn person(&self) -> Option<(&str, i64)> {
        Some((self.sub.as_deref()?, self.auth_time?))
    }

    /// What a form of ours says, and no other site can.
    pub(crate) fn csrf(&self, own: &Own) -> String {
        own.make("form", &[&self.secret])
    }

    pub(crate) fn is_form(&self, own: &Own, given: Option<&str>) -> bool {
        given.is_some_and(|given| own.made(given, "form", &[&self.secret]))
    }

    /// The one whose cookie the browser sent, if it still counts.
    pub(crate) fn of(
        tables: &Transaction<'_>,
        heard: &Heard,
        now: i64,
    ) -> Result<Option<Self>, Refusal> {
        let Some(secret) = cookie(heard) else {
            return Ok(None);
        };
        let found = tables.query_row(
            "SELECT sub, auth_time, challenge FROM session WHERE id = ?1 AND until > ?2",
            params![digest(&secret), now],
            |row| {
                Ok(Self {
                    secret,
                    sub: row.get(0)?,
                    auth_time: row.get(1)?,
                    challenge: row.get(2)?,
                })
            },
        );
        Ok(found.optional()?)
    }

    /// A new one: of nobody, or of who has just logged in.
    pub(crate) fn begin(
        tables: &Transaction<'_>,
        sub: Option<&str>,
        now: i64,
    ) -> Result<Self, Refusal> {
        let session = Self {
            secret: secret::fresh()?,
            sub: sub.map(str::to_owned),
            auth_time: sub.map(|_| now),
            challenge: None,
        };
        let until = now + if sub.is_some() { LOGIN } else { ANONYMOUS };
        tables.execute(
            "INSERT INTO session (id, sub, auth_time, until) VALUES (?1, ?2, ?3, ?4)",
            params![session.id(), session.sub, session.auth_time, until],
        )?;
        Ok(session)
    }

    /// In place of this one: whoever knew the old cookie knows nothing. The request moves along, with nothing
    /// shown yet.
    pub(crate) fn replace(
        &self,
        tables: &Transaction<'_>,
        page: Option<&str>,
        sub: Option<&str>,
        now: i64,
    ) -> Result<Self, Refusal> {
        let next = Self::begin(tables, sub, now)?;
        tables.execute(
            "UPDATE request SET session = ?1, shown = NULL WHERE page = ?2 AND session = ?3",
            params![next.id(), page.map(digest), self.id()],
        )?;
        tables.execute("DELETE FROM session WHERE id = ?1", [self.id()])?;
        Ok(next)
    }

    /// Asks for an assertion over this challenge, once.
    pub(crate) fn challenge(&self, tables: &Transaction<'_>) -> Result<String, Refusal> {
        let challenge = secret::fresh()?;
        tables.execute(
            "UPDATE session SET challenge = ?1 WHERE id = ?2",
            params![challenge, self.id()],
        )?;
        Ok(challenge)
    }

    /// The reply with the cookie. `Lax`: the browser comes from another site with the request.
    pub(crate) fn keep(&self, reply: Reply) -> Reply {
        let life = if self.sub.is_some() { LOGIN } else { ANONYMOUS };
        let cookie = format!(
            "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={life}",
            self.secret
        );
        reply.with("set-cookie", cookie)
    }
}

/// The cookie, if it came once.
fn cookie(heard: &Heard) -> Option<String> {
    let header = heard.header("cookie").ok()??;
    let pairs = header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == COOKIE);
    let (_, value) = ours.next()?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_".contains(&c);
    (ours.next().is_none() && value.bytes().all(plain) && !value.is_empty())
        .then(|| value.to_owned())
}
