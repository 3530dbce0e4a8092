//! A batch of records as an enforcement point posts it: lines of its audit log, as they stand there, or records by themselves.

use ambit_core::json::{Document, Json, Kind, Profile};
use ambit_gateway::http::Heard;
use ambit_token::base64url;
use sha2::{Digest as _, Sha256};

use super::form;
use super::point::Point;
use crate::client::Given;
use crate::refusal::Refusal;

/// Records of one batch; its bytes are bounded where it is read.
pub(super) const COUNT: usize = 500;
/// Bytes of the name of a log, and of a record in it.
const SOURCE: usize = 256;
const ID: usize = 128;
/// Seconds that the clock of an enforcement point may be ahead.
const SKEW: i64 = 300;

const DECISION: &str = "dev.ambit.decision.v1";
const DISCHARGE: &str = "dev.ambit.discharge.v1";
const MENDED: &str = "dev.ambit.mended.v1";

/// One of them.
#[derive(Debug)]
pub(super) struct Entry {
    /// Which log it is of; empty for a record by itself.
    pub(super) source: String,
    /// Its name there.
    pub(super) id: String,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Decision(Record),
    /// What became of an allow, the line `of` of the same log.
    End {
        of: String,
        reason: String,
    },
    /// A line that tells of no decision, or of one too long for it.
    Other,
}

#[derive(Debug)]
pub(super) struct Record {
    /// Its RFC 8785 form.
    pub(super) text: String,
    pub(super) s256: String,
    pub(super) at: i64,
}

/// A body that is JSON.
pub(super) fn parsed(heard: &Heard) -> Result<Document<'_>, Refusal> {
    let media = heard.header("content-type").ok().flatten();
    let media = media.unwrap_or_default().split(';').next();
    if !media.is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::request("send the records as `application/json`"));
    }
    Document::parse(&heard.body, Profile::Signed).map_err(|error| {
        let detail = format!("the body is no strict JSON with whole numbers: {error}");
        Refusal::request(detail)
    })
}

/// Who says that they sent it.
pub(super) fn given(body: Json<'_>) -> Result<Given<'_>, Refusal> {
    const MEMBERS: [&str; 3] = ["client_assertion_type", "client_assertion", "records"];
    if body.kind() != Kind::Object || !body.members().all(|(name, _)| MEMBERS.contains(&name)) {
        return Err(Refusal::request(
            "the body is an object of `client_assertion_type`, `client_assertion` and `records`, and nothing else",
        ));
    }
    Ok(Given {
        kind: body.get_str("client_assertion_type"),
        assertion: body.get_str("client_assertion"),
    })
}

/// The records, each of them sound, or none.
pub(super) fn entries(body: Json<'_>, point: &Point, now: i64) -> Result<Vec<Entry>, Refusal> {
    let records = body
        .get("records")
        .filter(|list| list.kind() == Kind::Array);
    let records = records.ok_or_else(|| Refusal::request("`records` is a list"))?;
    if records.len() > COUNT {
        let detail = format!(
            "{} records in one batch: {COUNT} are the most",
            records.len()
        );
        return Err(Refusal::new("invalid_request", "broker.records", detail));
    }
    let mut all = Vec::with_capacity(records.len());
    for (index, one) in records.elements().enumerate() {
        let entry = entry(one, point, now).map_err(|what| {
            let detail = format!("record {index} (the first is 0): {what}; nothing was kept");
            let refusal = Refusal::new("invalid_request", "broker.record", detail);
            refusal.remedy(serde_json::json!({"index": index}))
        })?;
        all.push(entry);
    }
    Ok(all)
}

fn entry(value: Json<'_>, point: &Point, now: i64) -> Result<Entry, String> {
    let text = |name: &str, most: usize| {
        let text = value.get_str(name);
        let text = text.filter(|text| !text.is_empty() && text.len() <= most);
        text.map(str::to_owned)
            .ok_or_else(|| format!("`{name}` has 1 to {most} bytes"))
    };
    let id = text("id", ID)?;
    if value.get("specversion").is_none() {
        let known = |(name, _): (&str, Json<'_>)| ["id", "record"].contains(&name);
        if !value.members().all(known) {
            return Err(
                "it is neither a line of an audit log nor `{\"id\", \"record\"}`".to_owned(),
            );
        }
        let record = value.get("record").ok_or("`record` is missing")?;
        return Ok(Entry {
            source: String::new(),
            id,
            what: What::Decision(record_of(record, None, point, now)?),
        });
    }
    let source = text("source", SOURCE)?;
    let data = value.get("data").ok_or("`data` is missing")?;
    let unmapped = data.get("unmapped");
    let what = match value.get_str("type") {
        Some(DECISION) => match unmapped.and_then(|it| it.get("record")) {
            Some(record) => {
                let said = unmapped.and_then(|it| it.get_str("record_s256"));
                let record = record_of(record, data.get_int("time"), point, now)?;
                if said != Some(&record.s256) {
                    return Err("`record_s256` is not the digest of its record".to_owned());
                }
                What::Decision(record)
            }
            None => What::Other,
        },
        Some(DISCHARGE) => {
            let of = unmapped.and_then(|it| it.get_str("decision"));
            let of = of.filter(|of| !of.is_empty() && of.len() <= ID);
            let reason = data
                .get_str("status_code")
                .filter(|code| form::is_code(code));
            match (of, reason) {
                (Some(of), Some(reason)) => What::End {
                    of: of.to_owned(),
                    reason: reason.to_owned(),
                },
                _ => return Err("it does not say what became of which decision".to_owned()),
            }
        }
        Some(MENDED) => What::Other,
        _ => return Err(format!("`type` is not `{DECISION}` or `{DISCHARGE}`")),
    };
    Ok(Entry { source, id, what })
}

/// `written`: when its line was, in milliseconds.
fn record_of(
    record: Json<'_>,
    written: Option<i64>,
    point: &Point,
    now: i64,
) -> Result<Record, String> {
    let text = form::checked(record)?;
    let audience = record.get_str("audience");
    if audience.is_some_and(|of| !point.audiences.iter().any(|one| one == of)) {
        return Err(
            "`record.audience` is none of the `audiences` of this enforcement point".to_owned(),
        );
    }
    // What was not established is null.
    let written = written.map(|at| at / 1000);
    let at = record.get_int("now").or(written).unwrap_or(now);
    if at > now.saturating_add(SKEW) {
        return Err("it lies in the future: set the clock".to_owned());
    }
    Ok(Record {
        s256: base64url::encode(&Sha256::digest(text.as_bytes())),
        text,
        at,
    })
}
