//! What people read: what would help after a denial, and consent texts of grants.
//!
//! [`advise()`] takes the request that was denied and gives alternatives, each of them true: the call was
//! judged as it would be, by the evaluator itself, or the alternative says that it was not. Nothing here
//! changes a verdict.
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

mod advise;
mod call;
mod candidate;
mod capability;
mod change;
mod confirm;
mod describe;
mod digest;
mod grant;
mod missing;

pub use advise::advise;
pub use describe::{NoText, capability_line, describe};
pub use grant::{NoConsent, check_grant};
