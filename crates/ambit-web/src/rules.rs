//! The rules that need no policy: JSON in, JSON out, as `pkg/abi.md` says of the exports of these names.

use alloc::string::String;

use ambit_core::http::{self, Scheme};
use ambit_enforce::wire;
use ambit_evaluator as evaluator;
use wasm_bindgen::prelude::*;

use crate::refuse::unsayable as deny_unsayable;

/// A denial of the host's own, or of what JavaScript found wrong: the text of `{"code", "admin"?}`.
#[wasm_bindgen]
#[must_use]
pub fn refuse(denial: &str) -> String {
    evaluator::refuse_by(denial.as_bytes())
}

/// The denial of a value that JSON cannot say, which `plain.js` found.
#[wasm_bindgen]
#[must_use]
pub fn unsayable(path: &str, what: &str, number: bool) -> String {
    deny_unsayable(path, what, number)
}

/// What HTTP says for a denial: the text of `{"answer", "nonce"?, "possession"?}`.
#[wasm_bindgen]
#[must_use]
pub fn http(denial: &str) -> String {
    http::response_to(denial.as_bytes(), Scheme::Dpop)
}

/// What is to be done next with an answer, or the verdict, under a policy that wants proofs as its `possession` says.
#[wasm_bindgen]
#[must_use]
pub fn enforce(asked: &str, possession: &str) -> String {
    wire::enforce(asked.as_bytes(), Scheme::of(possession))
}

/// What a `consume` obligation writes, or which charge does not fit.
#[wasm_bindgen]
#[must_use]
pub fn consume(asked: &str) -> String {
    wire::consume(asked.as_bytes())
}

/// What a status list says of a token, or that the list is to be fetched.
#[wasm_bindgen]
#[must_use]
pub fn status(asked: &str) -> String {
    wire::status(asked.as_bytes())
}
