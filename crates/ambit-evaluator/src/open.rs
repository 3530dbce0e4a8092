//! Steps 1 and 2: the request is read and its token verified, which gives the case to judge.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_core::{Reason, Steps};
use ambit_policy::cedar::texts;
use ambit_policy::{Action, Bundle, normalise};
use ambit_token::{ChainCache, UnverifiedToken};

use crate::case::{Case, SignIn};
use crate::chain::BundleKeys;
use crate::denial::Denial;
use crate::remedy::Displays;
use crate::request::Request;
use crate::seen::{Seen, Sent};

/// Reads a request and verifies its token (steps 1 and 2), and lends it; a denial of these steps
/// otherwise. Runs `body` exactly once.
pub fn with_case(
    bundle: &Bundle<'_>,
    request: &[u8],
    cache: &mut ChainCache,
    body: &mut dyn FnMut(Result<&Case<'_>, &Denial>),
) {
    prepare(bundle, request, cache, &Steps::new(), &mut |_, case| {
        body(case);
    });
}

/// [`with_case`] where nobody has said arguments yet: the request has none, and the action may want some.
pub(crate) fn with_caller(
    bundle: &Bundle<'_>,
    request: &[u8],
    cache: &mut ChainCache,
    body: &mut dyn FnMut(Result<&Case<'_>, &Denial>),
) {
    open(
        bundle,
        request,
        cache,
        &Steps::new(),
        none,
        &mut |_, case| {
            body(case);
        },
    );
}

/// [`with_case`], with what has been established so far.
pub(crate) fn prepare(
    bundle: &Bundle<'_>,
    request: &[u8],
    cache: &mut ChainCache,
    steps: &Steps,
    body: &mut dyn FnMut(Seen<'_>, Result<&Case<'_>, &Denial>),
) {
    open(bundle, request, cache, steps, arguments, body);
}

/// `arguments` says how those of a request become the ones that are judged.
fn open(
    bundle: &Bundle<'_>,
    request: &[u8],
    cache: &mut ChainCache,
    steps: &Steps,
    arguments: impl Fn(&Bundle<'_>, &Request<'_>, &Steps) -> Result<String, Denial>,
    body: &mut dyn FnMut(Seen<'_>, Result<&Case<'_>, &Denial>),
) {
    let mut seen = Seen::new(bundle, request);
    let document = match read(bundle, request) {
        Ok(document) => document,
        Err(denial) => return body(seen, Err(&denial)),
    };
    cache.for_bundle(bundle.digest());
    let found = Sent::find(document.root(), cache);
    let sent = found.as_ref();
    seen.sent = sent;
    let asked = match Request::parse(document.root()) {
        Ok(asked) => asked,
        Err(denial) => return body(seen, Err(&denial)),
    };
    seen.request = Some(&asked);
    let arguments = match arguments(bundle, &asked, steps) {
        Ok(arguments) => arguments,
        Err(denial) => return body(seen, Err(&denial)),
    };
    seen.arguments = Some(arguments.as_str());
    let entities = match asked.cedar_entities(bundle, steps) {
        Ok(entities) => entities,
        Err(denial) => return body(seen, Err(&denial)),
    };
    let parsed = match canonical(&arguments) {
        Ok(parsed) => parsed,
        Err(denial) => return body(seen, Err(&denial)),
    };
    let (keys, limits, now) = (BundleKeys(bundle), bundle.limits(), asked.facts.now);
    let unverified;
    let verified = match cache.find(asked.token, &keys) {
        Some(known) => cache.verified(&known, asked.token, now, &limits),
        None => match UnverifiedToken::parse(asked.token, &limits) {
            Ok(parsed) => {
                unverified = parsed;
                unverified.verify(&keys, now, &limits, Some(cache))
            }
            Err(error) => Err(error),
        },
    };
    let token = match verified {
        Ok(token) => token,
        Err(error) => return body(seen, Err(&error.into())),
    };
    seen.token = Some(&token);
    let texts = policy_texts(bundle, &asked, parsed.root(), steps);
    let case = Case {
        bundle,
        entities: &entities,
        texts: &texts,
        request: &asked,
        arguments: parsed.root(),
        arguments_text: &arguments,
        token: &token,
        tables: cache.keys(),
        token_s256: sent.map_or([0; 32], |sent| sent.s256),
        login: &SignIn::of(&token),
        displays: &Displays::default(),
        steps,
    };
    body(seen, Ok(&case));
}

/// The arguments in canonical form, read once more.
fn canonical(arguments: &str) -> Result<Document<'_>, Denial> {
    Document::parse(arguments.as_bytes(), Profile::Request)
        .map_err(|_| Denial::new(Reason::RequestMember, "`args` cannot be read"))
}

/// The texts that the policies look at, where there are policies.
fn policy_texts(
    bundle: &Bundle<'_>,
    asked: &Request<'_>,
    arguments: Json<'_>,
    steps: &Steps,
) -> Vec<String> {
    match bundle.action(asked.action) {
        Some(action) if bundle.program().is_some() => texts(action, arguments, steps),
        _ => Vec::new(),
    }
}

/// Step 1: bounds and JSON.
pub(crate) fn read<'r>(bundle: &Bundle<'_>, request: &'r [u8]) -> Result<Document<'r>, Denial> {
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
fn arguments(bundle: &Bundle<'_>, request: &Request<'_>, steps: &Steps) -> Result<String, Denial> {
    let action = in_time(bundle, request)?;
    // Each is looked for among those that are declared, and the other way round; every value is
    // checked, written and read again.
    let (given, declared) = (request.arguments.len(), action.arguments().count());
    let looks = given.saturating_add(1).saturating_mul(declared) / 2;
    let values = request.arguments.weight().saturating_mul(4);
    if !steps.take(looks.saturating_add(values)) {
        return Err(Denial::exhausted());
    }
    let mut out = Writer::with_capacity(256);
    let written = normalise(request.arguments, action, &mut out, steps);
    if steps.exhausted() {
        return Err(Denial::exhausted());
    }
    written?;
    Ok(out.finish())
}

/// The same where nobody has said any yet.
fn none(bundle: &Bundle<'_>, request: &Request<'_>, _: &Steps) -> Result<String, Denial> {
    in_time(bundle, request).map(|_| String::from("{}"))
}

/// The action, while the policy has not ended.
#[inline]
fn in_time<'b>(bundle: &'b Bundle<'b>, request: &Request<'_>) -> Result<Action<'b>, Denial> {
    if request.facts.now >= bundle.expires() {
        let admin = alloc::format!(
            "the policy ended at {}, now is {}",
            bundle.expires(),
            request.facts.now
        );
        return Err(Denial::new(Reason::PolicyExpired, admin));
    }
    request.known_action(bundle)
}
