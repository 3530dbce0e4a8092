//! What an agent reads of a call that it handed in.

use ambit_gateway::http::Reply;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use crate::access::{CANCEL, PATH};
use crate::broker::Broker;
use crate::demands;
use crate::evaluated::Evaluated;
use crate::proof;
use crate::refusal::Refusal;
use crate::store::texts;

/// A call that was handed in, and what became of it.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) until: i64,
    pub(crate) pause: i64,
    pub(crate) polled: i64,
    pub(crate) answer: Option<String>,
    reason: Option<String>,
    /// The yeses, once they are enough.
    receipts: Vec<String>,
    /// How far its demands are, while it waits.
    far: Vec<Value>,
}

impl Broker {
    /// A task of whoever has this token.
    pub(crate) fn find(
        &self,
        tables: &Transaction<'_>,
        by: &str,
        value: &str,
        token: &str,
    ) -> Result<Option<Task>, Refusal> {
        let sql = format!(
            "SELECT id, until, pause, polled, answer, reason, sub, asked FROM access
            WHERE {by} = ?1 AND token = ?2"
        );
        let row = tables.query_row(&sql, params![value, token], |row| {
            let kept: (String, String) = (row.get(6)?, row.get(7)?);
            let task = Task {
                id: row.get(0)?,
                until: row.get(1)?,
                pause: row.get(2)?,
                polled: row.get(3)?,
                answer: row.get(4)?,
                reason: row.get(5)?,
                receipts: Vec::new(),
                far: Vec::new(),
            };
            Ok((task, kept))
        });
        let Some((mut task, (sub, asked))) = row.optional()? else {
            return Ok(None);
        };
        match task.answer.as_deref() {
            Some("approved") => {
                let sql = "SELECT receipt FROM yes WHERE task = ?1 ORDER BY sub";
                task.receipts = texts(tables, sql, [&task.id])?;
            }
            None => {
                let yeses = demands::yeses(tables, &task.id)?;
                for demand in Evaluated::kept(&asked, &sub)?.demands {
                    let given = demand.given(&self.config, &yeses);
                    let far = json!({"approvers": demand.approvers, "count": demand.count, "given": given});
                    task.far.push(far);
                }
            }
            Some(_) => {}
        }
        Ok(Some(task))
    }

    /// The answer to whoever asks about it.
    pub(crate) fn told(&self, status: u16, task: &Task, now: i64) -> Reply {
        let (state, why) = match task.answer.as_deref() {
            None => ("pending", None),
            Some("approved") => ("approved", None),
            Some("refused") => ("denied", Some("approval.denied")),
            Some("withdrawn" | "stopped") => ("cancelled", None),
            Some("changed") => ("failed", Some("broker.changed")),
            Some(_) => ("expired", None),
        };
        let at = self.url(&format!("{PATH}?task={}", task.id));
        let mut body = json!({"task": {
            "id": task.id, "status": state, "status_endpoint": at, "expires_at": timestamp(task.until),
        }});
        if state == "pending" {
            body["task"]["expires_in"] = json!(task.until - now);
            body["task"]["interval"] = json!(task.pause);
            body["task"]["ambit_approvals"] = json!(task.far);
            body["task"]["links"] = json!({
                "review": self.url(&format!("{}?task={}", crate::waiting::PATH, task.id)),
                "cancel": self.url(&format!("{CANCEL}?task={}", task.id)),
            });
        }
        if state == "approved" {
            let mut approval = json!({
                "id": task.id, "expires_at": timestamp(task.until), "ambit_receipts": task.receipts,
            });
            if let [receipt] = &task.receipts[..] {
                approval["ambit_receipt"] = json!(receipt);
            }
            body["result"] = json!({"mode": "reevaluate", "approval": approval});
        }
        if let Some(code) = why {
            body["result"] = json!({"ambit_code": code, "reason": task.reason});
        }
        Reply::json(status, body.to_string())
            .with("dpop-nonce", proof::nonce(&self.own, now))
            .with("location", at)
    }
}

/// RFC 3339, in UTC.
fn timestamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |time| time.to_string())
}
