//! Results as JSON.

use serde_json::{Map, Value as Json, json};

use crate::coverage::{Count, Coverage, Item, Part};
use crate::run::{Outcome, Results, Tried};

/// The members `tests`, `passed`, `failed`, `cases` and `coverage`, as docs/testing.md describes them.
#[must_use]
pub fn json(results: &Results) -> Map<String, Json> {
    let mut members = Map::new();
    let mut member = |name: &str, value: Json| members.insert(name.to_owned(), value);
    member("tests", results.tried.len().into());
    member("passed", results.passed().into());
    member("failed", results.failed().into());
    member("cases", results.tried.iter().map(case).collect());
    member("coverage", coverage(&results.coverage));
    members
}

fn case(tried: &Tried) -> Json {
    let case = &tried.case;
    let mut json = json!({
        "name": case.name,
        "file": case.spot.file,
        "line": case.spot.line,
        "passed": tried.passed(),
        "expect": case.expect.to_string(),
    });
    match &tried.result {
        Ok(outcome) => {
            json["answer"] = answer(outcome);
            json["rules"] = outcome
                .rules
                .iter()
                .map(|rule| json!({"what": rule.what, "file": rule.file, "line": rule.line}))
                .collect();
        }
        Err(error) => json["error"] = json!({"code": error.code, "message": error.message}),
    }
    let differences = tried.differences();
    if !differences.is_empty() {
        json["differences"] = differences.into();
        if let Ok(outcome) = &tried.result {
            json["request"] = shown(&outcome.request.json);
        }
    }
    json
}

fn answer(outcome: &Outcome) -> Json {
    let context = &outcome.answer["context"];
    json!({
        "decision": outcome.allowed(),
        "reason": context["reason"],
        "obligations": context["obligations"].as_array().map(|all| {
            all.iter().map(|one| one["type"].clone()).collect::<Vec<Json>>()
        }),
        "remedy": context["remedy"],
        "policies": context["policies"],
    })
}

/// A request without what only the keys of the run make of it.
fn shown(request: &Json) -> Json {
    let mut request = request.clone();
    if let Some(members) = request.as_object_mut() {
        for name in ["token", "proof", "approvals"] {
            members.shift_remove(name);
        }
    }
    request
}

fn coverage(coverage: &Coverage) -> Json {
    let count = |count: Count| json!({"seen": count.seen, "all": count.all});
    let parts = Part::ALL.into_iter();
    let parts = parts.map(|part| (part.name().to_owned(), count(coverage.count(part))));
    let total = coverage.total();
    let item = |item: &Item| {
        let sides = item
            .sides
            .iter()
            .map(|side| (side.name.to_owned(), Json::from(side.cases)));
        json!({
            "part": item.part.name(),
            "name": item.name,
            "file": item.file,
            "line": item.line,
            "cases": Json::Object(sides.collect()),
        })
    };
    json!({
        "percent": total.percent(),
        "seen": total.seen,
        "all": total.all,
        "parts": Json::Object(parts.collect()),
        "items": coverage.items().iter().map(item).collect::<Vec<Json>>(),
        "holes": coverage.holes().map(|hole| json!({
            "part": hole.part.name(), "name": hole.name, "file": hole.file, "line": hole.line, "lacks": hole.lacks(),
        })).collect::<Vec<Json>>(),
    })
}
