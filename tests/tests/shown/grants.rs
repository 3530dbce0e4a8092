//! Two grants that differ have texts that differ.

use std::collections::BTreeSet;

use ambit_advice::describe;
use ambit_policy::Bundle;
use ambit_tests::project::NOW;
use serde_json::{Value, json};

use crate::world::{leaves, places, policy};

#[test]
fn grants_that_differ_have_texts_that_differ() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap_or_else(|error| panic!("{error}"));
    let claims = claims();
    let told = |claims: &Value, locale: &str| -> Option<(Value, Value)> {
        let request = json!({"claims": claims, "locale": locale}).to_string();
        let answer = describe(&bundle, request.as_bytes());
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let text = answer.get("text").cloned();
        text.map(|text| (text, answer["binding_s256"].clone()))
    };
    let mut members = BTreeSet::new();
    for locale in ["en", "de"] {
        let mut claims = claims.clone();
        if locale == "de" {
            // Reports have no German words.
            claims["authorization_details"]
                .as_array_mut()
                .expect("a list")
                .pop();
        }
        let (text, binding) = told(&claims, locale).unwrap_or_else(|| panic!("no text"));
        for place in places(&claims) {
            for how in 0..3 {
                let mut other = claims.clone();
                if !change(&mut other, &place, how) {
                    continue;
                }
                let Some((near, near_binding)) = told(&other, locale) else {
                    continue;
                };
                assert_ne!(binding, near_binding, "{place}: {other}");
                assert_ne!(text, near, "{place}: {other}");
                members.insert(place.clone());
            }
        }
    }
    // Every claim that can be changed and still has a text was, down to the last member.
    let unchanged: Vec<String> = leaves(&claims)
        .into_iter()
        .filter(|leaf| !members.contains(leaf) && !NAMES.iter().any(|name| leaf.contains(name)))
        .collect();
    assert_eq!(unchanged, [""; 0]);
}

/// Words of the vocabulary and of the grammar: another in their place is no grant at all.
const NAMES: &[&str] = &[
    "/type",
    "/constraint_type",
    "/actions/",
    "/privileges/",
    "/datatypes/",
    "/decimals",
    "/schemes/",
];

/// The claims of a root in which everything is said that can be.
fn claims() -> Value {
    json!({
        "iss": "https://broker.acme.example", "sub": "user:8f1c2d", "tenant": "acme",
        "aud": ["https://mail.acme.example", "https://crm.acme.example"],
        "exp": NOW + 600, "txn": "t-1", "client_id": "https://agents.acme.example/renewal-bot",
        "act": {"sub": "spiffe://acme.example/agent/renewal-bot/i-7f3a", "iss": "https://idp.acme.example", "sub_profile": "ai_agent"},
        "agent": {
            "uid": "renewal-bot", "instance_uid": "i-7f3a", "version": "3.2.0", "env": "prod",
            "ai_model": {"ai_provider": "ExampleAI", "name": "example-large", "version": "2026-05-01"},
        },
        "cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}},
        "acr": "urn:acme:loa:2", "amr": ["hwk", "mfa"], "auth_time": NOW - 60,
        "policy": {"uid": "acme/agents", "version": 42, "s256": "A".repeat(43), "exact": true},
        "del_depth": 0, "del_max_depth": 1,
        "authorization_details": [
            {
                "type": "ambit_capability", "actions": ["refund"], "privileges": ["propose", "execute"],
                "datatypes": ["contract"], "identifier": "account/1042", "purpose": "contract-renewal",
                "locations": ["https://crm.acme.example", "https://b.example"],
                "constraints": {
                    "amount": {"constraint_type": "range", "min": 1, "max": 20000},
                    "currency": {"constraint_type": "one_of", "values": ["EUR", "CHF"]},
                    "note": {"constraint_type": "optional", "constraint": {"constraint_type": "like", "pattern": "Re: *"}},
                },
                "limits": [
                    {"type": "spend", "max": 50000, "currency": "EUR", "decimals": 2},
                    {"type": "use_limit", "max": 3},
                ],
                "requires": {"acr": ["urn:acme:loa:2"], "max_age": 300, "approval": {"approvers": ["user:lead-1", "user:lead-2"], "count": 1}},
            },
            {
                "type": "ambit_capability", "actions": ["export"], "privileges": ["draft"],
                "datatypes": ["report"], "purpose": "audit",
                "constraints": {
                    "path": {"constraint_type": "subpath", "root": "/srv/reports"},
                    "callback": {"constraint_type": "url", "schemes": ["https"], "hosts": ["a.example"], "path_prefix": "/a"},
                    "address": {"constraint_type": "cidr", "ranges": ["10.0.0.0/8", "192.0.2.0/24"]},
                    "copies": {"constraint_type": "any", "constraints": [{"constraint_type": "exact", "value": 1}, {"constraint_type": "range", "min": 5, "max": 9}]},
                    "marked": {"constraint_type": "exact", "value": true},
                    "tags": {"constraint_type": "all", "constraints": [{"constraint_type": "count", "min": 1, "max": 4}, {"constraint_type": "subset", "values": ["a", "b"]}, {"constraint_type": "contains", "values": ["a"]}]},
                    "pages": {"constraint_type": "each", "constraint": {"constraint_type": "not_one_of", "excluded": [7]}},
                    "lines": {"constraint_type": "count", "min": 1, "max": 3},
                    "*": {"constraint_type": "wildcard"},
                },
                "requires": {"approval": true, "max_age": 60},
            },
        ],
    })
}

/// Another value in this place, or none.
fn change(claims: &mut Value, place: &str, how: u8) -> bool {
    if how == 2 {
        let Some((parent, name)) = place.rsplit_once('/') else {
            return false;
        };
        return match claims.pointer_mut(parent) {
            Some(Value::Object(members)) => members.shift_remove(name).is_some(),
            Some(Value::Array(list)) if list.len() > 1 => {
                list.remove(name.parse().expect("an index"));
                true
            }
            _ => false,
        };
    }
    let Some(value) = claims.pointer_mut(place) else {
        return false;
    };
    let changed = match (&*value, how) {
        (Value::String(text), 0) => json!(format!("{text}x")),
        // The same, but for what cannot be seen.
        (Value::String(text), _) => json!(format!("{text}\u{200b}")),
        (Value::Number(number), 0) => json!(number.as_i64().expect("an integer") + 1),
        (Value::Bool(value), 0) => json!(!value),
        _ => return false,
    };
    *value = changed;
    true
}
