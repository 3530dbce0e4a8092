//! How the JavaScript of `pkg/` passes bytes to a wasm file of the package and takes the answer out.
//!
//! A buffer of `ambit_alloc` belongs to JavaScript until it is passed to an export, which frees it. An
//! answer belongs to JavaScript until it is passed to `ambit_free`. Only `pkg/engine.js` calls this, and
//! what it was given by users comes as bytes in such buffers: nobody else's pointers reach it.
//!
//! On any other target the crate is empty.
#![no_std]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "a raw ABI hands over pointers")]
mod wasm;
#[cfg(target_arch = "wasm32")]
pub use wasm::{Single, answer, place, take};
