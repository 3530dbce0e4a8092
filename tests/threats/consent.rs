//! Tokens to which nobody agreed, or somebody who may not, or once and not so often.

use std::path::Path;

use ambit_compiler::CompileError;
use ambit_compiler::mint::{RootOptions, Use, root};
use ambit_host::ledger::{Charge, Ledger as _, SqliteLedger};
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::keys;
use ambit_tests::project::{SignedPolicy, secret_key};
use serde_json::{Value, json};

use crate::world::{NOW, claims, consent, entry};

const ANY: &str = r#"{"*": {"constraint_type": "wildcard"}}"#;

/// The policy `acme` with a key that signs for everybody, and one of `user:lead-1` alone.
fn policy() -> SignedPolicy {
    let receipts = |key: &str, kid: &str| json!({"key": key, "kid": kid, "iss": ambit_tests::consent::ISS, "alg": "Ed25519", "signs": "approval-receipt+jwt"});
    let mut lead = receipts("broker-2", "lead-1");
    lead["sub"] = "user:lead-1".into();
    let broker = json!({"key": "broker-1", "kid": "broker-1", "iss": "https://broker.acme.example", "alg": "Ed25519", "signs": "cap+jwt"});
    let spec = PolicySpec {
        project: "acme".to_owned(),
        keys: vec![broker, receipts("approver-service", "approve-1"), lead],
        bundle: None,
    };
    SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}"))
}

/// All that a token with these entries will say.
fn grant(entries: &[Value]) -> Value {
    claims(&json!({
        "iss": "https://broker.acme.example", "iat": NOW, "exp": NOW + 600, "jti": "grant-1",
        "cnf": {"jwk": keys::named("orchestrator").unwrap().jwk()},
        "del_depth": 0, "del_max_depth": 0, "authorization_details": entries,
    }))
}

/// Entries for which the manifest says `once`, `{approvers, count}` and `each`.
fn asking() -> [Value; 3] {
    let any = serde_json::from_str(ANY).unwrap();
    let mut export = entry("export", &["execute"], "report", &any);
    export["purpose"] = "audit".into();
    [
        entry("email", &["draft"], "customer-contact", &any),
        entry("cancel", &["propose"], "contract", &any),
        export,
    ]
}

fn mint(
    bundle: &Bundle<'_>,
    claims: &Value,
    receipts: &[String],
    use_up: impl FnOnce(&[Use]) -> Result<(), CompileError>,
) -> Result<String, &'static str> {
    let folder = tempfile::tempdir().unwrap();
    let key = secret_key("broker-1", folder.path()).unwrap();
    let options = RootOptions {
        now: NOW,
        receipts,
        ..RootOptions::default()
    };
    let made =
        root(&claims.to_string(), &key, bundle, &options).and_then(|draft| draft.sign_once(use_up));
    made.map_err(|error| error.code)
}

#[test]
fn nobody_agreed_to_the_token() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap();
    for entry in asking() {
        let claims = grant(&[entry]);
        assert_eq!(mint(&bundle, &claims, &[], |_| Ok(())), Err("mint.consent"));
        let yes = [consent(&bundle, &claims, &json!({}))];
        mint(&bundle, &claims, &yes, |_| Ok(())).unwrap();
    }
    // Where the manifest asks for none there is nothing to agree to.
    let read = entry(
        "read_contact",
        &["observe"],
        "customer-contact",
        &serde_json::from_str(ANY).unwrap(),
    );
    mint(&bundle, &grant(&[read]), &[], |_| Ok(())).unwrap();
}

#[test]
fn a_key_of_one_person_consents_as_another() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap();
    let claims = grant(&asking()[..1]);
    let by = |kid: &str, key: &str, sub: &str| {
        let key = keys::named(key).unwrap();
        let sign = |input: &[u8]| key.sign(input);
        let patch = json!({"sub": sub});
        let yes = ambit_tests::consent::receipt(&bundle, &claims, NOW, &patch, kid, sign);
        mint(&bundle, &claims, &[yes.unwrap()], |_| Ok(())).map(drop)
    };
    assert_eq!(by("approve-1", "approver-service", "user:8f1c2d"), Ok(()));
    assert_eq!(
        by("lead-1", "broker-2", "user:8f1c2d"),
        Err("approval.key_role")
    );
    assert_eq!(
        by("lead-1", "broker-2", "user:lead-1"),
        Err("approval.approver")
    );
}

#[test]
fn who_may_consent_to_one_capability_consents_to_others() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap();
    let lead = json!({"sub": "user:lead-1", "jti": "lead"});
    let by_lead = |entries: &[Value]| {
        let claims = grant(entries);
        let yes = [consent(&bundle, &claims, &lead)];
        mint(&bundle, &claims, &yes, |_| Ok(())).map(drop)
    };
    let [email, cancel, export] = asking();
    assert_eq!(by_lead(std::slice::from_ref(&cancel)), Ok(()));
    for other in [email, export] {
        let both = [cancel.clone(), other];
        assert_eq!(by_lead(&both), Err("mint.consent"));
        let claims = grant(&both);
        let yes = [
            consent(&bundle, &claims, &lead),
            consent(&bundle, &claims, &json!({})),
        ];
        mint(&bundle, &claims, &yes, |_| Ok(())).unwrap();
    }
}

/// As `ambit mint` does it, with a new connection each time.
fn remember(file: &Path, uses: &[Use]) -> Result<(), CompileError> {
    let charges = uses
        .iter()
        .map(|one| Charge::once(&one.key, one.kind, one.until));
    let charges: Vec<Charge<'_>> = charges.collect();
    let ledger = SqliteLedger::open(file).unwrap();
    ledger.consume(&charges, NOW).map_err(|error| CompileError {
        code: error.code(),
        message: error.to_string(),
    })
}

#[test]
fn one_consent_makes_many_tokens() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("used.sqlite");
    let claims = grant(&asking()[..1]);
    let by = |jti: &str| {
        let yes = [consent(&bundle, &claims, &json!({"jti": jti}))];
        mint(&bundle, &claims, &yes, |uses| remember(&ledger, uses)).map(drop)
    };
    assert_eq!(by("yes-1"), Ok(()));
    assert_eq!(by("yes-1"), Err("ledger.repeated"));
    assert_eq!(by("yes-2"), Err("ledger.repeated"));
}
