//! What a ledger decides, whatever it keeps its numbers in: one atomic check-and-add over all charges of a call.

mod book;
mod charges;

use alloc::string::String;
use core::fmt;

pub use book::{Book, OpenLoan, close_loan, consume, open_loan};
pub use charges::{read, reason};

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

impl core::error::Error for LedgerError {}
