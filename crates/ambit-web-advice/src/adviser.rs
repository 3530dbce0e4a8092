//! The exports, and the import.

use alloc::string::String;

use ambit_advice::{advise_apart, describe as put_into_words};
use ambit_policy::Bundle;
use sha2::{Digest as _, Sha256};
use wasm_bindgen::prelude::*;

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// A panic, or an allocation that failed: the instance stops, and JavaScript denies.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[wasm_bindgen]
extern "C" {
    /// The first file, for one request.
    pub type Judge;

    /// Has it judge what is assumed, and gives the outcome.
    #[wasm_bindgen(method)]
    fn assume(this: &Judge, assumed: &str) -> String;
}

/// Says what would help, by a bundle that the first file verified, and what it said of the request.
#[wasm_bindgen]
#[must_use]
pub fn advise(bundle: &[u8], situation: &str, judge: &Judge) -> String {
    let outcome = |assumed: &str| judge.assume(assumed);
    with_bundle(bundle, |bundle| {
        advise_apart(bundle, situation.as_bytes(), &outcome)
    })
}

/// Puts capabilities into words.
#[wasm_bindgen]
#[must_use]
pub fn describe(bundle: &[u8], request: &str) -> String {
    with_bundle(bundle, |bundle| put_into_words(bundle, request.as_bytes()))
}

/// The bundle was verified by the first file, so opening it is enough. Nothing else is given here.
fn with_bundle(bytes: &[u8], body: impl FnOnce(&Bundle<'_>) -> String) -> String {
    match Bundle::open(bytes, Sha256::digest(bytes).into()) {
        Ok(bundle) => body(&bundle),
        Err(_) => core::arch::wasm32::unreachable(),
    }
}
