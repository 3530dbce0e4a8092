//! Advice and consent texts for JavaScript: the second wasm file of the npm package, which is loaded when
//! either is first asked for.
//!
//! It has no evaluator. What advice wants judged goes to the first file through JavaScript
//! (`pkg/policy-module.js`), by `ambit_advice::advise_apart`. On any other target the crate is empty.
#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod adviser;

#[cfg(target_arch = "wasm32")]
pub use adviser::{Judge, advise, describe};
