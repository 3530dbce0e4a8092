//! What waits for a person: the calls that agents hand in, and the one answer to each.

use ambit_gateway::http::{Heard, Reply};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::json;

use crate::agents;
use crate::answer;
use crate::ask::Person;
use crate::authorize::ended;
use crate::broker::Broker;
use crate::evaluated::{self, CallText, Evaluated};
use crate::form::Form;
use crate::grant;
use crate::language::{self, Words};
use crate::refusal::Refusal;
use crate::session::Session;
use crate::store::texts;
use crate::waiting_page::{self, Refused, Waits};

pub(crate) const PATH: &str = "/agents/request";
pub(crate) const AGAIN: &str = "/agents/refused";
/// Seconds for which the yes to one call counts, at most until its token ends.
const RECEIPT: i64 = 600;
/// Seconds for which a no stands, unless the person lets the agent ask again.
const STANDS: i64 = 30 * 86_400;
/// Characters of what a person says to it.
const REASON: usize = 500;
/// Characters of a call in a list.
const TITLE: usize = 200;

/// A call that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    id: String,
    client: String,
    same: String,
    evaluated: Evaluated,
    until: i64,
    /// When its token ends.
    exp: i64,
}

impl Broker {
    /// `GET /agents/request?task=…`
    pub(crate) fn waiting_page(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let words = language::of(heard.header("accept-language").ok().flatten());
        let query = Form::query(heard)?;
        let id = query.need("task")?;
        self.store.step(|tables| {
            let session = match Session::of(tables, heard, now)? {
                Some(session) => session,
                None => Session::begin(tables, None, now)?,
            };
            let Some((sub, _)) = session.person() else {
                return self.ask_who(tables, &session, None, words, false);
            };
            let waiting = self.waiting(tables, id, sub, now)?;
            let waiting = waiting.ok_or_else(gone)?;
            let waits = self.waits(&waiting, words, now)?;
            let csrf = session.csrf(&self.own);
            let text = waiting.evaluated.text(words.tag)?;
            let markup = waiting_page::waiting(words, &waits, text, (sub, &csrf));
            Ok(answer::page(200, markup, ""))
        })
    }

    /// `POST /agents/request`
    pub(crate) fn answer_call(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::body(heard)?;
        let id = form.need("task")?;
        // What goes wrong is taken back, but for the mark that a call has ended.
        self.store.step(|tables| {
            let session = self.own_form(tables, heard, &form, now)?;
            let (sub, login) = session.person().ok_or_else(ended)?;
            self.lapse(tables, now)?;
            if let Some(answer) = answer_of(tables, id, sub)? {
                // The same form sent twice has one effect; the first answer is the answer.
                return Ok(Ok(answer::to(format!("{}?done={answer}", agents::PATH))));
            }
            let Some(waiting) = self.waiting(tables, id, sub, now)? else {
                return Ok(Err(gone()));
            };
            if self.policy(|bundle| Ok(evaluated::policy(bundle)))? != waiting.evaluated.policy {
                self.answered_call(tables, id, "changed", now)?;
                let detail = "the policy has changed since the call was handed in";
                return Ok(Err(Refusal::new(
                    "invalid_request",
                    "broker.changed",
                    detail,
                )));
            }
            let done = match form.need("answer")? {
                "allow" => {
                    let person = Person { sub, login };
                    self.approve(tables, &waiting, person, form.get("text"), now)?;
                    "approved"
                }
                "refuse" => {
                    self.deny(tables, &waiting, sub, &plain(form.get("reason")), now)?;
                    "refused"
                }
                _ => return Err(Refusal::request("`answer` is `allow` or `refuse`")),
            };
            Ok(Ok(answer::to(format!("{}?done={done}", agents::PATH))))
        })?
    }

    /// `POST /agents/refused`: the agent may ask again.
    pub(crate) fn ask_again(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::body(heard)?;
        let same = form.need("same")?;
        self.store.step(|tables| {
            let session = self.own_form(tables, heard, &form, now)?;
            let (sub, _) = session.person().ok_or_else(ended)?;
            let sql = "DELETE FROM refused WHERE same = ?1 AND sub = ?2 RETURNING client";
            let client = tables.query_row(sql, [same, sub], |row| row.get::<_, String>(0));
            if let Some(client) = client.optional()? {
                let facts = json!({"client": client, "sub": sub, "call_s256": same});
                self.log.write("access-again", true, &facts)?;
            }
            Ok(answer::to(agents::PATH))
        })
    }

    /// Signs the yes to exactly this call, as it was shown.
    fn approve(
        &self,
        tables: &Transaction<'_>,
        waiting: &Waiting,
        person: Person<'_>,
        text: Option<&str>,
        now: i64,
    ) -> Result<(), Refusal> {
        let mut texts = waiting.evaluated.texts.iter();
        let shown = texts.find(|one| Some(one.text_s256.as_str()) == text);
        let shown = shown.ok_or_else(|| {
            let detail = "the answer is to another text than that of this call";
            Refusal::new("invalid_request", "broker.text", detail)
        })?;
        let until = waiting.exp.min(now + RECEIPT);
        let receipt = self.policy(|bundle| {
            grant::of_call(
                self,
                bundle,
                (&waiting.evaluated, shown),
                person,
                now,
                until,
            )
        })?;
        let sql = "UPDATE access SET receipt = ?1, until = ?2 WHERE id = ?3 AND answer IS NULL";
        tables.execute(sql, params![receipt, until, waiting.id])?;
        let facts = json!({"text_s256": shown.text_s256, "locale": shown.locale,
            "risk_tier": waiting.evaluated.risk_tier});
        let first = self.answered_with(tables, &waiting.id, ("approved", facts), now)?;
        debug_assert!(first, "one transaction looks and answers");
        Ok(())
    }

    /// A no stands for the same call with every token: those that wait are answered with it.
    fn deny(
        &self,
        tables: &Transaction<'_>,
        waiting: &Waiting,
        sub: &str,
        reason: &str,
        now: i64,
    ) -> Result<(), Refusal> {
        let what = title(waiting.evaluated.text(language::ENGLISH.tag)?);
        tables.execute(
            "INSERT OR REPLACE INTO refused (same, sub, client, what, reason, made, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                waiting.same,
                sub,
                waiting.client,
                what,
                reason,
                now,
                now + STANDS
            ],
        )?;
        let sql = "SELECT id FROM access WHERE same = ?1 AND answer IS NULL";
        for id in texts(tables, sql, [&waiting.same])? {
            let sql = "UPDATE access SET reason = ?1 WHERE id = ?2";
            tables.execute(sql, params![reason, id])?;
            self.answered_call(tables, &id, "refused", now)?;
        }
        Ok(())
    }

    /// What waits for this person, the oldest first.
    pub(crate) fn all_waiting(
        &self,
        tables: &Transaction<'_>,
        sub: &str,
        words: &Words,
        now: i64,
    ) -> Result<Vec<Waits>, Refusal> {
        let sql = "SELECT id FROM access WHERE sub = ?1 AND answer IS NULL AND until > ?2 ORDER BY made, id";
        let mut waits = Vec::new();
        for id in texts(tables, sql, params![sub, now])? {
            if let Some(waiting) = self.waiting(tables, &id, sub, now)? {
                waits.push(self.waits(&waiting, words, now)?);
            }
        }
        Ok(waits)
    }

    /// What this person refused, and agents may not ask again.
    pub(crate) fn all_refused(
        &self,
        tables: &Transaction<'_>,
        sub: &str,
        now: i64,
    ) -> Result<Vec<Refused>, Refusal> {
        let sql = "SELECT same, what, reason, made FROM refused
            WHERE sub = ?1 AND until > ?2 ORDER BY made DESC LIMIT 20";
        let mut statement = tables.prepare(sql)?;
        let rows = statement.query_map(params![sub, now], |row| {
            Ok(Refused {
                same: row.get(0)?,
                what: row.get(1)?,
                reason: row.get(2)?,
                ago: now - row.get::<_, i64>(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn waits(&self, waiting: &Waiting, words: &Words, now: i64) -> Result<Waits, Refusal> {
        let label = self.policy(|bundle| Ok(self.label(bundle, &waiting.client, words)))?;
        let text = waiting.evaluated.text(words.tag)?;
        let differs = waiting.evaluated.differs.iter();
        let differs = differs.map(|one| if words.tag == "de" { &one.de } else { &one.en });
        Ok(Waits {
            task: waiting.id.clone(),
            label: label.unwrap_or_else(|| waiting.client.clone()),
            client: waiting.client.clone(),
            title: title(text),
            differs: differs.cloned().collect(),
            left: waiting.until - now,
        })
    }

    /// A call of this person's that waits, whose token counts.
    fn waiting(
        &self,
        tables: &Transaction<'_>,
        id: &str,
        sub: &str,
        now: i64,
    ) -> Result<Option<Waiting>, Refusal> {
        let row = tables.query_row(
            "SELECT access.id, access.client, access.same, access.asked, access.until, token.exp FROM access
             JOIN token ON token.jti = access.token
             WHERE access.id = ?1 AND access.sub = ?2 AND access.answer IS NULL AND access.until > ?3
             AND token.revoked IS NULL AND token.exp > ?3",
            params![id, sub, now],
            |row| {
                Ok((
                    row.get::<_, String>(3)?,
                    (row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?, row.get(5)?),
                ))
            },
        );
        let Some((asked, (id, client, same, until, exp))) = row.optional()? else {
            return Ok(None);
        };
        let evaluated = serde_json::from_str(&asked)
            .map_err(|error| Refusal::own("broker.json", error.to_string()))?;
        Ok(Some(Waiting {
            id,
            client,
            same,
            evaluated,
            until,
            exp,
        }))
    }
}

/// The first line of a call, for lists; the page of the call has all of it.
fn title(shown: &CallText) -> String {
    let line = shown.text.lines().next().unwrap_or_default();
    let mut title: String = line.chars().take(TITLE).collect();
    if title.len() < line.len() {
        title.push('…');
    }
    title
}

/// What this person said before.
fn answer_of(tables: &Transaction<'_>, id: &str, sub: &str) -> Result<Option<String>, Refusal> {
    let sql = "SELECT answer FROM access WHERE id = ?1 AND sub = ?2 AND answer IN ('approved', 'refused')";
    let answer = tables.query_row(sql, [id, sub], |row| row.get(0));
    Ok(answer.optional()?)
}

/// What a person says to a no: one line of text.
fn plain(reason: Option<&str>) -> String {
    let space = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = reason
        .unwrap_or_default()
        .chars()
        .take(REASON)
        .map(space)
        .collect();
    text.trim().to_owned()
}

/// One answer, whatever has become of it: it says nothing of other people's.
fn gone() -> Refusal {
    let detail = "the call was answered, withdrawn or too old, or is for another person";
    Refusal::new("invalid_request", "broker.task", detail)
}
