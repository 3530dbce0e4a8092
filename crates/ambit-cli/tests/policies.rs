//! The policies of `tests/policies`: each checks without a warning, its tests pass and touch all of it, and
//! its properties are proved.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::ambit_in;
use serde_json::Value;

/// What each has at least.
const CASES: u64 = 10;
const PROPERTIES: usize = 3;

fn policies() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/policies");
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("ambit.toml").is_file())
        .collect();
    found.sort();
    let names: Vec<_> = found.iter().filter_map(|path| path.file_name()).collect();
    assert_eq!(names, ["airline", "assistant", "procurement", "support"]);
    found
}

#[test]
fn every_policy_is_sound_and_its_tests_touch_all_of_it() {
    for policy in policies() {
        ambit_in(&policy, &["check", "--deny-warnings"], b"").expect(0);
        ambit_in(&policy, &["fmt", "--check"], b"").expect(0);
        let tested = ambit_in(&policy, &["test", "--format", "json"], b"").expect(0);
        let report: Value = serde_json::from_str(&tested.out).unwrap();
        let passed = report["passed"].as_u64().unwrap();
        assert!(passed >= CASES, "{}: {passed}", policy.display());
        assert_eq!(report["coverage"]["percent"], 100, "{}", policy.display());
    }
}

/// Needs `cvc5`. Where it is missing the properties are not proved, and in CI that is a failure.
#[test]
fn every_property_is_proved() {
    if !is_there("cvc5") && std::env::var_os("CI").is_none() {
        eprintln!("cvc5 is not installed: no property was proved");
        return;
    }
    for policy in policies() {
        let proved = ambit_in(&policy, &["prove", "--format", "json"], b"").expect(0);
        let report: Value = serde_json::from_str(&proved.out).unwrap();
        let properties = report["properties"].as_array().unwrap();
        let holds = properties.iter().filter(|one| one["verdict"] == "holds");
        let (holds, all) = (holds.count(), properties.len());
        assert_eq!(holds, all, "{}: {report}", policy.display());
        assert!(holds >= PROPERTIES, "{}: {holds}", policy.display());
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}
