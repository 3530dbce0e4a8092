//! Every case of `tests/conformance`, on every engine: the same bytes, and the answer expected.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use ambit_core::Reason;
use ambit_tests::case::{Case, read_all};
use ambit_tests::engine::{self, Engines, Question};
use ambit_tests::project::SignedPolicy;
use ambit_tests::suites;

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
    let mut engines = engine::start().unwrap_or_else(|why| panic!("{why}"));
    let policies = policies(&cases, &mut engines);
    let mut faults = Vec::new();
    for case in &cases {
        let policy = &policies[&case.policy.id()];
        if let Err(fault) = run(case, policy, &mut engines) {
            faults.push(format!("{}\n    {fault}", case.name));
        }
    }
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

/// Makes each policy once and has every engine load it. Whatever an engine says about a policy and
/// about the capabilities in it must be the same too.
fn policies(cases: &[Case], engines: &mut Engines) -> BTreeMap<String, SignedPolicy> {
    let mut policies = BTreeMap::new();
    for case in cases {
        policies.entry(case.policy.id()).or_insert_with(|| {
            let policy = SignedPolicy::make(&case.policy)
                .unwrap_or_else(|why| panic!("{}: {why}", case.name));
            let ready = engines
                .load(&policy)
                .and_then(|()| engines.ask(&policy, Question::Info));
            ready.unwrap_or_else(|why| panic!("{}: {why}", case.name));
            policy
        });
    }
    policies
}

fn run(case: &Case, policy: &SignedPolicy, engines: &mut Engines) -> Result<(), String> {
    let request = case.request(&policy.bundle_s256())?;
    let answer = engines.ask(policy, Question::Evaluate(&request))?;
    case.expect.check(&answer, &request)?;
    // The second time the chain may be known; no answer may depend on it.
    let again = engines.ask(policy, Question::Evaluate(&request))?;
    if again != answer {
        return Err("the second answer differs from the first".to_owned());
    }
    // The npm package takes a text, which is UTF-8.
    if std::str::from_utf8(&request).is_ok() {
        let advice = engines.ask(policy, Question::Advise(&request))?;
        case.expect.check_advice(&advice, &answer)?;
    }
    engines
        .ask(policy, Question::Describe(&case.capabilities()?))
        .map(drop)
}
