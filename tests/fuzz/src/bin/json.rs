//! Bytes as JSON: what is read, written and read again is the same.
#![no_main]

use ambit_core::Steps;
use ambit_core::json::{Document, Profile, Writer, canonical, same_value};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let signed = Document::parse(data, Profile::Signed);
    let Ok(first) = Document::parse(data, Profile::Request) else {
        return;
    };
    let mut out = Writer::default();
    out.json(first.root());
    let second = Document::parse(out.as_str().as_bytes(), Profile::Request).expect("we wrote it");
    let mut again = Writer::default();
    again.json(second.root());
    assert_eq!(out.as_str(), again.as_str());
    let (nodes, text) = Document::flatten(first.root()).expect("the input is small");
    let flat = Document::in_place(&nodes, &text);
    assert!(flat.verify());
    let mut copied = Writer::default();
    copied.json(flat.root());
    assert_eq!(out.as_str(), copied.as_str());
    if let Ok(signed) = signed {
        let mut form = Writer::default();
        if canonical(signed.root(), &mut form) {
            let parsed = Document::parse(form.as_str().as_bytes(), Profile::Signed);
            let parsed = parsed.expect("RFC 8785 form is JSON");
            let steps = Steps::new();
            assert!(same_value(signed.root(), parsed.root(), &steps) || steps.exhausted());
        }
    }
});
