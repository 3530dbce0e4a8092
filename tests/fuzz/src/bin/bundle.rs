//! Bytes as a bundle: verified, and opened without, then asked everything that a module can be
//! asked.
#![no_main]

use std::sync::OnceLock;

use ambit_advice::{advise, describe};
use ambit_evaluator::{ChainCache, evaluate, info};
use ambit_policy::Bundle;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static REQUESTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let requests = REQUESTS.get_or_init(|| ambit_fuzz::fixed("request"));
    let sound = Bundle::verify(data);
    let opened = Bundle::open(data, [7; 32]);
    assert!(sound.is_err() || opened.is_ok(), "what verifies opens");
    let Ok(bundle) = opened else { return };
    for request in requests {
        let answer = evaluate(&bundle, request, &mut ChainCache::new());
        assert!(answer.starts_with("{\"decision\":"));
        let advice = advise(&bundle, request, &mut ChainCache::new());
        assert!(advice.starts_with("{\"decision\":"));
        assert!(describe(&bundle, request).starts_with('{'));
    }
    assert!(info(&bundle).starts_with('{'));
});
