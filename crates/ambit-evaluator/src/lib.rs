//! The decision: bundle, token and request in, one answer out.
//!
//! This is the only place where the domain, the signed statements and the compiled policy meet.
//! [`evaluate`] is a pure function: the same bytes in give the same bytes out on every engine. The
//! steps stand in `judge` in the order of the design, and the first that fails decides.
//!
//! A denial says what the failed step knows. What would help is no part of the decision: [`with_case`]
//! lends a request that was read, and [`Case::judge_with`] judges it as it would be.
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

mod answer;
mod approvals;
mod assumed;
mod authority;
mod binding;
mod budget;
mod case;
mod chain;
mod charge;
mod claims;
mod context;
mod denial;
mod digest;
mod display;
mod enrolments;
mod facts;
mod info;
mod judge;
mod obligations;
mod open;
mod possession;
mod rails;
mod record;
mod remedy;
mod request;
mod requires;
mod revocation;
mod rows;
mod seen;
mod signing;
mod standing;
mod text;

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::{Document, Json, Profile};
use ambit_core::{Reason, Steps};
use ambit_policy::Bundle;

pub use ambit_token::ChainCache;
pub use assumed::Assumed;
pub use authority::Layer;
pub use budget::{Room, rooms};
pub use case::{Asked, Case};
pub use chain::BundleKeys;
pub use claims::bundle_claims;
pub use denial::{Denial, Details};
pub use digest::s256;
pub use display::RENDERER;
pub use info::{ABI, info};
pub use open::with_case;
pub use remedy::{Approval, Bound, Login, Remedy, Shown, Wait};
pub use revocation::{FetchedEpochs, fetched_epochs};
pub use rows::rows;
pub use signing::{call_digest, signing_input};
pub use standing::{Standing, standing};
pub use text::joined;

use judge::judge;
use open::prepare;
use seen::{Found, Seen};

/// Answers one request. Always an answer: whatever is malformed, missing or exhausted is a denial
/// with its reason code.
///
/// `request` is the JSON input of the design (`evaluation`, `token`, `facts` …); the answer is the
/// JSON output with its members in fixed order. `cache` only saves work: no answer depends on it.
///
/// ```
/// use ambit_evaluator::{ChainCache, evaluate};
/// use ambit_policy::{Bundle, BundleError};
///
/// /// Whether the policy allows the request. An allow counts only once its obligations are done.
/// fn decide(bundle: &[u8], request: &[u8]) -> Result<bool, BundleError> {
///     let bundle = Bundle::verify(bundle)?;
///     // Kept between calls, it saves verifying a token that was seen before.
///     let mut cache = ChainCache::new();
///     Ok(evaluate(&bundle, request, &mut cache).starts_with(r#"{"decision":true,"#))
/// }
///
/// // Without a sound policy there is nothing to ask.
/// assert!(decide(b"no bundle", b"{}").is_err());
/// ```
#[must_use]
pub fn evaluate(bundle: &Bundle<'_>, request: &[u8], cache: &mut ChainCache) -> String {
    evaluate_within(bundle, request, cache, &Steps::new())
}

/// [`evaluate`] with a budget of steps that the caller looks at afterwards.
#[must_use]
pub fn evaluate_within(
    bundle: &Bundle<'_>,
    request: &[u8],
    cache: &mut ChainCache,
    steps: &Steps,
) -> String {
    let mut answer = String::new();
    prepare(bundle, request, cache, steps, &mut |seen, case| {
        let case = match case {
            Ok(case) => case,
            Err(denial) => {
                answer = answer::deny(&seen, denial);
                return;
            }
        };
        let mut found = Found::default();
        let judged = judge(case, &mut found).and_then(|grant| match steps.exhausted() {
            true => Err(Denial::exhausted()),
            false => Ok(grant),
        });
        let seen = Seen {
            found: Some(&found),
            ..seen
        };
        answer = match judged {
            Ok(grant) => answer::allow(&seen, case, &grant),
            Err(denial) => answer::deny(&seen, &denial),
        };
    });
    answer
}

/// A denial in the form of every other answer, for what a host refuses by itself: a proof that was
/// used before, a disk that is full, an engine that failed.
#[must_use]
pub fn refuse(reason: Reason, admin: &str) -> String {
    answer::refusal(reason, admin)
}

/// [`refuse`] for `{"code", "admin"?}`, as engines in other languages ask for it. A code that is not
/// known is a fault of whoever asks, and refused as one.
#[must_use]
pub fn refuse_by(request: &[u8]) -> String {
    let parsed = Document::parse(request, Profile::Request);
    let root = parsed.as_ref().map_or(Json::null(), Document::root);
    let text = |name| root.get_str(name).unwrap_or_default();
    match Reason::from_code(text("code")) {
        Some(reason) => refuse(reason, text("admin")),
        None => refuse(
            Reason::EngineTrap,
            "the host refused with a code that is not known",
        ),
    }
}

/// What a call came to, and how far.
#[derive(Debug)]
pub struct Judged {
    /// Why not, if it is denied.
    pub denial: Option<Denial>,
    /// Whether the token belongs here, is held by who asks and is in force: steps 3 to 5.
    pub in_force: bool,
    /// The people who said yes to this call, whether or not that is enough.
    pub people: Vec<Vec<String>>,
}

impl Case<'_> {
    /// Steps 3 to 9, as they were asked.
    #[must_use]
    pub fn judge(&self) -> Judged {
        let mut found = Found::default();
        let denial = judge(self, &mut found).err();
        Judged {
            denial,
            in_force: found.in_force,
            people: found.people,
        }
    }
}
