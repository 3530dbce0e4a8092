//! Every case of `tests/consent`, on every engine: the same bytes, and the text expected.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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
    check(&answer, &case.expect)
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

/// How many there may be: a person judges 45 in ten seconds, and needs some more for a budget. Who asks for many
/// things at once says in the case how many words that takes.
fn most_words(text: &str, expect: &Value) -> u64 {
    let budget = text.contains(" altogether") || text.contains("insgesamt ");
    expect["words"]
        .as_u64()
        .unwrap_or(if budget { 60 } else { 45 })
}

/// `code` and `at` of an error; or the lines of `text`, a line that it `holds`, its `marks`, parts of the whole `answer`, and
/// the most `words`. Every page is its text, and short for what it grants.
fn check(answer: &[u8], expect: &Value) -> Result<(), String> {
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
    let (words, most) = (words(&answer["page"]), most_words(text, expect));
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
