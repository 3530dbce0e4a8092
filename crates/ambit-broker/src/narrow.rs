//! What a client drafts can only narrow: what its agent's manifest does not hold is refused by name.
//!
//! Actions, powers, purposes, resources, posture, life and depth are compared by the core when it drafts
//! (`Draft::exceeds`), approvers as well. Here stand limits, and values of bounds: whatever a drafted bound
//! names must be something that an entry of the manifest beside it admits, so that no page tells a person of
//! more than can happen. Nothing is proved to be narrower: the evaluator applies both to every call.

use ambit_core::Steps;
use ambit_core::constraint::{self, Declared};
use ambit_core::json::{Document, Json, Profile};
use ambit_policy::{Bundle, Manifest};

use crate::refusal::Refusal;

/// Refuses a draft that says more than the manifest.
pub(crate) fn check(claims: Json<'_>, bundle: &Bundle<'_>) -> Result<(), Refusal> {
    let class = claims.get("agent").and_then(|agent| agent.get("uid"));
    let manifest = bundle.manifest(class.and_then(Json::as_str).unwrap_or_default());
    let Some(manifest) = manifest else {
        return Err(Refusal::own(
            "manifest.none",
            "a client's agent has no manifest",
        ));
    };
    let entries = claims
        .get("authorization_details")
        .into_iter()
        .flat_map(Json::elements);
    for (at, entry) in entries.enumerate() {
        limits(entry, at, manifest)?;
        bounds(entry, at, manifest, bundle)?;
    }
    Ok(())
}

/// A limit whose `max` is above that of every entry beside it.
fn limits(entry: Json<'_>, at: usize, manifest: Manifest<'_>) -> Result<(), Refusal> {
    for limit in list(entry, "limits") {
        let max = |limit: Json<'_>| limit.get("max").and_then(Json::as_int);
        let same = |other: &Json<'_>| is_same_limit(*other, limit);
        let exceeds = |known: Json<'_>| {
            list(known, "limits").any(|other| same(&other) && max(other) < max(limit))
        };
        let mut beside = manifest.beside(entry).peekable();
        if beside.peek().is_some() && beside.all(exceeds) {
            let name = limit.get("type").and_then(Json::as_str).unwrap_or_default();
            return Err(wider(format!(
                "capability {} asks for a limit `{name}` of {}, which is more than the manifest of its agent has",
                at + 1,
                max(limit).unwrap_or_default()
            )));
        }
    }
    Ok(())
}

fn is_same_limit(one: Json<'_>, other: Json<'_>) -> bool {
    let text = |limit: Json<'_>, name: &str, usual: &'static str| {
        limit
            .get(name)
            .and_then(Json::as_str)
            .unwrap_or(usual)
            .to_owned()
    };
    let same = |name: &str, usual| text(one, name, usual) == text(other, name, usual);
    let number = |limit: Json<'_>, name: &str| limit.get(name).and_then(Json::as_int);
    same("type", "")
        && same("argument", "amount")
        && same("currency", "")
        && number(one, "seconds") == number(other, "seconds")
}

/// A bound that names a value which no entry beside it admits.
fn bounds(
    entry: Json<'_>,
    at: usize,
    manifest: Manifest<'_>,
    bundle: &Bundle<'_>,
) -> Result<(), Refusal> {
    let steps = Steps::new();
    let actions: Vec<&str> = entry.get("actions").map(Json::texts).unwrap_or_default();
    let constraints = entry.get("constraints").into_iter().flat_map(Json::members);
    for (name, bound) in constraints.filter(|(name, _)| *name != "*") {
        let mut known = actions.iter().filter_map(|action| bundle.action(action));
        let declared = known.find_map(|action| Some(action.argument(name)?.declared()));
        let numbers = declared.is_some_and(Declared::holds_numbers);
        for value in constraint::examples(bound, None, numbers, &steps) {
            let document = value
                .as_deref()
                .map(|text| Document::parse(text.as_bytes(), Profile::Request));
            let Ok(document) = document.transpose() else {
                continue;
            };
            let value = document.as_ref().map(Document::root);
            // What the drafted bound itself does not admit is no value of it.
            if !constraint::matches_declared(bound, value, declared, &steps) {
                continue;
            }
            let admits =
                |known: Json<'_>| match known.get("constraints").and_then(|all| all.get(name)) {
                    Some(known) => constraint::matches_declared(known, value, declared, &steps),
                    None => known
                        .get("constraints")
                        .is_some_and(|all| all.get("*").is_some()),
                };
            let mut beside = manifest.beside(entry).peekable();
            if beside.peek().is_some() && !beside.any(admits) {
                return Err(wider(format!(
                    "capability {} bounds `{name}` more widely than the manifest of its agent does",
                    at + 1
                )));
            }
        }
    }
    if steps.exhausted() {
        return Err(wider(
            "the bounds are too many to be compared with the manifest",
        ));
    }
    Ok(())
}

fn list<'a>(entry: Json<'a>, name: &str) -> impl Iterator<Item = Json<'a>> + use<'a> {
    entry.get(name).into_iter().flat_map(Json::elements)
}

pub(crate) fn wider(detail: impl Into<String>) -> Refusal {
    Refusal::new("invalid_authorization_details", "broker.wider", detail)
}
