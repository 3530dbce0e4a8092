//! Every case of `tests/consent`, on every engine: the same bytes, and the text expected.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use ambit_tests::consent;
use ambit_tests::data::holds;
use ambit_tests::engine::{self, Engines, Question};
use ambit_tests::project::SignedPolicy;
use ambit_tests::statement::s256;
use serde_json::{Value, json};

#[test]
fn every_engine_says_the_expected_text() {
    let all = consent::cases().unwrap_or_else(|why| panic!("{why}"));
    let mut engines = engine::start().unwrap_or_else(|why| panic!("{why}"));
    let mut policies = BTreeMap::new();
    let (cases, mut faults) = (all.len(), Vec::new());
    for case in &all {
        if let Err(fault) = run(case, &mut policies, &mut engines) {
            faults.push(format!("{}\n    {fault}", case.name));
        }
    }
    println!("{cases} cases on {engines:?}");
    assert!(
        faults.is_empty() && cases > 0,
        "{} of {cases} cases:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

fn run(
    case: &consent::Case,
    policies: &mut BTreeMap<String, SignedPolicy>,
    engines: &mut Engines,
) -> Result<(), String> {
    let policy = match policies.entry(case.policy.id()) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let policy = SignedPolicy::make(&case.policy)?;
            engines.load(&policy)?;
            place.insert(policy)
        }
    };
    let answer = engines.ask(policy, Question::Describe(&case.request))?;
    let shown: Value = serde_json::from_slice(&case.request).unwrap_or_default();
    check(&answer, &case.expect, most_words(&shown))
}

/// The texts of a page, joined as `pkg/abi.md` says.
fn joined(page: &Value) -> String {
    let mut out = String::new();
    let mut last = "";
    for part in page.as_array().into_iter().flatten() {
        let kind = part["part"].as_str().unwrap_or_default();
        out += match kind {
            "title" => "",
            "who" if last == kind => " · ",
            "who" => "\n",
            "note" if last == kind => "\n",
            "group" | "note" | "details" => "\n\n",
            "item" | "detail" => "\n- ",
            "mark" => " [",
            "line" => "\n  ",
            other => panic!("a part {other}"),
        };
        out += part["text"].as_str().unwrap_or_default();
        out += if kind == "mark" { "]" } else { "" };
        last = kind;
    }
    out
}

/// How many words a person decides by: the question, and what stands in the groups.
fn words(page: &Value) -> u64 {
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

/// How many there may be, by the rule of docs/token.md, section 7: a person judges 45 in ten seconds, and needs 15 more
/// for a budget. Who asks for more than a few things at once must say so, in a few words for each.
fn most_words(request: &Value) -> u64 {
    let claims = request.get("claims").unwrap_or(request);
    let entries = claims["authorization_details"].as_array();
    let granted = request["granted"].as_array();
    let purposes: BTreeSet<_> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["purpose"].as_str())
        .collect();
    let apart = if purposes.len() > 1 {
        purposes.len()
    } else {
        0
    };
    let asked = entries.into_iter().flatten().map(things).sum::<usize>()
        + apart
        + usize::from(
            claims["del_max_depth"]
                .as_u64()
                .is_some_and(|depth| depth > 0),
        );
    // What was granted before is told beside what is asked.
    let before = granted.into_iter().flatten().map(things).sum::<usize>();
    let limits = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["limits"].as_array());
    let budget = limits.flatten().any(|limit| limit["type"] == "spend");
    let more = asked.saturating_sub(FEW) + before;
    (if budget { 60 } else { 45 }) + MORE * more as u64
}

/// So many things are few.
const FEW: usize = 6;
/// Words for each further one.
const MORE: u64 = 7;

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

/// `code` and `at` of an error; or the lines of `text`, a line that it `holds`, its `marks`, and parts of
/// the whole `answer`. Every page is its text, and short for what it grants.
fn check(answer: &[u8], expect: &Value, most: u64) -> Result<(), String> {
    let answer: Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    if let Some(code) = expect.get("code") {
        let expected = json!({"error": {"code": code, "at": expect["at"]}});
        let said = answer["error"]["admin"]
            .as_str()
            .is_some_and(|admin| !admin.is_empty());
        holds(&expected, &answer, "answer")?;
        return if said {
            Ok(())
        } else {
            Err("no words".to_owned())
        };
    }
    let text = answer["text"]
        .as_str()
        .ok_or_else(|| format!("no text: {answer}"))?;
    if answer["text_s256"] != s256(text.as_bytes()) {
        return Err("`text_s256` is not the hash of the text".to_owned());
    }
    if joined(&answer["page"]) != text {
        return Err(format!("the page is not the text: {:#}", answer["page"]));
    }
    let words = words(&answer["page"]);
    if words > most {
        return Err(format!("{words} words, more than {most}: {text}"));
    }
    let lines: Vec<&str> = text.split('\n').collect();
    if let Some(expected) = expect
        .get("text")
        .filter(|expected| **expected != json!(lines))
    {
        return Err(format!(
            "the text is {:#}\nexpected {expected:#}",
            json!(lines)
        ));
    }
    if let Some(line) = expect["holds"]
        .as_str()
        .filter(|line| !lines.contains(line))
    {
        return Err(format!("no line is `{line}`: {text}"));
    }
    let marks: Vec<&Value> = answer["page"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|part| part["part"] == "mark")
        .map(|part| &part["name"])
        .collect();
    if let Some(expected) = expect
        .get("marks")
        .filter(|expected| **expected != json!(marks))
    {
        return Err(format!("the marks are {marks:?}, expected {expected}"));
    }
    match expect.get("answer") {
        Some(expected) => holds(expected, &answer, "answer"),
        None => Ok(()),
    }
}
