//! The text that a person is shown before approving one call.
//!
//! It is a function of what the action digest covers and of the bundle's words, so that the core
//! can say at the execution whether it is what the person saw. It ends with the digest itself:
//! two calls that differ never have the same text.

use alloc::format;
use alloc::string::String;

use ambit_core::Power;
use ambit_core::constraint::value_text;
use ambit_core::describe::plain;
use ambit_core::json::Json;

use crate::case::Case;
use crate::digest::{self, s256};
use crate::remedy::Shown;

/// The language of the text.
pub(crate) const LOCALE: &str = "en";
/// The version of this form: another text for the same call is another renderer.
pub const RENDERER: &str = "ambit-1";

/// What is put before those who may approve the call.
pub(crate) fn shown(case: &Case<'_>) -> Shown {
    let binding_s256 = digest::action(case);
    let text = text(case, &binding_s256);
    Shown {
        binding_s256,
        risk_tier: String::from(risk(case)),
        text_s256: s256(text.as_bytes()),
        text,
        locale: LOCALE,
        renderer: RENDERER,
    }
}

/// The lines for one call, whose digest is `digest`.
pub(crate) fn text(case: &Case<'_>, digest: &str) -> String {
    let root = case.token.root();
    let actor = root.get("act").and_then(|act| act.get("sub"));
    let actor = actor.and_then(Json::as_str).unwrap_or_default();
    let mut out = format!(
        "{} ({}) asks to {} on {} {}.\n",
        plain(case.token.agent_uid()),
        plain(actor),
        label(case),
        resource(case),
        plain(case.request.resource_id),
    );
    line(&mut out, "For", case.token.sub());
    line(&mut out, "Purpose", case.request.purpose);
    line(&mut out, "At", case.request.facts.audience);
    if let Some(tenant) = case.token.tenant() {
        line(&mut out, "Tenant", tenant);
    }
    arguments(case, &mut out);
    effects(case, &mut out);
    out.push_str("Call: ");
    out.push_str(digest);
    out
}

/// The risk of doing it, which a receipt must name.
pub(crate) fn risk<'a>(case: &Case<'a>) -> &'a str {
    let action = case.bundle.action(case.request.action);
    action.map_or("critical", |action| action.risk(Power::Execute))
}

fn label(case: &Case<'_>) -> String {
    let action = case.bundle.action(case.request.action);
    let label = action.and_then(|action| action.label());
    plain(label.unwrap_or(case.request.action))
}

fn resource(case: &Case<'_>) -> String {
    let label = case.bundle.resource_label(case.request.resource_type);
    plain(label.unwrap_or(case.request.resource_type))
}

fn line(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str(": ");
    out.push_str(&plain(value));
    out.push('\n');
}

fn arguments(case: &Case<'_>, out: &mut String) {
    let action = case.bundle.action(case.request.action);
    for (name, value) in case.arguments.members() {
        let argument = action.and_then(|action| action.argument(name));
        let label = argument.and_then(|argument| argument.label());
        out.push_str("- ");
        out.push_str(&plain(label.unwrap_or(name)));
        out.push_str(": ");
        out.push_str(&value_text(Some(value), case.unit(name)));
        out.push('\n');
    }
}

fn effects(case: &Case<'_>, out: &mut String) {
    let Some(action) = case.bundle.action(case.request.action) else {
        return;
    };
    for (effect, sentence) in [
        ("irreversible", "This cannot be undone.\n"),
        ("external", "This reaches people outside.\n"),
        ("financial", "This moves money.\n"),
    ] {
        if action.effect(effect) {
            out.push_str(sentence);
        }
    }
    line(out, "Risk", risk(case));
}
