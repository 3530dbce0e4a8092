//! Both ledgers, and charges for them.

use ambit_host::ledger::{Charge, LedgerError, Lender, MemoryLedger, SqliteLedger};

pub(crate) const NOW: i64 = 1_772_000_400;

/// Runs a test with each ledger, empty.
pub(crate) fn both(test: impl Fn(&dyn Lender, &str)) {
    test(&MemoryLedger::new(), "memory");
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(folder.path().join("ledger.sqlite")).unwrap();
    test(&ledger, "sqlite");
}

pub(crate) const fn spend(key: &str, amount: i64, max: i64) -> Charge<'_> {
    Charge {
        key,
        kind: "spend",
        amount,
        max,
        until: None,
    }
}

pub(crate) fn code<R>(result: Result<R, LedgerError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "ok")
}
