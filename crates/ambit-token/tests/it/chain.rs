//! docs/token.md's verification: format, JSON, times, links, and the order of faults.

use ambit_core::Reason;
use ambit_core::limits::Limits;
use ambit_token::{UnverifiedToken, base64url};
use serde_json::{Value, json};

use crate::making::*;

#[test]
fn every_length_up_to_five_blocks_verifies() {
    for depth in 0..=3 {
        verify(&chain(depth)).unwrap();
    }
    let mut deep = root(&with(root_claims(), "del_max_depth", json!(4)));
    for depth in 1..=4 {
        let seed = HOLDER + depth - 1;
        let claims = with(
            derived_claims(&deep, seed, depth),
            "del_max_depth",
            json!(4),
        );
        deep = extended(&deep, &claims, seed);
    }
    verify(&deep).unwrap();
    let sixth = derived_claims(&deep, HOLDER + 4, 5);
    refused(&extended(&deep, &sixth, HOLDER + 4), Reason::TokenSize, 0);
}

#[test]
fn payloads_are_strict_json() {
    use Reason::*;
    let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
    let whole = root_claims().to_string();
    let cases = [
        ("", TokenJson),
        ("[]", TokenJson),
        ("1", TokenJson),
        ("null", TokenJson),
        ("{", TokenJson),
        (deep.as_str(), TokenJson),
        ("{}x", TokenJson),
        (r#"{"iss":"a","iss":"a"}"#, TokenDuplicateMember),
        (r#"{"iss":"a","\u0069ss":"a"}"#, TokenDuplicateMember),
        (r#"{"iss":"\ud800"}"#, TokenJson),
        ("{}", TokenClaimIss),
    ];
    for (claims, reason) in cases {
        refused(&block_of(ROOT_HEADER, claims, BROKER), reason, 0);
    }
    verify(&block_of(ROOT_HEADER, &format!(" {whole}\n"), BROKER)).unwrap();
    let bom = format!("\u{feff}{whole}");
    refused(&block_of(ROOT_HEADER, &bom, BROKER), TokenJson, 0);
}

#[test]
fn format_and_base64() {
    use Reason::*;
    let good = chain(0);
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts");
    };
    let cases = [
        (String::new(), TokenFormat),
        ("..".into(), TokenJson),
        (format!("{header}.{payload}"), TokenFormat),
        (format!("{good}."), TokenFormat),
        (format!("{good} "), TokenBase64),
        (format!("{good}\n"), TokenBase64),
        (format!("{good}="), TokenBase64),
        (format!("{good}é"), TokenBase64),
        (format!("{header}.{payload}."), TokenSignature),
        (format!("{header}.{payload}.AAAA"), TokenSignature),
        (
            format!("{header}.{payload}.{signature}AAAA"),
            TokenSignature,
        ),
        (format!("{header}.{payload}!.{signature}"), TokenBase64),
    ];
    for (chain, reason) in cases {
        refused(&chain, reason, 0);
    }
    refused(&format!("{good}~"), TokenFormat, 1);
    refused(&format!("~{good}"), TokenFormat, 0);
    refused(&"A".repeat(16 * 1024 + 1), TokenSize, 0);
    refused(&"A".repeat(16 * 1024), TokenFormat, 0);
    refused(&"~".repeat(5), TokenSize, 0);
}

#[test]
fn lowered_limits_bind() {
    let tight = Limits {
        token_blocks: 1,
        root_life_seconds: 3599,
        ..Limits::default()
    };
    let error = UnverifiedToken::parse(&chain(1), &tight).unwrap_err();
    assert_eq!(error.reason, Reason::TokenSize);
    let chain = chain(0);
    let token = UnverifiedToken::parse(&chain, &tight).unwrap();
    let error = token.verify(&trust(), NOW, &tight, None).unwrap_err();
    assert_eq!(error.reason, Reason::TokenLifetime);
    let small = Limits {
        token_bytes: chain.len() - 1,
        ..Limits::default()
    };
    assert!(UnverifiedToken::parse(&chain, &small).is_err());
    let raised = Limits {
        token_blocks: 9,
        token_bytes: 1 << 20,
        ..Limits::default()
    };
    assert!(UnverifiedToken::parse(&"A".repeat(16 * 1024 + 1), &raised).is_err());
}

#[test]
fn times() {
    use Reason::*;
    let at = |iat: i64, nbf: i64, exp: i64| {
        let mut claims = root_claims();
        (claims["iat"], claims["nbf"], claims["exp"]) = (json!(iat), json!(nbf), json!(exp));
        root(&claims)
    };
    verify(&at(NOW + 30, NOW + 30, NOW + 31)).unwrap();
    verify(&at(NOW, NOW, NOW + 1)).unwrap();
    verify(&at(NOW - 86_399, NOW, NOW + 1)).unwrap();
    refused(&at(NOW + 31, NOW + 31, NOW + 100), TokenIatFuture, 0);
    refused(&at(NOW, NOW + 31, NOW + 100), TokenNotYet, 0);
    refused(&at(NOW - 10, NOW, NOW), TokenExpired, 0);
    refused(&at(NOW + 20, NOW, NOW + 20), TokenExpired, 0);
    refused(&at(NOW - 86_400, NOW, NOW + 1), TokenLifetime, 0);
    let deadly = with(root_claims(), "exp", json!(i64::from(i32::MAX) * 4_000_000));
    refused(&root(&deadly), TokenLifetime, 0);
    for now in [i64::MIN, i64::MAX] {
        assert!(verify_at(&chain(1), &trust(), now, None).is_err());
    }
    refused(&derived_with("iat", json!(NOW + 31)), TokenIatFuture, 1);
    refused(&derived_with("nbf", json!(NOW + 31)), TokenNotYet, 1);
    refused(&derived_with("exp", json!(NOW)), TokenExpired, 1);
}

#[test]
fn links() {
    use Reason::*;
    let stranger = ambit_token::thumbprint(&public(STRANGER));
    let stranger = format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{stranger}");
    let bare = ambit_token::thumbprint(&public(HOLDER));
    let cases = [
        ("exp", json!(1_772_003_601), ChainExp),
        ("iat", json!(1_771_999_999), ChainIat),
        ("par_hash", json!(base64url::encode(&[0; 32])), ChainParHash),
        ("iss", json!(stranger), ChainIss),
        ("iss", json!(bare), ChainIss),
        ("iss", json!("https://broker.acme.example"), ChainIss),
        ("del_depth", json!(0), ChainDepth),
        ("del_depth", json!(2), ChainDepth),
        ("del_max_depth", json!(0), ChainDepth),
        ("del_max_depth", json!(4), ChainDepth),
        ("jti", json!("root-1"), ChainJti),
    ];
    for (name, value, reason) in cases {
        refused(&derived_with(name, value), reason, 1);
    }
    verify(&derived_with("exp", json!(1_772_003_600))).unwrap();
    verify(&derived_with("iat", json!(1_772_000_000))).unwrap();
    verify(&derived_with("del_max_depth", json!(1))).unwrap();
    // What a block gives up, the next cannot take back.
    let parent = derived_with("del_max_depth", json!(2));
    let raised = derived_claims(&parent, WORKER, 2);
    refused(&extended(&parent, &raised, WORKER), ChainDepth, 2);
    let parent = chain(1);
    let again = with(
        derived_claims(&parent, WORKER, 2),
        "jti",
        json!("derived-1"),
    );
    refused(&extended(&parent, &again, WORKER), ChainJti, 2);
}

#[test]
fn the_root_must_allow_delegation() {
    let parent = root_with("del_max_depth", json!(0));
    let claims = with(
        derived_claims(&parent, HOLDER, 1),
        "del_max_depth",
        json!(0),
    );
    refused(&extended(&parent, &claims, HOLDER), Reason::ChainDepth, 1);
}

#[test]
fn signatures_bind_block_and_key() {
    use Reason::*;
    let parent = chain(0);
    let claims = derived_claims(&parent, HOLDER, 1);
    for seed in [BROKER, WORKER, STRANGER] {
        refused(&extended(&parent, &claims, seed), TokenSignature, 1);
    }
    let mut other = root_claims();
    other["jti"] = json!("root-2");
    let moved = extended(&root(&other), &claims, HOLDER);
    refused(&moved, ChainParHash, 1);
    let three = chain(2);
    let blocks: Vec<&str> = three.split('~').collect();
    refused(
        &[blocks[0], blocks[2], blocks[1]].join("~"),
        TokenSignature,
        1,
    );
    refused(&[blocks[0], blocks[2]].join("~"), TokenSignature, 1);
    refused(&[blocks[1], blocks[2]].join("~"), TokenUnknownKey, 0);
}

/// When two faults apply, the earlier one of docs/token.md's list is the reason; of two blocks, the
/// first.
#[test]
fn the_first_fault_is_the_reason() {
    use Reason::*;
    let bad_header = r#"{"alg":"none","typ":"JWT"}"#;
    let good = chain(0);
    let broken = block_of(bad_header, "{", STRANGER);
    refused(&format!("{broken}="), TokenBase64, 0);
    refused(&broken, TokenAlg, 0);
    refused(&block_of(ROOT_HEADER, "{", STRANGER), TokenSignature, 0);
    let late = with(root_claims(), "exp", json!(NOW - 1));
    refused(
        &root(&with(late.clone(), "sub", Value::Null)),
        TokenClaimSub,
        0,
    );
    refused(
        &root(&with(late.clone(), "scope", json!("x"))),
        TokenClaimUnknown,
        0,
    );
    refused(&format!("{}~{broken}=", root(&late)), TokenExpired, 0);
    refused(&format!("{good}~x"), TokenFormat, 1);
    refused(&format!("{}~x", root(&late)), TokenExpired, 0);
    let mut both = derived_claims(&good, HOLDER, 1);
    both["exp"] = json!(1_772_009_999);
    both["par_hash"] = json!(base64url::encode(&[0; 32]));
    refused(&extended(&good, &both, HOLDER), ChainExp, 1);
}

#[test]
fn what_a_verified_token_says() {
    let limits = Limits::default();
    let parent = chain(0);
    let claims = with(
        derived_claims(&parent, HOLDER, 1),
        "aud",
        json!(["https://mail.acme.example"]),
    );
    let chain = extended(&parent, &claims, HOLDER);
    let token = UnverifiedToken::parse(&chain, &limits).unwrap();
    let trust = trust();
    let token = token.verify(&trust, NOW, &limits, None).unwrap();
    assert_eq!(token.iss(), "https://broker.acme.example");
    assert_eq!(token.sub(), "user:8f1c2d");
    assert_eq!(token.jti(), "root-1");
    assert_eq!(token.kid(), "broker-1");
    assert_eq!(token.issuer_key(), &public(BROKER).into());
    assert_eq!(token.tenant(), Some("acme"));
    assert_eq!(token.agent_uid(), "renewal-bot");
    assert_eq!((token.iat(), token.exp()), (1_772_000_000, 1_772_003_600));
    assert_eq!(token.ends(), 1_772_002_999);
    assert_eq!((token.depth(), token.del_max_depth()), (1, 3));
    assert_eq!(token.holder(), Some(&public(WORKER).into()));
    assert_eq!(token.blocks().len(), 2);
    assert_eq!(token.blocks()[1].jti(), "derived-1");
    assert!(token.audience_allowed("https://mail.acme.example"));
    assert!(
        !token.audience_allowed("https://crm.acme.example"),
        "not in the second block"
    );
    assert_eq!(token.entries(0).count(), 1);
    assert_eq!(token.entries(2).count(), 0);
    let par_hash = claims["par_hash"].as_str().unwrap();
    assert_eq!(base64url::encode(&token.signing_input_s256(0)), par_hash);
    assert_eq!(
        token.root().get("txn").and_then(|txn| txn.as_str()),
        Some("9b2d6f1e")
    );
}
