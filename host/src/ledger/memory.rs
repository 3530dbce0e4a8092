//! A ledger that lasts as long as its process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ambit_enforce::ledger::{self as book, Book, OpenLoan};

use super::{Charge, Ledger, LedgerError, Lender, Loan};

/// Remembers until the process ends: for tests, and for a single process whose budgets may begin
/// anew with it. Receipts and budgets that must last need [`SqliteLedger`](super::SqliteLedger).
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<Numbers>);

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing here fails between the first write and the last, so there is nothing to undo; and a
    /// thread that died while it held the lock had not begun to write.
    fn step<R>(&self, run: impl FnOnce(&mut Numbers) -> R) -> R {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Ledger for MemoryLedger {
    fn consume(&self, charges: &[Charge<'_>], now: i64) -> Result<(), LedgerError> {
        self.step(|numbers| book::consume(numbers, charges, now))
    }

    fn used(&self, key: &str) -> Result<i64, LedgerError> {
        self.step(|numbers| Ok(numbers.used(key)?.unwrap_or_default()))
    }
}

impl Lender for MemoryLedger {
    fn open_loan(&self, loan: &Loan<'_>, now: i64) -> Result<(), LedgerError> {
        self.step(|numbers| book::open_loan(numbers, loan, now))
    }

    fn close_loan(&self, id: &str, spent: i64) -> Result<i64, LedgerError> {
        self.step(|numbers| book::close_loan(numbers, id, spent))
    }
}

#[derive(Debug, Default)]
struct Numbers {
    budgets: BTreeMap<String, Budget>,
    loans: BTreeMap<String, Kept>,
    forgotten: i64,
}

#[derive(Debug)]
struct Budget {
    used: i64,
    until: Option<i64>,
}

#[derive(Debug)]
struct Kept {
    loan: OpenLoan,
    until: Option<i64>,
}

impl Book for Numbers {
    fn forgotten(&self) -> Result<i64, LedgerError> {
        Ok(self.forgotten)
    }

    fn forget(&mut self, time: i64) -> Result<(), LedgerError> {
        let kept = |until: Option<i64>| until.is_none_or(|until| until >= time);
        self.budgets.retain(|_, budget| kept(budget.until));
        self.loans
            .retain(|_, loan| !loan.loan.ended || kept(loan.until));
        self.forgotten = time;
        Ok(())
    }

    fn used(&self, key: &str) -> Result<Option<i64>, LedgerError> {
        Ok(self.budgets.get(key).map(|budget| budget.used))
    }

    fn set(&mut self, key: &str, used: i64, until: Option<i64>) -> Result<(), LedgerError> {
        let known = self.budgets.get(key).map_or(until, |budget| budget.until);
        // Whoever says that it lasts longer is right.
        let until = known.zip(until).map(|(one, two)| one.max(two));
        self.budgets.insert(key.to_owned(), Budget { used, until });
        Ok(())
    }

    fn set_used(&mut self, key: &str, used: i64) -> Result<(), LedgerError> {
        if let Some(budget) = self.budgets.get_mut(key) {
            budget.used = used;
        }
        Ok(())
    }

    fn loan(&self, id: &str) -> Result<Option<OpenLoan>, LedgerError> {
        Ok(self.loans.get(id).map(|kept| kept.loan.clone()))
    }

    fn add_loan(&mut self, loan: &Loan<'_>) -> Result<(), LedgerError> {
        let until = loan.charge.until;
        let open = OpenLoan {
            key: loan.charge.key.to_owned(),
            amount: loan.charge.amount,
            ended: false,
        };
        self.loans
            .insert(loan.id.to_owned(), Kept { loan: open, until });
        Ok(())
    }

    fn end_loan(&mut self, id: &str) -> Result<(), LedgerError> {
        if let Some(kept) = self.loans.get_mut(id) {
            kept.loan.ended = true;
        }
        Ok(())
    }
}
