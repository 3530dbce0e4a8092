//! `POST /records`: what enforcement points decided. They post lines of their audit logs, in batches, as often as they
//! like: each counts once.

mod archive;
mod batch;
mod form;
mod point;

use ambit_gateway::http::{Heard, Reply};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

pub use self::archive::{Archive, Denied, Kept, Lessons, Unused};
use self::batch::{Entry, Record, What};
pub(crate) use self::point::{Point, PointEntry, points};
use crate::ask;
use crate::broker::Broker;
use crate::refusal::Refusal;
use crate::store::{forget, use_once};

pub(crate) const PATH: &str = "/records";
/// Seconds for which they are kept: 90 days.
pub(crate) const KEPT: i64 = 90 * 86_400;

/// What became of one of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    New,
    Again,
    PassedOver,
}

impl Broker {
    /// `POST /records`
    pub(crate) fn take_records(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let body = batch::parsed(heard)?;
        let given = batch::given(body.root())?;
        let find = |id: &str| self.config.points.iter().find(|point| point.id == id);
        let (point, once) = given.proves(&self.config.issuer, now, find)?;
        let entries = batch::entries(body.root(), point, now);
        let counts = self.store.step(|tables| {
            forget(tables, now)?;
            if !use_once(tables, &once)? {
                let detail = "`client_assertion` was used before: make one for each request";
                let refusal = Refusal::new("invalid_client", "broker.client_used", detail);
                return Ok(Err(refusal));
            }
            match entries.and_then(|entries| self.keep_records(tables, point, &entries, now)) {
                // What went wrong here is taken back as a whole.
                Err(refusal) if refusal.own => Err(refusal),
                kept => Ok(kept),
            }
        })??;
        let [accepted, again, passed_over] = counts;
        let body = json!({"accepted": accepted, "again": again, "passed_over": passed_over});
        Ok(Reply::json(200, body.to_string()))
    }

    /// Keeps them, and writes down those that are new: one line for all, in the same step. One that contradicts what was
    /// sent before refuses the batch before anything of it is kept.
    fn keep_records(
        &self,
        tables: &Transaction<'_>,
        point: &Point,
        entries: &[Entry],
        now: i64,
    ) -> Result<[usize; 3], Refusal> {
        tables.execute_batch("SAVEPOINT batch")?;
        let kept = kept(tables, point, entries, now);
        if kept.is_err() {
            tables.execute_batch("ROLLBACK TO batch")?;
        }
        tables.execute_batch("RELEASE batch")?;
        let fates = kept?;
        let new = entries.iter().zip(&fates);
        let new = new.filter(|(_, fate)| **fate == Fate::New);
        let lines = new
            .map(|(entry, _)| line(entry))
            .collect::<Result<Vec<_>, _>>()?;
        if !lines.is_empty() {
            let facts = json!({"client": point.id, "records": lines});
            self.log.write("records", true, &facts)?;
        }
        let count = |fate: Fate| fates.iter().filter(|one| **one == fate).count();
        Ok([Fate::New, Fate::Again, Fate::PassedOver].map(count))
    }
}

/// What of it goes into the log: all of it.
fn line(entry: &Entry) -> Result<Value, Refusal> {
    let mut line = json!({"id": entry.id});
    if !entry.source.is_empty() {
        line["source"] = json!(entry.source);
    }
    match &entry.what {
        What::Decision(record) => line["record"] = ask::value(&record.text)?,
        What::End { of, reason } => {
            line["decision"] = json!(of);
            line["reason"] = json!(reason);
        }
        What::Other => {}
    }
    Ok(line)
}

fn kept(
    tables: &Transaction<'_>,
    point: &Point,
    entries: &[Entry],
    now: i64,
) -> Result<Vec<Fate>, Refusal> {
    let mut fates = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let fate = match &entry.what {
            What::Other => Some(Fate::PassedOver),
            What::Decision(record) => decided(tables, &point.id, entry, record, now)?,
            What::End { of, reason } => ended(tables, &point.id, entry, (of, reason))?,
        };
        let fate = fate.ok_or_else(|| {
            let detail = format!(
                "record {index} (the first is 0) was sent before with other content; nothing was kept"
            );
            let refusal = Refusal::new("invalid_request", "broker.record_other", detail);
            refusal.remedy(json!({"index": index}))
        })?;
        fates.push(fate);
    }
    Ok(fates)
}

/// `None`: another record has its name.
fn decided(
    tables: &Transaction<'_>,
    point: &str,
    entry: &Entry,
    record: &Record,
    now: i64,
) -> Result<Option<Fate>, Refusal> {
    // It would be forgotten at once, and count anew when it came again.
    if record.at < now - KEPT {
        return Ok(Some(Fate::PassedOver));
    }
    let sql = "SELECT s256 FROM record WHERE point = ?1 AND source = ?2 AND id = ?3";
    let key = params![point, entry.source, entry.id];
    let before = tables.query_row(sql, key, |row| row.get::<_, String>(0));
    if let Some(before) = before.optional()? {
        return Ok((before == record.s256).then_some(Fate::Again));
    }
    let sql = "INSERT INTO record (point, source, id, s256, at, made, text, agent, action, power, purpose, type, resource,
            verdict, reason)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, t ->> '$.agent.uid', t ->> '$.action', t ->> '$.power', t ->> '$.purpose',
            t ->> '$.resource.type', t ->> '$.resource.id', t ->> '$.verdict', t ->> '$.reason' FROM (SELECT ?7 AS t)";
    tables.execute(
        sql,
        params![
            point,
            entry.source,
            entry.id,
            record.s256,
            record.at,
            now,
            record.text
        ],
    )?;
    Ok(Some(Fate::New))
}

/// An allow that came to nothing is a denial. `None`: something else was said to have become of it.
fn ended(
    tables: &Transaction<'_>,
    point: &str,
    entry: &Entry,
    (of, reason): (&str, &str),
) -> Result<Option<Fate>, Refusal> {
    let sql = "SELECT ended FROM record
        WHERE point = ?1 AND source = ?2 AND id = ?3 AND (verdict = 'allow' OR ended IS NOT NULL)";
    let key = params![point, entry.source, of];
    let before = tables.query_row(sql, key, |row| row.get::<_, Option<String>>(0));
    match before.optional()? {
        None => Ok(Some(Fate::PassedOver)),
        Some(Some(before)) => Ok((before == reason).then_some(Fate::Again)),
        Some(None) => {
            let sql = "UPDATE record SET ended = ?4,
                    verdict = CASE WHEN ?4 = 'allowed' THEN 'allow' ELSE 'deny' END, reason = ?4
                WHERE point = ?1 AND source = ?2 AND id = ?3";
            tables.execute(sql, params![point, entry.source, of, reason])?;
            Ok(Some(Fate::New))
        }
    }
}
