//! No count is lost, none is made twice: in memory and in a file, by threads and by processes, and
//! when a process is killed while it writes.

#[path = "ledgers/cases.rs"]
mod cases;
mod ledgers;
#[path = "ledgers/processes.rs"]
mod processes;

use std::sync::Arc;

use ambit_host::ledger::{Consume, Ledger as _, MemoryLedger, REFUSED_SECONDS, SqliteLedger};
use ambit_host::{Enforcer, Verdict};
use ledgers::{NOW, both};

/// The number that operators read is the one that the ledger keeps to.
#[test]
fn the_page_says_for_how_long_proofs_are_refused_after_a_crash() {
    let page = include_str!("../../docs/ledger.md");
    let words = format!("at most {REFUSED_SECONDS} s");
    assert_eq!(page.matches(&words).count(), 1, "`{words}`");
}

#[test]
fn all_or_nothing() {
    both(cases::all_or_nothing);
}

#[test]
fn of_two_charges_to_one_budget_the_smaller_bound_counts() {
    both(cases::of_two_charges_to_one_budget_the_smaller_bound_counts);
}

#[test]
fn a_budget_is_forgotten_after_its_block_has_ended_and_is_never_new() {
    both(cases::a_budget_is_forgotten_after_its_block_has_ended_and_is_never_new);
}

#[test]
fn what_makes_no_sense_is_refused() {
    both(cases::what_makes_no_sense_is_refused);
}

#[test]
fn what_happens_once_is_kept_until_its_end_and_beyond() {
    both(cases::what_happens_once_is_kept_until_its_end_and_beyond);
}

#[test]
fn eight_threads_share_a_budget_exactly() {
    both(cases::eight_threads_share_a_budget_exactly);
}

#[test]
fn a_loan_is_charged_and_ends_once() {
    both(cases::a_loan_is_charged_and_ends_once);
}

#[test]
fn the_longest_end_counts() {
    both(cases::the_longest_end_counts);
}

/// Not a test of its own: what the two tests below run in another process.
#[test]
fn child() {
    processes::child();
}

#[test]
fn two_processes_of_eight_threads_share_a_budget_exactly() {
    let folder = tempfile::tempdir().unwrap();
    processes::share_a_budget(folder.path().join("ledger.sqlite").to_str().unwrap());
}

#[test]
fn a_process_that_is_killed_while_it_writes_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    processes::are_killed(folder.path().join("ledger.sqlite").to_str().unwrap());
}

#[test]
fn a_file_that_is_no_ledger_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(
        &text,
        "not a database, but long enough to look like one ".repeat(100),
    )
    .unwrap();
    let before = std::fs::read(&text).unwrap();
    assert_eq!(
        SqliteLedger::open(&text).unwrap_err().code(),
        "ledger.store"
    );
    assert_eq!(std::fs::read(&text).unwrap(), before);

    let other = folder.path().join("other.sqlite");
    let database = rusqlite::Connection::open(&other).unwrap();
    database.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(database);
    let before = std::fs::read(&other).unwrap();
    assert_eq!(
        SqliteLedger::open(&other).unwrap_err().code(),
        "ledger.store"
    );
    assert_eq!(std::fs::read(&other).unwrap(), before);

    let nowhere = folder.path().join("missing/ledger.sqlite");
    assert_eq!(
        SqliteLedger::open(nowhere).unwrap_err().code(),
        "ledger.store"
    );
}

fn answer(ext: &str) -> String {
    format!(
        r#"{{"decision":true,"context":{{"obligations":[{{"id":"consume","type":"consume","ext":{ext}}}],"record":{{"now":{NOW}}}}}}}"#
    )
}

fn outcome(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Permitted { .. } => "permitted".to_owned(),
        Verdict::Refused { answer, .. } => {
            let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
            answer["context"]["reason"]["code"]
                .as_str()
                .unwrap()
                .to_owned()
        }
    }
}

#[test]
fn a_consume_obligation_is_discharged_by_the_ledger() {
    let ledger = Arc::new(MemoryLedger::new());
    let enforcer = Enforcer::new().with("consume", Consume::new(Arc::clone(&ledger)));
    let pay = answer(
        r#"{"charges":[{"key":"d:0:0","type":"spend","amount":60,"max":100,"currency":"EUR","decimals":2},
            {"key":"d:0:1","type":"use_limit","amount":1,"max":3}]}"#,
    );
    assert_eq!(outcome(&enforcer.enforce(&pay)), "permitted");
    assert_eq!(outcome(&enforcer.enforce(&pay)), "limit.spend");
    assert_eq!(
        (ledger.used("d:0:0").unwrap(), ledger.used("d:0:1").unwrap()),
        (60, 1)
    );

    let proof = answer(&format!(
        r#"{{"charges":[{{"key":"t:j","type":"proof","until":{}}}]}}"#,
        NOW + 90
    ));
    assert_eq!(outcome(&enforcer.enforce(&proof)), "permitted");
    assert_eq!(outcome(&enforcer.enforce(&proof)), "possession.used");
    let receipt = proof.replace("proof", "receipt").replace("t:j", "r:j");
    assert_eq!(outcome(&enforcer.enforce(&receipt)), "permitted");
    assert_eq!(outcome(&enforcer.enforce(&receipt)), "approval.used");

    let once = answer(
        r#"{"charges":[{"key":"d:1:0","type":"use_limit","amount":1,"max":2},{"key":"d:1:1","type":"use_limit","amount":2,"max":2}]}"#,
    );
    assert_eq!(outcome(&enforcer.enforce(&once)), "permitted");
    assert_eq!(outcome(&enforcer.enforce(&once)), "limit.uses");

    let single = answer(&format!(
        r#"{{"charges":[{{"key":"d:2:0","type":"use_limit","amount":1,"max":1,"until":{}}}]}}"#,
        NOW + 90
    ));
    assert_eq!(outcome(&enforcer.enforce(&single)), "permitted");
    assert_eq!(outcome(&enforcer.enforce(&single)), "limit.uses");

    let rate = |window: &str, until: i64| {
        answer(&format!(
            r#"{{"charges":[{{"key":"d:3:0:{window}","type":"rate","amount":1,"max":2,"until":{until}}}]}}"#
        ))
    };
    let (now, next) = (rate("0", NOW + 90), rate("1", NOW + 180));
    for code in ["permitted", "permitted", "limit.rate"] {
        assert_eq!(outcome(&enforcer.enforce(&now)), code);
    }
    assert_eq!(outcome(&enforcer.enforce(&next)), "permitted");

    // A host without a ledger refuses.
    assert_eq!(
        outcome(&Enforcer::new().enforce(&pay)),
        "obligation.unknown"
    );
}

#[test]
fn a_consume_obligation_that_is_not_understood_is_refused() {
    let ledger = Arc::new(MemoryLedger::new());
    let enforcer = Enforcer::new().with("consume", Consume::new(ledger));
    for ext in [
        "{}",
        r#"{"charges":[]}"#,
        r#"{"charges":{}}"#,
        r#"{"charges":[{"key":"k","type":"spend","amount":1,"max":1}],"more":1}"#,
        r#"{"charges":[{"key":"k","type":"spend","amount":1}]}"#,
        r#"{"charges":[{"key":"k","type":"spend","amount":1.5,"max":2}]}"#,
        r#"{"charges":[{"key":"k","amount":1,"max":2}]}"#,
        r#"{"charges":[{"key":"k","type":"spend","amount":1,"max":2,"window":60}]}"#,
        r#"{"charges":[{"key":"k","type":"proof","until":"later"}]}"#,
        r#"{"charges":[{"key":"k","type":"spend","max":9,"until":1772000490}]}"#,
        r#"{"charges":[{"key":"k","type":"use_limit","amount":1,"until":1772000490}]}"#,
    ] {
        assert_eq!(
            outcome(&enforcer.enforce(&answer(ext))),
            "obligation.failed",
            "{ext}"
        );
    }
    let timeless = answer(r#"{"charges":[{"key":"k","type":"spend","amount":1,"max":1}]}"#)
        .replace(&format!(r#""now":{NOW}"#), r#""now":null"#);
    assert_eq!(outcome(&enforcer.enforce(&timeless)), "obligation.failed");
}
