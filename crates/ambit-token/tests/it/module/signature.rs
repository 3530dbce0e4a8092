//! Who signed, and how it is written.

use super::*;

#[test]
fn carried_and_detached_signatures_verify() {
    let file = signed();
    let module = verify(&file, None).unwrap();
    assert_eq!(module.bundle, BUNDLE);
    assert_eq!(module.bundle_digest, sha256(BUNDLE));
    assert_eq!(module.statement, statement(&unsigned()));
    assert_eq!(module.signers, ["key-7"]);
    let bare = unsigned();
    let detached = envelope(&bare, &[7]).write();
    let module = verify(&bare, Some(detached.as_bytes())).unwrap();
    assert_eq!(module.bundle, BUNDLE);
    // Pretty-printed, url-safe, without a key name: DSSE allows it where it changes no file.
    let mut loose: Value = serde_json::from_str(&detached).unwrap();
    loose["signatures"][0]
        .as_object_mut()
        .unwrap()
        .remove("keyid");
    loose["note"] = json!("a later member");
    let loose = serde_json::to_string_pretty(&loose).unwrap();
    verify(&bare, Some(loose.as_bytes())).unwrap();
}

#[test]
fn what_is_not_signed_is_refused() {
    refused(&unsigned(), Unsigned);
    let file = unsigned();
    refused(&carrying(&file, &envelope(&file, &[])), Unsigned);
    refused_detached(
        &file,
        br#"{"payload":"","payloadType":"t","signatures":[]}"#,
        Signature,
    );
    refused_detached(&file, b"", Signature);
    refused_detached(&file, b"{}", Signature);
}

#[test]
fn never_both_signatures() {
    let file = unsigned();
    let detached = envelope(&file, &[7]).write();
    refused_detached(&signed(), detached.as_bytes(), Signature);
    let detached = envelope(&signed(), &[7]).write();
    refused_detached(&signed(), detached.as_bytes(), Signature);
}

#[test]
fn signatures_of_others_and_of_other_things() {
    let file = unsigned();
    refused(&carrying(&file, &envelope(&file, &[8])), Threshold);
    let mut named = envelope(&file, &[8]);
    named.signatures[0].keyid = "key-7".into();
    refused(&carrying(&file, &named), Signature);
    let mut nameless = envelope(&file, &[8]);
    nameless.signatures[0].keyid.clear();
    refused(&carrying(&file, &nameless), Threshold);
    let mut other = envelope(&file, &[7]);
    other.payload_type = "application/json".into();
    refused(&carrying(&file, &other), Signature);
    let mut changed = envelope(&file, &[7]);
    changed.payload.push(b' ');
    refused(&carrying(&file, &changed), Signature);
    let mut many = envelope(&file, &[7]);
    many.signatures = vec![many.signatures[0].clone(); 33];
    refused(&carrying(&file, &many), Signature);
}

#[test]
fn a_carried_envelope_has_one_spelling() {
    let file = unsigned();
    let text = envelope(&file, &[7]).write();
    for spelling in [
        format!("{text} "),
        text.replace(":[", ": ["),
        text.replace("==", ""),
    ] {
        let mut other = file.clone();
        module::append_section(&mut other, SIGNATURE_SECTION, spelling.as_bytes());
        refused(&other, Signature);
    }
}

#[test]
fn a_threshold_counts_distinct_keys() {
    let file = unsigned();
    let verify = |trust: &TrustedKeys, envelope: &Envelope| {
        let file = carrying(&file, envelope);
        module::verify(&file, None, trust, &EXPECT, claims).map(|module| module.signers)
    };
    let two = trusting(2, &[7, 8, 9]);
    assert_eq!(
        verify(&two, &envelope(&file, &[9, 7])).unwrap(),
        ["key-7", "key-9"]
    );
    assert_eq!(
        verify(&two, &envelope(&file, &[7, 8, 9, 10]))
            .unwrap()
            .len(),
        3
    );
    for seeds in [&[7][..], &[7, 7], &[7, 10], &[10, 11]] {
        let error = verify(&two, &envelope(&file, seeds)).unwrap_err();
        assert_eq!(error.code, Threshold, "{seeds:?}");
    }
    // One key under two names is one key.
    let twice = vec![
        ("key-7".into(), crate::making::public(7)),
        ("also-7".into(), crate::making::public(7)),
        ("key-8".into(), crate::making::public(8)),
    ];
    let twice = TrustedKeys::new(2, twice).unwrap();
    let mut both = envelope(&file, &[7, 7]);
    both.signatures[1].keyid = "also-7".into();
    assert_eq!(verify(&twice, &both).unwrap_err().code, Threshold);
    // A wrong signature beside enough right ones changes nothing; without them it is the reason.
    let mut spoilt = envelope(&file, &[7, 8, 9]);
    spoilt.signatures[0].sig[5] ^= 1;
    assert_eq!(verify(&two, &spoilt).unwrap(), ["key-8", "key-9"]);
    spoilt.signatures.pop();
    assert_eq!(verify(&two, &spoilt).unwrap_err().code, Signature);
}
