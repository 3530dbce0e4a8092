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

mod book;
mod consume;
mod edge;
mod lease;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;

pub use consume::Consume;
pub use edge::EdgeLedger;
pub use lease::{Lease, LeaseIssuer, lend};
pub use memory::MemoryLedger;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLedger;

/// Bytes of a key: a digest, an issuer's URL and an identifier have some 300.
pub const KEY_BYTES: usize = 1024;
/// Charges of one call: the limits of one entry in each of 5 blocks, a proof and receipts are far
/// below.
pub const CHARGES: usize = 1024;
/// Seconds for which something is kept beyond its end: twice the skew of clocks (docs/token.md step 5).
pub const GRACE_SECONDS: i64 = 60;

/// One amount to be taken from one budget.
///
/// Something that may happen once, such as a proof's or a receipt's identifier, is a budget of one
/// that may be forgotten at its end: see [`Charge::once`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge<'a> {
    /// The budget's name, the same for every call that shares it.
    pub key: &'a str,
    /// What kind it is: `spend`, `use_limit`, `rate`, `proof`, …
    pub kind: &'a str,
    /// How much, at least 1.
    pub amount: i64,
    /// What all charges together may come to.
    pub max: i64,
    /// When the budget may be forgotten (seconds since 1970, UTC), because nothing can be charged
    /// to it any more: a limit's when the block ends that states it, a rate's with its window. `None`:
    /// never.
    pub until: Option<i64>,
}

impl<'a> Charge<'a> {
    /// Something that may happen once, and cannot happen any more from `until` on.
    #[must_use]
    pub const fn once(key: &'a str, kind: &'a str, until: i64) -> Self {
        Self {
            key,
            kind,
            amount: 1,
            max: 1,
            until: Some(until),
        }
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

/// A part of a budget that somebody else spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loan<'a> {
    /// Its name, never used twice.
    pub id: &'a str,
    /// What is taken from which budget.
    pub charge: Charge<'a>,
}

/// Why a charge was refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum LedgerError {
    /// The charge does not fit any more.
    Exceeded {
        /// The kind of budget.
        kind: String,
        /// What was used before.
        used: i64,
        /// What was asked.
        amount: i64,
        /// The bound.
        max: i64,
    },
    /// What may happen once happened before.
    Repeated {
        /// What it is: `proof`, `receipt`, …
        kind: String,
    },
    /// It ended so long ago that the ledger has forgotten whether it happened.
    Forgotten {
        /// What it is.
        kind: String,
    },
    /// The charges make no sense.
    Malformed(&'static str),
    /// A lease that cannot be used, for the reason given.
    Lease(&'static str),
    /// The ledger cannot be read or written.
    Store(String),
}

impl LedgerError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Exceeded { .. } => "ledger.exceeded",
            Self::Repeated { .. } => "ledger.repeated",
            Self::Forgotten { .. } => "ledger.forgotten",
            Self::Malformed(_) => "ledger.malformed",
            Self::Lease(_) => "ledger.lease",
            Self::Store(_) => "ledger.store",
        }
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exceeded {
                kind,
                used,
                amount,
                max,
            } => write!(
                f,
                "the budget (`{kind}`) has room for {} of {max}, and {amount} is asked",
                max.saturating_sub(*used).max(0)
            ),
            Self::Repeated { kind } => {
                write!(f, "this `{kind}` was used before; ask for a new one")
            }
            Self::Forgotten { kind } => write!(
                f,
                "this `{kind}` ended too long ago to tell whether it was used; ask for a new one, and check the clock"
            ),
            Self::Malformed(what) => write!(f, "the charges cannot be read: {what}"),
            Self::Lease(what) => write!(f, "the lease cannot be used: {what}"),
            Self::Store(why) => write!(f, "the ledger cannot be read or written: {why}"),
        }
    }
}

impl std::error::Error for LedgerError {}
