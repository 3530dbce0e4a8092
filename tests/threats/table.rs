//! The table of `SECURITY.md` and the tests are one list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ambit_tests::workspace;

const HEADING: &str = "## Threats";

/// What the table names: tests by file.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(workspace().join("SECURITY.md")).unwrap();
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let rows = text.split_once(HEADING).unwrap().1.lines();
    for row in rows.filter(|row| row.starts_with("| ") && !row.starts_with("| threat")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [threat, stops, tests] = cells[..] else {
            panic!("three cells in a row: {row}");
        };
        assert!(!threat.is_empty() && !stops.is_empty(), "{row}");
        let mut file = None;
        for name in tests.split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") || name.ends_with(".mjs") {
                file = Some(name.to_owned());
            } else {
                let file = file
                    .clone()
                    .unwrap_or_else(|| panic!("a file before `{name}`"));
                named.entry(file).or_default().insert(name.to_owned());
            }
        }
        assert!(
            file.is_some_and(|file| named.contains_key(&file)),
            "no test in: {row}"
        );
    }
    named
}

/// The functions under `#[test]`, or what `test` of Node is called with.
fn tests(file: &Path) -> BTreeSet<String> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    if file.extension().is_some_and(|kind| kind == "mjs") {
        let named = |line: &str| Some(line.strip_prefix("test(\"")?.split('"').next()?.to_owned());
        return text.lines().filter_map(named).collect();
    }
    let lines: Vec<&str> = text.lines().collect();
    let name = |pair: &[&str]| {
        let after = (pair[0].trim() == "#[test]").then(|| pair[1].trim())?;
        Some(after.strip_prefix("fn ")?.split('(').next()?.to_owned())
    };
    lines.windows(2).filter_map(name).collect()
}

#[test]
fn every_test_that_the_table_names_exists() {
    let named = named();
    assert!(named.values().map(BTreeSet::len).sum::<usize>() > 40);
    for (file, names) in named {
        let there = tests(&workspace().join(&file));
        let missing: Vec<&String> = names.difference(&there).collect();
        assert!(missing.is_empty(), "{file} has no {missing:?}");
    }
}

#[test]
fn every_test_of_a_threat_is_in_the_table() {
    let named = named();
    let folder = workspace().join("tests/threats");
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "table.rs" {
            continue;
        }
        let there = tests(&folder.join(&name));
        let listed = named
            .get(&format!("tests/threats/{name}"))
            .cloned()
            .unwrap_or_default();
        let missing: Vec<&String> = there.difference(&listed).collect();
        assert!(
            missing.is_empty(),
            "{name}: {missing:?} are not in SECURITY.md"
        );
    }
}

/// The sections of RFC 9700 with recommendations (2) and attacks (4), and no other.
const RFC_9700: &str = "2.1 2.1.1 2.1.2 2.2.1 2.2.2 2.3 2.4 2.5 2.6 4.1 4.2 4.3 4.4 4.5 4.6 4.7 4.8 4.9 4.10 \
    4.11 4.12 4.13 4.14 4.15 4.16 4.17";

#[test]
fn every_section_of_rfc_9700_has_its_line() {
    let text = fs::read_to_string(workspace().join("SECURITY.md")).unwrap();
    let rows = text.split_once("## The broker and RFC 9700").unwrap().1;
    let mut listed = Vec::new();
    for row in rows.lines().filter_map(|row| row.strip_prefix("| ")) {
        let numbers = row.split(' ').map(|word| word.trim_end_matches(','));
        let is = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        listed.extend(numbers.take_while(is));
    }
    let mut wanted: Vec<&str> = RFC_9700.split_whitespace().collect();
    wanted.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, wanted);
}
