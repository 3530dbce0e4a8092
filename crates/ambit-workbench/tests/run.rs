//! Cases that run: those of `projects/shop` come out as they say, those of `wrong/` do not, and how that is
//! told stands beside them. `AMBIT_BLESS=1` writes it anew.

mod common;

use std::fmt::Write as _;
use std::fs;

use ambit_compiler::Sink;
use ambit_workbench::cases;
use ambit_workbench::run::{Engine, Results};

#[test]
fn the_cases_of_a_project_come_out_as_they_say() {
    let dir = common::folder("projects/shop");
    let (project, bench) = common::bench(&dir);
    let sink = Sink::default();
    let names = cases::list(&dir, &sink);
    let suite = cases::read(&dir, &names, &bench.bundle(), &sink);
    assert!(sink.finish().is_empty());
    assert_eq!(suite.cases.len(), 24);
    let results = Results::of(&project, &bench, suite, &Engine::native()).unwrap();
    for tried in &results.tried {
        assert!(
            tried.passed(),
            "{}: {:?}",
            tried.case.name,
            tried.differences()
        );
    }
}

#[test]
fn what_comes_out_otherwise_is_told_with_the_rule_that_decided() {
    let dir = common::folder("projects/shop");
    let (project, bench) = common::bench(&dir);
    let file = common::folder("wrong/refunds.toml");
    let suite = common::suite(&fs::read_to_string(&file).unwrap(), &dir, &bench);
    let results = Results::of(&project, &bench, suite, &Engine::native()).unwrap();
    let mut told = String::new();
    for tried in &results.tried {
        assert!(!tried.passed(), "{}", tried.case.name);
        writeln!(told, "{}", tried.case.name).unwrap();
        for difference in tried.differences() {
            writeln!(told, "  {difference}").unwrap();
        }
        if let Ok(outcome) = &tried.result {
            writeln!(told, "  because {}", outcome.why()).unwrap();
            for rule in &outcome.rules {
                writeln!(told, "  by {}, {}:{}", rule.what, rule.file, rule.line).unwrap();
            }
        }
    }
    common::compare(&file.with_extension("txt"), &told);
}

/// The keys of a run are its own; nothing else of an answer may differ between two runs.
#[test]
fn two_runs_give_the_same_results() {
    let dir = common::folder("projects/shop");
    let text = fs::read_to_string(dir.join("tests/refunds.toml")).unwrap();
    let run = || {
        let (project, bench) = common::bench(&dir);
        let suite = common::suite(&text, &dir, &bench);
        let results = Results::of(&project, &bench, suite, &Engine::native()).unwrap();
        serde_json::Value::Object(ambit_workbench::report::json(&results)).to_string()
    };
    assert_eq!(run(), run());
}
