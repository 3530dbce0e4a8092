//! A token that a person consented to: the receipt is bound to exactly its claims and to the text
//! that was shown.

use std::cell::RefCell;
use std::collections::BTreeSet;

use ambit_advice::describe;
use ambit_compiler::CompileError;
use ambit_compiler::keys::{SecretKey, Signer};
use ambit_compiler::mint::{RootOptions, root};
use ambit_policy::Bundle;
use ambit_token::{PublicKey, base64url};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{ISSUED, bundle, bundle_edited, bundle_with, key};

const NOW: i64 = ISSUED + 3600;

fn capability(most: i64) -> Value {
    json!({
        "type": "ambit_capability", "actions": ["email"], "privileges": ["propose"],
        "datatypes": ["customer-contact"], "purpose": "contract-renewal",
        "constraints": {"to": {"constraint_type": "email_domain", "values": [format!("a{most}.example")]}},
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

/// The grant digest of docs/token.md, computed here on its own.
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
    draft.sign_once(|_| Ok(()))?;
    Ok(serde_json::from_str(&draft.claims()).unwrap())
}

/// A token with the consent of its subject, where the manifest asks for one.
pub(crate) fn agreed(
    claims: &str,
    key: &SecretKey,
    bundle: &Bundle<'_>,
    options: &RootOptions<'_>,
) -> Result<String, CompileError> {
    let draft = root(claims, key, bundle, options)?;
    draft.check()?;
    if draft.missing_consent().is_none() {
        return draft.sign();
    }
    let claims = draft.claims();
    let shown = shown(bundle, &serde_json::from_str(&claims).unwrap(), None);
    let receipts = [signed(&yes(&shown))];
    let options = RootOptions {
        holder: None,
        receipts: &receipts,
        ..*options
    };
    root(&claims, key, bundle, &options)?.sign_once(|_| Ok(()))
}

#[test]
fn nothing_is_minted_without_the_consent_that_the_manifest_asks_for() {
    let bytes = bundle();
    let bundle = Bundle::verify(&bytes).unwrap();
    let key = key(0, "broker-1");
    let options = RootOptions {
        now: NOW,
        ..RootOptions::default()
    };
    let draft = root(&claims().to_string(), &key, &bundle, &options).unwrap();
    // There is something to read, and nothing to use.
    draft.check().unwrap();
    assert_eq!(draft.sign().unwrap_err().code, "mint.consent");
    let error = draft
        .sign_once(|_| panic!("nothing is used up"))
        .unwrap_err();
    for words in ["[0]", "`email`", "`user:8f1c2d`"] {
        assert!(error.message.contains(words), "{error}");
    }
    // The yes to one capability is not one to another that somebody else must agree to, and who is
    // named for the one says nothing about the other.
    let mut both = claims();
    let refund = json!({
        "type": "ambit_capability", "actions": ["refund"], "privileges": ["propose"],
        "datatypes": ["Invoice"], "purpose": "contract-renewal",
        "constraints": {"amount": {"constraint_type": "range", "min": 1, "max": 100}, "currency": {"constraint_type": "exact", "value": "EUR"}},
    });
    both["authorization_details"]
        .as_array_mut()
        .unwrap()
        .push(refund);
    let by = |sub: &str| {
        let mut receipt = yes(&shown(&bundle, &both, None));
        receipt["sub"] = sub.into();
        mint(&bundle, &both, &[signed(&receipt)], None)
    };
    by("user:8f1c2d").unwrap();
    let error = by("user:ann").unwrap_err();
    assert_eq!(error.code, "mint.consent");
    assert!(error.message.contains("[0]"), "{error}");
    both["authorization_details"]
        .as_array_mut()
        .unwrap()
        .remove(0);
    let mut receipt = yes(&shown(&bundle, &both, None));
    receipt["sub"] = "user:ben".into();
    mint(&bundle, &both, &[signed(&receipt)], None).unwrap();
}

/// A key that somebody else keeps, who may be away.
#[derive(Debug)]
struct Kept(SecretKey, bool);

impl Signer for Kept {
    fn kid(&self) -> &str {
        self.0.kid()
    }

    fn public(&self) -> PublicKey {
        self.0.public()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], CompileError> {
        match self.1 {
            true => Err(CompileError::new("key.signer", "nobody is there")),
            false => Ok(self.0.sign(message)),
        }
    }
}

#[test]
fn a_key_may_be_kept_elsewhere() {
    let bytes = bundle();
    let bundle = Bundle::verify(&bytes).unwrap();
    let receipts = [signed(&yes(&shown(&bundle, &claims(), None)))];
    let options = RootOptions {
        now: NOW,
        receipts: &receipts,
        ..RootOptions::default()
    };
    let by = |away| {
        let key = Kept(key(0, "broker-1"), away);
        root(&claims().to_string(), &key, &bundle, &options)
            .unwrap()
            .sign_once(|_| Ok(()))
    };
    assert_eq!(by(false).unwrap().split('.').count(), 3);
    assert_eq!(by(true).unwrap_err().code, "key.signer");
}

#[test]
fn whoever_has_the_named_role_consents() {
    let bytes = bundle_edited(&[
        (
            "ambit.toml",
            "kid = \"approve-1\"",
            "kid = \"approve-1\"\nroles = [\"finance\"]",
        ),
        (
            "agents/renewal-bot.toml",
            "[\"user:ann\", \"user:ben\"]",
            "[\"role:finance\"]",
        ),
    ]);
    let bundle = Bundle::verify(&bytes).unwrap();
    let mut claims = claims();
    claims["authorization_details"] = json!([{
        "type": "ambit_capability", "actions": ["email", "refund"], "privileges": ["draft", "propose"],
        "datatypes": ["Invoice"], "purpose": "contract-renewal",
        "constraints": {"amount": {"constraint_type": "range", "min": 1, "max": 100}, "currency": {"constraint_type": "exact", "value": "EUR"}},
    }]);
    let shown = shown(&bundle, &claims, None);
    let by = |sub: &str, roles: &[&str]| {
        let mut receipt = yes(&shown);
        receipt["sub"] = sub.into();
        if !roles.is_empty() {
            receipt["roles"] = json!(roles);
        }
        mint(&bundle, &claims, &[signed(&receipt)], None)
    };
    by("user:fay", &["finance"]).unwrap();
    for sub in ["user:fay", "role:finance"] {
        let error = by(sub, &[]).unwrap_err();
        assert!(error.code.starts_with("approval."), "{error}");
    }
    // Of several actions and powers, those are told for which it is asked.
    let error = mint(&bundle, &claims, &[], None).unwrap_err();
    for words in ["`propose` of `refund`", "`role:finance`"] {
        assert!(error.message.contains(words), "{error}");
    }
}

#[test]
fn a_receipt_makes_one_token() {
    let bytes = bundle();
    let bundle = Bundle::verify(&bytes).unwrap();
    let key = key(0, "broker-1");
    let used = RefCell::new(BTreeSet::new());
    let mint = |claims: &Value, receipt: &Value| {
        let receipts = [signed(receipt)];
        let options = RootOptions {
            now: NOW,
            receipts: &receipts,
            ..RootOptions::default()
        };
        let draft = root(&claims.to_string(), &key, &bundle, &options).unwrap();
        assert_eq!(draft.sign().unwrap_err().code, "mint.once");
        let made = draft.sign_once(|uses| {
            let mut used = used.borrow_mut();
            let all: Vec<String> = uses.iter().map(|one| one.key.clone()).collect();
            if all.iter().any(|one| used.contains(one)) {
                return Err(CompileError {
                    code: "approval.used",
                    message: "used".to_owned(),
                });
            }
            // As long as the receipt is good, and the grant as long as its token could be made.
            let until: Vec<i64> = uses.iter().map(|one| one.until).collect();
            assert_eq!(until, [NOW + 60, claims["exp"].as_i64().unwrap()]);
            used.extend(all);
            Ok(())
        });
        made.map_err(|error| error.code)
    };
    let good = yes(&shown(&bundle, &claims(), None));
    mint(&claims(), &good).unwrap();
    assert_eq!(mint(&claims(), &good), Err("approval.used"));
    let mut again = good;
    again["jti"] = "receipt-2".into();
    assert_eq!(mint(&claims(), &again), Err("approval.used"));
    let mut later = claims();
    later["exp"] = (NOW + 601).into();
    let mut another = yes(&shown(&bundle, &later, None));
    assert_eq!(
        mint(&later, &another),
        Err("approval.used"),
        "its `jti` was used"
    );
    another["jti"] = "receipt-3".into();
    mint(&later, &another).unwrap();
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
    let parts = shown["page"].as_array().unwrap();
    let mark = parts.iter().find(|part| part["part"] == "mark");
    assert_eq!(mark.unwrap()["name"], "changed", "{shown}");
    let receipt = [signed(&yes(&shown))];
    let error = mint(&bundle, &claims(), &receipt, None).unwrap_err();
    assert_eq!(error.code, "approval.display");
    mint(&bundle, &claims(), &receipt, Some(&before.to_string())).unwrap();
}

/// The text tells the time of the reader's clock, which the receipt repeats: with another, or with none, it
/// is another text.
#[test]
fn a_text_that_tells_the_time_is_made_again_by_the_same_clock() {
    let bytes = bundle();
    let bundle = Bundle::verify(&bytes).unwrap();
    let request = json!({"claims": claims(), "locale": "en", "now": NOW, "utc_offset": -90});
    let shown = describe(&bundle, request.to_string().as_bytes());
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert!(shown["text"].as_str().unwrap().contains("10 minutes"));
    let by = |clock: &[(&str, i64)]| {
        let mut receipt = yes(&shown);
        for (name, value) in clock {
            receipt["display"][*name] = (*value).into();
        }
        let minted = mint(&bundle, &claims(), &[signed(&receipt)], None);
        minted.err().map(|error| error.code)
    };
    assert_eq!(by(&[("now", NOW), ("utc_offset", -90)]), None);
    for (clock, code) in [
        (&[][..], "approval.display"),
        (&[("now", NOW)], "approval.display"),
        (
            &[("now", NOW - 60), ("utc_offset", -90)],
            "approval.display",
        ),
        (&[("now", NOW), ("utc_offset", 90)], "approval.display"),
        (&[("now", -1)], "describe.request"),
        (&[("utc_offset", i64::pow(2, 52))], "describe.request"),
    ] {
        assert_eq!(by(clock), Some(code), "{clock:?}");
    }
}

/// A key may be bound to agents; consent for others is none of its business.
#[test]
fn a_key_consents_only_for_its_agents() {
    for (agent, code) in [
        ("renewal-bot", None),
        ("courier", Some("approval.key_role")),
    ] {
        let bytes = bundle_with("kid = \"approve-1\"", &format!("agents = [\"{agent}\"]"));
        let bundle = Bundle::verify(&bytes).unwrap();
        let receipt = signed(&yes(&shown(&bundle, &claims(), None)));
        let minted = mint(&bundle, &claims(), &[receipt], None);
        assert_eq!(minted.err().map(|error| error.code), code, "{agent}");
    }
}
