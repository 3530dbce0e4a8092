//! What security people take back: everything of an agent class, model, version, client, key, tenant or policy version.
//!
//! It is tried as a whole and counted before it is done: both are one function, in a transaction that is kept or not.

use std::collections::{BTreeMap, BTreeSet};

use ambit_core::json::{Document, Json, Profile};
use ambit_gateway::Fault;
use ambit_token::PublicKey;
use rusqlite::{Transaction, params};
use serde_json::{Map, Value, json};

use crate::broker::Broker;
use crate::refusal::Refusal;
use crate::revoke::{self, LEEWAY};
use crate::store::texts;

/// Seconds for which an entry of the list is kept: no token is older (docs/token.md, section 2), and a little.
pub(crate) const KEPT: i64 = 86_400 + 600;

/// What is to be taken back; what is named applies together.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The agent's class.
    pub agent: Option<String>,
    /// The agent's version. Revocation epochs have no word for it: each token is named.
    pub version: Option<String>,
    /// The name of the agent's model.
    pub model: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// The person for whom the agent acts.
    pub person: Option<String>,
    /// The thumbprint of the key that holds tokens.
    pub key: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// Made for a version of the policy before this one.
    pub policy_below: Option<i64>,
}

/// How much that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// Tokens that count now and would end.
    pub tokens: i64,
    /// Tokens that were not selected and end as well, because a list names only so many of one client.
    pub beside: i64,
    /// Codes that are on their way.
    pub codes: usize,
    /// Grants that could be used again.
    pub grants: usize,
    /// Calls that wait for a person.
    pub calls: usize,
    /// Clients of which something ends.
    pub clients: usize,
    /// Persons for whom something ends.
    pub people: usize,
}

/// What one client holds for one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// The client.
    pub client: String,
    /// The person.
    pub person: String,
    /// Its agent: class, version and model, as far as they are said.
    pub agent: String,
    /// Tokens that count now.
    pub tokens: usize,
    /// Codes that are on their way.
    pub codes: usize,
    /// Grants that could be used again.
    pub grants: usize,
    /// When the last of it ends, seconds since 1970.
    pub until: i64,
}

/// What a token or a grant is of.
struct About {
    client: String,
    claims: Value,
}

impl Selection {
    /// Whether it names anything: nothing named would be everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let texts = [
            &self.agent,
            &self.version,
            &self.model,
            &self.client,
            &self.person,
            &self.key,
            &self.tenant,
        ];
        texts.iter().all(|text| text.is_none()) && self.policy_below.is_none()
    }

    fn fits(&self, about: &About, sub: &str, policy: &str) -> bool {
        let claims = &about.claims;
        let is = |wanted: &Option<String>, path: &str| {
            let is = |wanted: &String| claims.pointer(path) == Some(&json!(wanted));
            wanted.as_ref().is_none_or(is)
        };
        let old = |below: i64| {
            claims["policy"]["uid"] == policy
                && claims["policy"]["version"]
                    .as_i64()
                    .is_some_and(|version| version < below)
        };
        is(&self.agent, "/agent/uid")
            && is(&self.version, "/agent/version")
            && is(&self.model, "/agent/ai_model/name")
            && is(&self.tenant, "/tenant")
            && self
                .client
                .as_ref()
                .is_none_or(|client| *client == about.client)
            && self.person.as_ref().is_none_or(|person| person == sub)
            && self
                .key
                .as_ref()
                .is_none_or(|key| Some(key) == holder(claims).as_ref())
            && self.policy_below.is_none_or(old)
    }

    /// The same as a selector of revocation epochs, where they have words for it.
    fn selector(&self, policy: &str) -> Option<Value> {
        let mut selector = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                selector.insert(name.to_owned(), value);
            }
        };
        put("agent.uid", self.agent.as_ref().map(|it| json!(it)));
        put(
            "agent.ai_model",
            self.model.as_ref().map(|it| json!({"name": it})),
        );
        put("client_id", self.client.as_ref().map(|it| json!(it)));
        put("sub", self.person.as_ref().map(|it| json!(it)));
        put("jkt", self.key.as_ref().map(|it| json!(it)));
        put("tenant", self.tenant.as_ref().map(|it| json!(it)));
        let below = self.policy_below;
        put(
            "policy",
            below.map(|below| json!({"uid": policy, "below": below})),
        );
        Some(Value::Object(selector)).filter(|_| self.version.is_none())
    }

    /// For the log.
    fn said(&self) -> Value {
        json!({"agent": self.agent, "version": self.version, "model": self.model, "client": self.client,
            "person": self.person, "key": self.key, "tenant": self.tenant, "policy_below": self.policy_below})
    }
}

impl Broker {
    /// Counts what such a revocation affects; with a reason it is done, in one transaction: tokens, codes, grants that
    /// could be used again and calls that wait end, and the list of epochs has its new version.
    ///
    /// # Errors
    ///
    /// That nothing is selected, or that it cannot be read, remembered or told.
    pub fn revoke_all(&self, selection: &Selection, why: Option<&str>) -> Result<Affected, Fault> {
        if selection.is_empty() {
            let message = "nothing is named: that would be everything";
            return Err(Fault::new("broker.selection", message));
        }
        let run = |tables: &Transaction<'_>| self.revoke_selected(tables, selection, why);
        let done = match why {
            Some(_) => self.store.step(run),
            None => self.store.look(run),
        };
        done.map_err(|refusal| match refusal.code.as_ref() {
            "broker.epochs" => Fault::new(
                "broker.selection",
                "so many tokens cannot be named one by one: leave out the agent's version",
            ),
            _ => Fault::new("broker.store", refusal.detail),
        })
    }

    /// Stops the calls that wait by tokens which were revoked now, and says how many.
    fn stop_calls(&self, tables: &Transaction<'_>, now: i64) -> Result<usize, Refusal> {
        let sql = "SELECT access.id FROM access JOIN token ON token.jti = access.token
            WHERE access.answer IS NULL AND token.revoked = ?1";
        let mut calls = 0;
        for id in texts(tables, sql, [now])? {
            calls += usize::from(self.answered_call(tables, &id, "stopped", now)?);
        }
        Ok(calls)
    }

    fn revoke_selected(
        &self,
        tables: &Transaction<'_>,
        selection: &Selection,
        why: Option<&str>,
    ) -> Result<Affected, Refusal> {
        let now = self.now();
        let policy = self.policy(|bundle| Ok(bundle.uid().to_owned()))?;
        let mut seen = (BTreeSet::new(), BTreeSet::new());
        let mut affected = Affected::default();
        let selector = selection.selector(&policy);
        let all = tokens(tables, now)?;
        let mut selected = BTreeSet::new();
        for (jti, sub, about) in all
            .iter()
            .filter(|(_, sub, about)| selection.fits(about, sub, &policy))
        {
            affected.tokens += 1;
            selected.insert(jti);
            if selector.is_some() {
                let sql =
                    "UPDATE token SET revoked = ?1, named = 0 WHERE jti = ?2 AND revoked IS NULL";
                tables.execute(sql, params![now, jti])?;
            } else {
                revoke::revoke(tables, jti, now)?;
            }
            let facts = json!({"client": about.client, "sub": sub, "jti": jti, "why": why});
            self.log.write("revocation", true, &facts)?;
            seen.0.insert(about.client.clone());
            seen.1.insert(sub.clone());
        }
        // Of a client of which more end than a list names, all have ended: other people's as well.
        let left = tokens(tables, now)?;
        let left: BTreeSet<&String> = left.iter().map(|(jti, ..)| jti).collect();
        let is_beside = |jti: &String| !selected.contains(jti) && !left.contains(jti);
        for (jti, sub, about) in all.iter().filter(|(jti, ..)| is_beside(jti)) {
            affected.beside += 1;
            let facts =
                json!({"client": about.client, "sub": sub, "jti": jti, "why": why, "beside": true});
            self.log.write("revocation", true, &facts)?;
            seen.0.insert(about.client.clone());
            seen.1.insert(sub.clone());
        }
        for (code, sub, about, waits) in grants(tables, now)? {
            if !selection.fits(&about, &sub, &policy) {
                continue;
            }
            affected.codes += usize::from(waits);
            affected.grants += usize::from(!waits);
            let sql = "UPDATE granted SET again = NULL, until = min(until, ?1) WHERE code = ?2";
            tables.execute(sql, params![now, code])?;
            seen.0.insert(about.client);
            seen.1.insert(sub);
        }
        affected.calls = self.stop_calls(tables, now)?;
        if let Some(selector) = selector {
            revoke::end(tables, &selector, (now - LEEWAY, now + KEPT))?;
        }
        // What the list has no room for is not done.
        self.list(tables, now)?;
        (affected.clients, affected.people) = (seen.0.len(), seen.1.len());
        let facts = json!({"selected": selection.said(), "tokens": affected.tokens, "beside": affected.beside,
            "codes": affected.codes, "grants": affected.grants, "calls": affected.calls, "why": why});
        self.log
            .write("revocation-of-all", true, &without_nulls(facts))?;
        self.log.leave(tables, now)?;
        Ok(affected)
    }

    /// Who holds what, as far as that is selected: all of it, where nothing is.
    ///
    /// # Errors
    ///
    /// `broker.store`
    pub fn holdings(&self, selection: &Selection) -> Result<Vec<Holding>, Fault> {
        let now = self.now();
        let look = |tables: &Transaction<'_>| {
            let policy = self.policy(|bundle| Ok(bundle.uid().to_owned()))?;
            let mut all: BTreeMap<(String, String, String), Holding> = BTreeMap::new();
            let mut add = |about: About, sub: String, until: i64, count: fn(&mut Holding)| {
                let agent = told(&about.claims["agent"]);
                let key = (about.client.clone(), sub.clone(), agent.clone());
                let holding = all.entry(key).or_insert_with(|| Holding {
                    client: about.client,
                    person: sub,
                    agent,
                    ..Holding::default()
                });
                count(holding);
                holding.until = holding.until.max(until);
            };
            for (jti, sub, about) in tokens(tables, now)? {
                if selection.fits(&about, &sub, &policy) {
                    let sql = "SELECT exp FROM token WHERE jti = ?1";
                    let until = tables.query_row(sql, [jti], |row| row.get(0))?;
                    add(about, sub, until, |one| one.tokens += 1);
                }
            }
            for (code, sub, about, waits) in grants(tables, now)? {
                if selection.fits(&about, &sub, &policy) {
                    let sql = "SELECT max(until, coalesce(again, 0)) FROM granted WHERE code = ?1";
                    let until = tables.query_row(sql, [code], |row| row.get(0))?;
                    let count: fn(&mut Holding) = match waits {
                        true => |one| one.codes += 1,
                        false => |one| one.grants += 1,
                    };
                    add(about, sub, until, count);
                }
            }
            Ok(all.into_values().collect())
        };
        let done = self.store.look(look);
        done.map_err(|refusal| Fault::new("broker.store", refusal.detail))
    }

    /// Whether services are told what is revoked.
    #[must_use]
    pub const fn serves_epochs(&self) -> bool {
        self.keys.epochs.is_some()
    }

    /// Writes down what other processes did with this database and left to be written.
    pub(crate) fn catch_up(&self) -> Result<(), Refusal> {
        // A few at a time, so that nobody waits long for the database.
        while self.store.step(|tables| self.log.take_up(tables))? > 0 {}
        Ok(())
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                kept.map(|(name, value)| (name, without_nulls(value)))
                    .collect(),
            )
        }
        other => other,
    }
}

/// The thumbprint of the key that holds a token.
fn holder(claims: &Value) -> Option<String> {
    let text = claims["cnf"]["jwk"].to_string();
    let document = Document::parse(text.as_bytes(), Profile::Signed).ok()?;
    let root: Json<'_> = document.root();
    Some(PublicKey::from_jwk(root)?.thumbprint())
}

/// An agent's class, version and model in one line.
fn told(agent: &Value) -> String {
    let parts = [&agent["uid"], &agent["version"], &agent["ai_model"]["name"]];
    let parts = parts.into_iter().filter_map(Value::as_str);
    parts.collect::<Vec<_>>().join(" ")
}

/// Tokens that count: of those that an older broker made, what they are of is known by their grant.
fn tokens(tables: &Transaction<'_>, now: i64) -> Result<Vec<(String, String, About)>, Refusal> {
    let sql = "SELECT json_array(token.jti, token.sub, token.client, coalesce(token.about,
            (SELECT json_extract(agreed, '$.claims') FROM granted WHERE granted.token = token.jti), 'null'))
        FROM token WHERE revoked IS NULL AND exp > ?1";
    let mut all = Vec::new();
    for row in texts(tables, sql, [now])? {
        let (jti, sub, client, claims): (String, String, String, Value) = read(&row)?;
        let claims = unwrapped(claims)?;
        all.push((jti, sub, About { client, claims }));
    }
    Ok(all)
}

/// Codes on their way (`true`), and grants that may be used again.
fn grants(
    tables: &Transaction<'_>,
    now: i64,
) -> Result<Vec<(String, String, About, bool)>, Refusal> {
    let sql = "SELECT json_array(code, sub, client, json_extract(agreed, '$.claims'), token IS NULL) FROM granted
        WHERE CASE WHEN token IS NULL THEN until > ?1 ELSE again > ?1 END";
    let mut all = Vec::new();
    for row in texts(tables, sql, [now])? {
        let (code, sub, client, claims, waits): (String, String, String, Value, i64) = read(&row)?;
        let claims = unwrapped(claims)?;
        all.push((code, sub, About { client, claims }, waits == 1));
    }
    Ok(all)
}

/// What a row's JSON has as JSON or as the text of it: SQLite gives either, by where it came from.
pub(crate) fn unwrapped(value: Value) -> Result<Value, Refusal> {
    match value {
        Value::String(text) => read(&text),
        value => Ok(value),
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    serde_json::from_str(text).map_err(|error| Refusal::own("broker.json", error.to_string()))
}

/// Claims by which a token is found again, and nothing of what it allows.
pub(crate) fn about(claims: &Value) -> Value {
    let members = ["agent", "tenant", "policy", "cnf"];
    let kept: BTreeMap<&str, &Value> = members
        .into_iter()
        .filter_map(|name| Some((name, claims.get(name)?)))
        .collect();
    json!(kept)
}
