//! The command on small corpora of its own: what is wrong is named, and stops nothing.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;

use super::{Args, files::Files, run as command, run::test};
use crate::subject::{EngineArgs, EngineChoice};

const SCHEMA: &str =
    "entity User; action view appliesTo {principal: User, resource: User, context: {n: Long}};";
const POLICIES: &str = "permit(principal, action, resource) when {context.n == 1};
    forbid(principal, action, resource) when {context.n + 9223372036854775807 == 0};
    permit(principal == ?principal, action, resource);";

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn corpus(decision: &str, reason: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(path, text).expect("it can be written");
    };
    put("data/s.cedarschema", SCHEMA);
    put("data/p.cedar", POLICIES);
    put("data/e.json", "[]");
    let user = r#"{"type": "User", "id": "a"}"#;
    put(
        "tests/deep/1.json",
        &format!(
            r#"{{"schema": "data/s.cedarschema", "policies": "data/p.cedar", "entities": "data/e.json",
            "shouldValidate": true,
            "templateLinks": [{{"templateId": "policy2", "newId": "link",
                "values": {{"?principal": {{"type": "User", "id": "b"}}}}}}],
            "requests": [{{"principal": {user}, "action": {{"type": "Action", "id": "view"}},
                "resource": {user}, "context": {{"n": 1}}, "decision": "{decision}",
                "reason": ["{reason}"], "errors": ["policy1"]}}]}}"#
        ),
    );
    folder
}

fn only_test(folder: &Path) -> (Files, PathBuf) {
    let files = Files::open(folder).expect("it can be opened");
    let tests = files.tests();
    assert_eq!(tests.len(), 1, "{tests:?}");
    (files, tests[0].clone())
}

fn failures(folder: &Path) -> Vec<String> {
    let engine = EngineArgs {
        engine: EngineChoice::Mirror,
        fault: None,
    };
    let subject = engine.subject().expect("a mirror needs nothing");
    let (files, path) = only_test(folder);
    test(&files, &path, subject.as_ref()).failures
}

#[test]
fn the_root_is_found_from_any_folder_inside() {
    let folder = corpus("allow", "policy0");
    for inside in ["", "tests", "tests/deep"] {
        let failures = failures(&folder.path().join(inside));
        assert!(failures.is_empty(), "{inside}: {failures:?}");
    }
}

#[test]
fn what_differs_is_named_with_its_place() {
    let folder = corpus("deny", "policy9");
    let failures = failures(folder.path());
    let [failure] = failures.as_slice() else {
        panic!("{failures:?}");
    };
    for part in [
        "1.json",
        "request 0",
        "decision Allow, expected Deny",
        "policy9",
    ] {
        assert!(failure.contains(part), "{part}: {failure}");
    }
}

#[test]
fn a_broken_file_is_a_failure_that_says_what_to_do() {
    let folder = corpus("allow", "policy0");
    fs::remove_file(folder.path().join("data/e.json")).expect("it is there");
    let missing = failures(folder.path());
    assert!(
        missing[0].contains("`data/e.json`, which is in no folder above it"),
        "{missing:?}"
    );
    fs::write(folder.path().join("tests/deep/1.json"), "{\"requests\": [")
        .expect("it can be written");
    let broken = failures(folder.path());
    assert!(broken[0].contains("it is no test"), "{broken:?}");
}

#[test]
fn an_archive_is_read_as_the_folder_is() {
    let folder = corpus("allow", "policy0");
    let archive = folder.path().join("corpus.tar.gz");
    let file = fs::File::create(&archive).expect("it can be made");
    let gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    for part in ["tests", "data"] {
        builder
            .append_dir_all(part, folder.path().join(part))
            .expect("it can be packed");
    }
    let gzip = builder.into_inner().expect("it can be ended");
    gzip.finish().expect("it can be ended");
    assert!(failures(&archive).is_empty());
}

#[test]
fn a_folder_without_tests_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_string_lossy().into_owned();
    let command_line = Command::parse_from(["corpus", &path, "--engine", "mirror"]);
    let why = command(&command_line.args).expect_err("there is none");
    assert!(why.contains("holds no test"), "{why}");
}
