//! The exports, and the two imports.

use alloc::string::String;

use ambit_abi::{answer, take};
use ambit_advice::{advise_apart, describe};
use ambit_policy::Bundle;
use sha2::{Digest as _, Sha256};

#[link(wasm_import_module = "ambit")]
unsafe extern "C" {
    /// Has the first file judge what is assumed, and says how long the outcome is.
    fn judge(at: *const u8, length: usize) -> usize;
    /// Writes that outcome.
    fn judged(at: *mut u8);
}

/// Says what would help, by a bundle that the first file verified, and what it said of the request.
#[unsafe(no_mangle)]
extern "C" fn ambit_advise(
    bundle: *mut u8,
    bundle_length: usize,
    situation: *mut u8,
    situation_length: usize,
) -> u64 {
    // SAFETY: JavaScript passes two buffers of `ambit_alloc`, once each.
    let (bundle, situation) = unsafe {
        (
            take(bundle, bundle_length),
            take(situation, situation_length),
        )
    };
    with_bundle(&bundle, |bundle| advise_apart(bundle, &situation, &outcome))
}

/// Puts capabilities into words.
#[unsafe(no_mangle)]
extern "C" fn ambit_describe(
    bundle: *mut u8,
    bundle_length: usize,
    request: *mut u8,
    request_length: usize,
) -> u64 {
    // SAFETY: as above.
    let (bundle, request) = unsafe { (take(bundle, bundle_length), take(request, request_length)) };
    with_bundle(&bundle, |bundle| describe(bundle, &request))
}

/// The bundle was verified by the first file, so opening it is enough. Nothing else is given here.
fn with_bundle(bytes: &[u8], body: impl FnOnce(&Bundle<'_>) -> String) -> u64 {
    match Bundle::open(bytes, Sha256::digest(bytes).into()) {
        Ok(bundle) => answer(body(&bundle)),
        Err(_) => core::arch::wasm32::unreachable(),
    }
}

fn outcome(assumed: &str) -> String {
    // SAFETY: JavaScript reads these bytes and keeps no view of them.
    let length = unsafe { judge(assumed.as_ptr(), assumed.len()) };
    let mut bytes = alloc::vec![0; length];
    // SAFETY: JavaScript writes exactly the bytes whose length it said.
    unsafe { judged(bytes.as_mut_ptr()) };
    String::from_utf8(bytes).unwrap_or_default()
}
