//! docs/token.md's claims table, row by row.

use ambit_core::Reason;
use ambit_token::base64url;
use serde_json::{Value, json};

use crate::making::*;

#[test]
fn optional_claims_may_be_left_out() {
    let optional = [
        "nbf",
        "txn",
        "client_id",
        "tenant",
        "acr",
        "amr",
        "auth_time",
        "approval",
        "policy",
        "status",
    ];
    for name in optional {
        verify(&root_with(name, Value::Null)).unwrap();
    }
    verify(&derived_with("aud", json!(["https://mail.acme.example"]))).unwrap();
    verify(&derived_with("nbf", json!(NOW + 30))).unwrap();
    verify(&derived_with(
        "act",
        json!({"sub": "spiffe://acme.example/agent/sub"}),
    ))
    .unwrap();
    verify(&derived_with("approval", json!({"id": "apr-2"}))).unwrap();
}

#[test]
fn required_claims_may_not() {
    let root_claims = [
        ("iss", Reason::TokenClaimIss),
        ("sub", Reason::TokenClaimSub),
        ("aud", Reason::TokenClaimAud),
        ("iat", Reason::TokenClaimIat),
        ("exp", Reason::TokenClaimExp),
        ("jti", Reason::TokenClaimJti),
        ("act", Reason::TokenClaimAct),
        ("agent", Reason::TokenClaimAgent),
        ("cnf", Reason::TokenCnf),
        ("authorization_details", Reason::TokenAuthorizationDetails),
        ("del_depth", Reason::ChainDepth),
        ("del_max_depth", Reason::ChainDepth),
    ];
    for (name, reason) in root_claims {
        refused(&root_with(name, Value::Null), reason, 0);
    }
    let derived_claims = [
        ("iss", Reason::TokenClaimIss),
        ("iat", Reason::TokenClaimIat),
        ("exp", Reason::TokenClaimExp),
        ("jti", Reason::TokenClaimJti),
        ("cnf", Reason::TokenCnf),
        ("authorization_details", Reason::TokenAuthorizationDetails),
        ("del_depth", Reason::ChainDepth),
        ("del_max_depth", Reason::ChainDepth),
        ("par_hash", Reason::ChainParHash),
    ];
    for (name, reason) in derived_claims {
        refused(&derived_with(name, Value::Null), reason, 1);
    }
}

#[test]
fn claims_of_the_root_alone_and_unknown_ones_are_refused() {
    let whole = root_claims();
    let root_only = [
        "sub",
        "agent",
        "txn",
        "client_id",
        "tenant",
        "acr",
        "amr",
        "auth_time",
        "policy",
        "status",
    ];
    for name in root_only {
        refused(
            &derived_with(name, whole[name].clone()),
            Reason::ChainDerivedMember,
            1,
        );
    }
    let digest = json!(base64url::encode(&[1; 32]));
    refused(&root_with("par_hash", digest), Reason::ChainParHash, 0);
    refused(
        &root_with("scope", json!("all")),
        Reason::TokenClaimUnknown,
        0,
    );
    refused(&root_with("", json!("all")), Reason::TokenClaimUnknown, 0);
    refused(
        &derived_with("scope", json!("all")),
        Reason::TokenClaimUnknown,
        1,
    );
}

#[test]
fn every_claim_has_a_form() {
    use Reason::*;
    let bad = json!([[], {}, "", false, 0, "x", [""], [1], ["a", ""], {"x": 1}]);
    // The values above that are well formed for a claim, by claim.
    let fine = |name: &str, value: &Value| match name {
        "iss" | "sub" | "jti" | "txn" | "client_id" | "tenant" | "acr" => *value == json!("x"),
        "auth_time" | "iat" | "nbf" | "exp" | "del_depth" | "del_max_depth" => value.is_number(),
        _ => false,
    };
    let claims = [
        ("iss", TokenClaimIss),
        ("sub", TokenClaimSub),
        ("aud", TokenClaimAud),
        ("iat", TokenClaimIat),
        ("nbf", TokenClaimNbf),
        ("exp", TokenClaimExp),
        ("jti", TokenClaimJti),
        ("txn", TokenClaimTxn),
        ("client_id", TokenClaimClientId),
        ("tenant", TokenClaimTenant),
        ("act", TokenClaimAct),
        ("agent", TokenClaimAgent),
        ("acr", TokenClaimLogin),
        ("amr", TokenClaimLogin),
        ("auth_time", TokenClaimLogin),
        ("authorization_details", TokenAuthorizationDetails),
        ("approval", TokenClaimApproval),
        ("policy", TokenClaimPolicy),
        ("status", TokenClaimStatus),
        ("cnf", TokenCnf),
        ("del_depth", ChainDepth),
        ("del_max_depth", ChainDepth),
    ];
    for (name, reason) in claims {
        for value in bad
            .as_array()
            .unwrap()
            .iter()
            .filter(|value| !fine(name, value))
        {
            refused(&root_with(name, value.clone()), reason, 0);
        }
        let text = with(root_claims(), name, json!("@"))
            .to_string()
            .replace("\"@\"", "null");
        refused(&block_of(ROOT_HEADER, &text, BROKER), reason, 0);
    }
    for value in bad.as_array().unwrap() {
        refused(&derived_with("par_hash", value.clone()), ChainParHash, 1);
    }
}

#[test]
fn objects_have_no_unknown_members() {
    use Reason::*;
    let claims = [
        ("act", TokenClaimAct),
        ("agent", TokenClaimAgent),
        ("policy", TokenClaimPolicy),
        ("status", TokenClaimStatus),
        ("approval", TokenClaimApproval),
        ("cnf", TokenCnf),
    ];
    for (name, reason) in claims {
        let mut claim = root_claims()[name].clone();
        claim["extra"] = json!("x");
        refused(&root_with(name, claim), reason, 0);
    }
}

#[test]
fn act_and_agent_in_detail() {
    use Reason::*;
    let cases = [
        ("act", json!({"sub": "renewal-bot"}), TokenClaimAct),
        ("act", json!({"sub": "https://"}), TokenClaimAct),
        ("act", json!({"sub": "https://a b"}), TokenClaimAct),
        (
            "act",
            json!({"sub": "https://a", "sub_profile": "human"}),
            TokenClaimAct,
        ),
        ("act", json!({"iss": "https://a"}), TokenClaimAct),
        ("agent", json!({"env": "prod"}), TokenClaimAgent),
        (
            "agent",
            json!({"uid": "a", "ai_model": {}}),
            TokenClaimAgent,
        ),
        (
            "agent",
            json!({"uid": "a", "ai_model": {"size": "1"}}),
            TokenClaimAgent,
        ),
    ];
    for (name, value, reason) in cases {
        refused(&root_with(name, value), reason, 0);
    }
}

#[test]
fn other_claims_in_detail() {
    use Reason::*;
    let cases = [
        ("policy", json!({"uid": "a"}), TokenClaimPolicy),
        (
            "policy",
            json!({"uid": "a", "version": 0}),
            TokenClaimPolicy,
        ),
        (
            "policy",
            json!({"uid": "a", "version": 1, "exact": true}),
            TokenClaimPolicy,
        ),
        (
            "policy",
            json!({"uid": "a", "version": 1, "s256": "AA"}),
            TokenClaimPolicy,
        ),
        (
            "status",
            json!({"status_list": {"idx": -1, "uri": "u"}}),
            TokenClaimStatus,
        ),
        (
            "status",
            json!({"status_list": {"idx": 1}}),
            TokenClaimStatus,
        ),
        (
            "approval",
            json!({"approver": "user:1"}),
            TokenClaimApproval,
        ),
        ("del_depth", json!(1), ChainDepth),
        ("del_max_depth", json!(5), ChainDepth),
        ("del_max_depth", json!(-1), ChainDepth),
        (
            "authorization_details",
            json!([{}, 1]),
            TokenAuthorizationDetails,
        ),
        (
            "authorization_details",
            json!([[]]),
            TokenAuthorizationDetails,
        ),
    ];
    for (name, value, reason) in cases {
        refused(&root_with(name, value), reason, 0);
    }
    verify(&root_with("policy", json!({"uid": "a", "version": 1}))).unwrap();
    verify(&root_with(
        "authorization_details",
        json!([{"type": "other"}]),
    ))
    .unwrap();
}

#[test]
fn at_most_64_capabilities() {
    let many = |count| root_with("authorization_details", json!(vec![json!({}); count]));
    verify(&many(64)).unwrap();
    refused(&many(65), Reason::TokenAuthorizationDetails, 0);
}

#[test]
fn numbers_are_exact_or_refused_with_their_claim() {
    use Reason::*;
    let edge = "9007199254740991";
    for (text, reason) in [
        ("9007199254740992", true),
        ("-9007199254740992", true),
        (edge, false),
    ] {
        let details = r#"[{"constraints":{"n":{"constraint_type":"exact","value":{"a":[@]}}}}]"#;
        let claims = with(root_claims(), "authorization_details", json!("@"))
            .to_string()
            .replace("\"@\"", &details.replace('@', text));
        let chain = block_of(ROOT_HEADER, &claims, BROKER);
        if reason {
            refused(&chain, TokenAuthorizationDetails, 0);
        } else {
            verify(&chain).unwrap();
        }
    }
    let claims = [
        ("iat", TokenClaimIat),
        ("nbf", TokenClaimNbf),
        ("exp", TokenClaimExp),
        ("auth_time", TokenClaimLogin),
        ("del_depth", ChainDepth),
    ];
    for (name, reason) in claims {
        refused(
            &root_with(name, json!(9_007_199_254_740_992_u64)),
            reason,
            0,
        );
    }
    let nested = json!({"uid": "a", "version": 9_007_199_254_740_992_u64});
    refused(&root_with("policy", nested), TokenClaimPolicy, 0);
    for float in ["1.0", "1e3", "-0.0"] {
        let claims = root_claims().to_string().replace("1772003600", float);
        refused(&block_of(ROOT_HEADER, &claims, BROKER), TokenFloat, 0);
    }
}

#[test]
fn holder_keys() {
    let small = |hex: &str| {
        let bytes: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&bytes)}})
    };
    let mut private = jwk(HOLDER);
    private["d"] = json!(base64url::encode(&[HOLDER; 32]));
    let x = jwk(HOLDER)["x"].as_str().unwrap().to_owned();
    let cases = [
        json!({"jwk": private}),
        json!({"jwk": {"kty": "OKP", "crv": "X25519", "x": x}}),
        json!({"jwk": {"kty": "EC", "crv": "P-256", "x": x, "y": x}}),
        json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": format!("{x}=")}}),
        json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": &x[1..]}}),
        json!({"jwk": jwk(HOLDER), "jkt": "x"}),
        json!({"jkt": "x"}),
        // Not a point; and points of order 1, 2, 4 and 8.
        small("0200000000000000000000000000000000000000000000000000000000000000"),
        small("0100000000000000000000000000000000000000000000000000000000000000"),
        small("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        small("0000000000000000000000000000000000000000000000000000000000000000"),
        small("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        // The same point of order 1 in another encoding.
        small("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ];
    for cnf in cases {
        refused(&root_with("cnf", cnf.clone()), Reason::TokenCnf, 0);
        refused(&derived_with("cnf", cnf), Reason::TokenCnf, 1);
    }
}
