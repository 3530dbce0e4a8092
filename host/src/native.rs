//! The evaluator compiled into this crate, on a verified bundle.

use std::sync::{Arc, Mutex, PoisonError};

use ambit_advice as advice;
use ambit_core::Reason;
use ambit_enforce::wire;
use ambit_evaluator::{self as evaluator, Standing};
use ambit_policy::Bundle;
use ambit_token::ChainCache;

use crate::evaluator::{Evaluator, Fault};
use crate::module::PolicyBundle;

/// Chain caches kept for later calls: one for each call that ran at the same time.
const CACHES: usize = 16;

/// Runs a bundle without the module's code: the same source, compiled natively.
pub struct NativeEngine {
    bundle: Arc<[u8]>,
    digest: [u8; 32],
    caches: Mutex<Vec<ChainCache>>,
}

impl NativeEngine {
    /// An engine for the bundle of a module, or for one that travelled alone.
    #[must_use]
    pub fn new(policy: impl AsRef<PolicyBundle>) -> Self {
        let policy = policy.as_ref();
        Self {
            bundle: policy.shared_bundle(),
            digest: *policy.bundle_digest(),
            caches: Mutex::default(),
        }
    }

    /// The digest of the call in a request, and what a person is shown before a yes to it:
    /// `{"binding_s256", "risk_tier", "display"}`, as `ambit_digest` of `pkg/abi.md`, or a denial.
    #[must_use]
    pub fn call_digest(&self, request: &[u8]) -> String {
        self.with_bundle(|bundle| {
            self.with_cache(|cache| evaluator::call_digest(bundle, request, cache))
        })
    }

    /// Whether the token of a request counts here, before anything is asked with it: steps 2 to 5 of the decision. The
    /// request has no arguments.
    ///
    /// # Errors
    ///
    /// The reason of the first step that fails, and the words for an administrator.
    pub fn standing(&self, request: &[u8]) -> Result<Standing, (Reason, String)> {
        let Ok(bundle) = Bundle::open(&self.bundle, self.digest) else {
            return Err((Reason::EngineTrap, "the bundle cannot be opened".to_owned()));
        };
        self.with_cache(|cache| evaluator::standing(&bundle, request, cache))
            .map_err(|denial| (denial.reason, denial.into_admin()))
    }

    /// What an allowed call may see of a database, until when: `ambit_evaluator::rows`.
    pub(crate) fn rows(&self, request: &[u8], until: i64) -> Result<String, (Reason, String)> {
        let Ok(bundle) = Bundle::open(&self.bundle, self.digest) else {
            return Err((Reason::EngineTrap, "the bundle cannot be opened".to_owned()));
        };
        self.with_cache(|cache| evaluator::rows(&bundle, request, cache, until))
            .map_err(|denial| (denial.reason, denial.into_admin()))
    }

    /// What a holder signs, as `ambit_signing_input` of `pkg/abi.md`, or a denial.
    #[must_use]
    pub fn signing_input(&self, request: &[u8]) -> String {
        self.with_bundle(|bundle| evaluator::signing_input(bundle, request))
    }

    /// The request for an evaluator, made of its parts, and what is to be signed for it, as `ambit_ask` of `pkg/abi.md`.
    #[must_use]
    pub fn ask(&self, parts: &[u8]) -> String {
        self.with_bundle(|bundle| self.with_cache(|cache| wire::ask(bundle, parts, cache)))
    }

    /// The bundle was verified when it was loaded, so opening it is enough.
    fn with_bundle(&self, run: impl FnOnce(&Bundle<'_>) -> String) -> String {
        match Bundle::open(&self.bundle, self.digest) {
            Ok(bundle) => run(&bundle),
            Err(_) => Fault::Trap("the bundle cannot be opened").denial(),
        }
    }

    fn with_cache<R>(&self, run: impl FnOnce(&mut ChainCache) -> R) -> R {
        let lock = || self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cache = lock().pop().unwrap_or_else(ChainCache::new);
        let result = run(&mut cache);
        let mut caches = lock();
        if caches.len() < CACHES {
            caches.push(cache);
        }
        result
    }
}

impl std::fmt::Debug for NativeEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeEngine").finish_non_exhaustive()
    }
}

impl Evaluator for NativeEngine {
    fn evaluate(&self, request: &[u8]) -> String {
        self.with_bundle(|bundle| {
            self.with_cache(|cache| evaluator::evaluate(bundle, request, cache))
        })
    }

    fn advise(&self, request: &[u8]) -> String {
        self.with_bundle(|bundle| self.with_cache(|cache| advice::advise(bundle, request, cache)))
    }

    fn describe(&self, request: &[u8]) -> String {
        self.with_bundle(|bundle| advice::describe(bundle, request))
    }

    fn info(&self) -> String {
        self.with_bundle(evaluator::info)
    }
}
