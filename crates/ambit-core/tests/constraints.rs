//! Every constraint kind against data files: a case is added without writing Rust.
//!
//! The project's own file is `tests/constraints/cases.json`; `AMBIT_EXTERNAL` names a folder with
//! files of others.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use ambit_core::json::{Document, Json, Profile};
use ambit_core::{Steps, constraint};

/// Runs one file and returns how many cases it has and which came out wrong.
fn run(path: &Path) -> (usize, Vec<String>) {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let document = Document::parse(&bytes, Profile::Request).expect("a file of JSON");
    let root = document.root();
    let form = root.get("form").and_then(Json::as_str);
    assert_eq!(form, Some("ambit-constraints-1"), "{}", path.display());

    let (mut cases, mut wrong) = (0, Vec::new());
    for group in root.get("groups").expect("groups").elements() {
        let name = group.get("name").and_then(Json::as_str).expect("a name");
        let spec = group.get("constraint").expect("a constraint");
        for (at, case) in group.get("cases").expect("cases").elements().enumerate() {
            let expected = case.get("match").and_then(Json::as_bool).expect("match");
            let value = case.get("value");
            cases += 1;
            if constraint::matches(spec, value, &Steps::new()) != expected {
                let value = constraint::value_text(value, constraint::Unit::None);
                wrong.push(format!("{name}, case {at}: {value}: not {expected}"));
            }
        }
    }
    (cases, wrong)
}

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/constraints/cases.json")
}

fn of_others() -> Option<PathBuf> {
    let folder = env::var_os("AMBIT_EXTERNAL")?;
    Some(Path::new(&folder).join("vectors/constraints/cases.json"))
}

#[test]
fn own_cases() {
    let (cases, wrong) = run(&own());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(cases >= 150, "only {cases} cases");
}

#[test]
fn cases_of_others() {
    let Some(path) = of_others() else {
        println!("skipped: AMBIT_EXTERNAL names no folder");
        return;
    };
    let (cases, wrong) = run(&path);
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{cases} cases");
}

#[test]
fn what_some_value_matches_an_example_does() {
    let mut seen = 0;
    for path in [Some(own()), of_others()].into_iter().flatten() {
        let bytes = fs::read(&path).unwrap();
        let document = Document::parse(&bytes, Profile::Request).expect("a file of JSON");
        for group in document.root().get("groups").unwrap().elements() {
            let name = group.get("name").and_then(Json::as_str).unwrap();
            let spec = group.get("constraint").unwrap();
            let cases: Vec<Json<'_>> = group.get("cases").unwrap().elements().collect();
            let matched = |case: &Json<'_>| case.get("match").and_then(Json::as_bool) == Some(true);
            if !cases.iter().any(matched) {
                continue;
            }
            for case in cases.iter().filter(|case| !matched(case)) {
                seen += 1;
                let asked = case.get("value");
                let steps = Steps::new();
                let found = constraint::examples(spec, asked, false, &steps);
                let fits = |value: &Option<String>| match value {
                    None => constraint::matches(spec, None, &steps),
                    Some(text) => {
                        let value = Document::parse(text.as_bytes(), Profile::Signed).unwrap();
                        constraint::matches(spec, Some(value.root()), &steps)
                    }
                };
                let asked = constraint::value_text(asked, constraint::Unit::None);
                assert!(found.iter().any(fits), "{name}: {asked}: {found:?}");
            }
        }
    }
    assert!(seen >= 100, "only {seen} values");
}

#[test]
fn examples_are_paid_for() {
    let value = "x".repeat(1600);
    let spec = format!(r#"{{"constraint_type":"one_of","values":["{value}","b","c"]}}"#);
    let spec = Document::parse(spec.as_bytes(), Profile::Signed).unwrap();
    let steps = Steps::new();
    let all = constraint::examples(spec.root(), None, false, &steps);
    assert_eq!(all.len(), 3);
    assert!(steps.left() <= Steps::new().left() - 103);
    assert!(!steps.take(usize::MAX));
    assert!(constraint::examples(spec.root(), None, false, &steps).is_empty());
}

#[test]
fn of_a_range_the_end_that_was_passed_comes_first() {
    let spec = br#"{"constraint_type":"range","min":10,"max":20}"#;
    let spec = Document::parse(spec, Profile::Signed).unwrap();
    let texts = |asked: &str| -> Vec<String> {
        let asked = Document::parse(asked.as_bytes(), Profile::Signed).unwrap();
        let found = constraint::examples(spec.root(), Some(asked.root()), false, &Steps::new());
        found.into_iter().flatten().collect()
    };
    assert_eq!(texts("25"), ["20", "10"]);
    assert_eq!(texts("5"), ["10", "20"]);
}
