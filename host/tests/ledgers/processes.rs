//! Processes that share a ledger, and are killed.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ambit_host::ledger::{Ledger as _, LedgerError, open};

use crate::ledgers::{NOW, spend};

/// What another process runs.
pub(crate) fn child() {
    let Ok(place) = std::env::var("AMBIT_LEDGER_CHILD") else {
        return;
    };
    let most: i64 = std::env::var("AMBIT_LEDGER_MOST").unwrap().parse().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            // A connection of its own for each thread: nothing but the store holds them together.
            let ledger = open(&place).unwrap();
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

fn start(place: &str, most: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("AMBIT_LEDGER_CHILD", place)
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

/// Two processes of eight threads.
pub(crate) fn share_a_budget(place: &str) {
    let mut children = [start(place, 150), start(place, 150)];
    let done: i64 = children.iter_mut().map(acknowledged).sum();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let ledger = open(place).unwrap();
    assert_eq!(done, 150);
    assert_eq!(
        (ledger.used("left").unwrap(), ledger.used("right").unwrap()),
        (150, 300)
    );
}

/// Killed while they write, they lose and double nothing.
pub(crate) fn are_killed(place: &str) {
    let mut before = 0;
    for round in 0..6 {
        let mut child = start(place, 1_000_000);
        std::thread::sleep(Duration::from_millis(150 + 37 * round));
        child.kill().unwrap();
        let acknowledged = acknowledged(&mut child);
        child.wait().unwrap();
        let ledger = open(place).unwrap();
        let (left, right) =
            settled(|| (ledger.used("left").unwrap(), ledger.used("right").unwrap()));
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

/// A server may still finish a step whose client is gone.
fn settled(read: impl Fn() -> (i64, i64)) -> (i64, i64) {
    let mut last = read();
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let now = read();
        if now == last {
            return now;
        }
        last = now;
    }
}
