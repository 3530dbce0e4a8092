//! The exports.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_abi::{Single, answer, place, take};
use ambit_advice::{assume, situation};
use ambit_core::http;
use ambit_evaluator::{ChainCache, call_digest, evaluate, info, refuse_by, signing_input};
use ambit_policy::Bundle;

use crate::load::{self, Loaded};
use crate::refuse;

/// The modules that were loaded, each under its number; `None` where one was given back.
static POLICIES: Single<Vec<Option<Policy>>> = Single::new(Vec::new());

/// A policy module whose signature, bundle and version were verified.
struct Policy {
    loaded: Loaded,
    cache: Box<ChainCache>,
}

/// Verifies a module, or the bundle of one, with its detached signature, where that does not lie at 0, against trusted keys
/// (`keys.json`) and `{"uid", "now", "seen": {"version", "digest"}}`: `{"policy", "seen"}`, or
/// `{"error": {"code", "message"}}`.
#[unsafe(no_mangle)]
extern "C" fn ambit_load(
    file: *mut u8,
    file_length: usize,
    detached: *mut u8,
    detached_length: usize,
    trust: *mut u8,
    trust_length: usize,
    options: *mut u8,
    options_length: usize,
) -> u64 {
    // SAFETY: JavaScript passes buffers of `ambit_alloc`, once each; the second may be 0.
    let (file, detached, trust, options) = unsafe {
        (
            take(file, file_length),
            (!detached.is_null()).then(|| take(detached, detached_length)),
            take(trust, trust_length),
            take(options, options_length),
        )
    };
    answer(load::load(
        &file,
        detached.as_deref(),
        &trust,
        &options,
        |loaded| {
            POLICIES.with(|policies| {
                let cache = Box::new(ChainCache::new());
                policies.push(Some(Policy { loaded, cache }));
                policies.len().saturating_sub(1)
            })
        },
    ))
}

/// Gives a module back.
#[unsafe(no_mangle)]
extern "C" fn ambit_unload(policy: usize) {
    POLICIES.with(|policies| {
        if let Some(place) = policies.get_mut(policy) {
            *place = None;
        }
    });
}

/// Answers a request, in exactly the bytes of every other engine.
#[unsafe(no_mangle)]
extern "C" fn ambit_evaluate(policy: usize, at: *mut u8, length: usize) -> u64 {
    // SAFETY: JavaScript passes a buffer of `ambit_alloc`, once.
    let request = unsafe { take(at, length) };
    with(policy, |bundle, cache| evaluate(bundle, &request, cache))
}

/// Says what advice needs to know of a request.
#[unsafe(no_mangle)]
extern "C" fn ambit_situation(policy: usize, at: *mut u8, length: usize) -> u64 {
    // SAFETY: as above.
    let request = unsafe { take(at, length) };
    with(policy, |bundle, cache| situation(bundle, &request, cache))
}

/// Judges a request as it would be if something were done: no answer, but an outcome for advice.
#[unsafe(no_mangle)]
extern "C" fn ambit_assume(
    policy: usize,
    at: *mut u8,
    length: usize,
    assumed: *mut u8,
    assumed_length: usize,
) -> u64 {
    // SAFETY: JavaScript passes two buffers of `ambit_alloc`, once each.
    let (request, assumed) = unsafe { (take(at, length), take(assumed, assumed_length)) };
    with(policy, |bundle, cache| {
        assume(bundle, &request, &assumed, cache)
    })
}

/// Says which policy this is.
#[unsafe(no_mangle)]
extern "C" fn ambit_info(policy: usize) -> u64 {
    with(policy, |bundle, _| info(bundle))
}

/// Where the verified bundle of a module lies, to be copied for the second file.
#[unsafe(no_mangle)]
extern "C" fn ambit_bundle(policy: usize) -> u64 {
    POLICIES.with(|policies| {
        let policy = policies.get(policy).and_then(Option::as_ref);
        policy.map_or(0, |policy| place(&policy.loaded.bundle))
    })
}

/// The digest of the call in a request, and what a person is shown of it.
#[unsafe(no_mangle)]
extern "C" fn ambit_digest(policy: usize, at: *mut u8, length: usize) -> u64 {
    // SAFETY: JavaScript passes a buffer of `ambit_alloc`, once.
    let request = unsafe { take(at, length) };
    with(policy, |bundle, cache| call_digest(bundle, &request, cache))
}

/// What is to be signed for a proof, a further block or a receipt.
#[unsafe(no_mangle)]
extern "C" fn ambit_signing_input(policy: usize, at: *mut u8, length: usize) -> u64 {
    // SAFETY: as above.
    let request = unsafe { take(at, length) };
    with(policy, |bundle, _| signing_input(bundle, &request))
}

/// A denial of the host's own, or of what JavaScript found wrong: `{"code", "admin"?}`.
#[unsafe(no_mangle)]
extern "C" fn ambit_refuse(at: *mut u8, length: usize) -> u64 {
    // SAFETY: as above.
    let denial = unsafe { take(at, length) };
    answer(refuse_by(&denial))
}

/// The denial of a value that JSON cannot say: `{"path", "what"}`.
#[unsafe(no_mangle)]
extern "C" fn ambit_unsayable(at: *mut u8, length: usize) -> u64 {
    // SAFETY: as above.
    let fault = unsafe { take(at, length) };
    answer(refuse::unsayable(&fault))
}

/// What HTTP says for a denial: `{"answer", "nonce"?}`.
#[unsafe(no_mangle)]
extern "C" fn ambit_http(at: *mut u8, length: usize) -> u64 {
    // SAFETY: as above.
    let denial = unsafe { take(at, length) };
    answer(http::response_to(&denial))
}

/// The bundle was verified by `load`, so opening it is enough.
fn with(policy: usize, body: impl FnOnce(&Bundle<'_>, &mut ChainCache) -> String) -> u64 {
    answer(POLICIES.with(|policies| {
        let policy = policies.get_mut(policy).and_then(Option::as_mut);
        let Some(Policy { loaded, cache }) = policy else {
            return refuse::no_bundle();
        };
        match Bundle::open(&loaded.bundle, loaded.bundle_digest) {
            Ok(bundle) => body(&bundle, cache),
            Err(_) => refuse::no_bundle(),
        }
    }))
}
