//! Break-glass: people in one role may override one denial of one call, with a reason, seen by all others.
//!
//! Their yes stands in the place of the approvers who are asked, where the policy names the role among them and wants
//! one of them. It is a receipt like any other: guard rails that forbid the call still do.

mod page;

use std::collections::BTreeMap;

use ambit_gateway::Fault;
use ambit_gateway::http::{Heard, Reply};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::page::{button, list};
use crate::agents;
use crate::answer;
use crate::authorize::ended;
use crate::broker::Broker;
use crate::config::wrong;
use crate::form::Form;
use crate::records::Archive;
use crate::refusal::Refusal;
use crate::secret;

pub(crate) const REVIEW: &str = "/agents/reviewed";
/// The role of those who look at it afterwards.
const REVIEWERS: &str = "review";
/// Seconds for which those who were asked see it on their page.
const SEEN: i64 = 7 * 86_400;
/// The most that a page lists.
const SHOWN: i64 = 50;

/// `[break_glass]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BreakGlass {
    /// Who may, by their role.
    pub(crate) role: String,
    /// Seconds for which their receipt counts.
    #[serde(default = "seconds")]
    pub(crate) seconds: i64,
}

const fn seconds() -> i64 {
    900
}

impl BreakGlass {
    /// Everybody who may is seen by somebody else.
    pub(crate) fn check(&self, roles: &BTreeMap<String, Vec<String>>) -> Result<(), Fault> {
        if !(60..=3600).contains(&self.seconds) {
            return Err(wrong("`break_glass.seconds` is between 60 and 3600"));
        }
        let people = roles.get(&self.role).filter(|_| self.role != REVIEWERS);
        let Some(people) = people else {
            return Err(wrong(format!(
                "`break_glass.role`: `{}` is none of `[roles]`, or that of those who review it",
                self.role
            )));
        };
        let reviewers = roles.get(REVIEWERS).map_or(&[][..], Vec::as_slice);
        for person in people {
            if !reviewers.iter().any(|one| one != person) {
                return Err(wrong(format!(
                    "`[break_glass]` wants somebody else than `{person}` in the role `{REVIEWERS}` of `[roles]`, who looks at it afterwards"
                )));
            }
        }
        Ok(())
    }
}

/// An override, for those who are to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Names it.
    pub id: String,
    /// The agent.
    pub client: String,
    /// For whom the agent acts.
    pub sub: String,
    /// Who did it.
    pub by: String,
    /// Their reason.
    pub reason: String,
    /// The first line of the call.
    pub what: String,
    /// When, seconds since 1970.
    pub at: i64,
    /// Who has reviewed it, and when.
    pub reviewed: Option<(String, i64)>,
}

/// What was overridden, and why.
#[derive(Debug)]
pub(crate) struct Broken<'a> {
    pub(crate) task: &'a str,
    pub(crate) client: &'a str,
    pub(crate) sub: &'a str,
    pub(crate) what: String,
    pub(crate) risk_tier: &'a str,
    pub(crate) reason: &'a str,
}

impl Broker {
    /// Writes an override down, for the log, for reviewers, and for everybody else who was asked.
    pub(crate) fn break_glass(
        &self,
        tables: &Transaction<'_>,
        broken: &Broken<'_>,
        (by, facts): (&str, &Value),
        now: i64,
    ) -> Result<(), Refusal> {
        let sql = "INSERT INTO override (id, task, client, sub, by, reason, what, at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let id = secret::fresh()?;
        tables.execute(
            sql,
            params![
                id,
                broken.task,
                broken.client,
                broken.sub,
                by,
                broken.reason,
                broken.what,
                now
            ],
        )?;
        let mut all = facts.clone();
        all["reason"] = json!(broken.reason);
        self.log.write("access-break-glass", true, &all)?;
        if !self.config.notify.is_any() {
            return Ok(());
        }
        let sql = "SELECT sub FROM asked WHERE task = ?1";
        let mut told = crate::store::texts(tables, sql, [broken.task])?;
        told.extend(self.config.in_role(REVIEWERS).iter().cloned());
        told.sort();
        told.dedup();
        told.retain(|one| one != by);
        let facts = json!({"task": broken.task, "client_id": broken.client, "asked": told, "by": by,
            "risk_tier": broken.risk_tier, "until": now + 900});
        let sql = "INSERT INTO event (kind, facts, made) VALUES ('override', ?1, ?2)";
        tables.execute(sql, params![facts.to_string(), now])?;
        Ok(())
    }

    /// What this person is to see: of calls about which they were asked, and, for reviewers, whatever nobody has reviewed.
    pub(crate) fn overrides(
        &self,
        tables: &Transaction<'_>,
        sub: &str,
        now: i64,
    ) -> Result<Vec<Override>, Refusal> {
        let reviews = self.config.acts_as(sub, REVIEWERS);
        let sql = "SELECT id, client, sub, by, reason, what, at, reviewer, reviewed FROM override
            WHERE (?1 AND reviewed IS NULL) OR (at > ?3 AND (sub = ?2 OR by = ?2 OR
                EXISTS (SELECT 1 FROM asked WHERE asked.task = override.task AND asked.sub = ?2)))
            ORDER BY reviewed IS NOT NULL, at DESC LIMIT ?4";
        all(tables, sql, params![reviews, sub, now - SEEN, SHOWN])
    }

    /// Whether this person may mark it as reviewed: not who did it.
    pub(crate) fn may_review(&self, one: &Override, sub: &str) -> bool {
        one.reviewed.is_none() && one.by != sub && self.config.acts_as(sub, REVIEWERS)
    }

    /// `POST /agents/reviewed`
    pub(crate) fn review(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::body(heard)?;
        let id = form.need("override")?;
        self.store.step(|tables| {
            let session = self.own_form(tables, heard, &form, now)?;
            let (sub, _) = session.person().ok_or_else(ended)?;
            if !self.config.acts_as(sub, REVIEWERS) {
                let detail = "only people in the role `review` mark an override as reviewed";
                return Err(Refusal::new("invalid_request", "broker.review", detail));
            }
            let sql = "UPDATE override SET reviewer = ?2, reviewed = ?3
                WHERE id = ?1 AND reviewed IS NULL AND by <> ?2 RETURNING client, by, task";
            let row = tables.query_row(sql, params![id, sub, now], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            });
            if let Some((client, by, task)) = row.optional()? {
                let facts =
                    json!({"client": client, "sub": sub, "by": by, "task_s256": secret::digest(&task)});
                self.log
                    .write("access-break-glass-reviewed", true, &facts)?;
                return Ok(answer::to(agents::PATH));
            }
            let sql = "SELECT count(*) FROM override WHERE id = ?1 AND reviewed IS NOT NULL";
            let before: i64 = tables.query_row(sql, [id], |row| row.get(0))?;
            if before > 0 {
                // The same form sent twice has one effect.
                return Ok(answer::to(agents::PATH));
            }
            let detail = "there is no such override, or it is your own: somebody else reviews it";
            Err(Refusal::new("invalid_request", "broker.review", detail))
        })
    }
}

impl Archive {
    /// Every override, those that nobody has reviewed first.
    ///
    /// # Errors
    ///
    /// `broker.store`
    pub fn overrides(&self) -> Result<Vec<Override>, Fault> {
        let sql = "SELECT id, client, sub, by, reason, what, at, reviewer, reviewed FROM override
            ORDER BY reviewed IS NOT NULL, at DESC";
        self.look(|tables| all(tables, sql, []))
    }
}

fn all(
    tables: &Transaction<'_>,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Override>, Refusal> {
    let mut statement = tables.prepare(sql)?;
    let rows = statement.query_map(parameters, |row| {
        let reviewer: Option<String> = row.get(7)?;
        let reviewed: Option<i64> = row.get(8)?;
        Ok(Override {
            id: row.get(0)?,
            client: row.get(1)?,
            sub: row.get(2)?,
            by: row.get(3)?,
            reason: row.get(4)?,
            what: row.get(5)?,
            at: row.get(6)?,
            reviewed: reviewer.zip(reviewed),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
