//! Capabilities that let an agent execute whatever it likes, and hours that never come.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::Texts;
use crate::diagnostics::Sink;
use crate::project::Manifest;
use crate::reader::File;
use crate::suggest;

pub(super) fn check(sink: &Sink, texts: Texts<'_>, manifests: &BTreeMap<String, Manifest>) {
    for manifest in manifests.values() {
        for (entry, place) in manifest.capabilities.iter().zip(&manifest.places) {
            let file = File {
                name: &place.file,
                sink,
            };
            if let Some(zone) = unknown_zone(entry) {
                file.warning(
                    "check.zone",
                    texts.line(&place.file, place.line),
                    format!("no time zone here is called `{zone}`: where it is not known either, these hours never come"),
                    zones_like(zone),
                );
            }
            let powers = entry.get("privileges").and_then(Json::as_array);
            let mut powers = powers.into_iter().flatten();
            if !powers.any(|power| power == "execute") || is_bounded(entry) {
                continue;
            }
            file.warning(
                "check.unbounded",
                texts.line(&place.file, place.line),
                "this allows `execute` without any bound: whatever the arguments, as often as wanted, and nobody is asked",
                "bound an argument by `constraints`, or how often by `limits`, or ask people: `consent = \"each\"`",
            );
        }
    }
}

/// The zone of the entry's hours, where the time zone data here do not have it.
fn unknown_zone(entry: &Json) -> Option<&str> {
    let zone = entry.pointer("/hours/zone")?.as_str()?;
    TimeZone::get(zone).is_err().then_some(zone)
}

fn zones_like(zone: &str) -> String {
    let known = jiff::tz::db().available();
    let known: Vec<String> = known.map(|name| name.to_string()).collect();
    match suggest::closest(zone, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a name of the IANA time zone data: `Europe/Berlin`".to_owned(),
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
