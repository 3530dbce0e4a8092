//! AuthZEN responses.

use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_host::http::{self, Scheme};

use crate::point::Outcome;

/// Whether to act, and `{"decision", "context"?}`. A denial's context has the reason and its remedy, and under
/// `http` what a service would answer its own client; of the decision point's own faults only that. A call that
/// was put before people is not to be acted on either: its context has what they were asked.
pub(super) fn decision(outcome: &Outcome, scheme: Scheme) -> (bool, String) {
    let mut out = Writer::with_capacity(1024);
    let document = Document::parse(outcome.answer.as_bytes(), Profile::Request);
    let context = document
        .as_ref()
        .ok()
        .and_then(|document| document.root().get("context"));
    let proposal = proposal(context).filter(|_| outcome.permitted);
    let acts = outcome.permitted && proposal.is_none();
    out.object(|out| {
        out.name("decision").boolean(acts);
        match proposal {
            Some(proposal) => {
                out.name("context").object(|out| {
                    out.name("proposed").json(proposal);
                });
            }
            None if acts => {}
            None => denied(&outcome.answer, context, scheme, out),
        }
    });
    (acts, out.finish())
}

/// What was put before people.
fn proposal(context: Option<Json<'_>>) -> Option<Json<'_>> {
    let obligations = context?.get("obligations")?;
    let is_approve = |one: &Json<'_>| one.get("type").and_then(Json::as_str) == Some("approve");
    obligations.elements().find(is_approve)?.get("ext")
}

fn denied(answer: &str, context: Option<Json<'_>>, scheme: Scheme, out: &mut Writer) {
    let told = http::response(answer, None, scheme);
    let told = Document::parse(told.as_bytes(), Profile::Request);
    let told = told.as_ref().map_or(Json::null(), Document::root);
    let is_told = told
        .get("problem")
        .is_some_and(|problem| problem.get("code").is_some());
    out.name("context").object(|out| {
        if is_told && let Some(context) = context {
            let reason = context.get("reason").unwrap_or(Json::null());
            out.name("reason").object(|out| {
                for name in ["code", "user"] {
                    if let Some(text) = reason.get(name).and_then(Json::as_str) {
                        out.name(name).string(text);
                    }
                }
            });
            let remedy = context.get("remedy");
            if let Some(remedy) = remedy.filter(|it| it.kind() == Kind::Object && !it.is_empty()) {
                out.name("remedy").json(remedy);
            }
        }
        out.name("http").object(|out| {
            for name in ["status", "headers"] {
                if let Some(value) = told.get(name) {
                    out.name(name).json(value);
                }
            }
        });
    });
}

/// An item of a batch that cannot be evaluated.
pub(super) fn unusable(message: &str) -> String {
    let mut out = Writer::default();
    out.object(|out| {
        out.name("decision").boolean(false);
        out.name("context").object(|out| {
            out.name("error").object(|out| {
                out.name("status").integer(400);
                out.name("message").string(message);
            });
        });
    });
    out.finish()
}

/// Problem details (RFC 9457) with one sentence.
pub(crate) fn problem(status: u16, title: &str, detail: &str) -> String {
    let mut out = Writer::default();
    out.object(|out| {
        out.name("type").string("about:blank");
        out.name("title").string(title);
        out.name("status").integer(i64::from(status));
        out.name("detail").string(detail);
    });
    out.finish()
}
