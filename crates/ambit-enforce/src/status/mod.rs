//! Status lists (Token Status List): whether one token was revoked.
//!
//! A token may name a list and its own place in it. Lists are fetched under configured addresses only, verified and
//! unpacked within bounds, and kept as long as they say. A list never goes back behind one that was verified before.

mod kept;
mod list;
mod source;
mod token;

use alloc::string::String;
use core::fmt;

pub use kept::{Asked, Kept, StatusFact, is_put_off, retry_at};
pub use list::{LIST_BYTES, StatusList};
pub use source::{StatusKey, StatusSource, check, of, reference};
pub use token::{TOKEN_BYTES, VerifiedList, verify};

/// Why there is no status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusError {
    /// The address is not under a configured prefix.
    Address,
    /// The list could not be fetched, and none is kept that still counts.
    Fetch(String),
    /// The signed carrier is not believed.
    Token(&'static str),
    /// The packed values cannot be read.
    List(&'static str),
    /// The list has no such place.
    Index,
    /// An older list than the one seen before.
    Rollback,
    /// The capability token is not in the form of one.
    Reference,
    /// A prefix that is configured is not one.
    Prefix(String),
    /// When the list was issued cannot be remembered.
    Store(String),
}

impl StatusError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address => "status.address",
            Self::Fetch(_) => "status.fetch",
            Self::Token(_) => "status.token",
            Self::List(_) => "status.list",
            Self::Index => "status.index",
            Self::Rollback => "status.rollback",
            Self::Reference => "status.reference",
            Self::Prefix(_) => "status.prefix",
            Self::Store(_) => "status.store",
        }
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => {
                f.write_str("the status list is not at an address that is configured here")
            }
            Self::Fetch(why) => write!(f, "the status list cannot be fetched: {why}"),
            Self::Token(why) => write!(f, "the status list is not believed: {why}"),
            Self::List(why) => write!(f, "the status list cannot be read: {why}"),
            Self::Index => f.write_str("the status list has no such place"),
            Self::Rollback => f.write_str("the status list is older than one seen before"),
            Self::Reference => f.write_str("the token's status reference cannot be read"),
            Self::Prefix(prefix) => write!(
                f,
                "`{prefix}` is no beginning of addresses; wanted `https://host/…/` with the last slash"
            ),
            Self::Store(why) => write!(f, "the status list cannot be remembered: {why}"),
        }
    }
}

impl core::error::Error for StatusError {}
