//! The exports.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_advice as advice;
use ambit_core::http;
use ambit_evaluator::{self as evaluator, ChainCache};
use ambit_policy::Bundle;
use wasm_bindgen::prelude::*;

use crate::load::{self, Loaded};
use crate::refuse::{no_bundle, unsayable as deny_unsayable};

/// A policy module whose signature, bundle and version were verified.
#[wasm_bindgen]
pub struct Policy {
    loaded: Loaded,
    cache: Box<ChainCache>,
}

#[wasm_bindgen]
impl Policy {
    /// Verifies a module, or the bundle of one, with its detached signature if it carries none, against
    /// trusted keys (the text of `keys.json`) and `{uid?, now, seen?: {version, digest}}` (a text as well).
    ///
    /// # Errors
    ///
    /// A JavaScript `Error` with a stable `code`.
    pub fn load(
        file: &[u8],
        detached: Option<Vec<u8>>,
        trust: &str,
        options: &str,
    ) -> Result<Self, JsValue> {
        let (trust, options) = (trust.as_bytes(), options.as_bytes());
        Ok(Self {
            loaded: load::load(file, detached.as_deref(), trust, options)?,
            cache: Box::new(ChainCache::new()),
        })
    }

    /// Answers a request, in exactly the bytes of every other engine.
    pub fn evaluate(&mut self, request: &str) -> String {
        self.answer(|bundle, cache| evaluator::evaluate(bundle, request.as_bytes(), cache))
    }

    /// The same for the bytes of a JSON text.
    #[wasm_bindgen(js_name = evaluateBytes)]
    pub fn evaluate_bytes(&mut self, request: &[u8]) -> Vec<u8> {
        let answer = self.answer(|bundle, cache| evaluator::evaluate(bundle, request, cache));
        answer.into_bytes()
    }

    /// The digest of the call in a request, and what a person is shown of it.
    pub fn digest(&mut self, request: &str) -> String {
        self.answer(|bundle, cache| evaluator::call_digest(bundle, request.as_bytes(), cache))
    }

    /// What is to be signed for a proof, a further block or a receipt.
    #[wasm_bindgen(js_name = signingInput)]
    pub fn signing_input(&mut self, request: &str) -> String {
        self.answer(|bundle, _| evaluator::signing_input(bundle, request.as_bytes()))
    }

    /// Says which policy this is.
    pub fn info(&mut self) -> String {
        self.answer(|bundle, _| evaluator::info(bundle))
    }

    /// Says what would help after a denial of this request.
    pub fn advise(&mut self, request: &str) -> String {
        self.answer(|bundle, cache| advice::advise(bundle, request.as_bytes(), cache))
    }

    /// Puts capabilities into words.
    pub fn describe(&mut self, request: &str) -> String {
        self.answer(|bundle, _| advice::describe(bundle, request.as_bytes()))
    }

    /// What a host keeps, and gives as `options.seen` the next time: `{version, digest}`.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn seen(&self) -> JsValue {
        JsValue::from(&self.loaded.seen)
    }

    /// The bundle was verified by `load`, so opening it is enough.
    fn answer(&mut self, body: impl FnOnce(&Bundle<'_>, &mut ChainCache) -> String) -> String {
        match Bundle::open(&self.loaded.bundle, self.loaded.bundle_digest) {
            Ok(bundle) => body(&bundle, &mut self.cache),
            Err(_) => no_bundle(),
        }
    }
}

impl core::fmt::Debug for Policy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Policy").finish_non_exhaustive()
    }
}

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
    http::response_to(denial.as_bytes(), http::Scheme::Dpop)
}
