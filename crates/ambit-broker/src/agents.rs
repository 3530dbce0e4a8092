//! "My agents": who may act for a person, what each may do and for how long, and stopping one at once.

use std::collections::BTreeMap;

use ambit_gateway::http::{Heard, Reply};
use ambit_policy::Bundle;
use rusqlite::{Transaction, params};
use serde_json::{Value, json};

use crate::agents_page::{self, Agent, Did, Grant};
use crate::answer;
use crate::ask;
use crate::authorize::ended;
use crate::broker::Broker;
use crate::form::Form;
use crate::grant::Agreed;
use crate::language::{self, ENGLISH, Words};
use crate::refusal::Refusal;
use crate::revoke;
use crate::session::Session;
use crate::store::texts;

pub(crate) const PATH: &str = "/agents";
/// Seconds for which an agent that may do nothing any more is still listed.
const LATELY: i64 = 7 * 86_400;
/// Grants that are put into words on one page, and things that an agent did.
const SHOWN: usize = 20;
const DID: i64 = 6;

/// What an agent may do now, as it is kept.
struct Live {
    client: String,
    agreed: String,
    until: i64,
    /// Whether it may be had anew until then.
    again: bool,
}

impl Broker {
    /// `GET /agents`
    pub(crate) fn agents(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let words = language::of(heard.header("accept-language").ok().flatten());
        let done = Form::query(heard)?.get("done").map(str::to_owned);
        self.store.step(|tables| {
            let session = Session::here(tables, heard, now)?;
            let Some((sub, _)) = session.person() else {
                return self.ask_who(tables, &session, None, words, false);
            };
            self.lapse(tables, now)?;
            let agents = self.listed(tables, sub, words, now)?;
            let overrides = self.overrides(tables, sub, now)?.into_iter();
            let overrides: Vec<_> = overrides
                .map(|one| {
                    let may_review = self.may_review(&one, sub);
                    (one, may_review)
                })
                .collect();
            let markup = agents_page::agents(&agents_page::Page {
                words,
                csrf: &session.csrf(&self.own),
                sub,
                agents: &agents,
                waiting: &self.all_waiting(tables, sub, words, now)?,
                refused: &self.all_refused(tables, sub, now)?,
                overrides: &overrides,
                now,
                done: done.as_deref(),
                epochs: self.keys.epochs.is_some(),
            });
            Ok(answer::page(200, markup, ""))
        })
    }

    /// `POST /agents`: stops one. Its tokens are revoked, codes that it has not exchanged count no more, what it
    /// handed in waits no longer, and the list of epochs has its new version, all in one transaction.
    pub(crate) fn stop(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::body(heard)?;
        let client = form.need("client")?;
        self.store.step(|tables| {
            let session = self.own_form(tables, heard, &form, now)?;
            let (sub, _) = session.person().ok_or_else(ended)?;
            let sql = "SELECT jti FROM token
                WHERE sub = ?1 AND client = ?2 AND revoked IS NULL AND exp > ?3 ORDER BY jti";
            for jti in texts(tables, sql, params![sub, client, now])? {
                // One of them may have ended with all of the client's.
                revoke::revoke(tables, &jti, now)?;
                let facts = json!({"client": client, "sub": sub, "jti": jti, "why": "the person stopped the agent"});
                self.log.write("revocation", true, &facts)?;
            }
            let sql = "UPDATE granted SET again = NULL WHERE sub = ?1 AND client = ?2";
            tables.execute(sql, [sub, client])?;
            let sql = "UPDATE granted SET until = ?3
                WHERE sub = ?1 AND client = ?2 AND token IS NULL AND until > ?3";
            let codes = tables.execute(sql, params![sub, client, now])?;
            if codes > 0 {
                let facts = json!({"client": client, "sub": sub, "codes": codes, "why": "the person stopped the agent"});
                self.log.write("revocation", true, &facts)?;
            }
            let sql = "SELECT id FROM access WHERE sub = ?1 AND client = ?2 AND answer IS NULL";
            for id in texts(tables, sql, [sub, client])? {
                self.answered_call(tables, &id, "stopped", now)?;
            }
            Ok(answer::to(format!("{PATH}?done=stopped")))
        })
    }

    fn listed(
        &self,
        tables: &Transaction<'_>,
        sub: &str,
        words: &'static Words,
        now: i64,
    ) -> Result<Vec<Agent>, Refusal> {
        let mut clients: BTreeMap<String, Vec<Live>> = BTreeMap::new();
        for client in recent(tables, sub, now)? {
            clients.entry(client).or_default();
        }
        for live in live(tables, sub, now)? {
            clients.entry(live.client.clone()).or_default().push(live);
        }
        let mut room = SHOWN;
        let mut agents = Vec::new();
        for (client, live) in clients {
            let did = did(tables, sub, &client)?;
            let agent = self.policy(|bundle| {
                let shown = live.len().min(room);
                room -= shown;
                let told = live.iter().take(shown);
                let grants = told.map(|live| grant(bundle, live, words, now));
                let label = self.label(bundle, &client, words);
                Ok(Agent {
                    label: label.unwrap_or_else(|| client.clone()),
                    grants: grants.collect::<Result<_, _>>()?,
                    more: live.len() - shown,
                    did: did
                        .into_iter()
                        .map(|(what, at)| Did {
                            what,
                            ago: now - at,
                        })
                        .collect(),
                    client,
                })
            })?;
            agents.push(agent);
        }
        // Who may act stands before who may not any more.
        agents.sort_by_key(|agent| !agent.may_act());
        Ok(agents)
    }

    /// What the policy calls a client's agent.
    pub(crate) fn label(&self, bundle: &Bundle<'_>, client: &str, words: &Words) -> Option<String> {
        let class = self.config.client(client)?.class();
        let label = bundle.manifest(class)?.label_in(words.tag);
        Some(label.unwrap_or(class).to_owned())
    }
}

/// One grant in words: what may be done is told by the policy that decides now. What cannot be told is listed
/// all the same.
fn grant(bundle: &Bundle<'_>, live: &Live, words: &Words, now: i64) -> Result<Grant, Refusal> {
    let agreed: Agreed = serde_json::from_str(&live.agreed)
        .map_err(|error| Refusal::own("broker.json", error.to_string()))?;
    let told = |tag: &str| ask::describe(bundle, agreed.claims.clone(), tag, &[], None, now);
    let told = told(words.tag).or_else(|_| told(ENGLISH.tag)).ok();
    Ok(Grant {
        left: live.until - now,
        again: live.again,
        tag: told.as_ref().map(|told| told.shown.locale.clone()),
        parts: told.map_or(Value::Null, |told| told.page),
    })
}

/// Grants of which a token counts or may still come, and until when.
fn live(tables: &Transaction<'_>, sub: &str, now: i64) -> Result<Vec<Live>, Refusal> {
    let sql = "SELECT client, agreed, until, again FROM (
            SELECT client, agreed, made, token IS NOT NULL AND coalesce(again > ?2, 0) AS again,
                CASE WHEN token IS NULL THEN until WHEN again > ?2 THEN again ELSE
                    (SELECT max(exp) FROM token WHERE source = granted.code AND revoked IS NULL) END AS until
            FROM granted WHERE sub = ?1)
        WHERE until > ?2 ORDER BY client, made DESC";
    let mut statement = tables.prepare(sql)?;
    let rows = statement.query_map(params![sub, now], |row| {
        Ok(Live {
            client: row.get(0)?,
            agreed: row.get(1)?,
            until: row.get(2)?,
            again: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn recent(tables: &Transaction<'_>, sub: &str, now: i64) -> Result<Vec<String>, Refusal> {
    let sql = "SELECT DISTINCT client FROM granted WHERE sub = ?1 AND made > ?2
        UNION SELECT DISTINCT client FROM access WHERE sub = ?1 AND made > ?2";
    texts(tables, sql, params![sub, now - LATELY])
}

/// What the broker knows that an agent did, the last first.
fn did(tables: &Transaction<'_>, sub: &str, client: &str) -> Result<Vec<(String, i64)>, Refusal> {
    let sql = "SELECT 'allowed' AS what, made AS at FROM granted WHERE sub = ?1 AND client = ?2
        UNION SELECT 'ended', revoked FROM token WHERE sub = ?1 AND client = ?2 AND revoked IS NOT NULL
        UNION SELECT 'asked', made FROM access WHERE sub = ?1 AND client = ?2
        UNION SELECT answer, answered FROM access WHERE sub = ?1 AND client = ?2 AND answered IS NOT NULL
        ORDER BY at DESC, what LIMIT ?3";
    let mut statement = tables.prepare(sql)?;
    let rows = statement.query_map(params![sub, client, DID], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
