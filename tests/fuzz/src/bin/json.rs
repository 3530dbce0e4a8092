//! Bytes as JSON: what is read, written and read again is the same.
#![no_main]

use ambit_core::Steps;
use ambit_core::json::{Document, Json, Kind, Profile, Writer, canonical, canonical_value, same_value};

/// The numbers of a value and of its canonical form are the same to a double, which has what they say exactly.
fn numbers(one: Json<'_>, other: Json<'_>) {
    if one.kind() == Kind::Number {
        assert_eq!(one.as_number(), other.as_number());
        let double = |json: Json<'_>| json.number_text().and_then(|text| text.parse::<f64>().ok());
        assert_eq!(double(one), double(other));
    }
    one.elements().zip(other.elements()).for_each(|(one, other)| numbers(one, other));
    one.members().for_each(|(name, one)| numbers(one, other.get(name).expect("a member of both")));
}

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
    let mut form = Writer::default();
    if canonical_value(first.root(), &mut form) {
        let parsed = Document::parse(form.as_str().as_bytes(), Profile::Request);
        let parsed = parsed.expect("RFC 8785 form is JSON");
        let mut again = Writer::default();
        assert!(canonical_value(parsed.root(), &mut again));
        assert_eq!(form.as_str(), again.as_str());
        numbers(first.root(), parsed.root());
    }
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
