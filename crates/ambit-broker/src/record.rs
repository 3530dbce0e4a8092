//! What the broker writes down, before it happens.

use std::sync::{Arc, Mutex, PoisonError};

use ambit_core::json::{Document, Profile};
use ambit_host::audit::AuditLog;
use rusqlite::{Transaction, params};
use serde_json::Value;

use crate::metrics::Figures;
use crate::refusal::Refusal;
use crate::store::texts;

/// Lines that are taken up at one time.
const AT_ONCE: i64 = 20;

/// The audit log, where there is one.
#[derive(Debug, Default)]
pub struct Log {
    log: Option<AuditLog>,
    pub(crate) figures: Arc<Figures>,
    /// Lines that another process is to write, which has the log open.
    left: Option<Mutex<Vec<(String, bool, String)>>>,
}

impl Log {
    /// Writes to this log, or to none.
    #[must_use]
    pub fn new(log: Option<AuditLog>) -> Self {
        Self {
            log,
            ..Self::default()
        }
    }

    /// Leaves what is to be written in the database, for the broker that serves. One process at a time writes a log.
    #[must_use]
    pub fn left() -> Self {
        Self {
            left: Some(Mutex::default()),
            ..Self::default()
        }
    }

    pub(crate) const fn is_kept(&self) -> bool {
        self.log.is_some()
    }

    /// Writes one line down. `what` is `request`, `grant`, `refusal`, `mint`, `revocation`, `revocation-of-all`, `login`,
    /// `enrolment`, `passkey`, `records` or `access…`; what cannot be written does not happen.
    pub(crate) fn write(&self, what: &str, allowed: bool, facts: &Value) -> Result<(), Refusal> {
        let mut facts = facts.clone();
        if let Value::Object(members) = &mut facts {
            members.retain(|_, value| !value.is_null());
        }
        let text = facts.to_string();
        let document = Document::parse(text.as_bytes(), Profile::Signed)
            .map_err(|error| Refusal::own("audit.record", format!("{error}")))?;
        if let Some(left) = &self.left {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            left.push((what.to_owned(), allowed, text));
            return Ok(());
        }
        self.figures.happened(what, &facts);
        let Some(log) = &self.log else { return Ok(()) };
        log.broker(what, allowed, document.root())
            .map(drop)
            .map_err(|error| Refusal::own("audit.write", error.to_string()))
    }

    /// Leaves the lines in the database, with what they tell of.
    pub(crate) fn leave(&self, tables: &Transaction<'_>, now: i64) -> Result<(), Refusal> {
        let Some(left) = &self.left else {
            return Ok(());
        };
        let lines = std::mem::take(&mut *left.lock().unwrap_or_else(PoisonError::into_inner));
        for (what, allowed, facts) in lines {
            tables.execute(
                "INSERT INTO line (what, allowed, facts, made) VALUES (?1, ?2, ?3, ?4)",
                params![what, allowed, facts, now],
            )?;
        }
        Ok(())
    }

    /// Writes some of the lines that were left, the first ones first, and says how many.
    pub(crate) fn take_up(&self, tables: &Transaction<'_>) -> Result<usize, Refusal> {
        let sql =
            "SELECT json_array(id, what, allowed, facts, made) FROM line ORDER BY id LIMIT ?1";
        let rows = texts(tables, sql, [AT_ONCE])?;
        for row in &rows {
            let (id, what, allowed, facts, made): (i64, String, i64, String, i64) =
                serde_json::from_str(row).map_err(unread)?;
            let mut facts: Value = serde_json::from_str(&facts).map_err(unread)?;
            facts["done_at"] = made.into();
            self.write(&what, allowed == 1, &facts)?;
            tables.execute("DELETE FROM line WHERE id = ?1", [id])?;
        }
        Ok(rows.len())
    }
}

fn unread(error: serde_json::Error) -> Refusal {
    Refusal::own("broker.json", error.to_string())
}
