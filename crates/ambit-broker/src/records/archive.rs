//! What is kept of records, read by somebody else than the broker that serves: exported, and what it teaches.

use std::collections::{BTreeMap, BTreeSet};

use ambit_core::json::Json;
use ambit_gateway::Fault;
use ambit_policy::Bundle;
use rusqlite::{Row, Transaction, params};

use crate::config::Config;
use crate::refusal::Refusal;
use crate::store::Store;

/// Records that are read at one time: the broker waits meanwhile.
const AT_ONCE: i64 = 500;

/// The broker's database, and who is in its file.
#[derive(Debug)]
pub struct Archive {
    pub(crate) config: Config,
    pub(crate) store: Store,
}

/// A decision of an enforcement point, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which enforcement point.
    pub point: String,
    /// Which log of it; empty for a record by itself.
    pub source: String,
    /// Its name there.
    pub id: String,
    /// When it was decided, seconds since 1970.
    pub at: i64,
    /// When it came.
    pub received: i64,
    /// `allow` or `deny`: of an allow that came to nothing, `deny`.
    pub verdict: String,
    /// The code.
    pub reason: String,
    /// The decision record, in RFC 8785 form.
    pub record: String,
    /// Its digest.
    pub s256: String,
}

/// How often something was denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The code; empty where all are counted together.
    pub reason: String,
    /// The agent's class; empty where it was not established, as all that follows.
    pub agent: String,
    /// The action.
    pub action: String,
    /// The power.
    pub power: String,
    /// The resource's type.
    pub on: String,
    /// How often.
    pub count: i64,
}

/// A capability of a manifest of which something was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// The agent's class.
    pub agent: String,
    /// Which of its `[[capabilities]]`, the first of which is 1.
    pub entry: usize,
    /// What it holds.
    pub actions: Vec<String>,
    /// What it holds.
    pub privileges: Vec<String>,
    /// For which purpose.
    pub purpose: String,
    /// Calls that it may have allowed.
    pub calls: i64,
    /// Of `actions`, those that no call used.
    pub idle_actions: Vec<String>,
    /// Of `privileges`, those that no call used.
    pub idle_privileges: Vec<String>,
}

/// What the records of some time teach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lessons {
    /// Decisions.
    pub decisions: i64,
    /// Enforcement points that told of them.
    pub points: i64,
    /// When the first of them was.
    pub oldest: Option<i64>,
    /// Denials by reason and capability, the most frequent first.
    pub denials: Vec<Denied>,
    /// What was asked and never allowed, the most frequent first.
    pub never_allowed: Vec<Denied>,
    /// What manifests hold and no call used.
    pub unused: Vec<Unused>,
    /// Agent classes of which there is no record: nothing can be said of what they use.
    pub silent: Vec<String>,
}

impl Archive {
    /// Opens the database that the file names.
    ///
    /// # Errors
    ///
    /// `broker.store`
    pub fn open(config: Config) -> Result<Self, Fault> {
        let store = Store::open(&config.database)?;
        Ok(Self { config, store })
    }

    /// Tells of every decision since then, in the order in which they came.
    ///
    /// # Errors
    ///
    /// `broker.store`, or what `tell` says.
    pub fn each<E: From<Fault>>(
        &self,
        since: i64,
        mut tell: impl FnMut(&Kept) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut last = 0;
        loop {
            let page = self.look(|tables| page(tables, since, last))?;
            let Some((number, _)) = page.last() else {
                return Ok(());
            };
            last = *number;
            for (_, kept) in &page {
                tell(kept)?;
            }
        }
    }

    /// What the decisions since then teach; with the policy, what of its manifests was not used.
    ///
    /// # Errors
    ///
    /// `broker.store`
    pub fn lessons(&self, bundle: Option<&Bundle<'_>>, since: i64) -> Result<Lessons, Fault> {
        self.look(|tables| {
            let sql = "SELECT count(*), count(DISTINCT point), min(at) FROM record WHERE at >= ?1";
            let (decisions, points, oldest) = tables.query_row(sql, [since], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            let mut lessons = Lessons {
                decisions,
                points,
                oldest,
                denials: denied(tables, since, DENIALS)?,
                never_allowed: denied(tables, since, NEVER)?,
                ..Lessons::default()
            };
            let classes = self.config.clients.iter().map(|client| client.class());
            let classes: BTreeSet<&str> = classes.collect();
            for class in classes {
                let Some(manifest) = bundle.and_then(|bundle| bundle.manifest(class)) else {
                    continue;
                };
                let sql = "SELECT count(*) FROM record WHERE agent = ?1 AND at >= ?2";
                let known: i64 = tables.query_row(sql, params![class, since], |row| row.get(0))?;
                if known == 0 {
                    lessons.silent.push(class.to_owned());
                    continue;
                }
                for (index, entry) in manifest.capabilities().enumerate() {
                    let unused = unused(tables, class, (index, entry), since)?;
                    lessons.unused.extend(unused);
                }
            }
            Ok(lessons)
        })
    }

    pub(crate) fn look<R>(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> Result<R, Refusal>,
    ) -> Result<R, Fault> {
        let done = self.store.look(run);
        done.map_err(|refusal| Fault::new("broker.store", refusal.detail))
    }
}

fn page(tables: &Transaction<'_>, since: i64, last: i64) -> Result<Vec<(i64, Kept)>, Refusal> {
    let sql = "SELECT number, point, source, id, at, made, verdict, reason, text, s256 FROM record
        WHERE number > ?1 AND at >= ?2 ORDER BY number LIMIT ?3";
    let mut statement = tables.prepare(sql)?;
    let rows = statement.query_map(params![last, since, AT_ONCE], |row| {
        let kept = Kept {
            point: row.get(1)?,
            source: row.get(2)?,
            id: row.get(3)?,
            at: row.get(4)?,
            received: row.get(5)?,
            verdict: row.get(6)?,
            reason: row.get(7)?,
            record: row.get(8)?,
            s256: row.get(9)?,
        };
        Ok((row.get(0)?, kept))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const DENIALS: &str = "SELECT reason, agent, action, power, type, count(*) AS count FROM record
    WHERE at >= ?1 AND verdict = 'deny' GROUP BY 1, 2, 3, 4, 5 ORDER BY count DESC, 1, 2, 3, 4, 5 LIMIT 1000";
/// What was not established names no capability.
const NEVER: &str = "SELECT '', agent, action, power, type, count(*) AS count FROM record
    WHERE at >= ?1 AND agent IS NOT NULL AND action IS NOT NULL GROUP BY 2, 3, 4, 5
    HAVING sum(verdict = 'allow') = 0 ORDER BY count DESC, 2, 3, 4, 5 LIMIT 1000";

fn denied(tables: &Transaction<'_>, since: i64, sql: &str) -> Result<Vec<Denied>, Refusal> {
    let mut statement = tables.prepare(sql)?;
    let text = |row: &Row<'_>, at: usize| -> rusqlite::Result<String> {
        Ok(row.get::<_, Option<String>>(at)?.unwrap_or_default())
    };
    let rows = statement.query_map([since], |row| {
        Ok(Denied {
            reason: text(row, 0)?,
            agent: text(row, 1)?,
            action: text(row, 2)?,
            power: text(row, 3)?,
            on: text(row, 4)?,
            count: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What of an entry no call used. Arguments are in no record: a call that the entry may have allowed counts as one of
/// its calls, also where another entry allowed it, so that too little is proposed and never too much.
fn unused(
    tables: &Transaction<'_>,
    class: &str,
    (index, entry): (usize, Json<'_>),
    since: i64,
) -> Result<Option<Unused>, Refusal> {
    let list = |name: &str| -> Vec<String> {
        let texts = entry.get(name).map(Json::texts).unwrap_or_default();
        texts.into_iter().map(str::to_owned).collect()
    };
    let (actions, privileges) = (list("actions"), list("privileges"));
    let datatypes = entry.get("datatypes").is_some();
    let kinds = serde_json::json!(list("datatypes")).to_string();
    let purpose = entry.get_str("purpose").unwrap_or_default();
    let sql = "SELECT action, power, count(*) FROM record
        WHERE agent = ?1 AND at >= ?2 AND verdict = 'allow' AND purpose = ?3
            AND (NOT ?4 OR type IN (SELECT value FROM json_each(?5)))
            AND (?6 IS NULL OR resource = ?6) GROUP BY 1, 2";
    let mut statement = tables.prepare(sql)?;
    let identifier = entry.get_str("identifier");
    let rows = statement.query_map(
        params![class, since, purpose, datatypes, kinds, identifier],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let mut used: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in rows {
        let (action, power, count): (String, String, i64) = row?;
        let holds = |power: &str| privileges.iter().any(|held| held == power);
        if !actions.contains(&action) {
            continue;
        }
        if holds(&power) {
            *used.entry((action.clone(), power.clone())).or_default() += count;
        }
        // With a receipt, what may be proposed is executed.
        if power == "execute" && holds("propose") {
            let also = used.entry((action, "propose".to_owned())).or_default();
            *also += if holds(&power) { 0 } else { count };
        }
    }
    let idle = |all: &[String], is: fn(&(String, String)) -> &String| -> Vec<String> {
        let unused = all
            .iter()
            .filter(|one| !used.keys().any(|key| is(key) == *one));
        unused.cloned().collect()
    };
    let idle_actions = idle(&actions, |key| &key.0);
    let idle_privileges = idle(&privileges, |key| &key.1);
    let any = !idle_actions.is_empty() || !idle_privileges.is_empty();
    Ok(any.then(|| Unused {
        agent: class.to_owned(),
        entry: index + 1,
        purpose: purpose.to_owned(),
        calls: used.values().sum(),
        actions,
        privileges,
        idle_actions,
        idle_privileges,
    }))
}
