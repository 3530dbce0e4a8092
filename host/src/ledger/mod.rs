//! Budgets and things that may happen once: what a `consume` obligation takes from.
//!
//! A [`Ledger`] decides in one step over all charges of a call: either every one fits and all are
//! added, or none is. Whoever asks first gets it, in however many threads and processes.
//!
//! ```
//! use ambit_host::ledger::{Charge, Ledger as _, MemoryLedger};
//!
//! let ledger = MemoryLedger::new();
//! let now = 1_772_000_400;
//! let spend = |amount| Charge { key: "refunds", kind: "spend", amount, max: 20_000, until: None };
//! ledger.consume(&[spend(15_000)], now)?;
//!
//! // It does not fit, so nothing of the call is charged, the receipt included.
//! let receipt = Charge::once("receipt:1", "receipt", now + 600);
//! let refused = ledger.consume(&[receipt, spend(6_000)], now).unwrap_err();
//! assert_eq!(refused.code(), "ledger.exceeded");
//! assert_eq!(ledger.used("refunds")?, 15_000);
//!
//! ledger.consume(&[receipt, spend(5_000)], now)?;
//! let again = ledger.consume(&[receipt], now).unwrap_err();
//! assert_eq!(again.code(), "ledger.repeated");
//! # Ok::<(), ambit_host::ledger::LedgerError>(())
//! ```

mod consume;
mod edge;
mod lease;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod unsynced;

use std::path::Path;

pub use ambit_enforce::ledger::{CHARGES, Charge, GRACE_SECONDS, KEY_BYTES, LedgerError, Loan};
pub use consume::Consume;
pub use edge::EdgeLedger;
pub use lease::{Lease, LeaseIssuer, lend};
pub use memory::MemoryLedger;
#[cfg(feature = "postgres")]
pub use postgres::PostgresLedger;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLedger;
#[cfg(feature = "sqlite")]
pub use unsynced::REFUSED_SECONDS;

/// Opens a ledger that outlives the process: `postgres://USER@HOST/DATABASE` in a database that several machines share
/// (feature `postgres`), anything else as an SQLite file (feature `sqlite`).
///
/// # Errors
///
/// [`LedgerError::Store`], also for what this build lacks.
pub fn open(place: impl AsRef<Path>) -> Result<Box<dyn Lender>, LedgerError> {
    let text = place.as_ref().to_string_lossy();
    match text.split_once("://") {
        #[cfg(feature = "postgres")]
        Some(("postgres" | "postgresql", _)) => Ok(Box::new(PostgresLedger::open(&text)?)),
        // Never taken for a file's name.
        Some((scheme, _)) => {
            let why = format!("this build knows no `{scheme}://`");
            Err(LedgerError::Store(why))
        }
        #[cfg(feature = "sqlite")]
        None => Ok(Box::new(SqliteLedger::open(place)?)),
        #[cfg(not(feature = "sqlite"))]
        None => Err(LedgerError::Store("this build has no SQLite".to_owned())),
    }
}

/// Remembers what was used.
pub trait Ledger: Send + Sync {
    /// Adds all charges, or none. `now` are seconds since 1970 (UTC), by the clock that the
    /// decision was made with.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when one charge does not fit or the ledger cannot tell. Nothing is charged
    /// then, with one exception: after [`LedgerError::Store`] the charges may have been added, never
    /// a part of them.
    fn consume(&self, charges: &[Charge<'_>], now: i64) -> Result<(), LedgerError>;

    /// What was charged to a budget so far.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    fn used(&self, key: &str) -> Result<i64, LedgerError>;

    /// Whether these charges, once made, may outlast what was not yet synced elsewhere when the machine stops. `false`
    /// where they may be lost with it, and the ledger itself sees to it that nothing counts twice by that.
    fn lasts(&self, _: &[Charge<'_>], _: i64) -> bool {
        true
    }
}

impl<L: Ledger + ?Sized> Ledger for Box<L> {
    fn consume(&self, charges: &[Charge<'_>], now: i64) -> Result<(), LedgerError> {
        (**self).consume(charges, now)
    }

    fn used(&self, key: &str) -> Result<i64, LedgerError> {
        (**self).used(key)
    }
}

/// A ledger that lends parts of its budgets. See [`lend()`].
pub trait Lender: Ledger {
    /// Charges the whole amount of the loan to its budget and remembers the loan, in one step.
    ///
    /// # Errors
    ///
    /// Those of [`Ledger::consume`]; [`LedgerError::Lease`] for an identifier that was used.
    fn open_loan(&self, loan: &Loan<'_>, now: i64) -> Result<(), LedgerError>;

    /// Ends a loan, of which `spent` was used, and puts the rest back into its budget. Gives the
    /// amount put back. A loan that nobody ends stays charged as a whole.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Lease`] for a loan that is not known, has ended already, or was smaller than
    /// `spent`.
    fn close_loan(&self, id: &str, spent: i64) -> Result<i64, LedgerError>;
}
