//! The contract of every ledger, whatever it keeps its numbers in.

use std::sync::atomic::{AtomicI64, Ordering};

use ambit_host::ledger::{Charge, LedgerError, Lender, Loan};

use crate::ledgers::{NOW, code, spend};

pub(crate) fn all_or_nothing(ledger: &dyn Lender, name: &str) {
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
}

pub(crate) fn of_two_charges_to_one_budget_the_smaller_bound_counts(
    ledger: &dyn Lender,
    name: &str,
) {
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
}

const fn use_of(key: &str, until: i64) -> Charge<'_> {
    Charge {
        until: Some(until),
        ..spend(key, 1, 2)
    }
}

pub(crate) fn a_budget_is_forgotten_after_its_block_has_ended_and_is_never_new(
    ledger: &dyn Lender,
    name: &str,
) {
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
}

pub(crate) fn what_makes_no_sense_is_refused(ledger: &dyn Lender, _: &str) {
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
}

pub(crate) fn what_happens_once_is_kept_until_its_end_and_beyond(ledger: &dyn Lender, name: &str) {
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
}

pub(crate) fn eight_threads_share_a_budget_exactly(ledger: &dyn Lender, name: &str) {
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
}

/// A step that ends a loan leaves the rest, once.
pub(crate) fn a_loan_is_charged_and_ends_once(ledger: &dyn Lender, name: &str) {
    let charge = Charge {
        until: Some(NOW + 600),
        ..spend("lent", 40, 100)
    };
    let loan = Loan {
        id: "loan-1",
        charge,
    };
    assert_eq!(code(ledger.open_loan(&loan, NOW)), "ok", "{name}");
    assert_eq!(code(ledger.open_loan(&loan, NOW)), "ledger.lease");
    assert_eq!(ledger.used("lent").unwrap(), 40);
    assert_eq!(code(ledger.close_loan("loan-1", 41)), "ledger.lease");
    assert_eq!(ledger.close_loan("loan-1", 15).unwrap(), 25);
    assert_eq!(code(ledger.close_loan("loan-1", 15)), "ledger.lease");
    assert_eq!(ledger.used("lent").unwrap(), 15);
    assert_eq!(code(ledger.close_loan("loan-2", 0)), "ledger.lease");
}

/// Whoever says that a budget lasts longer is right, also by leaving its end out.
pub(crate) fn the_longest_end_counts(ledger: &dyn Lender, name: &str) {
    let ends = |key, until| Charge {
        until,
        ..spend(key, 1, 9)
    };
    for charge in [
        ends("longer", Some(NOW + 10)),
        ends("longer", Some(NOW + 5000)),
        ends("longer", Some(NOW + 20)),
        ends("ever", Some(NOW + 10)),
        ends("ever", None),
        ends("ever", Some(NOW + 10)),
    ] {
        assert_eq!(code(ledger.consume(&[charge], NOW)), "ok", "{name}");
    }
    assert_eq!(code(ledger.consume(&[spend("a", 1, 1)], NOW + 1000)), "ok");
    assert_eq!(ledger.used("longer").unwrap(), 3, "{name}");
    assert_eq!(ledger.used("ever").unwrap(), 3, "{name}");
}
