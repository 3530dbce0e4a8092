//! A token that a person consented to: the receipt is bound to exactly its claims and to the text
//! that was shown.

use ambit_advice::describe;
use ambit_compiler::CompileError;
use ambit_compiler::mint::{RootOptions, root};
use ambit_policy::Bundle;
use ambit_token::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{ISSUED, bundle, key};

const NOW: i64 = ISSUED + 3600;

fn capability(most: i64) -> Value {
    json!({
        "type": "ambit_capability", "actions": ["email"], "privileges": ["propose"],
        "datatypes": ["customer-contact"], "purpose": "contract-renewal",
        "constraints": {"to": {"constraint_type": "like", "pattern": format!("ann{most}@*")}},
    })
}

/// Everything that the token will say, but for what changes from one token to the next.
fn claims() -> Value {
    json!({
        "iss": "https://broker.acme.example",
        "sub": "user:8f1c2d",
        "aud": ["https://mail.acme.example"],
        "client_id": "https://agents.acme.example/renewal-bot",
        "act": {"sub": "spiffe://acme.example/agent/7", "iss": "https://spiffe.acme.example", "sub_profile": "ai_agent"},
        "agent": {"uid": "renewal-bot", "ai_model": {"name": "example-large"}, "env": "prod"},
        "authorization_details": [capability(1)],
        "exp": NOW + 600,
        "cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": key(2, "holder").x()}},
        "del_depth": 0,
        "del_max_depth": 0,
    })
}

/// The grant digest of TOKEN.md, computed here on its own.
fn grant_digest(claims: &Value) -> String {
    let mut grant = claims.clone();
    grant["v"] = "ambit-grant-1".into();
    for name in ["iat", "nbf", "jti", "status", "approval"] {
        grant.as_object_mut().unwrap().shift_remove(name);
    }
    grant.sort_all_objects();
    s256(grant.to_string().as_bytes())
}

fn s256(bytes: &[u8]) -> String {
    base64url::encode(&Sha256::digest(bytes))
}

/// The answer of `describe`, as a consent page gets it.
fn shown(bundle: &Bundle<'_>, claims: &Value, granted: Option<&Value>) -> Value {
    let mut request = json!({"claims": claims, "locale": "en"});
    if let Some(granted) = granted {
        request["granted"] = granted.clone();
    }
    serde_json::from_str(&describe(bundle, request.to_string().as_bytes())).unwrap()
}

/// The claims of the receipt of somebody who was shown this and said yes.
fn yes(shown: &Value) -> Value {
    json!({
        "iss": "https://approve.acme.example", "aud": "https://broker.acme.example", "jti": "receipt-1",
        "iat": NOW - 10, "exp": NOW + 60, "sub": "user:8f1c2d", "decision": "approved", "kind": "grant",
        "risk_tier": shown["risk_tier"], "binding_s256": shown["binding_s256"],
        "display": {"text_s256": shown["text_s256"], "locale": shown["locale"], "renderer": shown["renderer"]},
    })
}

fn signed(receipt: &Value) -> String {
    let header = json!({"alg": "Ed25519", "typ": "approval-receipt+jwt", "kid": "approve-1"});
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let input = format!("{}.{}", encode(&header), encode(receipt));
    let signature = key(1, "approve-1").sign(input.as_bytes());
    format!("{input}.{}", base64url::encode(&signature))
}

fn mint(
    bundle: &Bundle<'_>,
    claims: &Value,
    receipts: &[String],
    granted: Option<&str>,
) -> Result<Value, CompileError> {
    let key = key(0, "broker-1");
    let options = RootOptions {
        now: NOW,
        receipts,
        granted,
        ..RootOptions::default()
    };
    let draft = root(&claims.to_string(), &key, bundle, &options)?;
    draft.sign()?;
    Ok(serde_json::from_str(&draft.claims()).unwrap())
}

#[test]
fn a_receipt_for_exactly_this_grant_makes_the_token() {
    let bytes = bundle();
    let bundle = Bundle::verify(&bytes).unwrap();
    let shown = shown(&bundle, &claims(), None);
    assert_eq!(shown["binding_s256"], grant_digest(&claims()), "{shown}");
    assert_eq!(
        shown["text_s256"],
        s256(shown["text"].as_str().unwrap().as_bytes())
    );
    let receipt = signed(&yes(&shown));
    let token = mint(&bundle, &claims(), std::slice::from_ref(&receipt), None).unwrap();
    let approval = json!({
        "id": "receipt-1", "approver": "user:8f1c2d", "receipt_s256": s256(receipt.as_bytes()),
    });
    assert_eq!(token["approval"], approval);
    // What changes from one token to the next is not part of the grant.
    let mut later = claims();
    later["iat"] = (NOW - 5).into();
    later["jti"] = "another".into();
    mint(&bundle, &later, &[receipt], None).unwrap();
}

#[test]
fn a_receipt_for_anything_else_makes_none() {
    let bytes = bundle();
    let bundle = Bundle::verify(&bytes).unwrap();
    let good = yes(&shown(&bundle, &claims(), None));
    let refused = |path: &str, value: Value| {
        let mut receipt = good.clone();
        *receipt.pointer_mut(path).unwrap() = value;
        mint(&bundle, &claims(), &[signed(&receipt)], None)
            .unwrap_err()
            .code
    };
    let other = s256(b"another");
    for (path, value, code) in [
        ("/kind", json!("action"), "approval.kind"),
        (
            "/aud",
            json!("https://mail.acme.example"),
            "approval.audience",
        ),
        ("/binding_s256", json!(other), "approval.binding"),
        ("/decision", json!("denied"), "approval.denied"),
        ("/sub", json!("user:stranger"), "approval.approver"),
        // Named by the manifest, but for another entry.
        ("/sub", json!("user:ann"), "approval.approver"),
        (
            "/sub",
            json!("spiffe://acme.example/agent/7"),
            "approval.actor",
        ),
        (
            "/sub",
            json!("https://agents.acme.example/renewal-bot"),
            "approval.actor",
        ),
        ("/risk_tier", json!("low"), "approval.risk"),
        ("/display/text_s256", json!(other), "approval.display"),
        ("/display/renderer", json!("other-1"), "approval.display"),
        ("/display/locale", json!("fr"), "describe.locale"),
        ("/display/locale", json!("de"), "describe.no_text"),
        ("/exp", json!(NOW), "approval.expired"),
        (
            "/iss",
            json!("https://other.example"),
            "approval.unknown_key",
        ),
    ] {
        assert_eq!(refused(path, value.clone()), code, "{path} {value}");
    }
    let receipt = signed(&good);
    let twice = [receipt.clone(), receipt];
    let error = mint(&bundle, &claims(), &twice, None).unwrap_err();
    assert_eq!(error.code, "approval.repeated");
}

#[test]
fn every_claim_is_part_of_the_grant() {
    let bytes = bundle();
    let bundle = Bundle::verify(&bytes).unwrap();
    let receipt = signed(&yes(&shown(&bundle, &claims(), None)));
    for (name, value) in [
        ("exp", json!(NOW + 601)),
        ("aud", json!(["https://crm.acme.example"])),
        ("authorization_details", json!([capability(2)])),
        ("del_max_depth", json!(1)),
        ("sub", json!("user:another")),
    ] {
        let mut changed = claims();
        changed[name] = value;
        let error = mint(&bundle, &changed, std::slice::from_ref(&receipt), None).unwrap_err();
        assert_eq!(error.code, "approval.binding", "{name}");
    }
}

#[test]
fn who_was_shown_the_difference_consented_to_the_difference() {
    let bytes = bundle();
    let bundle = Bundle::verify(&bytes).unwrap();
    let before = json!([capability(2)]);
    let shown = shown(&bundle, &claims(), Some(&before));
    assert_eq!(
        shown.pointer("/sections/0/items/0/status"),
        Some(&json!("changed")),
        "{shown}"
    );
    let receipt = [signed(&yes(&shown))];
    let error = mint(&bundle, &claims(), &receipt, None).unwrap_err();
    assert_eq!(error.code, "approval.display");
    mint(&bundle, &claims(), &receipt, Some(&before.to_string())).unwrap();
}
