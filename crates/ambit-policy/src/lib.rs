//! Compiled policy: the bundle, read in place.
//!
//! A [`Bundle`] is one block of bytes that the compiler wrote: a header, the tape of one JSON
//! document (see [`ambit_core::json`]), its text, and sorted tables for what is looked up by name.
//! Nothing is parsed on load; [`Bundle::verify`] checks every offset once.
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

mod arguments;
mod bundle;
pub mod cedar;
mod content;
mod format;
mod overlap;
mod vocabulary;

pub use arguments::{ArgumentFault, FaultKind, normalise};
pub use bundle::{Bundle, BundleError, Key, Manifest};
pub use content::KEY_BOUNDS;
pub use overlap::overlaps;
pub use vocabulary::{Action, Argument, Siblings, Spelling};

/// Whether these bytes say that they are a bundle; [`Bundle::verify`] finds out.
#[must_use]
pub fn is_bundle(bytes: &[u8]) -> bool {
    bytes.starts_with(format::MAGIC)
}
