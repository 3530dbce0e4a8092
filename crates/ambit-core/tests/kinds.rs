//! Each kind of constraint has what a kind must have. Its row and its file the compiler asks for.

use std::fs;
use std::path::{Path, PathBuf};

use ambit_core::Steps;
use ambit_core::constraint::{self, Kind, Unit};
use ambit_core::json::{Document, Json, Profile};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    let path = workspace().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn each_kind_stands_in_the_table_of_the_specification() {
    let page = read("docs/token.md");
    let (_, section) = page.split_once("## 4. Constraints").expect("section 4");
    let (section, _) = section.split_once("\n## ").expect("section 5");
    let rows: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    for kind in Kind::ALL {
        let members = kind.members().iter().map(|member| {
            let mark = if member.needed { "" } else { "?" };
            format!("{}{mark}", member.name)
        });
        let members: Vec<String> = members.collect();
        let form = format!("`{} {{{}}}`", kind.name(), members.join(", "));
        let named = rows.iter().any(|row| row.contains(&form));
        assert!(named, "no row of docs/token.md, section 4, says {form}");
    }
}

#[test]
fn each_kind_has_cases_examples_and_words_of_its_own() {
    let cases = read("tests/constraints/cases.json");
    let cases = Document::parse(cases.as_bytes(), Profile::Request).expect("a file of JSON");
    let mut clauses = Vec::new();
    for kind in Kind::ALL {
        let groups = cases.root().get("groups").expect("groups").elements();
        let mut specs = groups.filter_map(|group| Some((group.get("constraint")?, group)));
        let (spec, group) = specs
            .find(|(spec, _)| {
                constraint::well_formed(*spec) && constraint::kind(*spec) == Some(*kind)
            })
            .unwrap_or_else(|| panic!("{kind:?} has no group in tests/constraints/cases.json"));
        let cases = group.get("cases").expect("cases");
        for wanted in [true, false] {
            let mut cases = cases.elements();
            let has = |case: Json<'_>| case.get("match").and_then(Json::as_bool) == Some(wanted);
            assert!(cases.any(has), "{kind:?} has no case for {wanted}");
        }
        let examples = constraint::examples(spec, None, false, &Steps::new());
        assert!(!examples.is_empty(), "{kind:?} has no examples");
        let clause = constraint::describe(spec, Unit::None);
        assert!(!clause.contains("malformed"), "{kind:?}: {clause}");
        assert!(!clauses.contains(&clause), "{kind:?}: {clause}");
        clauses.push(clause);
    }
}

#[test]
fn each_kind_is_refused_in_a_decision_and_made_by_the_consent_property() {
    let folder = workspace().join("tests/conformance");
    let files = fs::read_dir(folder).expect("a folder of cases");
    let files = files.map(|file| file.expect("a readable folder").path());
    let decisions: String = files
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .map(|path| fs::read_to_string(path).expect("a file of text"))
        .collect();
    let property = include_str!("consent/generate.rs");
    for kind in Kind::ALL {
        let name = kind.name();
        // A wildcard matches whatever is there, and what is not there is missing.
        let code = match kind {
            Kind::Wildcard => "\"constraint_type\": \"wildcard\"".to_owned(),
            _ => format!("\"constraint.{name}\""),
        };
        assert!(decisions.contains(&code), "no conformance case with {code}");
        assert!(
            property.contains(&format!("\"{name}\"")),
            "no random {name}"
        );
    }
}

#[test]
fn each_kind_has_an_example_for_authors() {
    for kind in Kind::ALL {
        for member in kind.members().iter().filter(|member| member.needed) {
            let written = format!("{} = ", member.name);
            assert!(
                kind.example().contains(&written),
                "{kind:?}: {}",
                member.name
            );
        }
    }
}
