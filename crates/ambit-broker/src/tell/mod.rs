//! What others are told: services that tokens are revoked, people that a call waits for them, agents that theirs is answered.
//!
//! What is to be told is written in the transaction that it tells of, and kept until it was taken; so it is told at least
//! once, and by its `jti` whoever hears it twice knows. Each receiver has a thread of its own, and agents share a few: one
//! that hangs holds up nobody else.

mod config;
mod mail;
mod ping;
mod send;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ambit_compiler::keys::Signer;
use ambit_gateway::{Fault, Say};
use ambit_token::base64url;
use rusqlite::{Transaction, params};
use serde_json::{Value, json};

pub(crate) use self::config::{
    Notify, NotifyEntry, Subscriber, SubscriberEntry, is_told, subscribers,
};
use crate::config::Config;
use crate::refusal::Refusal;
use crate::secret;
use crate::store::{Store, texts};

/// Seconds between two looks for something to tell, and how much is looked at at one time.
const LOOK: Duration = Duration::from_millis(500);
const AT_ONCE: i64 = 50;
/// Seconds after the first failure, which double with each, and the most that they come to.
const AFTER: i64 = 1;
const LONGEST: i64 = 300;
/// Seconds after which nothing is told any more: of revocations, as long as a token lives; of calls, as long as they wait.
const REVOKED: i64 = 86_400;
const CALL: i64 = 900;
/// Seconds more, after which whatever is still there is forgotten: it had its last try, or nobody tells its receiver any more.
const LATE: i64 = 2 * LONGEST;

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// Tells others, by a connection of its own to the broker's database.
pub struct Teller {
    pub(crate) config: Config,
    /// Signs it.
    pub(crate) key: Option<Arc<dyn Signer>>,
    /// The database.
    pub(crate) store: Store,
    pub(crate) say: Say,
}

impl std::fmt::Debug for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Teller").finish_non_exhaustive()
    }
}

/// Something that is to be told to one receiver.
#[derive(Debug)]
pub(crate) struct Outgoing {
    id: String,
    target: String,
    kind: String,
    facts: Value,
    made: i64,
    tries: i64,
}

/// What came of telling it.
#[derive(Debug)]
pub(crate) enum Sent {
    Taken,
    /// It will never be taken.
    Refused(String),
    /// Perhaps later.
    Failed(String),
}

/// Who hears it.
const WEBHOOK: &str = "webhook";
const MAIL: &str = "mail:";
const PING: &str = "ping:";
const SUBSCRIBER: &str = "set:";

/// The time by which it is sent again: it goes on, whatever the broker's clock was set to.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

impl Teller {
    /// Puts it together, if anybody is to be told anything.
    ///
    /// # Errors
    ///
    /// `broker.config`: there is no key to sign with. `broker.store`
    pub fn new(
        config: Config,
        key: Option<Arc<dyn Signer>>,
        say: Say,
    ) -> Result<Option<Self>, Fault> {
        if !config.tells() {
            return Ok(None);
        }
        let store = Store::open(&config.database)?;
        Ok(Some(Self {
            config,
            key,
            store,
            say,
        }))
    }

    /// Tells from now on, until the process ends.
    pub fn start(self) {
        let teller = Arc::new(self);
        ping::start(Arc::clone(&teller));
        let subscribers = teller.config.subscribers.iter();
        let targets = subscribers.map(|one| format!("{SUBSCRIBER}{}", one.url));
        let mut targets: Vec<String> = targets.collect();
        if teller.config.notify.webhook.is_some() {
            targets.push(WEBHOOK.to_owned());
        }
        if teller.config.notify.mail.is_some() {
            targets.push(MAIL.to_owned());
        }
        for target in targets {
            let teller = Arc::clone(&teller);
            thread::spawn(move || {
                loop {
                    let done = teller.share_out().and_then(|()| teller.tell(&target));
                    if let Err(refusal) = &done {
                        (teller.say)(&format!("{} [{}]", refusal.detail, refusal.code));
                    }
                    if !matches!(done, Ok(more) if more) {
                        thread::sleep(LOOK);
                    }
                }
            });
        }
    }

    /// What has happened becomes what each receiver is to be told. What is too old for that is forgotten.
    fn share_out(&self) -> Result<(), Refusal> {
        self.store.step(|tables| {
            for outgoing in late(tables)? {
                let why = "nobody could tell it in time".to_owned();
                self.settle(tables, &outgoing, &Sent::Refused(why))?;
            }
            let sql = "SELECT json_array(id, kind, json(facts), made) FROM event ORDER BY id LIMIT ?1";
            for row in texts(tables, sql, [AT_ONCE])? {
                let row: Value = crate::ask::value(&row)?;
                for target in self.targets(&row) {
                    let sql = "INSERT INTO outgoing (id, target, kind, facts, made, next) VALUES (?1, ?2, ?3, ?4, ?5, 0)";
                    let mut facts = row[2].clone();
                    facts["at"] = row[3].clone();
                    let id = secret::fresh()?;
                    let kind = row[1].as_str();
                    tables.execute(sql, params![id, target, kind, facts.to_string(), now()])?;
                }
                tables.execute("DELETE FROM event WHERE id = ?1", [row[0].as_i64()])?;
            }
            Ok(())
        })
    }

    fn targets(&self, row: &Value) -> Vec<String> {
        let notify = &self.config.notify;
        let facts = &row[2];
        match row[1].as_str() {
            Some("revoked") => {
                let subscribers = self.config.subscribers.iter();
                subscribers
                    .map(|one| format!("{SUBSCRIBER}{}", one.url))
                    .collect()
            }
            Some("ping") => {
                let client = facts["client_id"].as_str().unwrap_or_default();
                vec![format!("{PING}{client}")]
            }
            Some("call" | "override") => {
                let asked = facts["asked"].as_array().into_iter().flatten();
                let asked = asked.filter_map(Value::as_str);
                let mail = notify.mail.as_ref();
                let known = asked.filter(|who| mail.is_some_and(|it| it.people.contains_key(*who)));
                let webhook = notify.webhook.iter().map(|_| WEBHOOK.to_owned());
                webhook
                    .chain(known.map(|who| format!("{MAIL}{who}")))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// Tells what is due to this receiver. `true`: there may be more.
    fn tell(&self, target: &str) -> Result<bool, Refusal> {
        let due = self.store.step(|tables| due(tables, target))?;
        let more = i64::try_from(due.len()).is_ok_and(|count| count == AT_ONCE);
        for outgoing in due {
            let wanted = self.store.step(|tables| is_wanted(tables, &outgoing))?;
            let sent = if wanted {
                self.send(&outgoing)
            } else {
                Sent::Taken
            };
            self.store
                .step(|tables| self.settle(tables, &outgoing, &sent))?;
            // Whoever does not take this one stands behind those who may take theirs.
            if target.starts_with(PING) && matches!(sent, Sent::Failed(_)) {
                break;
            }
        }
        Ok(more)
    }

    fn settle(
        &self,
        tables: &Transaction<'_>,
        outgoing: &Outgoing,
        sent: &Sent,
    ) -> Result<(), Refusal> {
        let until = outgoing.made
            + if outgoing.kind == "revoked" {
                REVOKED
            } else {
                CALL
            };
        let why = match sent {
            Sent::Failed(_) if now() < until => {
                let after = (AFTER << outgoing.tries.clamp(0, 16)).min(LONGEST);
                let sql = "UPDATE outgoing SET tries = tries + 1, next = ?1 WHERE id = ?2";
                tables.execute(sql, params![now() + after, outgoing.id])?;
                return Ok(());
            }
            Sent::Taken => None,
            Sent::Refused(why) | Sent::Failed(why) => Some(why),
        };
        tables.execute("DELETE FROM outgoing WHERE id = ?1", [&outgoing.id])?;
        let Some(why) = why else { return Ok(()) };
        (self.say)(&format!("`{}` was not told: {why}", outgoing.target));
        // The broker that serves writes the log.
        let facts = json!({"to": outgoing.target, "what": outgoing.kind, "tries": outgoing.tries + 1,
            "why": ambit_compiler::conceal(why)});
        let sql = "INSERT INTO line (what, allowed, facts, made) VALUES ('untold', 0, ?1, ?2)";
        tables.execute(sql, params![facts.to_string(), now()])?;
        Ok(())
    }

    /// A statement with these claims, by the key for what others are told.
    pub(crate) fn signed(&self, typ: &str, claims: &Value) -> Result<String, Sent> {
        let none = || Sent::Refused("there is no `events_key` to sign it".to_owned());
        let key = self.key.as_ref().ok_or_else(none)?;
        let header = json!({"alg": key.alg(), "typ": typ, "kid": key.kid()});
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(claims));
        let signature = key.sign(input.as_bytes());
        let signature = signature.map_err(|error| Sent::Failed(error.message))?;
        Ok(format!("{input}.{}", base64url::encode(&signature)))
    }

    /// That a token ended, as a security event token (RFC 8417) of CAEP 1.0, section 3.1.
    fn revoked(&self, outgoing: &Outgoing, audience: &str) -> Value {
        let issuer = &self.config.issuer;
        let facts = &outgoing.facts;
        json!({
            "iss": issuer, "jti": outgoing.id, "iat": outgoing.made, "aud": audience,
            "sub_id": {
                "format": "complex",
                "user": {"format": "iss_sub", "iss": issuer, "sub": facts["sub"]},
                "session": {"format": "jwt_id", "iss": issuer, "jti": facts["jti"]},
                "application": {"format": "opaque", "id": facts["client_id"]},
            },
            "events": {SESSION_REVOKED: {"event_timestamp": facts["at"]}},
        })
    }
}

/// What is to be told to a receiver, the oldest first.
fn due(tables: &Transaction<'_>, target: &str) -> Result<Vec<Outgoing>, Refusal> {
    // `mail:` stands for everybody who is told by e-mail.
    let which = "(target = ?1 OR (?1 = 'mail:' AND substr(target, 1, 5) = ?1)) AND next <= ?2
        ORDER BY next, made, id LIMIT ?3";
    outgoing(tables, which, params![target, now(), AT_ONCE])
}

/// What is still to be told though it is too late.
fn late(tables: &Transaction<'_>) -> Result<Vec<Outgoing>, Refusal> {
    let which = "made < ?1 - iif(kind = 'revoked', ?2, ?3) LIMIT ?4";
    let parameters = params![now(), REVOKED + LATE, CALL + LATE, AT_ONCE];
    outgoing(tables, which, parameters)
}

fn outgoing(
    tables: &Transaction<'_>,
    which: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Outgoing>, Refusal> {
    let sql = format!("SELECT id, target, kind, facts, made, tries FROM outgoing WHERE {which}");
    let mut statement = tables.prepare(&sql)?;
    let rows = statement.query_map(parameters, |row| {
        Ok((
            row.get::<_, String>(3)?,
            Outgoing {
                id: row.get(0)?,
                target: row.get(1)?,
                kind: row.get(2)?,
                facts: Value::Null,
                made: row.get(4)?,
                tries: row.get(5)?,
            },
        ))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (facts, outgoing) = row?;
        let facts = crate::ask::value(&facts)?;
        all.push(Outgoing { facts, ..outgoing });
    }
    Ok(all)
}

/// Whether it is still worth telling: of a call that waits, that it waits.
fn is_wanted(tables: &Transaction<'_>, outgoing: &Outgoing) -> Result<bool, Refusal> {
    if outgoing.kind != "call" {
        return Ok(true);
    }
    let sql = "SELECT count(*) FROM access WHERE id = ?1 AND answer IS NULL";
    let count: i64 = tables.query_row(sql, [outgoing.facts["task"].as_str()], |row| row.get(0))?;
    Ok(count > 0)
}
