//! How many words a person decides by, and how many there may be: docs/token.md, section 7.

use serde_json::Value;

/// Words for few things, and where there is a budget: ten seconds of reading, and fifteen.
const WORDS: [u64; 2] = [45, 60];

/// How much longer a text is that says more.
struct Rule {
    /// So many things are few.
    few: usize,
    /// Words for each further one.
    more: u64,
    /// Whether a warning, that an action moves money and the like, is a thing.
    warnings: bool,
}

/// What every grant is held to.
const ANY: Rule = Rule {
    few: 4,
    more: 5,
    warnings: true,
};
/// What the texts of the suites are held to besides.
const SUITES: Rule = Rule {
    few: 6,
    more: 7,
    warnings: false,
};

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
    most(&ANY, request, page)
}

/// The same for a text of the suites, which is held to two rules.
#[must_use]
pub fn most_words_of_suites(request: &Value, page: &Value) -> u64 {
    most(&ANY, request, page).min(most(&SUITES, request, page))
}

fn most(rule: &Rule, request: &Value, page: &Value) -> u64 {
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
    let warnings = list(page)
        .iter()
        .filter(|part| {
            let name = part["name"].as_str().unwrap_or_default();
            ["financial", "external", "irreversible"].contains(&name)
        })
        .count();
    let now: usize = asked.iter().map(things).sum();
    // What was granted before is told beside what is asked.
    let before: usize = granted.iter().map(things).sum();
    let warnings = if rule.warnings { warnings } else { 0 };
    let more = (now + apart + usize::from(passes_on) + warnings).saturating_sub(rule.few) + before;
    WORDS[usize::from(has_budget(&asked))] + rule.more * more as u64
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
