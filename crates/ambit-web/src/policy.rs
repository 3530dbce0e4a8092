//! A policy and what it is asked.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_advice as advice;
use ambit_enforce::wire;
use ambit_evaluator::{self as evaluator, ChainCache};
use ambit_policy::Bundle;
use wasm_bindgen::prelude::*;

use crate::refuse::no_bundle;

/// A policy whose signature, bundle and version were verified.
#[wasm_bindgen]
pub struct Policy {
    bundle: Vec<u8>,
    digest: [u8; 32],
    statement: String,
    cache: Box<ChainCache>,
}

#[wasm_bindgen]
impl Policy {
    /// Verifies a module, or the bundle of one, as `ambit_load` does.
    ///
    /// # Errors
    ///
    /// The text of `{"code", "admin", "seen"?}`.
    pub fn load(file: &[u8], asked: &str) -> Result<Self, String> {
        let loaded = ambit_enforce::load(file, asked.as_bytes())?;
        Ok(Self {
            bundle: loaded.bundle.to_vec(),
            digest: loaded.digest,
            statement: loaded.statement,
            cache: Box::new(ChainCache::new()),
        })
    }

    /// The verified statement, as `ambit_load` answers it.
    #[must_use]
    pub fn statement(&self) -> String {
        self.statement.clone()
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

    /// The request for `evaluate`, made of its parts.
    pub fn request(&mut self, parts: &str) -> String {
        self.answer(|bundle, _| wire::request(bundle, parts.as_bytes()))
    }

    /// Whether revocation epochs that were fetched go with the requests from now on.
    pub fn epochs(&mut self, asked: &str) -> String {
        self.answer(|bundle, _| wire::epochs(bundle, asked.as_bytes()))
    }

    /// The request made of its parts, the digest of its call, and what is to be signed for it.
    pub fn ask(&mut self, parts: &str) -> String {
        self.answer(|bundle, cache| wire::ask(bundle, parts.as_bytes(), cache))
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

    /// The bundle was verified by `load`, so opening it is enough.
    fn answer(&mut self, body: impl FnOnce(&Bundle<'_>, &mut ChainCache) -> String) -> String {
        match Bundle::open(&self.bundle, self.digest) {
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
