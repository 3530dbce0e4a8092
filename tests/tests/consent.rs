//! Every case of `tests/consent`, on every engine: the same bytes, and the text expected.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ambit_tests::consent;
use ambit_tests::data::holds;
use ambit_tests::engine::{self, Engines, Question};
use ambit_tests::length;
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
    check(&answer, &case.expect, &shown)
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

/// `code` and `at` of an error; or the lines of `text`, a line that it `holds`, its `marks`, and parts of
/// the whole `answer`. Every page is its text, and short for what it grants.
fn check(answer: &[u8], expect: &Value, asked: &Value) -> Result<(), String> {
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
    let words = length::words(&answer["page"]);
    let most = length::most_words_of_suites(asked, &answer["page"]);
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
