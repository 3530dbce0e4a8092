//! What is stated, of a module and of a bundle alone.

use super::*;

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
        let unsound = |_: &[u8]| Err(module::ModuleError::new(code, "not sound"));
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
fn versions_never_go_back() {
    let (one, other) = ([1; 32], [2; 32]);
    module::check_seen(None, 1, &one).unwrap();
    module::check_seen(Some((42, one)), 42, &one).unwrap();
    module::check_seen(Some((42, one)), 43, &other).unwrap();
    let code = |seen, version, digest| module::check_seen(seen, version, digest).unwrap_err().code;
    assert_eq!(code(Some((42, one)), 41, &one), Rollback);
    assert_eq!(code(Some((42, one)), 42, &other), SameVersion);
}
