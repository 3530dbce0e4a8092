//! What waits for people: the calls that agents hand in, and what each of those who are asked says to them.

use std::collections::BTreeSet;

use ambit_gateway::http::{Heard, Reply};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use crate::agents;
use crate::answer;
use crate::ask::Person;
use crate::authorize::ended;
use crate::broker::Broker;
use crate::demands::{self, Demand, Yeses};
use crate::evaluated::{self, CallText, Evaluated};
use crate::form::Form;
use crate::glass::Broken;
use crate::grant;
use crate::language::{self, Words};
use crate::refusal::Refusal;
use crate::secret::digest;
use crate::session::Session;
use crate::store::texts;
use crate::waiting_page::{self, Far, Refused, Waits};

pub(crate) const PATH: &str = "/agents/request";
pub(crate) const TOGETHER_PATH: &str = "/agents/requests";
pub(crate) const AGAIN: &str = "/agents/refused";
/// Seconds for which the yes to one call counts, at most until its token ends.
const RECEIPT: i64 = 600;
/// Seconds for which a no stands, unless the person lets the agent ask again.
const STANDS: i64 = 30 * 86_400;
/// Characters of what a person says to it.
const REASON: usize = 500;
/// Characters of a call in a list.
const TITLE: usize = 200;

/// Calls that are answered in one ceremony.
const TOGETHER: usize = 10;

/// A call that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    id: String,
    client: String,
    /// For whom the agent acts.
    sub: String,
    same: String,
    evaluated: Evaluated,
    until: i64,
    /// When its token ends.
    exp: i64,
    /// The yeses that count.
    yes: Yeses,
}

impl Waiting {
    /// As an override of its denial, for this reason.
    fn broken<'a>(&'a self, reason: &'a str) -> Result<Broken<'a>, Refusal> {
        Ok(Broken {
            task: &self.id,
            client: &self.client,
            sub: &self.sub,
            what: title(self.evaluated.text(language::ENGLISH.tag)?),
            risk_tier: &self.evaluated.risk_tier,
            reason,
        })
    }
}

/// What came of an answer.
enum Said {
    /// It is the answer, or one more yes: what the page of agents says of it.
    Done(&'static str),
    /// It cannot be answered, and that is kept.
    Ended(Refusal),
}

impl Broker {
    /// `GET /agents/request?task=…`
    pub(crate) fn waiting_page(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let words = language::of(heard.header("accept-language").ok().flatten());
        let query = Form::query(heard)?;
        let id = query.need("task")?;
        self.store.step(|tables| {
            let session = Session::here(tables, heard, now)?;
            let Some((sub, _)) = session.person() else {
                return self.ask_who(tables, &session, None, words, false);
            };
            let waiting = self.waiting(tables, id, sub, now)?;
            let waiting = waiting.ok_or_else(gone)?;
            let waits = self.waits(&waiting, sub, words, now)?;
            let csrf = session.csrf(&self.own);
            let markup = waiting_page::waiting(words, &waits, (sub, &csrf));
            Ok(answer::page(200, markup, ""))
        })
    }

    /// `GET /agents/requests?task=…`: those that can be answered together with this one.
    pub(crate) fn together_page(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let words = language::of(heard.header("accept-language").ok().flatten());
        let query = Form::query(heard)?;
        let id = query.need("task")?;
        self.store.step(|tables| {
            let session = Session::here(tables, heard, now)?;
            let Some((sub, _)) = session.person() else {
                return self.ask_who(tables, &session, None, words, false);
            };
            let all = self.all_waiting(tables, sub, words, now)?;
            let one = all.iter().find(|one| one.task == id).ok_or_else(gone)?;
            let together = all.iter().filter(|other| one.goes_with(other));
            let together: Vec<&Waits> = together.take(TOGETHER).collect();
            if together.len() < 2 {
                return Ok(answer::to(format!("{PATH}?task={id}")));
            }
            let csrf = session.csrf(&self.own);
            let markup = waiting_page::together(words, &together, (sub, &csrf));
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
            let said = self.say(
                tables,
                (id, form.get("text")),
                (form.need("answer")?, &plain(form.get("reason"))),
                Person { sub, login },
                now,
            )?;
            Ok(match said {
                Said::Done(done) => Ok(answer::to(format!("{}?done={done}", agents::PATH))),
                Said::Ended(refusal) => Err(refusal),
            })
        })?
    }

    /// `POST /agents/requests`: one answer to each of several, or to none.
    pub(crate) fn answer_together(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::body(heard)?;
        let ids: Vec<&str> = form.all("tasks").collect();
        let texts: Vec<&str> = form.all("texts").collect();
        let each: BTreeSet<&str> = ids.iter().copied().collect();
        if ids.len() != texts.len()
            || each.len() < ids.len()
            || !(2..=TOGETHER).contains(&ids.len())
        {
            let detail = format!("2 to {TOGETHER} calls are answered together, each with its text");
            return Err(Refusal::request(detail));
        }
        let answer = form.need("answer")?;
        let reason = plain(form.get("reason"));
        self.store.step(|tables| {
            let session = self.own_form(tables, heard, &form, now)?;
            let (sub, login) = session.person().ok_or_else(ended)?;
            self.lapse(tables, now)?;
            let mut all = Vec::new();
            for id in &ids {
                let waiting = self.waiting(tables, id, sub, now)?.ok_or_else(gone)?;
                all.push(self.waits(&waiting, sub, &language::ENGLISH, now)?);
            }
            let fits = all.iter().skip(1).all(|other| all[0].goes_with(other));
            if !fits || !all[0].goes_with(&all[0]) {
                let detail = "only calls of one agent for one person at one risk are answered together, and critical ones each by itself";
                return Err(Refusal::new("invalid_request", "broker.together", detail));
            }
            let mut done = "refused";
            for (id, text) in ids.iter().zip(&texts) {
                let person = Person { sub, login };
                let said = self.say(tables, (id, Some(text)), (answer, &reason), person, now)?;
                match said {
                    Said::Done(said) => done = said,
                    // One that is answered otherwise than was read ends nothing of the others.
                    Said::Ended(refusal) => return Err(refusal),
                }
            }
            Ok(answer::to(format!("{}?done={done}", agents::PATH)))
        })
    }

    /// What one of those who are asked says to one call.
    fn say(
        &self,
        tables: &Transaction<'_>,
        (id, text): (&str, Option<&str>),
        (answer, reason): (&str, &str),
        person: Person<'_>,
        now: i64,
    ) -> Result<Said, Refusal> {
        let sub = person.sub;
        if let Some(answer) = answer_of(tables, id, sub)? {
            // The same form sent twice has one effect; the first answer is the answer.
            return Ok(Said::Done(answer));
        }
        let Some(waiting) = self.waiting(tables, id, sub, now)? else {
            return Ok(Said::Ended(gone()));
        };
        if self.policy(|bundle| Ok(evaluated::policy(bundle)))? != waiting.evaluated.policy {
            self.answered_call(tables, id, "changed", now)?;
            let detail = "the policy has changed since the call was handed in";
            return Ok(Said::Ended(Refusal::new(
                "invalid_request",
                "broker.changed",
                detail,
            )));
        }
        let glass = demands::breaks(&self.config, &waiting.evaluated.demands, sub);
        let fits = match answer {
            "override" => glass && !reason.is_empty(),
            "back" => true,
            _ => !glass,
        };
        if !fits {
            let detail = "a denial is overridden by who has the role of `[break_glass]`, with a reason, and by nobody else; who has it alone answers nothing else";
            return Err(Refusal::new(
                "invalid_request",
                "broker.break_glass",
                detail,
            ));
        }
        match answer {
            "allow" => self
                .approve(tables, &waiting, person, (text, None), now)
                .map(Said::Done),
            "override" => self
                .approve(tables, &waiting, person, (text, Some(reason)), now)
                .map(Said::Done),
            "refuse" => {
                self.deny(tables, &waiting, sub, reason, now)?;
                Ok(Said::Done("refused"))
            }
            "back" => {
                let sql = "DELETE FROM yes WHERE task = ?1 AND sub = ?2";
                if tables.execute(sql, [id, sub])? > 0 {
                    let facts = self.facts(&waiting, sub);
                    self.log.write("access-taken-back", false, &facts)?;
                }
                Ok(Said::Done("back"))
            }
            _ => Err(Refusal::request("`answer` is `allow`, `refuse` or `back`")),
        }
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

    /// Signs the yes to exactly this call, as it was shown. The agent gets it once all who must have said yes.
    fn approve(
        &self,
        tables: &Transaction<'_>,
        waiting: &Waiting,
        person: Person<'_>,
        // With the reason of who overrides the denial.
        (text, why): (Option<&str>, Option<&str>),
        now: i64,
    ) -> Result<&'static str, Refusal> {
        let demands = &waiting.evaluated.demands;
        if waiting.yes.contains_key(person.sub) {
            return Ok("said");
        }
        if !demands::is_wanted(&self.config, demands, &waiting.yes, person.sub) {
            return Err(gone());
        }
        let mut shown = waiting.evaluated.texts.iter();
        let shown = shown.find(|one| Some(one.text_s256.as_str()) == text);
        let shown = shown.ok_or_else(|| {
            let detail = "the answer is to another text than that of this call";
            Refusal::new("invalid_request", "broker.text", detail)
        })?;
        let roles = demands::roles(&self.config, demands, person.sub, why.is_some());
        let mut yes = waiting.yes.clone();
        let said_as = roles.iter().map(|role| (*role).to_owned()).collect();
        yes.insert(person.sub.to_owned(), said_as);
        let enough = demands::are_met(&self.config, demands, &yes);
        // Whoever says yes first waits for the others.
        let from = if yes.len() == 1 && enough {
            now
        } else {
            waiting.until
        };
        let glass = self.config.glass.as_ref().filter(|_| why.is_some());
        let until = waiting
            .exp
            .min(from + glass.map_or(RECEIPT, |it| it.seconds));
        let receipt = self.policy(|bundle| {
            let call = (&waiting.evaluated, shown);
            grant::of_call(self, bundle, call, (person, &roles), now, until)
        })?;
        // One of theirs that counts no more makes room.
        let sql = "INSERT OR REPLACE INTO yes (task, sub, receipt, until) VALUES (?1, ?2, ?3, ?4)";
        tables.execute(sql, params![waiting.id, person.sub, receipt, until])?;
        let mut facts = self.facts(waiting, person.sub);
        facts["text_s256"] = json!(shown.text_s256);
        facts["locale"] = json!(shown.locale);
        facts["risk_tier"] = json!(waiting.evaluated.risk_tier);
        facts["roles"] = json!(roles);
        facts["receipt_s256"] = json!(digest(&receipt));
        if let Some(reason) = why {
            let broken = waiting.broken(reason)?;
            self.break_glass(tables, &broken, (person.sub, &facts), now)?;
        }
        if !enough {
            self.log.write("access-yes", true, &facts)?;
            return Ok("said");
        }
        // What counts no more is none of the answer.
        let sql = "SELECT sub FROM yes WHERE task = ?1";
        for sub in texts(tables, sql, [&waiting.id])? {
            if !yes.contains_key(&sub) {
                let sql = "DELETE FROM yes WHERE task = ?1 AND sub = ?2";
                tables.execute(sql, [&waiting.id, &sub])?;
            }
        }
        let sql = "UPDATE access SET until = (SELECT min(until) FROM yes WHERE task = ?1)
            WHERE id = ?1 AND answer IS NULL";
        tables.execute(sql, [&waiting.id])?;
        let first = self.answered_with(tables, &waiting.id, ("approved", facts), now)?;
        debug_assert!(first, "one transaction looks and answers");
        Ok("approved")
    }

    fn facts(&self, waiting: &Waiting, approver: &str) -> Value {
        json!({"client": waiting.client, "sub": waiting.sub, "approver": approver,
            "task_s256": digest(&waiting.id), "binding_s256": waiting.evaluated.call})
    }

    /// A no stands for the same call with every token: those that wait are answered with it, whoever else is asked.
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
            self.answered_with(tables, &id, ("refused", json!({"approver": sub})), now)?;
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
        let sql = "SELECT access.id FROM asked JOIN access ON access.id = asked.task
            WHERE asked.sub = ?1 AND answer IS NULL AND until > ?2 ORDER BY made, access.rowid";
        let mut waits = Vec::new();
        for id in texts(tables, sql, params![sub, now])? {
            if let Some(waiting) = self.waiting(tables, &id, sub, now)? {
                waits.push(self.waits(&waiting, sub, words, now)?);
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

    fn waits(
        &self,
        waiting: &Waiting,
        sub: &str,
        words: &Words,
        now: i64,
    ) -> Result<Waits, Refusal> {
        let label = self.policy(|bundle| Ok(self.label(bundle, &waiting.client, words)))?;
        let evaluated = &waiting.evaluated;
        let text = evaluated.text(words.tag)?;
        let differs = evaluated.differs.iter();
        let differs = differs.map(|one| if words.tag == "de" { &one.de } else { &one.en });
        let far = |demand: &Demand| Far {
            of: demand.approvers.join(", "),
            given: demand.given(&self.config, &waiting.yes),
            count: demand.count,
        };
        Ok(Waits {
            task: waiting.id.clone(),
            label: label.unwrap_or_else(|| waiting.client.clone()),
            client: waiting.client.clone(),
            sub: waiting.sub.clone(),
            title: title(text),
            text: text.clone(),
            risk_tier: evaluated.risk_tier.clone(),
            differs: differs.cloned().collect(),
            left: waiting.until - now,
            far: evaluated.demands.iter().map(far).collect(),
            said: waiting.yes.contains_key(sub),
            glass: demands::breaks(&self.config, &evaluated.demands, sub),
        })
    }

    /// A call that waits for this person, whose token counts.
    fn waiting(
        &self,
        tables: &Transaction<'_>,
        id: &str,
        sub: &str,
        now: i64,
    ) -> Result<Option<Waiting>, Refusal> {
        let row = tables.query_row(
            "SELECT access.id, access.client, access.same, access.asked, access.until, token.exp, access.sub FROM access
             JOIN token ON token.jti = access.token JOIN asked ON asked.task = access.id
             WHERE access.id = ?1 AND asked.sub = ?2 AND access.answer IS NULL AND access.until > ?3
             AND token.revoked IS NULL AND token.exp > ?3",
            params![id, sub, now],
            |row| {
                Ok((
                    row.get::<_, String>(3)?,
                    Waiting {
                        id: row.get(0)?,
                        client: row.get(1)?,
                        sub: row.get(6)?,
                        same: row.get(2)?,
                        evaluated: Evaluated::default(),
                        until: row.get(4)?,
                        exp: row.get(5)?,
                        yes: Yeses::new(),
                    },
                ))
            },
        );
        let Some((asked, mut waiting)) = row.optional()? else {
            return Ok(None);
        };
        let evaluated = Evaluated::kept(&asked, &waiting.sub)?;
        let config = &self.config;
        if !evaluated.demands.iter().any(|one| one.asks(config, sub)) {
            return Ok(None);
        }
        waiting.yes = demands::yeses(tables, id)?;
        let counts = |who: &str, said_as: &BTreeSet<String>| {
            let mut demands = evaluated.demands.iter();
            demands.any(|one| one.counts(config, who, said_as))
        };
        waiting.yes.retain(|who, said_as| counts(who, said_as));
        // Enough others may have said yes already.
        let open = demands::is_wanted(&self.config, &evaluated.demands, &waiting.yes, sub);
        if !open && !waiting.yes.contains_key(sub) {
            return Ok(None);
        }
        waiting.evaluated = evaluated;
        Ok(Some(waiting))
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

/// What was said before to a call about which this person was asked.
fn answer_of(
    tables: &Transaction<'_>,
    id: &str,
    sub: &str,
) -> Result<Option<&'static str>, Refusal> {
    let sql = "SELECT answer FROM access JOIN asked ON asked.task = access.id
        WHERE access.id = ?1 AND asked.sub = ?2 AND answer IN ('approved', 'refused')";
    let answer = tables.query_row(sql, [id, sub], |row| row.get::<_, String>(0));
    Ok(answer.optional()?.map(|answer| match answer.as_str() {
        "approved" => "approved",
        _ => "refused",
    }))
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
