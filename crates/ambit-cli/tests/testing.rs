//! `ambit test`: what it shows and writes, and how it ends.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Run, ambit_in};
use serde_json::Value;
use tempfile::TempDir;

/// A copy of the workbench's shop.
struct Shop(TempDir);

impl Shop {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../ambit-workbench/tests/projects/shop");
        copy(&shop, &folder.path().join("shop"));
        Self(folder)
    }

    /// Runs `ambit test` beside the project's folder.
    fn test(&self, arguments: &[&str]) -> Run {
        ambit_in(self.0.path(), &[&["test"], arguments].concat(), b"")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn wrong(&self) {
        let text = "[[case]]\nname = \"a look is denied\"\nagent = \"support-bot\"\naction = \"look\"\n\
                    resource = \"Order::17\"\nexpect = \"deny\"\n";
        fs::write(self.path("shop/tests/wrong.toml"), text).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path.clone(), fs::read(&path).unwrap())),
        }
    }
    found
}

#[test]
fn all_as_expected_changes_nothing_and_says_what_is_not_touched() {
    let shop = Shop::open();
    let before = files(&shop.path("shop"));
    let run = shop.test(&["shop"]).expect(0);
    let run = run
        .says("24 cases as expected")
        .says("coverage 86 %: policies 10 of 11");
    let run = run.says("shop/policies/data.cedar:7       forbid `soon`: never satisfied");
    assert_eq!(run.out, "");
    assert_eq!(files(&shop.path("shop")), before);
}

#[test]
fn a_failed_expectation_is_shown_with_the_rule_and_ends_with_2() {
    let shop = Shop::open();
    shop.wrong();
    let run = shop
        .test(&["shop"])
        .expect(2)
        .says("1 of 25 cases not as expected");
    run.says(
        "FAILED a look is denied\n  --> shop/tests/wrong.toml:2\n  expected     deny\n  answer       allow, by base\n  \
         decided by   the permit `base`, shop/policies/base.cedar:1\n  asked        observe `look` on Order 17, for support\n",
    );
}

#[test]
fn files_and_names_choose_among_the_cases() {
    let shop = Shop::open();
    shop.wrong();
    shop.test(&["shop", "shop/tests/refunds.toml"])
        .expect(0)
        .says("17 cases as expected");
    shop.test(&["shop", "tests/others.toml"])
        .expect(0)
        .says("7 cases as expected");
    shop.test(&["shop/tests/others.toml"])
        .expect(0)
        .says("7 cases as expected");
    let run = shop
        .test(&["shop", "--filter", "large"])
        .expect(0)
        .says("2 cases as expected");
    // Of some cases, coverage says nothing.
    assert!(!run.err.contains("coverage"), "{run:#?}");
    shop.test(&["shop", "--filter", "nothing is called so"])
        .expect(3)
        .says("error[test.none]");
    shop.test(&["shop", "--filter", "large", "--min-coverage", "5"])
        .expect(3);
    shop.test(&["shop", "tests/nothing.toml"])
        .expect(3)
        .says("tests/nothing.toml");
}

#[test]
fn a_project_without_cases_is_not_a_tested_one() {
    let shop = Shop::open();
    fs::remove_dir_all(shop.path("shop/tests")).unwrap();
    shop.test(&["shop"])
        .expect(3)
        .says("error[test.none]: there is no case to try");
}

#[test]
fn faults_of_project_and_test_files_end_with_3() {
    let shop = Shop::open();
    fs::write(
        shop.path("shop/tests/faulty.toml"),
        "[[case]]\nnmae = \"x\"\n",
    )
    .unwrap();
    shop.test(&["shop"])
        .expect(3)
        .says("did you mean `name`?")
        .says("tests/faulty.toml:2:1");
    shop.test(&["nowhere"])
        .expect(3)
        .says("error[project.folder]");
    fs::remove_file(shop.path("shop/ambit.toml")).unwrap();
    shop.test(&["shop"]).expect(3).says("error[project.file]");
}

#[test]
fn too_little_coverage_ends_with_2() {
    let shop = Shop::open();
    shop.test(&["shop", "--min-coverage", "86"]).expect(0);
    shop.test(&["shop", "--min-coverage", "87"])
        .expect(2)
        .says("error[test.coverage]: the cases cover 86 %");
    let run = shop
        .test(&["shop", "--min-coverage", "87", "--format", "github"])
        .expect(2);
    assert!(
        run.out
            .contains("::warning file=shop/policies/data.cedar,line=7"),
        "{run:#?}"
    );
    shop.test(&["shop", "--min-coverage", "0"]).expect(3);
}

#[test]
fn results_are_written_for_programs() {
    let shop = Shop::open();
    shop.wrong();
    let run = shop
        .test(&["shop", "--format", "json", "--junit", "out.xml"])
        .expect(2);
    assert_eq!(run.err, "");
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["command"], "test");
    assert_eq!(json["exit"], 2);
    assert_eq!(json["tests"], 25);
    assert_eq!(json["failed"], 1);
    assert_eq!(json["coverage"]["percent"], 86);
    let failed = json["cases"]
        .as_array()
        .unwrap()
        .iter()
        .find(|case| case["passed"] == false);
    let failed = failed.unwrap();
    assert_eq!(failed["file"], "tests/wrong.toml");
    assert_eq!(failed["answer"]["decision"], true);
    assert_eq!(failed["rules"][0]["file"], "policies/base.cedar");
    assert_eq!(failed["request"]["evaluation"]["action"]["name"], "look");
    assert!(failed["request"].get("token").is_none());
    assert_eq!(json["diagnostics"][0]["code"], "test.failed");
    assert_eq!(json["diagnostics"][0]["file"], "shop/tests/wrong.toml");
    let xml = fs::read_to_string(shop.path("out.xml")).unwrap();
    assert!(
        xml.contains("<testsuites tests=\"25\" failures=\"1\" errors=\"0\""),
        "{xml}"
    );
    assert!(
        xml.contains("<testsuite name=\"shop/tests/wrong.toml\" tests=\"1\" failures=\"1\""),
        "{xml}"
    );
    assert!(
        xml.contains(
            "<failure type=\"allowed\" message=\"expected deny, and the answer is allow, by base\""
        ),
        "{xml}"
    );
}

/// The module's own code in wasmtime and the evaluator in the command give the same, byte for byte.
#[test]
fn both_engines_give_the_same_bytes() {
    let shop = Shop::open();
    shop.wrong();
    let run = |engine| {
        shop.test(&["shop", "--format", "json", "--engine", engine])
            .expect(2)
            .out
    };
    assert_eq!(run("native"), run("wasmtime"));
}

/// Results are bound only to the very policy that they are of, and only if all of it was tried and came out.
#[test]
fn results_are_bound_by_the_signature() {
    let shop = Shop::open();
    let ambit = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        ambit_in(shop.0.path(), &arguments, b"")
    };
    ambit("keygen -o module.jwk --kid module-1 --trust keys.json").expect(0);
    ambit("build shop -o policy.wasm").expect(0);
    let results = |arguments: &[&str]| {
        let run = shop.test(&[&["shop", "--format", "json"], arguments].concat());
        fs::write(shop.path("results.json"), run.out).unwrap();
    };
    let sign = "sign policy.wasm --key module.jwk --tests results.json";
    results(&["--filter", "large"]);
    ambit(sign)
        .expect(3)
        .says("only a part of the tests was run");
    results(&["--min-coverage", "99"]);
    ambit(sign).expect(3).says("not all tests passed");
    fs::write(shop.path("results.json"), "{}").unwrap();
    ambit(sign).expect(3).says("these are no results");
    results(&[]);
    let other = fs::read_to_string(shop.path("shop/ambit.toml")).unwrap();
    fs::write(
        shop.path("shop/ambit.toml"),
        other.replace("version = 7", "version = 8"),
    )
    .unwrap();
    ambit("build shop -o other.wasm").expect(0);
    ambit("sign other.wasm --key module.jwk --tests results.json")
        .expect(3)
        .says("on another policy");
    ambit(sign).expect(0);
    let verified =
        ambit("verify policy.wasm --trust keys.json --now 2026-03-02T00:00:00Z --json").expect(0);
    let verified: Value = serde_json::from_str(&verified.out).unwrap();
    let bound = ambit_evaluator::s256(&fs::read(shop.path("results.json")).unwrap());
    assert_eq!(verified["tests_s256"], bound);
}
