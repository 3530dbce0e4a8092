//! What a host refuses, and with which code.

use ambit_token::dsse::Envelope;
use ambit_token::module::ModuleErrorCode::{self, *};
use ambit_token::module::{
    self, BUNDLE_SECTION, BundleClaims, Expect, SIGNATURE_SECTION, TrustedKeys,
};
use serde_json::{Value, json};

use crate::making::{NOW, jwk};
use crate::module_making::*;

#[track_caller]
fn refused(file: &[u8], code: ModuleErrorCode) {
    let error = verify(file, None).unwrap_err();
    assert_eq!(error.code, code, "{error}");
}

#[track_caller]
fn refused_detached(file: &[u8], detached: &[u8], code: ModuleErrorCode) {
    let error = verify(file, Some(detached)).unwrap_err();
    assert_eq!(error.code, code, "{error}");
}

/// The envelope of a statement that `change` has changed, as JSON values.
fn resigned(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let file = unsigned();
    let mut value: Value = serde_json::from_str(&statement(&file).write()).unwrap();
    change(&mut value);
    carrying(&file, &envelope_of(value.to_string().as_bytes(), &[7]))
}

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

/// Signed by a trusted key, and yet two policies in one file: one for hosts that run the code, one
/// for hosts that read the section.
#[test]
fn code_that_holds_another_bundle_is_refused() {
    let other = b"AMBITBDL acme/agents 43";
    let longer = [BUNDLE, b"!"].concat();
    let parts = [
        Parts {
            embedded: other,
            ..Parts::default()
        },
        Parts {
            embedded: other,
            slot: slot(65_536, other),
            ..Parts::default()
        },
        Parts {
            embedded: &longer,
            ..Parts::default()
        },
        Parts {
            slot: slot(65_536, other),
            ..Parts::default()
        },
        Parts {
            slot: slot(65_537, BUNDLE),
            ..Parts::default()
        },
        Parts {
            at: 65_537,
            slot: slot(65_537, BUNDLE),
            ..Parts::default()
        },
        Parts {
            slot: slot(65_536, BUNDLE)[..39].to_vec(),
            ..Parts::default()
        },
    ];
    for (at, parts) in parts.iter().enumerate() {
        let file = assembled(parts);
        let error = verify(&carrying(&file, &envelope(&file, &[7])), None).unwrap_err();
        assert_eq!(error.code, Mismatch, "case {at}");
    }
}

/// The statement names a guest; the code is of another, or the bundle was put into it otherwise than
/// the compiler does, over something that the guest relies on.
#[test]
fn code_of_another_guest_than_stated_is_refused() {
    let zeroes = ambit_token::base64url::encode(&[0; 32]);
    let stated = resigned(|s| s["predicate"]["guest_s256"] = json!(zeroes));
    refused(&stated, Mismatch);
    let slot_elsewhere = Parts {
        slot_at: 100,
        ..Parts::default()
    };
    let more_memory = Parts {
        pages: 3,
        at: 131_072,
        slot: slot(131_072, BUNDLE),
        ..Parts::default()
    };
    for parts in [
        slot_elsewhere,
        more_memory,
        Parts {
            pages: 0,
            ..Parts::default()
        },
    ] {
        let file = assembled(&parts);
        refused(&carrying(&file, &envelope(&file, &[7])), Mismatch);
    }
    let mut other = unsigned();
    let ours = other.windows(4).position(|bytes| bytes == b"ours").unwrap();
    other[ours..ours + 4].copy_from_slice(b"mine");
    refused(&carrying(&other, &envelope(&other, &[7])), Mismatch);
    // A section that the guest does not have, and a second mark.
    for more in [&b"\x06\x01\0"[..], b"\x01\x01\0"] {
        let file = [&unsigned()[..8], more, &unsigned()[8..]].concat();
        refused(&carrying(&file, &envelope(&file, &[7])), Mismatch);
    }
}

#[test]
fn every_byte_of_the_code_belongs_to_the_guest_or_to_the_bundle() {
    let file = unsigned();
    for at in 8..file.len() {
        let mut other = file.clone();
        other[at] ^= 1;
        if let Ok(layout) = module::layout(&other) {
            let found = layout.guest_s256();
            assert_ne!(found.ok(), Some(sha256(&guest())), "byte {at}");
        }
    }
    let found = module::layout(&file).unwrap().guest_s256();
    assert_eq!(found.unwrap(), sha256(&guest()));
}

#[test]
fn a_guest_can_be_demanded() {
    let (file, guest) = (signed(), sha256(&guest()));
    let detached = envelope(&unsigned(), &[7]).write();
    let codes = |guests: &[[u8; 32]]| {
        let trust = trusting(1, &[7]).demanding(guests.to_vec()).unwrap();
        let bundle =
            module::verify_bundle(BUNDLE, Some(detached.as_bytes()), &trust, &EXPECT, claims);
        let module = module::verify(&file, None, &trust, &EXPECT, claims);
        [module, bundle].map(|result| result.err().map(|error| error.code))
    };
    assert_eq!(codes(&[guest]), [None, None]);
    assert_eq!(codes(&[[0; 32], guest]), [None, None]);
    assert_eq!(codes(&[[0; 32]]), [Some(Guest), Some(Guest)]);
    for guests in [vec![], vec![guest; 33]] {
        let error = trusting(1, &[7]).demanding(guests).unwrap_err();
        assert_eq!(error.code, Trust);
    }
}

/// The same statement, without the code.
#[test]
fn a_bundle_travels_alone() {
    let detached = envelope(&unsigned(), &[7]);
    let text = detached.write();
    let verified = verify_bundle(BUNDLE, Some(text.as_bytes())).unwrap();
    let file = unsigned();
    let whole = verify(&file, Some(text.as_bytes())).unwrap();
    assert_eq!(verified.bundle, whole.bundle);
    assert_eq!(verified.bundle_digest, whole.bundle_digest);
    assert_eq!(verified.statement, whole.statement);
    assert_eq!(verified.signers, whole.signers);
    let refused = |bundle: &[u8], detached: Option<&[u8]>, code| {
        let error = verify_bundle(bundle, detached).unwrap_err();
        assert_eq!(error.code, code, "{error}");
    };
    refused(BUNDLE, None, Unsigned);
    refused(BUNDLE, Some(b"{}"), Signature);
    refused(
        &vec![0; ambit_core::limits::BUNDLE_BYTES + 1],
        Some(text.as_bytes()),
        Size,
    );
    refused(&unsigned(), Some(text.as_bytes()), Altered);
    for at in 0..BUNDLE.len() {
        let mut other = BUNDLE.to_vec();
        other[at] ^= 1;
        refused(&other, Some(text.as_bytes()), Altered);
        refused(&BUNDLE[..at], Some(text.as_bytes()), Altered);
    }
    let stated = |change: fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&statement(&unsigned()).write()).unwrap();
        change(&mut value);
        envelope_of(value.to_string().as_bytes(), &[7]).write()
    };
    type Change = (fn(&mut Value), ModuleErrorCode);
    let changes: [Change; 7] = [
        (|s| s["predicate"]["uid"] = json!("acme/other"), Uid),
        (|s| s["predicate"]["abi"] = json!(1), Outdated),
        (|s| s["predicate"]["abi"] = json!(3), Abi),
        (|s| s["predicate"]["version"] = json!(43), Mismatch),
        (|s| s["predicate"]["expires"] = json!(NOW + 101), Mismatch),
        (|s| s["predicate"]["issued"] = json!(NOW - 99), Mismatch),
        (|s| s["predicate"]["guest_s256"] = json!(""), Format),
    ];
    for (change, code) in changes {
        refused(BUNDLE, Some(stated(change).as_bytes()), code);
    }
    let others = envelope(&unsigned(), &[8]).write();
    refused(BUNDLE, Some(others.as_bytes()), Threshold);
    let expect = Expect {
        now: NOW + 100,
        ..EXPECT
    };
    let trust = trusting(1, &[7]);
    let late = module::verify_bundle(BUNDLE, Some(text.as_bytes()), &trust, &expect, claims);
    assert_eq!(late.unwrap_err().code, Expired);
}

/// Who sees only the bundle must notice that a statement of the same version names another file.
#[test]
fn what_is_remembered_covers_file_guest_and_bundle() {
    let one = statement(&unsigned());
    let mut digests = vec![one.content_s256()];
    let changes: [fn(&mut module::Statement); 3] = [
        |s| s.file_s256[0] ^= 1,
        |s| s.guest_s256[0] ^= 1,
        |s| s.bundle_s256[0] ^= 1,
    ];
    for change in changes {
        let mut other = one.clone();
        change(&mut other);
        digests.push(other.content_s256());
    }
    let tested = module::Statement {
        tests_s256: Some([1; 32]),
        ..one.clone()
    };
    assert_eq!(tested.content_s256(), one.content_s256());
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 4);
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
fn every_truncation_is_refused() {
    let file = signed();
    let bare = unsigned().len();
    for end in 0..file.len() {
        let error = verify(&file[..end], None).unwrap_err();
        // Behind the preamble, the memory, the data, `producers`, and the bundle.
        let producers = bare - (2 + 13 + BUNDLE.len());
        let whole_sections = [8, 13, producers - (2 + 10 + 4), producers, bare];
        let code = if whole_sections.contains(&end) {
            Unsigned
        } else {
            Truncated
        };
        assert_eq!(error.code, code, "cut at {end}");
    }
    let bare = unsigned();
    let detached = envelope(&bare, &[7]).write();
    for end in 0..bare.len() {
        let error = verify(&bare[..end], Some(detached.as_bytes())).unwrap_err();
        assert!(
            [Truncated, Altered].contains(&error.code),
            "cut at {end}: {error}"
        );
    }
}

#[test]
fn nothing_stands_after_the_signature() {
    for more in [&b"\0"[..], b"\0\x02\x01x", b"junk"] {
        refused(&[&signed()[..], more].concat(), Altered);
    }
    let mut twice = signed();
    module::append_section(&mut twice, SIGNATURE_SECTION, b"{}");
    refused(&twice, Altered);
    let mut after = signed();
    module::append_section(&mut after, BUNDLE_SECTION, BUNDLE);
    refused(&after, Altered);
}

#[test]
fn another_file_is_refused() {
    let file = unsigned();
    let envelope = envelope(&file, &[7]);
    let mut other = file.clone();
    other[12] = 3;
    refused(&carrying(&other, &envelope), Altered);
    refused_detached(&other, envelope.write().as_bytes(), Altered);
    let mut longer = file;
    module::append_section(&mut longer, BUNDLE_SECTION, b"another");
    refused(&carrying(&longer, &envelope), Altered);
}

#[test]
fn exactly_one_bundle_section() {
    let mut none = b"\0asm\x01\0\0\0".to_vec();
    module::append_section(&mut none, "ambit.bundles", BUNDLE);
    refused(&carrying(&none, &envelope(&none, &[7])), Bundle);
    let mut two = unsigned();
    module::append_section(&mut two, BUNDLE_SECTION, BUNDLE);
    refused(&carrying(&two, &envelope(&two, &[7])), Bundle);
}

#[test]
fn lengths_are_32_bit_leb128_inside_the_file() {
    let with = |bytes: &[u8]| [&b"\0asm\x01\0\0\0"[..], bytes].concat();
    let cases = [
        (&b"\x05"[..], Truncated),
        (b"\x05\x80", Truncated),
        (b"\x05\x04\x01\0\x01", Truncated),
        (b"\x05\xff\xff\xff\xff\x0f", Truncated),
        (b"\x05\xff\xff\xff\xff\x1f", Format),
        (b"\x05\x80\x80\x80\x80\x10", Format),
        (b"\x05\x80\x80\x80\x80\x80\x00", Format),
        (b"\x00\x00", Format),
        (b"\x00\x02\x02x", Format),
        (b"\x00\x01\x80", Format),
        (b"\x0e\x00", Format),
        (b"\x02\x01\x01", Format),
        (b"\x08\x01\x00", Format),
    ];
    for (bytes, code) in cases {
        refused(&with(bytes), code);
    }
    // Longer than needed but within five bytes is WebAssembly …
    let long = with(&[5, 0x83, 0x80, 0x80, 0x80, 0, 1, 0, 2]);
    let long = [&long, &unsigned()[13..]].concat();
    verify(&carrying(&long, &envelope(&long, &[7])), None).unwrap();
    // … but the signature's own section is not covered, so it has one spelling.
    let file = signed();
    let start = unsigned().len();
    let [low, high] = [file[start + 1], file[start + 2]];
    assert!(low >= 0x80 && high < 0x80, "a length of two bytes");
    let mut longer = file[..start].to_vec();
    longer.extend_from_slice(&[0, low, high | 0x80, 0]);
    longer.extend_from_slice(&file[start + 3..]);
    refused(&longer, Format);
}

#[test]
fn other_files_are_not_modules() {
    refused(b"", Truncated);
    refused(b"\0as", Truncated);
    refused(b"#!/bin/sh", Format);
    refused(b"\0asm\x0d\0\x01\0", Format);
    let imports_nothing = [&b"\0asm\x01\0\0\0\x02\x01\0"[..], &unsigned()[8..]].concat();
    module::layout(&imports_nothing).unwrap();
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

#[test]
fn statements_have_one_form() {
    let changes: [fn(&mut Value); 26] = [
        |s| s["_type"] = json!("https://in-toto.io/Statement/v0.1"),
        |s| s["predicateType"] = json!("https://slsa.dev/provenance/v1"),
        |s| s["extra"] = json!(1),
        |s| s["predicate"]["extra"] = json!(1),
        |s| s["subject"][0]["extra"] = json!(1),
        |s| s["subject"][0]["digest"]["sha512"] = json!("00"),
        |s| s["subject"][0]["name"] = json!("other.wasm"),
        |s| s["subject"] = json!([s["subject"][0], s["subject"][0]]),
        |s| s["subject"] = json!([]),
        |s| s["subject"] = s["subject"][0].clone(),
        |s| s["subject"][0]["digest"]["sha256"] = json!("AB".repeat(32)),
        |s| s["subject"][0]["digest"]["sha256"] = json!("ab".repeat(31)),
        |s| s["predicate"]["uid"] = json!(""),
        |s| s["predicate"]["version"] = json!(0),
        |s| s["predicate"]["version"] = json!("42"),
        |s| s["predicate"]["version"] = json!(9_007_199_254_740_992_u64),
        |s| s["predicate"]["issued"] = s["predicate"]["expires"].clone(),
        |s| s["predicate"]["abi"] = json!(-1),
        |s| s["predicate"]["bundle_s256"] = json!("AA"),
        |s| s["predicate"]["guest_s256"] = json!(null),
        |s| drop(s["predicate"].as_object_mut().unwrap().remove("guest_s256")),
        |s| s["predicate"]["tests_s256"] = json!(""),
        |s| s["predicate"]["expires"] = json!(null),
        |s| drop(s["predicate"].as_object_mut().unwrap().remove("tests_s256")),
        |s| drop(s.as_object_mut().unwrap().remove("subject")),
        |s| *s = json!([]),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let error = verify(&resigned(change), None).unwrap_err();
        assert_eq!(error.code, Format, "change {at}");
    }
    let tested = resigned(|s| s["predicate"]["tests_s256"] = s["predicate"]["bundle_s256"].clone());
    let module = verify(&tested, None).unwrap();
    assert_eq!(module.statement.tests_s256, Some(sha256(BUNDLE)));
}

#[test]
fn statement_bundle_and_expectation_agree() {
    refused(
        &resigned(|s| s["predicate"]["uid"] = json!("acme/other")),
        Uid,
    );
    refused(&resigned(|s| s["predicate"]["abi"] = json!(3)), Abi);
    refused(&resigned(|s| s["predicate"]["abi"] = json!(1)), Outdated);
    refused(&resigned(|s| s["predicate"]["abi"] = json!(0)), Outdated);
    // The statement before this one did not name the guest.
    let first = resigned(|s| {
        s["predicateType"] = json!("https://ambit.dev/policy-module/v1");
        drop(s["predicate"].as_object_mut().unwrap().remove("guest_s256"));
    });
    refused(&first, Outdated);
    refused(
        &resigned(|s| s["predicate"]["version"] = json!(43)),
        Mismatch,
    );
    refused(
        &resigned(|s| s["predicate"]["issued"] = json!(NOW - 99)),
        Mismatch,
    );
    refused(
        &resigned(|s| s["predicate"]["expires"] = json!(NOW + 101)),
        Mismatch,
    );
    let zeroes = ambit_token::base64url::encode(&[0; 32]);
    refused(
        &resigned(|s| s["predicate"]["bundle_s256"] = json!(zeroes)),
        Mismatch,
    );
    let file = signed();
    let trust = trusting(1, &[7]);
    let any = Expect {
        uid: None,
        ..EXPECT
    };
    module::verify(&file, None, &trust, &any, claims).unwrap();
    for code in [Bundle, Outdated] {
        let unsound = |_: &[u8]| {
            Err(module::ModuleError {
                code,
                detail: "not sound".into(),
            })
        };
        let error = module::verify(&file, None, &trust, &EXPECT, unsound).unwrap_err();
        assert_eq!(error.code, code);
    }
    let other = |bundle: &[u8]| {
        Ok(BundleClaims {
            uid: "acme/other".into(),
            ..claims(bundle)?
        })
    };
    let error = module::verify(&file, None, &trust, &any, other).unwrap_err();
    assert_eq!(error.code, Mismatch);
}

#[test]
fn expired_modules_are_refused() {
    let (file, trust) = (signed(), trusting(1, &[7]));
    let at = |now| module::verify(&file, None, &trust, &Expect { now, ..EXPECT }, claims);
    at(NOW + 99).unwrap();
    assert_eq!(at(NOW + 100).unwrap_err().code, Expired);
    assert_eq!(at(i64::MAX).unwrap_err().code, Expired);
}

#[test]
fn sizes_are_bounded_first() {
    let huge = vec![0; ambit_core::limits::MODULE_BYTES + 1];
    refused(&huge, Size);
    let detached = vec![b' '; module::ENVELOPE_BYTES + 1];
    refused_detached(&unsigned(), &detached, Size);
}

#[test]
fn versions_never_go_back() {
    let (one, other) = ([1; 32], [2; 32]);
    module::check_seen(None, 1, &one).unwrap();
    module::check_seen(Some((42, one)), 42, &one).unwrap();
    module::check_seen(Some((42, one)), 43, &other).unwrap();
    let code = |seen, version, digest| module::check_seen(seen, version, digest).unwrap_err().code;
    assert_eq!(code(Some((42, one)), 41, &one), Rollback);
    assert_eq!(code(Some((42, one)), 42, &other), SameVersion);
}

fn parse(value: &Value) -> Result<TrustedKeys, module::ModuleError> {
    TrustedKeys::parse(value.to_string().as_bytes())
}

/// Keys as a trust file lists them.
fn keys(seeds: &[u8]) -> Vec<Value> {
    let key = |seed: &u8| json!({"kid": format!("key-{seed}"), "jwk": jwk(*seed)});
    seeds.iter().map(key).collect()
}

#[test]
fn trust_files() {
    let trust = parse(&json!({"threshold": 2, "keys": keys(&[7, 8])})).unwrap();
    assert_eq!((trust.threshold(), trust.iter().count()), (2, 2));
    let mut described = keys(&[7]);
    described[0]["jwk"]["use"] = json!("sig");
    described[0]["jwk"]["alg"] = json!("Ed25519");
    described[0]["jwk"]["kid"] = json!("key-7");
    parse(&json!({"threshold": 1, "keys": described})).unwrap();
    for text in [
        &b""[..],
        b"{",
        b"{\"threshold\":1.0,\"keys\":[]}",
        &[b' '; 40_000],
    ] {
        assert_eq!(TrustedKeys::parse(text).unwrap_err().code, Trust);
    }
}

#[test]
fn trust_files_have_one_form() {
    let bad = [
        json!([]),
        json!({"keys": keys(&[7])}),
        json!({"threshold": 1, "keys": keys(&[7]), "extra": 1}),
        json!({"threshold": 0, "keys": keys(&[7])}),
        json!({"threshold": -1, "keys": keys(&[7])}),
        json!({"threshold": "1", "keys": keys(&[7])}),
        json!({"threshold": 2, "keys": keys(&[7])}),
        json!({"threshold": 1, "keys": []}),
        json!({"threshold": 1, "keys": keys(&[7])[0]}),
        json!({"threshold": 1, "keys": keys(&[7, 7])}),
        json!({"threshold": 1, "keys": keys(&(0..33).collect::<Vec<u8>>())}),
        json!({"threshold": 2, "keys": [
            {"kid": "a", "jwk": jwk(7)}, {"kid": "b", "jwk": jwk(7)}]}),
    ];
    for value in bad {
        assert_eq!(parse(&value).unwrap_err().code, Trust, "{value}");
    }
    let digest = ambit_token::base64url::encode(&[1; 32]);
    let guests = |guests: Value| json!({"threshold": 1, "keys": keys(&[7]), "guests": guests});
    parse(&guests(json!([digest]))).unwrap();
    let mut extra = guests(json!([digest]));
    extra["extra"] = json!(1);
    assert_eq!(parse(&extra).unwrap_err().code, Trust);
    for bad in [
        json!([]),
        json!(digest),
        json!(null),
        json!({"a": digest}),
        json!(["AA"]),
        json!([digest, 1]),
        json!(vec![digest; 33]),
    ] {
        assert_eq!(parse(&guests(bad)).unwrap_err().code, Trust);
    }
}

#[test]
fn trusted_keys_are_public_ed25519_keys() {
    let mut bad = Vec::new();
    let zeroes = ambit_token::base64url::encode(&[0; 32]);
    let members = [
        ("d", json!("AA")),
        ("kty", json!("EC")),
        ("crv", json!("X25519")),
        ("x", json!("AA")),
        ("x", json!(zeroes)),
        ("x", json!(1)),
        ("kid", json!("other")),
        ("use", json!("enc")),
    ];
    for (name, value) in members {
        let mut key = keys(&[7]);
        key[0]["jwk"][name] = value;
        bad.push(json!({"threshold": 1, "keys": key}));
    }
    for (name, value) in [
        ("kid", json!("")),
        ("kid", json!(1)),
        ("jwk", json!("x")),
        ("d", json!(1)),
    ] {
        let mut key = keys(&[7]);
        key[0][name] = value;
        bad.push(json!({"threshold": 1, "keys": key}));
    }
    for value in bad {
        assert_eq!(parse(&value).unwrap_err().code, Trust, "{value}");
    }
    for text in [
        &b""[..],
        b"{",
        b"{\"threshold\":1.0,\"keys\":[]}",
        &[b' '; 40_000],
    ] {
        assert_eq!(TrustedKeys::parse(text).unwrap_err().code, Trust);
    }
}

#[test]
fn codes_are_stable() {
    assert_eq!(
        verify(&unsigned(), None).unwrap_err().code(),
        "module.unsigned"
    );
    assert_eq!(SameVersion.to_string(), "module.same_version");
}
