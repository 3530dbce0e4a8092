//! The decision: bundle, token and request in, one answer out.
//!
//! This is the only place where the domain, the signed statements and the compiled policy meet.
//! [`evaluate`] is a pure function: the same bytes in give the same bytes out on every engine. The
//! steps stand in [`judge`](self) in the order of the design, and the first that fails decides.
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
mod authority;
mod binding;
mod budget;
mod chain;
mod changes;
mod claims;
mod context;
mod denial;
mod describe;
mod digest;
mod display;
mod facts;
mod grant;
mod info;
mod obligations;
mod order;
mod possession;
mod rails;
mod record;
mod remedy;
mod request;
mod requires;
mod revocation;
mod text;
mod trial;
mod ways;
mod witness;

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::{Document, Profile, Writer};
use ambit_core::{Reason, Steps};
use ambit_policy::cedar::{Entities, texts};
use ambit_policy::{Bundle, normalise};
use ambit_token::{Receipt, UnverifiedToken, VerifiedProof, VerifiedToken};

pub use ambit_token::ChainCache;
pub use claims::bundle_claims;
pub use describe::{NoText, capability_line, describe};
pub use grant::{NoConsent, check_grant};
pub use info::{ABI, info};

use answer::Seen;
use authority::Grant;
use denial::Denial;
use rails::Ruling;
use request::Request;
use revocation::Epochs;

/// Answers one request. Always an answer: whatever is malformed, missing or exhausted is a denial
/// with its reason code.
///
/// `request` is the JSON input of the design (`evaluation`, `token`, `facts` …); the answer is the
/// JSON output with its members in fixed order. `cache` only saves work: no answer depends on it.
#[must_use]
pub fn evaluate(bundle: &Bundle<'_>, request: &[u8], cache: &mut ChainCache) -> String {
    let mut seen = Seen::new(bundle, request);
    let document = match read(bundle, request) {
        Ok(document) => document,
        Err(denial) => return seen.deny(&denial),
    };
    let asked = match Request::parse(document.root()) {
        Ok(asked) => asked,
        Err(denial) => return seen.deny(&denial),
    };
    seen.request = Some(&asked);
    let arguments = match arguments(bundle, &asked) {
        Ok(arguments) => arguments,
        Err(denial) => return seen.deny(&denial),
    };
    seen.arguments = Some(arguments.as_str());
    let entities = match asked.cedar_entities(bundle) {
        Ok(entities) => entities,
        Err(denial) => return seen.deny(&denial),
    };
    let Ok(parsed) = Document::parse(arguments.as_bytes(), Profile::Signed) else {
        return seen.deny(&Denial::new(Reason::RequestMember, "`args` cannot be read"));
    };
    let unverified = match UnverifiedToken::parse(asked.token, &bundle.limits()) {
        Ok(unverified) => unverified,
        Err(error) => return seen.deny(&error.into()),
    };
    let keys = chain::BundleKeys(bundle);
    let token = match chain::verify(&keys, &unverified, asked.facts.now, cache) {
        Ok(token) => token,
        Err(denial) => return seen.deny(&denial),
    };
    seen.token = Some(&token);
    let texts = match bundle.action(asked.action) {
        Some(action) if bundle.program().is_some() => texts(action, parsed.root()),
        _ => Vec::new(),
    };
    let case = Case {
        bundle,
        entities: &entities,
        texts: &texts,
        request: &asked,
        arguments: parsed.root(),
        arguments_text: &arguments,
        token: &token,
        steps: &Steps::new(),
    };
    let mut found = Found::default();
    let judged = judge(&case, &mut found);
    seen.found = Some(&found);
    match judged {
        Ok(grant) => seen.allow(&case, &grant),
        Err(denial) => seen.deny(&denial),
    }
}

/// A denial in the form of every other answer, for a host whose engine failed before or while it
/// evaluated.
#[must_use]
pub fn refuse(reason: Reason, admin: &str) -> String {
    answer::refusal(reason, admin)
}

/// Everything that the later steps look at: request and arguments read, token verified.
pub(crate) struct Case<'a> {
    pub(crate) bundle: &'a Bundle<'a>,
    pub(crate) request: &'a Request<'a>,
    /// The arguments with money in minor units.
    pub(crate) arguments: ambit_core::json::Json<'a>,
    /// The same in RFC 8785 form.
    pub(crate) arguments_text: &'a str,
    pub(crate) token: &'a VerifiedToken<'a>,
    /// The entities that the host described.
    pub(crate) entities: &'a Entities<'a>,
    /// The arguments that policies see as text.
    pub(crate) texts: &'a [String],
    pub(crate) steps: &'a Steps,
}

/// Step 1: bounds and JSON.
fn read<'r>(bundle: &Bundle<'_>, request: &'r [u8]) -> Result<Document<'r>, Denial> {
    let most = bundle.limits().request_bytes;
    if request.len() > most {
        let admin = alloc::format!("{} bytes, at most {most}", request.len());
        return Err(Denial::new(Reason::RequestSize, admin));
    }
    Document::parse(request, Profile::Request)
        .map_err(|error| Denial::new(Reason::RequestSyntax, alloc::format!("{error}")))
}

/// Step 1, continued: the policy's own end, and the request against the vocabulary. Gives the
/// arguments in canonical form.
fn arguments(bundle: &Bundle<'_>, request: &Request<'_>) -> Result<String, Denial> {
    if request.facts.now >= bundle.expires() {
        let admin = alloc::format!(
            "the policy ended at {}, now is {}",
            bundle.expires(),
            request.facts.now
        );
        return Err(Denial::new(Reason::PolicyExpired, admin));
    }
    let action = request.known_action(bundle)?;
    let mut out = Writer::with_capacity(256);
    normalise(request.arguments, action, &mut out)?;
    Ok(out.finish())
}

/// Steps 3 to 9; the first that fails decides. What was verified on the way goes into `found`, for
/// the record also of a denial.
fn judge<'a>(case: &'a Case<'a>, found: &mut Found) -> Result<Grant<'a>, Denial> {
    binding::check(case)?;
    found.proof = possession::check(case)?;
    binding::check_status(case)?;
    found.epochs = revocation::check(case)?;
    let grant = authority::check(case)?;
    found.receipts = requires::check(case, &grant)?;
    rails::check(case, &grant, found)?;
    Ok(grant)
}

/// What the request brought beside its token, verified.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The proof of possession.
    pub(crate) proof: Option<VerifiedProof>,
    /// The lists of revocation epochs, none of which names the token.
    pub(crate) epochs: Vec<Epochs>,
    /// The receipts, each for this call.
    pub(crate) receipts: Vec<Receipt>,
    /// What the guard rails said.
    pub(crate) ruling: Option<Ruling>,
}
