//! The evaluator for JavaScript: browsers, extensions, edge workers, Node.
//!
//! Many of those may not compile code that they fetched, so a policy module's own code is not run
//! here. The same signed file is verified by the same function as everywhere, and the bundle in it
//! runs in this evaluator; the answers are the same bytes.
//!
//! `pkg/` wraps what is here: its `index.js` is what users import.

mod js;
mod load;

use std::cell::RefCell;

use ambit_advice as advice;
use ambit_core::describe::plain;
use ambit_core::{Reason, http};
use ambit_evaluator as evaluator;
use ambit_policy::Bundle;
use ambit_token::ChainCache;
use js_sys::{JsString, Uint8Array};
use wasm_bindgen::prelude::*;

use load::Loaded;

/// Bytes of a request that are copied in at all. The evaluator's own limit is far lower and gives
/// the same answer everywhere; this one only keeps memory from growing without end.
const REQUEST_BYTES: u32 = 32 * 1024 * 1024;

/// `evaluate`, `advise` …
type Run = fn(&Bundle<'_>, &[u8], &mut ChainCache) -> String;

/// A policy module whose signature, bundle and version were verified.
#[wasm_bindgen]
pub struct PolicyModule {
    loaded: Loaded,
    /// Lent for one evaluation, during which no JavaScript runs.
    cache: RefCell<Box<ChainCache>>,
}

#[wasm_bindgen]
impl PolicyModule {
    /// Verifies a module, or the bundle of one (`Uint8Array`), with its detached signature if it carries none, against
    /// trusted keys (the text of `keys.json`) and `{uid?, now, seen?: {version, digest}}`.
    ///
    /// # Errors
    ///
    /// A JavaScript `Error` with a stable `code`.
    pub fn load(
        file: &JsValue,
        detached: &JsValue,
        trust: &JsValue,
        options: &JsValue,
    ) -> Result<Self, JsValue> {
        Ok(Self {
            loaded: load::load(file, detached, trust, options)?,
            cache: RefCell::new(Box::new(ChainCache::new())),
        })
    }

    /// Answers a request given as JSON text, in exactly the bytes of every other engine.
    #[wasm_bindgen(js_name = evaluateText)]
    #[must_use]
    pub fn evaluate_text(&self, request: &JsValue) -> String {
        self.ask(request, evaluator::evaluate)
    }

    /// The same for the bytes of a JSON text.
    #[wasm_bindgen(js_name = evaluateBytes)]
    #[must_use]
    pub fn evaluate_bytes(&self, request: &JsValue) -> Vec<u8> {
        let answer = match request.dyn_ref::<Uint8Array>() {
            Some(bytes) if bytes.length() > REQUEST_BYTES => too_long(),
            Some(bytes) => self.answer(&bytes.to_vec(), evaluator::evaluate),
            None => evaluator::refuse(
                Reason::RequestSyntax,
                "the request is not a `Uint8Array` whose buffer is there",
            ),
        };
        answer.into_bytes()
    }

    /// Says what would help after a denial of this request, a text.
    #[wasm_bindgen(js_name = adviseText)]
    #[must_use]
    pub fn advise_text(&self, request: &JsValue) -> String {
        self.ask(request, advice::advise)
    }

    /// The digest of the call in a request, a text, and what a person is shown of it.
    #[wasm_bindgen(js_name = digestText)]
    #[must_use]
    pub fn digest_text(&self, request: &JsValue) -> String {
        self.ask(request, evaluator::call_digest)
    }

    /// What is to be signed: the text of `{"typ", "claims", "token"?, "kid"?}`.
    #[wasm_bindgen(js_name = signingInputText)]
    #[must_use]
    pub fn signing_input_text(&self, request: &JsValue) -> String {
        self.ask(request, |bundle, request, _| {
            evaluator::signing_input(bundle, request)
        })
    }

    /// Puts capabilities into words: the text of `{"authorization_details": […]}`.
    #[wasm_bindgen(js_name = describeText)]
    #[must_use]
    pub fn describe_text(&self, request: &JsValue) -> String {
        match (js::text(request), self.bundle()) {
            (Some(text), Some(bundle)) => advice::describe(&bundle, text.as_bytes()),
            _ => evaluator::refuse(Reason::RequestSyntax, "the request is not a text"),
        }
    }

    /// Says which policy this is, as JSON text.
    #[wasm_bindgen(js_name = infoText)]
    #[must_use]
    pub fn info_text(&self) -> String {
        self.bundle()
            .as_ref()
            .map_or_else(no_bundle, evaluator::info)
    }

    /// What a host keeps, and gives as `options.seen` the next time: `{version, digest}`.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn seen(&self) -> JsValue {
        self.loaded.seen.to_js()
    }

    /// Asks about a text.
    fn ask(&self, request: &JsValue, run: Run) -> String {
        if request
            .dyn_ref::<JsString>()
            .is_some_and(|text| text.length() > REQUEST_BYTES)
        {
            return too_long();
        }
        match js::text(request) {
            Some(text) => self.answer(text.as_bytes(), run),
            None => evaluator::refuse(Reason::RequestSyntax, "the request is not a text"),
        }
    }

    fn answer(&self, request: &[u8], run: Run) -> String {
        match (self.bundle(), self.cache.try_borrow_mut()) {
            (Some(bundle), Ok(mut cache)) => run(&bundle, request, &mut cache),
            _ => no_bundle(),
        }
    }

    /// The bundle was verified by `load`, so opening it is enough.
    fn bundle(&self) -> Option<Bundle<'_>> {
        Bundle::open(&self.loaded.bundle, self.loaded.bundle_digest).ok()
    }
}

impl std::fmt::Debug for PolicyModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyModule").finish_non_exhaustive()
    }
}

/// The denial of a request that is not plain data, which `plain.js` found: it never becomes a text.
#[wasm_bindgen]
#[must_use]
pub fn refusal(code: &str, path: &str, what: &str) -> String {
    if code == Reason::RequestSize.code() {
        return too_long();
    }
    let value = match path {
        "" => String::from("the request"),
        path => plain(path),
    };
    let admin = format!("{value} is {what}, which JSON cannot say");
    evaluator::refuse(Reason::RequestValue, &admin)
}

/// A denial of the host's own: the text of `{"code", "admin"?}`.
#[wasm_bindgen(js_name = refuseText)]
#[must_use]
pub fn refuse_text(request: &str) -> String {
    evaluator::refuse_by(request.as_bytes())
}

/// What HTTP says for a denial: the text of `{"answer", "nonce"?}`.
#[wasm_bindgen(js_name = httpText)]
#[must_use]
pub fn http_text(request: &str) -> String {
    http::response_to(request.as_bytes())
}

fn no_bundle() -> String {
    evaluator::refuse(Reason::PolicyMalformed, "the bundle cannot be opened")
}

fn too_long() -> String {
    evaluator::refuse(Reason::RequestSize, "the request is too long to be read")
}
