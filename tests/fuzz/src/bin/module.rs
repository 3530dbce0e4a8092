//! Bytes as a policy module, its envelope carried; what begins with `{` is an envelope alone.
#![no_main]

use std::sync::OnceLock;

use ambit_evaluator::{ABI, bundle_claims};
use ambit_token::dsse::Envelope;
use ambit_token::module::{Expect, Statement, TrustedKeys, layout, verify};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static TRUST: OnceLock<TrustedKeys> = OnceLock::new();
    let trust = TRUST.get_or_init(|| {
        let text = ambit_fuzz::fixed("trust").remove(0);
        TrustedKeys::parse(&text).expect("the compiler wrote it")
    });
    if data.first() == Some(&b'{') {
        if let Some(envelope) = Envelope::parse(data) {
            let _ = Statement::read(&envelope.payload);
            let written = envelope.write();
            assert!(Envelope::parse_exact(written.as_bytes()).is_some());
        }
        let _ = Statement::read(data);
        return;
    }
    let _ = layout(data).and_then(|layout| layout.guest_s256());
    let expect = Expect {
        uid: None,
        now: 1_772_000_400,
        abi: ABI.unsigned_abs(),
    };
    if let Ok(module) = verify(data, None, trust, &expect, bundle_claims) {
        assert!(!module.signers.is_empty());
    }
});
