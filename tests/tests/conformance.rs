//! Every case of `tests/conformance`, on every engine: the same bytes, and the answer expected.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use ambit_core::Reason;
use ambit_tests::case::{Case, read_all};
use ambit_tests::run::Runner;
use ambit_tests::{engine, suites};

/// Codes that no answer of `evaluate` can carry, and why.
const UNREACHABLE: &[(Reason, &str)] = &[
    (
        Reason::PolicyMalformed,
        "a bundle that cannot be read is not loaded",
    ),
    (
        Reason::ConstraintWildcard,
        "a wildcard matches whatever is there; absence is `constraint.missing`",
    ),
    (
        Reason::PossessionUsed,
        "given by the host, whose ledger knows what was used",
    ),
    (
        Reason::ApprovalUsed,
        "given by the host, whose ledger knows what was used",
    ),
    (
        Reason::LimitUses,
        "given by the host, whose ledger knows what was used",
    ),
    (
        Reason::LimitRate,
        "given by the host, whose ledger knows what was used",
    ),
    (
        Reason::ObligationUnknown,
        "given by the host, when it enforces",
    ),
    (
        Reason::ObligationFailed,
        "given by the host, when it enforces",
    ),
    (
        Reason::RequestValue,
        "given by the npm package: JSON text has no such value",
    ),
    (
        Reason::EngineTrap,
        "given by the host in the engine's place",
    ),
    (
        Reason::EngineResources,
        "given by the host in the engine's place",
    ),
];

#[test]
fn every_engine_gives_the_expected_answer() {
    let cases = cases();
    let mut runner = Runner::new(engine::start().unwrap_or_else(|why| panic!("{why}")));
    let mut faults = Vec::new();
    for case in &cases {
        if let Err(fault) = runner.run(case) {
            faults.push(format!("{}\n    {fault}", case.name));
        }
    }
    let engines = runner.engines();
    println!("{} cases on {engines:?}", cases.len());
    for line in &engines.lacking {
        // Not `eprintln!`, which the test harness keeps to itself when a test passes.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    assert!(
        faults.is_empty(),
        "{} of {} cases:\n{}",
        faults.len(),
        cases.len(),
        faults.join("\n")
    );
}

#[test]
fn every_reason_has_a_case() {
    let expected: BTreeSet<String> = cases().into_iter().map(|case| case.expect.code).collect();
    let excused: BTreeMap<&str, &str> = UNREACHABLE
        .iter()
        .map(|(reason, why)| (reason.code(), *why))
        .collect();
    let codes = || Reason::ALL.iter().map(|reason| reason.code());
    let missing: Vec<&str> = codes()
        .filter(|code| !expected.contains(*code) && !excused.contains_key(code))
        .collect();
    let surprising: Vec<&str> = codes()
        .filter(|code| expected.contains(*code) && excused.contains_key(code))
        .collect();
    for (code, why) in &excused {
        println!("no case for {code}: {why}");
    }
    assert!(missing.is_empty(), "no case expects {missing:?}");
    assert!(
        surprising.is_empty(),
        "a case expects what is said to be unreachable: {surprising:?}"
    );
}

#[test]
fn names_of_cases_are_unique() {
    let mut seen = BTreeSet::new();
    let twice: Vec<String> = cases()
        .into_iter()
        .map(|case| case.name)
        .filter(|name| !seen.insert(name.clone()))
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
}

fn cases() -> Vec<Case> {
    read_all(&suites().join("conformance")).unwrap_or_else(|why| panic!("{why}"))
}
