//! How many words a person decides by, and how many there may be: docs/token.md, section 7.

use serde_json::Value;

/// Words for few things, and where there is a budget: ten seconds of reading, and fifteen.
const WORDS: [u64; 2] = [45, 60];
/// So many things are few.
const FEW: usize = 4;
/// Words for each further one.
const MORE: u64 = 5;

/// The words of the question and the groups of a page.
#[must_use]
pub fn words(page: &Value) -> u64 {
    let mut count = 0;
    for part in page.as_array().into_iter().flatten() {
        let kind = part["part"].as_str().unwrap_or_default();
        if !["title", "group", "item", "mark", "line"].contains(&kind) {
            continue;
        }
        let words = part["text"].as_str().unwrap_or_default();
        let words = words.split_whitespace();
        count += words
            .filter(|word| word.chars().any(char::is_alphanumeric))
            .count() as u64;
    }
    count
}

/// How many words may be on this page, the answer to this request.
#[must_use]
pub fn most_words(request: &Value, page: &Value) -> u64 {
    let claims = request.get("claims").unwrap_or(request);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (asked, granted) = (
        list(&claims["authorization_details"]),
        list(&request["granted"]),
    );
    let mut purposes: Vec<&str> = asked
        .iter()
        .filter_map(|entry| entry["purpose"].as_str())
        .collect();
    purposes.sort_unstable();
    purposes.dedup();
    let apart = if purposes.len() > 1 {
        purposes.len()
    } else {
        0
    };
    let passes_on = claims["del_max_depth"].as_u64() > Some(0);
    let marks = list(page)
        .iter()
        .filter(|part| part["part"] == "mark")
        .count();
    let now: usize = asked.iter().map(things).sum();
    // What was granted before is told beside what is asked.
    let before: usize = granted.iter().map(things).sum();
    let more = (now + apart + usize::from(passes_on) + marks).saturating_sub(FEW) + before;
    WORDS[usize::from(has_budget(&asked))] + MORE * more as u64
}

fn has_budget(entries: &[Value]) -> bool {
    let limits = entries
        .iter()
        .filter_map(|entry| entry["limits"].as_array());
    limits.flatten().any(|limit| limit["type"] == "spend")
}

/// What a capability says: itself, each bound, limit and demand, its hours, places and the one thing it is for.
fn things(entry: &Value) -> usize {
    let count = |name: &str| match &entry[name] {
        Value::Object(members) => members.len(),
        Value::Array(list) => list.len(),
        _ => 0,
    };
    let constraints = entry["constraints"].as_object();
    let bounds = constraints.into_iter().flatten();
    let bounds = bounds.filter(|(_, spec)| !is_free(spec)).count();
    let one = |name: &str| usize::from(entry.get(name).is_some());
    1 + bounds
        + count("limits")
        + count("requires")
        + one("hours")
        + one("locations")
        + one("identifier")
}

fn is_free(spec: &Value) -> bool {
    match spec["constraint_type"].as_str() {
        Some("optional") => is_free(&spec["constraint"]),
        kind => kind == Some("wildcard"),
    }
}
