//! What is charged together, what is lost together, and what a machine that stops may lose.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::{Call, SqliteLedger, begin};
use crate::ledger::{Charge, Ledger as _, LedgerError, REFUSED_SECONDS};

const NOW: i64 = 1_772_000_400;

fn open(path: &Path, boot: Option<&str>) -> SqliteLedger {
    SqliteLedger::open_in(path, boot.map(str::to_owned)).unwrap()
}

const fn proof(key: &str, now: i64) -> Charge<'_> {
    Charge {
        key,
        kind: "proof",
        amount: 1,
        max: 1,
        until: Some(now + 120),
    }
}

const fn spend(key: &str, amount: i64, max: i64) -> Charge<'_> {
    Charge {
        key,
        kind: "spend",
        amount,
        max,
        until: None,
    }
}

fn code(result: Result<(), LedgerError>) -> &'static str {
    result.map_or_else(|error| error.code(), |()| "ok")
}

/// Has these calls wait, and makes them in one transaction.
fn together(ledger: &SqliteLedger, calls: &[Vec<Charge<'_>>]) -> Vec<&'static str> {
    let calls = calls
        .iter()
        .map(|charges| Arc::new(Call::new(charges, NOW)));
    let calls: Vec<_> = calls.collect();
    ledger.waiting.lock().unwrap().extend(calls.iter().cloned());
    ledger.charge_waiting();
    let fates = calls.iter().map(|call| call.fate.lock().unwrap().take());
    fates
        .map(|fate| code(fate.expect("a word for each")))
        .collect()
}

#[test]
fn calls_of_one_transaction_are_charged_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger"), Some("a"));
    let calls = [
        vec![spend("b", 3, 5)],
        vec![proof("p", NOW), spend("b", 3, 5)],
        vec![proof("p", NOW), spend("b", 2, 5)],
        vec![proof("p", NOW)],
        vec![spend("", 1, 1)],
        vec![spend("c", 1, 1)],
    ];
    let said = together(&ledger, &calls);
    // The second does not fit, so its proof is not used up either, and the third uses it.
    let expected = [
        "ok",
        "ledger.exceeded",
        "ok",
        "ledger.repeated",
        "ledger.malformed",
        "ok",
    ];
    assert_eq!(said, expected);
    let used = |key: &str| ledger.used(key).unwrap();
    assert_eq!((used("b"), used("c"), used("p")), (5, 1, 1));
}

/// A disk that is full fails every call of the transaction, and none of them was made.
#[test]
fn a_transaction_that_fails_fails_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger"), Some("a"));
    assert_eq!(code(ledger.consume(&[spend("b", 1, 9)], NOW)), "ok");
    let most = |pages: i64| {
        let inner = ledger.inner();
        let set = format!("PRAGMA max_page_count = {pages}");
        inner
            .connection
            .query_row(&set, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    most(1);
    let keys: Vec<String> = (0..200)
        .map(|number| format!("{number}{}", "k".repeat(900)))
        .collect();
    let mut calls = vec![vec![spend("b", 1, 9)]];
    calls.extend(keys.iter().map(|key| vec![spend(key, 1, 1)]));
    let said = together(&ledger, &calls);
    assert!(said.iter().all(|said| *said == "ledger.store"), "{said:?}");
    assert_eq!(ledger.used("b").unwrap(), 1);
    most(1_000_000);
    assert!(together(&ledger, &calls).iter().all(|said| *said == "ok"));
    assert_eq!(ledger.used("b").unwrap(), 2);
}

#[test]
fn proofs_alone_may_go_unsynced_and_only_where_the_start_of_the_machine_has_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let named = open(&folder.path().join("named"), Some("a"));
    let unnamed = open(&folder.path().join("unnamed"), None);
    let receipt = Charge::once("r", "receipt", NOW + 60);
    let long = Charge::once("p", "proof", NOW + 121);
    assert!(!named.lasts(&[proof("p", NOW)], NOW));
    for charges in [
        &[proof("p", NOW), spend("b", 1, 1)][..],
        &[receipt],
        &[long],
        &[Charge {
            max: 2,
            ..proof("p", NOW)
        }],
    ] {
        assert!(named.lasts(charges, NOW), "{charges:?}");
    }
    assert!(unnamed.lasts(&[proof("p", NOW)], NOW));
    let syncs = |ledger: &SqliteLedger| ledger.inner().syncs;
    // The first of some seconds is synced, and says for how long others are not.
    for (number, later, expected) in [
        (0, 0, true),
        (1, 1, false),
        (2, 5, false),
        (3, 6, true),
        (4, 7, false),
    ] {
        let (key, now) = (format!("p{number}"), NOW + later);
        assert_eq!(code(named.consume(&[proof(&key, now)], now)), "ok");
        assert_eq!(syncs(&named), expected, "{number}");
        assert_eq!(code(unnamed.consume(&[proof(&key, now)], now)), "ok");
        assert!(syncs(&unnamed));
    }
    assert_eq!(
        code(named.consume(&[proof("q", NOW + 8), spend("b", 1, 1)], NOW + 8)),
        "ok"
    );
    assert!(
        syncs(&named),
        "a budget is synced, whatever stands beside it"
    );
}

/// The files of a ledger as they were, and a machine that starts with them: what came later is lost.
fn lost(from: &Path, to: &Path) {
    let beside = |path: &Path, suffix: &str| path.with_extension(format!("sqlite{suffix}"));
    for suffix in ["", "-wal"] {
        fs::copy(beside(from, suffix), beside(to, suffix)).unwrap();
    }
}

#[test]
fn a_proof_that_a_machine_lost_does_not_count_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("one.sqlite"),
        folder.path().join("two.sqlite"),
    );
    let ledger = open(&path, Some("a"));
    assert_eq!(code(ledger.consume(&[proof("first", NOW)], NOW)), "ok");
    lost(&path, &copy);
    // Unsynced, and the last that may be.
    let last = NOW + 5;
    assert_eq!(code(ledger.consume(&[proof("second", last)], last)), "ok");
    assert!(!ledger.inner().syncs);

    // The same start of the machine: the process alone had ended, and nothing is lost.
    drop(ledger);
    let ledger = open(&path, Some("a"));
    assert_eq!(
        code(ledger.consume(&[proof("second", last)], last)),
        "ledger.repeated"
    );
    assert_eq!(code(ledger.consume(&[proof("third", last)], last)), "ok");

    // Another start: the second proof is not there, and counts nowhere for as long as it could be shown.
    for opened in 0..2 {
        let again = open(&copy, Some("b"));
        assert_eq!(again.used("second").unwrap(), 0);
        for later in [0, 5, 60, 95, REFUSED_SECONDS] {
            let shown = again.consume(&[proof("second", last)], NOW + later);
            assert_eq!(code(shown), "ledger.store", "{opened} {later}");
        }
        // Budgets were synced, and go on at once.
        let key = format!("b{opened}");
        assert_eq!(code(again.consume(&[spend(&key, 1, 1)], NOW + 6)), "ok");
    }
    let again = open(&copy, Some("b"));
    let now = NOW + REFUSED_SECONDS + 1;
    assert_eq!(code(again.consume(&[proof("fourth", now)], now)), "ok");
    // Also where the machine is started once more, or has no name for it.
    for boot in [Some("c"), None] {
        let next = open(&copy, boot);
        assert_eq!(
            code(next.consume(&[proof("fifth", now + 5)], now + 5)),
            "ledger.store"
        );
    }
    let next = open(&copy, None);
    let later = now + REFUSED_SECONDS + 1;
    assert_eq!(code(next.consume(&[proof("sixth", later)], later)), "ok");
}

/// Whoever shares the ledger without a name for the start of the machine does not hide what others leave unsynced.
#[test]
fn a_process_without_a_name_for_the_start_hides_no_unsynced_proof() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("one.sqlite"),
        folder.path().join("two.sqlite"),
    );
    let ledger = open(&path, Some("a"));
    assert_eq!(code(ledger.consume(&[proof("first", NOW)], NOW)), "ok");
    let unnamed = open(&path, None);
    // The mark is gone, so it is set again, at once.
    let now = NOW + 1;
    assert_eq!(code(ledger.consume(&[proof("second", now)], now)), "ok");
    assert!(ledger.inner().syncs);
    lost(&path, &copy);
    assert_eq!(code(ledger.consume(&[proof("third", now)], now)), "ok");
    assert!(!ledger.inner().syncs);
    drop(unnamed);
    for boot in [Some("b"), None] {
        let again = open(&copy, boot);
        for later in [1, 60, REFUSED_SECONDS + 1] {
            let shown = again.consume(&[proof("third", now)], NOW + later);
            assert_eq!(code(shown), "ledger.store", "{boot:?} {later}");
        }
    }
}

#[test]
fn an_orderly_end_is_followed_by_no_denial() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("one.sqlite"),
        folder.path().join("two.sqlite"),
    );
    let (one, two) = (open(&path, Some("a")), open(&path, Some("a")));
    assert_eq!(code(one.consume(&[proof("first", NOW)], NOW)), "ok");
    assert_eq!(code(two.consume(&[proof("second", NOW)], NOW)), "ok");
    assert_eq!(code(one.consume(&[proof("third", NOW)], NOW)), "ok");
    assert!(!one.inner().syncs);
    drop(one);
    // The other goes on, and is protected.
    assert_eq!(code(two.consume(&[proof("fourth", NOW)], NOW)), "ok");
    assert!(two.inner().syncs, "the mark is set again");
    lost(&path, &copy);
    assert_eq!(code(two.consume(&[proof("fifth", NOW)], NOW)), "ok");
    assert!(!two.inner().syncs);
    let again = open(&copy, Some("b"));
    assert_eq!(
        code(again.consume(&[proof("fifth", NOW)], NOW + 1)),
        "ledger.store"
    );
    drop(two);
    let again = open(&path, Some("b"));
    for (key, said) in [("third", "repeated"), ("fifth", "repeated")] {
        let shown = again.consume(&[proof(key, NOW)], NOW + 1);
        assert_eq!(code(shown), format!("ledger.{said}"));
    }
    assert_eq!(
        code(again.consume(&[proof("sixth", NOW + 1)], NOW + 1)),
        "ok"
    );
}

#[test]
fn a_clock_that_was_ahead_and_went_back_denies_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("one.sqlite"),
        folder.path().join("two.sqlite"),
    );
    let ledger = open(&path, Some("a"));
    let ahead = NOW + 100;
    assert_eq!(code(ledger.consume(&[proof("ahead", ahead)], ahead)), "ok");
    assert_eq!(code(ledger.consume(&[proof("back", NOW)], NOW)), "ok");
    assert!(ledger.inner().syncs);
    lost(&path, &copy);
    let again = open(&copy, Some("b"));
    for (later, said) in [
        (REFUSED_SECONDS, "ledger.store"),
        (REFUSED_SECONDS + 1, "ok"),
    ] {
        let now = NOW + later;
        assert_eq!(code(again.consume(&[proof("p", now)], now)), said);
    }
}

/// One call of a group that is refused for that reason costs the others nothing.
#[test]
fn a_proof_that_is_refused_after_a_start_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let running = open(&path, Some("a"));
    drop(running.consume(&[proof("p", NOW)], NOW));
    let again = open(&path, Some("b"));
    let said = together(&again, &[vec![proof("q", NOW)], vec![spend("b", 1, 1)]]);
    assert_eq!(said, ["ledger.store", "ok"]);
}

#[test]
fn a_ledger_of_the_first_form_is_brought_forward() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = open(&path, Some("a"));
    assert_eq!(code(ledger.consume(&[spend("b", 2, 5)], NOW)), "ok");
    {
        let mut inner = ledger.inner();
        let transaction = begin(&mut inner.connection).unwrap();
        transaction
            .execute_batch("DROP TABLE unsynced; PRAGMA user_version = 1;")
            .unwrap();
        transaction.commit().unwrap();
    }
    drop(ledger);
    let again = open(&path, Some("b"));
    assert_eq!(again.used("b").unwrap(), 2);
    assert_eq!(code(again.consume(&[proof("p", NOW)], NOW)), "ok");
    drop(again);
    // A later form is not read.
    let later = open(&path, Some("b"));
    later
        .inner()
        .connection
        .pragma_update(None, "user_version", 3)
        .unwrap();
    drop(later);
    let refused = SqliteLedger::open_in(&path, None).unwrap_err();
    assert_eq!(refused.code(), "ledger.store");
}
