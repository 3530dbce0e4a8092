//! No count is lost, none is made twice: in memory and in a file, by threads and by processes, and
//! when a process is killed while it writes.

mod ledgers;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ambit_host::ledger::{Charge, Consume, Ledger, LedgerError, MemoryLedger, SqliteLedger};
use ambit_host::{Enforcer, Verdict};
use ledgers::{NOW, both, code, spend};

#[test]
fn all_or_nothing() {
    both(|ledger, name| {
        assert_eq!(
            code(ledger.consume(&[spend("a", 3, 5), spend("b", 1, 1)], NOW)),
            "ok"
        );
        // `b` is full, so `a` is not charged either.
        let pair = [spend("a", 1, 5), spend("b", 1, 1)];
        assert_eq!(
            code(ledger.consume(&pair, NOW)),
            "ledger.exceeded",
            "{name}"
        );
        assert_eq!(
            (ledger.used("a").unwrap(), ledger.used("b").unwrap()),
            (3, 1)
        );
        // Two charges of one call to one budget are one.
        let twice = [spend("a", 1, 5), spend("a", 2, 5)];
        assert_eq!(code(ledger.consume(&twice, NOW)), "ledger.exceeded");
        assert_eq!(
            code(ledger.consume(&[spend("a", 1, 5), spend("a", 1, 5)], NOW)),
            "ok"
        );
        assert_eq!(ledger.used("a").unwrap(), 5);
    });
}

#[test]
fn of_two_charges_to_one_budget_the_smaller_bound_counts() {
    both(|ledger, name| {
        for pair in [
            [spend("a", 3, 5), spend("a", 3, 100)],
            [spend("a", 3, 100), spend("a", 3, 5)],
        ] {
            assert_eq!(
                code(ledger.consume(&pair, NOW)),
                "ledger.exceeded",
                "{name}"
            );
        }
        assert_eq!(
            code(ledger.consume(&[spend("a", 3, 100), spend("a", 2, 5)], NOW)),
            "ok"
        );
        assert_eq!(ledger.used("a").unwrap(), 5);
    });
}

const fn use_of(key: &str, until: i64) -> Charge<'_> {
    Charge {
        until: Some(until),
        ..spend(key, 1, 2)
    }
}

#[test]
fn a_budget_is_forgotten_after_its_block_has_ended_and_is_never_new() {
    both(|ledger, name| {
        let ends = NOW + 300;
        assert_eq!(code(ledger.consume(&[use_of("block", ends)], NOW)), "ok");
        // Others come and go, and the rest of it stays one.
        for later in (0..=360).step_by(60) {
            let other = format!("other {later}");
            let charge = use_of(&other, NOW + later + 10);
            assert_eq!(code(ledger.consume(&[charge], NOW + later)), "ok");
            assert_eq!(ledger.used("block").unwrap(), 1, "{name} {later}");
        }
        // A minute after its end it is gone, and refused whatever the clock says then.
        let last = use_of("last", ends + 1000);
        assert_eq!(code(ledger.consume(&[last], ends + 121)), "ok");
        assert_eq!(ledger.used("block").unwrap(), 0, "{name}");
        for now in [NOW, ends, ends + 200] {
            let again = ledger.consume(&[use_of("block", ends)], now);
            assert_eq!(code(again), "ledger.forgotten", "{name}");
        }
    });
}

#[test]
fn what_makes_no_sense_is_refused() {
    both(|ledger, _| {
        let long = "k".repeat(1025);
        for charge in [
            spend("", 1, 1),
            spend(&long, 1, 1),
            spend("a", 0, 1),
            spend("a", -1, 1),
            spend("a", 1, -1),
        ] {
            assert_eq!(code(ledger.consume(&[charge], NOW)), "ledger.malformed");
        }
        let huge = [spend("a", i64::MAX, i64::MAX), spend("a", 1, i64::MAX)];
        assert_eq!(code(ledger.consume(&huge, NOW)), "ledger.malformed");
        assert_eq!(code(ledger.consume(&huge[..1], NOW)), "ok");
        assert_eq!(code(ledger.consume(&huge[1..], NOW)), "ledger.exceeded");
        assert_eq!(
            code(ledger.consume(&vec![huge[1]; 1025], NOW)),
            "ledger.malformed"
        );
    });
}

#[test]
fn what_happens_once_is_kept_until_its_end_and_beyond() {
    both(|ledger, name| {
        let proof = Charge::once("thumb:jti-1", "proof", NOW + 90);
        assert_eq!(code(ledger.consume(&[proof], NOW)), "ok");
        for later in [0, 1, 90, 100, 149] {
            let again = ledger.consume(&[proof], NOW + later);
            assert_eq!(code(again), "ledger.repeated", "{name} {later}");
        }
        // Another call makes the ledger forget what ended more than a minute ago.
        let other = Charge::once("thumb:jti-2", "proof", NOW + 1000);
        assert_eq!(code(ledger.consume(&[other], NOW + 500)), "ok");
        assert_eq!(ledger.used("thumb:jti-1").unwrap(), 0, "{name} forgot");
        // Forgotten is not the same as never seen, even where the clock goes back.
        for time in [NOW, NOW + 500] {
            let again = ledger.consume(&[proof], time);
            assert_eq!(code(again), "ledger.forgotten", "{name}");
        }
        assert_eq!(code(ledger.consume(&[other], NOW + 500)), "ledger.repeated");
        // A budget without an end is never forgotten.
        assert_eq!(code(ledger.consume(&[spend("a", 1, 1)], NOW)), "ok");
        assert_eq!(
            code(ledger.consume(&[other], NOW + 100_000)),
            "ledger.repeated"
        );
        assert_eq!(ledger.used("a").unwrap(), 1);
    });
}

#[test]
fn eight_threads_share_a_budget_exactly() {
    both(|ledger, name| {
        let done = AtomicI64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let pair = [spend("left", 1, 100), spend("right", 2, 1000)];
                        match ledger.consume(&pair, NOW) {
                            Ok(()) => drop(done.fetch_add(1, Ordering::Relaxed)),
                            Err(LedgerError::Exceeded { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 100, "{name}");
        let used = (ledger.used("left").unwrap(), ledger.used("right").unwrap());
        assert_eq!(used, (100, 200), "{name}");
    });
}

/// Not a test of its own: what the two tests below run in another process.
#[test]
fn child() {
    let Some(path) = std::env::var_os("AMBIT_LEDGER_CHILD") else {
        return;
    };
    let most: i64 = std::env::var("AMBIT_LEDGER_MOST").unwrap().parse().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            // A connection of its own for each thread: nothing but the file holds them together.
            let ledger = SqliteLedger::open(&path).unwrap();
            scope.spawn(move || {
                loop {
                    let pair = [spend("left", 1, most), spend("right", 2, 2 * most)];
                    match ledger.consume(&pair, NOW) {
                        Ok(()) => println!("charged"),
                        Err(LedgerError::Exceeded { .. }) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
}

fn start(path: &Path, most: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("AMBIT_LEDGER_CHILD", path)
        .env("AMBIT_LEDGER_MOST", most.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn acknowledged(child: &mut Child) -> i64 {
    let out = BufReader::new(child.stdout.take().unwrap());
    let lines = out.lines().map_while(Result::ok);
    // The harness writes the test's name before the first one's line.
    i64::try_from(lines.filter(|line| line.ends_with("charged")).count()).unwrap()
}

#[test]
fn two_processes_of_eight_threads_share_a_budget_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let mut children = [start(&path, 150), start(&path, 150)];
    let done: i64 = children.iter_mut().map(acknowledged).sum();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(done, 150);
    assert_eq!(
        (ledger.used("left").unwrap(), ledger.used("right").unwrap()),
        (150, 300)
    );
}

#[test]
fn a_process_that_is_killed_while_it_writes_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let mut before = 0;
    for round in 0..6 {
        let mut child = start(&path, 1_000_000);
        std::thread::sleep(Duration::from_millis(150 + 37 * round));
        child.kill().unwrap();
        let acknowledged = acknowledged(&mut child);
        child.wait().unwrap();
        let ledger = SqliteLedger::open(&path).unwrap();
        let (left, right) = (ledger.used("left").unwrap(), ledger.used("right").unwrap());
        assert_eq!(right, 2 * left, "a half of a call was charged");
        // Each of the 8 threads may have been killed between its commit and its line.
        let counted = left - before;
        assert!(
            (acknowledged..=acknowledged + 8).contains(&counted),
            "round {round}: {acknowledged} acknowledged, {counted} counted"
        );
        before = left;
    }
    assert!(before > 0, "no process got so far as to write");
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
