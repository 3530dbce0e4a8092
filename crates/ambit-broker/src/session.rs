//! Which browser, and which person in it.

use ambit_gateway::http::{Heard, Reply};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::refusal::Refusal;
use crate::secret::{self, Own, digest};

/// `__Host-`: only this origin sets it, over TLS, for no other host.
const COOKIE: &str = "__Host-ambit";
/// Seconds that a login lasts, and that a browser may take to log in.
pub(crate) const LOGIN: i64 = 3600;
const ANONYMOUS: i64 = 900;

/// Seconds by which an OpenID provider's clock may be another.
pub(crate) const SKEW: i64 = 30;

/// How and when a person logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) acr: Option<String>,
    pub(crate) amr: Vec<String>,
    /// When, where that is said.
    pub(crate) auth_time: Option<i64>,
    /// The OpenID provider that says so; without one it was a passkey of ours.
    pub(crate) by: Option<String>,
}

impl Login {
    /// By a passkey: it does not fall to phishing (OpenID EAP ACR values), possession and the person's own factor
    /// (RFC 8176).
    pub(crate) fn passkey(now: i64) -> Self {
        Self {
            acr: Some(ACR.to_owned()),
            amr: ["mfa", "pop", "user"].map(str::to_owned).to_vec(),
            auth_time: Some(now),
            by: None,
        }
    }

    /// Says it in claims. What nobody said is not there.
    pub(crate) fn say(&self, claims: &mut Value) {
        if let Some(time) = self.auth_time {
            claims["auth_time"] = json!(time);
        }
        if let Some(acr) = &self.acr {
            claims["acr"] = json!(acr);
        }
        if !self.amr.is_empty() {
            claims["amr"] = json!(self.amr);
        }
    }
}

/// The `acr` of a passkey.
pub(crate) const ACR: &str = "phr";

/// A browser that we know.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// What the cookie says. It is not kept.
    secret: String,
    who: Option<(String, Login)>,
    /// The login that it is away for.
    pub(crate) away: Option<String>,
    pub(crate) challenge: Option<String>,
}

impl Session {
    /// The digest by which it is kept.
    pub(crate) fn id(&self) -> String {
        digest(&self.secret)
    }

    /// The person, and how they logged in.
    pub(crate) fn person(&self) -> Option<(&str, &Login)> {
        self.who.as_ref().map(|(sub, login)| (sub.as_str(), login))
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
            "SELECT sub, auth_time, challenge, login, away FROM session WHERE id = ?1 AND until > ?2",
            params![digest(&secret), now],
            |row| {
                let login: Option<String> = row.get(3)?;
                Ok((
                    (row.get::<_, Option<String>>(0)?, row.get::<_, Option<i64>>(1)?, login),
                    Self {
                        secret,
                        who: None,
                        away: row.get(4)?,
                        challenge: row.get(2)?,
                    },
                ))
            },
        );
        let Some(((sub, auth_time, login), session)) = found.optional()? else {
            return Ok(None);
        };
        let login = match login {
            Some(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| Refusal::own("broker.json", error.to_string()))?,
            // Sessions of an older form of the tables are all by passkey.
            None => auth_time.map(Login::passkey),
        };
        Ok(Some(Self {
            who: sub.zip(login),
            ..session
        }))
    }

    /// That of a request, or a new one of nobody yet.
    pub(crate) fn here(tables: &Transaction<'_>, heard: &Heard, now: i64) -> Result<Self, Refusal> {
        match Self::of(tables, heard, now)? {
            Some(session) => Ok(session),
            None => Self::begin(tables, None, now),
        }
    }

    /// A new one: of nobody, or of who has just logged in.
    pub(crate) fn begin(
        tables: &Transaction<'_>,
        who: Option<(&str, &Login)>,
        now: i64,
    ) -> Result<Self, Refusal> {
        let session = Self {
            secret: secret::fresh()?,
            who: who.map(|(sub, login)| (sub.to_owned(), login.clone())),
            away: None,
            challenge: None,
        };
        let until = now + if who.is_some() { LOGIN } else { ANONYMOUS };
        let login = who
            .map(|(_, login)| serde_json::to_string(login))
            .transpose();
        let login = login.map_err(|error| Refusal::own("broker.json", error.to_string()))?;
        let (sub, auth_time) = who.map(|(sub, login)| (sub, login.auth_time)).unzip();
        let auth_time: Option<i64> = Option::flatten(auth_time);
        tables.execute(
            "INSERT INTO session (id, sub, auth_time, login, until) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![session.id(), sub, auth_time, login, until],
        )?;
        Ok(session)
    }

    /// In place of this one: whoever knew the old cookie knows nothing. The request moves along, with nothing
    /// shown yet.
    pub(crate) fn replace(
        &self,
        tables: &Transaction<'_>,
        page: Option<&str>,
        who: Option<(&str, &Login)>,
        now: i64,
    ) -> Result<Self, Refusal> {
        let next = Self::begin(tables, who, now)?;
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
        let life = if self.who.is_some() { LOGIN } else { ANONYMOUS };
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
