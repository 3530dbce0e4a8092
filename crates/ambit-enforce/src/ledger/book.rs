//! What every ledger decides, whatever it keeps its numbers in.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use super::{CHARGES, Charge, GRACE_SECONDS, KEY_BYTES, LedgerError, Loan};

/// The numbers of a ledger, for one step that nobody else takes at the same time.
///
/// If a step fails, its owner undoes what it has written.
pub trait Book {
    /// The latest time before which ended budgets were forgotten.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    fn forgotten(&self) -> Result<i64, LedgerError>;
    /// Forgets every budget that ended before `time`, and every loan that ended and was closed.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    fn forget(&mut self, time: i64) -> Result<(), LedgerError>;
    /// What was charged to a budget; `None` for one that is not known.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    fn used(&self, key: &str) -> Result<Option<i64>, LedgerError>;
    /// What is charged to a budget now, and until when it is kept at least: whoever says that it lasts longer is right.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    fn set(&mut self, key: &str, used: i64, until: Option<i64>) -> Result<(), LedgerError>;
    /// Changes a budget that is known, without changing its end.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    fn set_used(&mut self, key: &str, used: i64) -> Result<(), LedgerError>;
    /// A loan that is remembered.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    fn loan(&self, id: &str) -> Result<Option<OpenLoan>, LedgerError>;
    /// Remembers a loan.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    fn add_loan(&mut self, loan: &Loan<'_>) -> Result<(), LedgerError>;
    /// Remembers that a loan has ended.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    fn end_loan(&mut self, id: &str) -> Result<(), LedgerError>;
}

/// A loan as a ledger remembers it.
#[derive(Clone, Debug)]
pub struct OpenLoan {
    /// The budget.
    pub key: String,
    /// What was lent.
    pub amount: i64,
    /// Whether it was ended.
    pub ended: bool,
}

/// The check-and-add. Everything is checked before anything is written.
///
/// # Errors
///
/// [`LedgerError`]: undo what was written.
pub fn consume(book: &mut dyn Book, charges: &[Charge<'_>], now: i64) -> Result<(), LedgerError> {
    if charges.len() > CHARGES {
        return Err(LedgerError::Malformed("too many charges in one call"));
    }
    let forgotten = book.forgotten()?;
    let mut totals = Vec::with_capacity(charges.len());
    for (key, charge) in sums(charges, forgotten)? {
        let used = book.used(key)?.unwrap_or_default();
        let total = used
            .checked_add(charge.amount)
            .filter(|total| *total <= charge.max)
            .ok_or_else(|| refused(&charge, used))?;
        totals.push((key, total, charge.until));
    }
    for (key, total, until) in totals {
        book.set(key, total, until)?;
    }
    tidy(book, now, forgotten)
}

/// Once a minute of `now`: deleting costs what there is to delete.
fn tidy(book: &mut dyn Book, now: i64, forgotten: i64) -> Result<(), LedgerError> {
    let before = now.saturating_sub(GRACE_SECONDS);
    if before < forgotten.saturating_add(GRACE_SECONDS) {
        return Ok(());
    }
    book.forget(before)
}

/// The charges by budget, in the order of the keys. Two of one call to one budget are one of both amounts.
fn sums<'a>(
    charges: &[Charge<'a>],
    forgotten: i64,
) -> Result<Vec<(&'a str, Charge<'a>)>, LedgerError> {
    let mut sums: Vec<(&str, Charge<'_>)> = Vec::with_capacity(charges.len());
    for charge in charges {
        check(charge, forgotten)?;
        let at = sums.partition_point(|(key, _)| *key < charge.key);
        let Some((_, sum)) = sums.get_mut(at).filter(|(key, _)| *key == charge.key) else {
            sums.insert(at, (charge.key, *charge));
            continue;
        };
        sum.amount = sum
            .amount
            .checked_add(charge.amount)
            .ok_or(LedgerError::Malformed("an amount is too large"))?;
        sum.max = sum.max.min(charge.max);
        sum.until = sum.until.zip(charge.until).map(|(one, two)| one.max(two));
    }
    Ok(sums)
}

fn check(charge: &Charge<'_>, forgotten: i64) -> Result<(), LedgerError> {
    if charge.key.is_empty() || charge.key.len() > KEY_BYTES {
        return Err(LedgerError::Malformed("a key is empty or too long"));
    }
    if charge.amount < 1 || charge.max < 0 {
        return Err(LedgerError::Malformed("an amount is below 1"));
    }
    // Also where the clock went back: what was forgotten cannot be told from what never was.
    if charge.until.is_some_and(|until| until < forgotten) {
        let kind = charge.kind.to_owned();
        return Err(LedgerError::Forgotten { kind });
    }
    Ok(())
}

fn refused(charge: &Charge<'_>, used: i64) -> LedgerError {
    let kind = charge.kind.to_owned();
    if charge.max == 1 && charge.until.is_some() {
        return LedgerError::Repeated { kind };
    }
    LedgerError::Exceeded {
        kind,
        used,
        amount: charge.amount,
        max: charge.max,
    }
}

/// Charges a loan as a whole, and remembers it.
///
/// # Errors
///
/// [`LedgerError`]: undo what was written.
pub fn open_loan(book: &mut dyn Book, loan: &Loan<'_>, now: i64) -> Result<(), LedgerError> {
    if loan.id.is_empty() || loan.id.len() > KEY_BYTES {
        return Err(LedgerError::Malformed("a loan's name is empty or too long"));
    }
    if book.loan(loan.id)?.is_some() {
        return Err(LedgerError::Lease("its name was used before"));
    }
    consume(book, &[loan.charge], now)?;
    book.add_loan(loan)
}

/// Ends a loan once; the rest goes back.
///
/// # Errors
///
/// [`LedgerError`]: undo what was written.
pub fn close_loan(book: &mut dyn Book, id: &str, spent: i64) -> Result<i64, LedgerError> {
    let loan = book
        .loan(id)?
        .ok_or(LedgerError::Lease("it is not known here"))?;
    if loan.ended {
        return Err(LedgerError::Lease("it has ended already"));
    }
    let rest = loan.amount.checked_sub(spent);
    let Some(rest) = rest.filter(|rest| (0..=loan.amount).contains(rest)) else {
        return Err(LedgerError::Lease(
            "more was spent than lent, or less than nothing",
        ));
    };
    if let Some(used) = book.used(&loan.key)? {
        book.set_used(&loan.key, used.saturating_sub(rest).max(0))?;
    }
    book.end_loan(id)?;
    Ok(rest)
}
