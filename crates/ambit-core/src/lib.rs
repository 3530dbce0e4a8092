//! The domain of Ambit: capabilities, constraints, powers, reasons, limits and the JSON they are
//! written in.
//!
//! Everything here is a pure function of its arguments: no clock, no randomness, no I/O. The crate
//! is `no_std`, has no `unsafe`, and every loop over input that an attacker can grow is bounded by
//! a number in [`limits`] or by [`Steps`].
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

pub mod address;
pub mod capability;
pub mod constraint;
pub mod describe;
mod find;
pub mod grammar;
pub mod hours;
pub mod http;
pub mod json;
pub mod limits;
mod money;
mod number;
mod power;
mod reason;
mod sort;
mod steps;

pub use constraint::text::{foreign, foreign_name, foreign_path};
pub use find::{Split, place, place_of_any, rsplit_once, same_bytes, split, split_once};
pub use money::{decimal_text, minor_units};
pub use number::Number;
pub use power::{Power, Powers};
pub use reason::Reason;
pub use sort::{keep, sort, sort_by};
pub use steps::Steps;
