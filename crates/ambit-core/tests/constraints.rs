//! Every constraint kind against data files: a case is added without writing Rust.
//!
//! The project's own file is `tests/constraints/cases.json`; `AMBIT_EXTERNAL` names a folder with
//! files of others.

use std::env;
use std::fs;
use std::path::Path;

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

#[test]
fn own_cases() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/constraints/cases.json");
    let (cases, wrong) = run(&path);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(cases >= 150, "only {cases} cases");
}

#[test]
fn cases_of_others() {
    let Some(folder) = env::var_os("AMBIT_EXTERNAL") else {
        println!("skipped: AMBIT_EXTERNAL names no folder");
        return;
    };
    let (cases, wrong) = run(&Path::new(&folder).join("vectors/constraints/cases.json"));
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{cases} cases");
}
