//! Signed statements: capability chains (`cap+jwt`), proofs of possession, approval receipts,
//! revocation epochs and policy modules.
//!
//! Everything that decides whether a signature counts is here and nowhere else, so that every
//! engine refuses the same bytes. What was not verified and what was are different types:
//! [`UnverifiedToken`] becomes a [`VerifiedToken`] only in [`UnverifiedToken::verify`], and a
//! [`module::VerifiedModule`] is made only by [`module::verify`].
#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo,
    clippy::unimplemented,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::panic_in_result_fn
)]

extern crate alloc;

pub mod base64;
pub mod base64url;
mod chain;
mod digits;
pub mod dsse;
pub mod ed25519;
mod enrolment;
mod error;
pub mod es256;
pub mod jwk;
mod key;
mod keys;
pub mod module;
mod proof;
mod receipt;
pub mod signing;
mod statement;
mod tables;
mod url;
mod webauthn;

pub use chain::{Block, ChainCache, KnownChain, UnverifiedToken, VerifiedToken};
pub use enrolment::{ENROLMENT_TYP, Enrolment, Signer, UnverifiedEnrolment, WithEnrolled};
pub use error::{Refusal, TokenError};
pub use jwk::thumbprint;
pub use key::PublicKey;
pub use keys::{About, Bounds, IssuerKey, Keys};
pub use proof::{ProofOf, VerifiedProof};
pub use receipt::{RECEIPT_TYP, ROLE, Receipt, ReceiptKind, SERVICE};
pub use statement::{Statement, StatementFault, StatementKind, UnverifiedStatement};
pub use tables::KeyTables;
pub use url::same as same_url;
pub use webauthn::{Assertion, RelyingParty};

/// SHA-256 (FIPS 180-4).
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}
