//! One line of the log: a CloudEvents 1.0 envelope around data with OCSF's names.
//!
//! The names are those of OCSF's class "API Activity" (6003) with the profile "security control";
//! what has no name there stands in `unmapped`, as OCSF says: the decision record itself, verbatim.
//! `src_endpoint`, which that class wants, is missing: who called is not part of a decision.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};

use ambit_core::json::{Document, Json, Profile, Writer, canonical};
use ambit_token::base64url;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::merkle::Hash;
use super::{Entry, Late, WRITTEN_BYTES};
use crate::enforce::Verdict;

/// `type` of a decision's line.
const DECISION: &str = "dev.ambit.decision.v1";
/// `type` of the line that says what became of an allow.
const DISCHARGE: &str = "dev.ambit.discharge.v1";
/// `type` of the line that says what a broker did.
const BROKER: &str = "dev.ambit.broker.v1";
/// `type` of the line that follows a torn one.
const MENDED: &str = "dev.ambit.mended.v1";

const OCSF_VERSION: &str = "1.6.0";
/// OCSF: API Activity, activity "Other".
const CLASS: (i64, i64, i64) = (6, 6003, 600_399);

/// Where a line stands, and when it is written.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Which log.
    pub origin: &'a str,
    /// Counted from 1, as editors count.
    pub number: u64,
    /// The hash of the line before, or the root of nothing.
    pub previous: &'a Hash,
    /// Seconds since 1970, UTC.
    pub now: i64,
}

fn envelope(place: &Place<'_>, kind: &str, data: impl FnOnce(&mut Writer)) -> String {
    let mut out = Writer::with_capacity(2048);
    out.object(|out| {
        out.name("specversion").string("1.0");
        out.name("id").string(&place.number.to_string());
        out.name("source").string(place.origin);
        out.name("type").string(kind);
        if let Ok(time) = Timestamp::from_second(place.now) {
            out.name("time").string(&time.to_string());
        }
        out.name("datacontenttype").string("application/json");
        out.name("previous")
            .string(&base64url::encode(place.previous));
        out.name("data").object(data);
    });
    let mut line = out.finish();
    line.push('\n');
    line
}

/// What is written of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The line.
    pub line: String,
    /// Whether that is enough: a denial may be told by its digests; what happens must be written down whole.
    pub is_enough: bool,
}

/// The decision of an answer, or what stands for it.
#[must_use]
pub fn decided(place: &Place<'_>, answer: Json<'_>) -> Decided {
    let denied = answer.get("decision").and_then(Json::as_bool) == Some(false);
    let whole = decision(place, answer);
    Decided {
        is_enough: whole.is_some() || denied,
        line: whole.unwrap_or_else(|| digests(place, answer)),
    }
}

/// The decision of an answer. `None` when its record is not in RFC 8785 form: then it is no answer
/// of an evaluator of ours.
fn decision(place: &Place<'_>, answer: Json<'_>) -> Option<String> {
    let context = answer.get("context")?;
    let record = context.get("record")?;
    let mut text = Writer::default();
    if !canonical(record, &mut text) {
        return None;
    }
    let text = text.finish();
    let allowed = answer.get("decision")?.as_bool()?;
    let code = context.get("reason")?.get("code")?.as_str()?;
    let line = envelope(place, DECISION, |out| {
        common(out, place.now, allowed, code);
        who_and_what(out, record, usize::MAX);
        out.name("unmapped").object(|out| {
            out.name("record").raw(&text);
            out.name("record_s256").string(&s256(text.as_bytes()));
        });
    });
    Some(line).filter(|line| line.len() < WRITTEN_BYTES)
}

/// Stands for a decision whose record does not fit into a line, or is none: that something was asked
/// is written down all the same, as a denial, with what is short and the digests of the rest.
fn digests(place: &Place<'_>, answer: Json<'_>) -> String {
    /// Bytes of a text that is kept.
    const SHORT: usize = 256;
    let context = answer.get("context");
    let record = context.and_then(|context| context.get("record"));
    let mut text = Writer::default();
    let whole = record.is_some_and(|record| canonical(record, &mut text));
    let reason = context.and_then(|context| context.get("reason"));
    let code = reason.and_then(|reason| reason.get("code")?.as_str());
    let denied = answer.get("decision").and_then(Json::as_bool) == Some(false);
    let code = code
        .filter(|code| denied && code.len() <= SHORT)
        .unwrap_or("obligation.failed");
    envelope(place, DECISION, |out| {
        common(out, place.now, false, code);
        out.name("message")
            .string("the decision record is too long for a line, or has no RFC 8785 form");
        if let Some(record) = record {
            who_and_what(out, record, SHORT);
        }
        out.name("unmapped").object(|out| {
            if whole {
                out.name("record_bytes")
                    .string(&text.as_str().len().to_string());
                out.name("record_s256")
                    .string(&s256(text.as_str().as_bytes()));
            }
            for name in ["args_s256", "input_s256"] {
                let digest = record.and_then(|record| record.get(name)?.as_str());
                if let Some(digest) = digest.filter(|digest| digest.len() <= SHORT) {
                    out.name(name).string(digest);
                }
            }
        });
    })
}

/// What became of an allow that stands in line `of`.
#[must_use]
pub fn discharge(place: &Place<'_>, of: &Entry, verdict: &Verdict) -> String {
    let (code, discharged) = match verdict {
        Verdict::Permitted { discharged } => ("allowed".to_owned(), discharged),
        Verdict::Refused { answer, discharged } => (code_of(answer), discharged),
    };
    envelope(place, DISCHARGE, |out| {
        common(out, place.now, verdict.is_permitted(), &code);
        out.name("unmapped").object(|out| {
            out.name("decision").string(&of.number.to_string());
            out.name("decision_s256")
                .string(&base64url::encode(&of.hash));
            out.name("discharged").array(|out| {
                for id in discharged {
                    out.string(id);
                }
            });
            let end = if verdict.is_permitted() {
                "permitted"
            } else {
                "refused"
            };
            out.name("verdict").string(end);
        });
    })
}

/// What a broker did (`what`), with its facts, a JSON object.
#[must_use]
pub fn broker(place: &Place<'_>, what: &str, allowed: bool, facts: Json<'_>) -> String {
    let text = |name: &str| facts.get(name).and_then(Json::as_str).unwrap_or("-");
    envelope(place, BROKER, |out| {
        common(out, place.now, allowed, what);
        let message = format!("{what}: {} for {}", text("client"), text("sub"));
        out.name("message").string(&message);
        out.name("unmapped").json(facts);
    })
}

/// Says what a crash left behind: the lines that had no checkpoint yet, from this number to the line
/// before this one, and what there was of a torn one, which is kept here.
#[must_use]
pub fn mended(place: &Place<'_>, late: Option<u64>, torn: &[u8]) -> String {
    let torn_out = "a line that was not written to its end was taken out";
    let message = late.map_or_else(
        || torn_out.to_owned(),
        |from| {
            let to = place.number.saturating_sub(1);
            let lines = match from == to {
                true => format!("line {from} had"),
                false => format!("lines {from} to {to} had"),
            };
            let late = format!("{lines} no checkpoint when the log was opened: signed late");
            match torn.is_empty() {
                true => late,
                false => format!("{late}; {torn_out}"),
            }
        },
    );
    envelope(place, MENDED, |out| {
        out.name("category_uid").integer(0);
        out.name("class_uid").integer(0);
        out.name("time").integer(place.now.saturating_mul(1000));
        out.name("severity_id").integer(3);
        out.name("message").string(&message);
        out.name("unmapped").object(|out| {
            if let Some(from) = late {
                out.name("late_from").string(&from.to_string());
            }
            out.name("torn").string(&base64url::encode(torn));
            out.name("torn_s256").string(&s256(torn));
            out.name("unsigned").boolean(late.is_some());
        });
    })
}

fn common(out: &mut Writer, now: i64, allowed: bool, code: &str) {
    let (category, class, kind) = CLASS;
    out.name("category_uid").integer(category);
    out.name("class_uid").integer(class);
    out.name("activity_id").integer(99);
    out.name("type_uid").integer(kind);
    out.name("time").integer(now.saturating_mul(1000));
    out.name("severity_id").integer(1);
    out.name("action_id").integer(if allowed { 1 } else { 2 });
    out.name("action")
        .string(if allowed { "Allowed" } else { "Denied" });
    out.name("status_code").string(code);
    out.name("metadata").object(|out| {
        out.name("version").string(OCSF_VERSION);
        out.name("profiles").array(|out| {
            out.string("security_control");
        });
        out.name("product").object(|out| {
            out.name("name").string("Ambit");
            out.name("vendor_name").string("Ambit");
            out.name("version").string(env!("CARGO_PKG_VERSION"));
        });
    });
}

/// The parts of the record for which OCSF has names. What the decision did not come to is left out,
/// and so is what is longer than `most` bytes.
fn who_and_what(out: &mut Writer, record: Json<'_>, most: usize) {
    let text = |path: &[&str]| {
        path.iter()
            .try_fold(record, |value, name| value.get(name))
            .and_then(Json::as_str)
            .filter(|text| text.len() <= most)
    };
    let member = |out: &mut Writer, name: &str, path: &[&str]| {
        if let Some(text) = text(path) {
            out.name(name).string(text);
        }
    };
    member(out, "activity_name", &["power"]);
    out.name("actor").object(|out| {
        member(out, "app_uid", &["actor", "sub"]);
        out.name("user")
            .object(|out| member(out, "uid", &["subject"]));
    });
    out.name("api").object(|out| {
        member(out, "operation", &["action"]);
        out.name("service")
            .object(|out| member(out, "name", &["audience"]));
    });
    out.name("resources").array(|out| {
        out.object(|out| {
            member(out, "type", &["resource", "type"]);
            member(out, "uid", &["resource", "id"]);
        });
    });
    out.name("policy").object(|out| {
        member(out, "uid", &["policy", "uid"]);
        let version = record
            .get("policy")
            .and_then(|policy| policy.get("version"));
        if let Some(version) = version.and_then(Json::as_int) {
            out.name("version").string(&version.to_string());
        }
    });
}

fn code_of(answer: &str) -> String {
    let document = Document::parse(answer.as_bytes(), Profile::Request).ok();
    let code = document.as_ref().and_then(|answer| {
        let reason = answer.root().get("context")?.get("reason")?;
        reason.get("code")?.as_str()
    });
    code.unwrap_or("engine.trap").to_owned()
}

fn s256(bytes: &[u8]) -> String {
    base64url::encode(&Sha256::digest(bytes))
}

/// What is wrong with a line by itself; `None` for a sound one.
#[must_use]
pub fn fault(line: &[u8], number: u64) -> Option<&'static str> {
    let Ok(document) = Document::parse(line, Profile::Signed) else {
        return Some("it is not strict JSON");
    };
    let event = document.root();
    let text = |name: &str| event.get_str(name);
    if text("specversion") != Some("1.0") || event.get("data").is_none() {
        return Some("it is not an event of this log");
    }
    if text("id") != Some(number.to_string().as_str()) {
        return Some("it has another number; a line was taken out or put in");
    }
    let unmapped = event.get("data").and_then(|data| data.get("unmapped"));
    let record = unmapped.and_then(|unmapped| unmapped.get("record"));
    let digest = unmapped.and_then(|unmapped| unmapped.get("record_s256"));
    if let Some(record) = record {
        let mut text = Writer::default();
        let same = canonical(record, &mut text)
            && digest.and_then(Json::as_str) == Some(&s256(text.as_str().as_bytes()));
        if !same {
            return Some("its record does not have the digest that it names");
        }
    }
    None
}

/// `None` unless the line says what a crash left behind; then the lines that were signed late, if any.
#[must_use]
pub fn mending(line: &[u8], number: u64) -> Option<Option<Late>> {
    let document = Document::parse(line, Profile::Signed).ok()?;
    if document.root().get_str("type") != Some(MENDED) {
        return None;
    }
    let unmapped = document.root().get("data")?.get("unmapped")?;
    if unmapped.get("unsigned").and_then(Json::as_bool) != Some(true) {
        return Some(None);
    }
    let to = number.saturating_sub(1);
    // Without it, it is the line before.
    let from = unmapped
        .get("late_from")
        .and_then(|from| from.as_str()?.parse().ok())
        .unwrap_or(to);
    Some(Some(Late {
        from: from.min(to),
        to,
        said_by: number,
    }))
}

/// The link to the line before.
#[must_use]
pub fn previous(line: &[u8]) -> Option<Hash> {
    let document = Document::parse(line, Profile::Signed).ok()?;
    let previous = document.root().get("previous")?.as_str()?;
    base64url::decode_array(previous.as_bytes())
}

/// Whether a line is JSON at all.
#[must_use]
pub fn is_json(line: &[u8]) -> bool {
    Document::parse(line, Profile::Signed).is_ok()
}
