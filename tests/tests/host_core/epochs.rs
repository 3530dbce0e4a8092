//! The vectors of `ambit_epochs`: lists are signed here as a case describes them, by the keys of a policy.

use ambit_tests::data::merge;
use ambit_tests::{keys, suites};
use ambit_token::base64url;
use serde_json::{Value, json};

/// The policy's keys.
pub(crate) fn keys() -> Vec<Value> {
    let key = |key: &str, kid: &str, iss: &str, signs: &str| json!({"key": key, "kid": kid, "iss": iss, "alg": "Ed25519", "signs": signs});
    vec![
        key(
            "broker-1",
            "broker-1",
            "https://broker.acme.example",
            "cap+jwt",
        ),
        key(
            "revoker",
            "revoke-1",
            "https://revoke.acme.example",
            "revocation-epochs+jwt",
        ),
    ]
}

fn signed(case: &Value) -> String {
    let signer = keys::named(case["signer"].as_str().unwrap_or("revoker")).unwrap();
    let mut header =
        json!({"alg": signer.alg(), "kid": "revoke-1", "typ": "revocation-epochs+jwt"});
    let mut claims = json!({"iss": "https://revoke.acme.example", "iat": 940, "exp": 1240,
        "version": 7, "entries": []});
    for (part, name) in [(&mut header, "header"), (&mut claims, "claims")] {
        if let Some(patch) = case.get(name) {
            merge(part, patch);
        }
    }
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let input = format!("{}.{}", encode(&header), encode(&claims));
    format!("{input}.{}", signer.sign(input.as_bytes()))
}

pub(crate) fn epochs_are_kept_as_their_issuer_signed_them(
    ask: &mut dyn FnMut(&str, &Value) -> Value,
) {
    let file = std::fs::read(suites().join("enforce/epochs.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&file).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let request = json!({"list": signed(&case), "now": 1000, "kept": case["kept"]});
        let mut said = ask("ambit_epochs", &request);
        let words = said.as_object_mut().unwrap().remove("admin");
        let refused = said.get("code").is_some();
        assert_eq!(
            words.is_some_and(|words| words.is_string()),
            refused,
            "{said}"
        );
        assert_eq!(said, case["says"], "{}", case["name"]);
    }
}
