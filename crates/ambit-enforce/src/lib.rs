//! The host core: every rule of a host that is neither input nor output.
//!
//! A host reads files, asks the clock, keeps numbers, appends lines, fetches, signs and shows. What it must do
//! next, and what follows from what came of it, is decided here by pure functions, so that hosts in other
//! languages follow one set of rules, through `ambit-core.wasm` (`pkg/abi.md`, "The host core").
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

pub mod ask;
pub mod audit;
pub mod enforce;
pub mod heard;
pub mod ledger;
mod load;
pub mod status;
pub mod wire;

pub use load::{Loaded, check_info, load};

use alloc::string::String;

use ambit_core::json::{Json, Kind, Writer};

/// `{"code", "admin"}`: why the host gets nothing.
fn refusal(code: &str, admin: &str) -> String {
    let mut out = Writer::default();
    out.object(|out| {
        out.name("code").string(code);
        out.name("admin").string(admin);
    });
    out.finish()
}

/// Whether this is an object with no members but these: a misspelt one must not pass.
fn has_only(value: Json<'_>, names: &[&str]) -> bool {
    value.kind() == Kind::Object && value.members().all(|(name, _)| names.contains(&name))
}
