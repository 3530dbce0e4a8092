//! Capabilities that let an agent execute whatever it likes.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Texts;
use crate::diagnostics::Sink;
use crate::project::Manifest;
use crate::reader::File;

pub(super) fn check(sink: &Sink, texts: Texts<'_>, manifests: &BTreeMap<String, Manifest>) {
    for manifest in manifests.values() {
        for (entry, place) in manifest.capabilities.iter().zip(&manifest.places) {
            let powers = entry.get("privileges").and_then(Json::as_array);
            let mut powers = powers.into_iter().flatten();
            if !powers.any(|power| power == "execute") || is_bounded(entry) {
                continue;
            }
            let file = File {
                name: &place.file,
                sink,
            };
            file.warning(
                "check.unbounded",
                texts.line(&place.file, place.line),
                "this allows `execute` without any bound: whatever the arguments, as often as wanted, and nobody is asked",
                "bound an argument by `constraints`, or how often by `limits`, or ask people: `consent = \"each\"`",
            );
        }
    }
}

/// Whether anything narrows a call: an argument's bound, one resource by name, a limit, a person's yes.
fn is_bounded(entry: &Json) -> bool {
    let constraints = entry.get("constraints").and_then(Json::as_object);
    let mut constraints = constraints.into_iter().flatten();
    let asks = |consent: &Json| consent.is_object() || consent == "each";
    let limits = entry.get("limits").and_then(Json::as_array);
    constraints.any(|(_, spec)| narrows(spec))
        || entry.get("identifier").is_some()
        || limits.is_some_and(|limits| !limits.is_empty())
        || entry.get("consent").is_some_and(asks)
        || entry.pointer("/requires/approval").is_some()
}

/// Whether a constraint refuses any value at all.
fn narrows(spec: &Json) -> bool {
    let inner = || spec.get("constraint").is_some_and(narrows);
    let list = spec.get("constraints").and_then(Json::as_array);
    let mut list = list.into_iter().flatten();
    match spec.get("constraint_type").and_then(Json::as_str) {
        Some("wildcard") | None => false,
        Some("optional" | "each") => inner(),
        Some("all") => list.any(narrows),
        Some("any") => list.all(narrows),
        Some(_) => true,
    }
}
