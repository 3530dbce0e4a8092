//! Tokens: minted, narrowed, and refused where the evaluator would refuse them.

use crate::common::{ISSUED, bundle, key};
use crate::consent::agreed;
use ambit_compiler::CompileError;
use ambit_compiler::mint::{AttenuateOptions, Draft, RootOptions, attenuate, root};
use ambit_policy::Bundle;
use serde_json::{Value, json};

const NOW: i64 = ISSUED + 3600;

fn claims() -> Value {
    json!({
        "sub": "user:8f1c2d",
        "aud": ["https://mail.acme.example"],
        "act": {"sub": "spiffe://acme.example/agent/7", "iss": "https://spiffe.acme.example", "sub_profile": "ai_agent"},
        "agent": {"uid": "renewal-bot", "ai_model": {"name": "example-large"}, "env": "prod"},
        "authorization_details": [{
            "type": "ambit_capability",
            "actions": ["email"],
            "privileges": ["draft"],
            "datatypes": ["customer-contact"],
            "purpose": "contract-renewal",
            "constraints": {"to": {"constraint_type": "exact", "value": "ann@customer.example"}},
        }],
        "del_max_depth": 1,
    })
}

fn mint(claims: &Value, change: impl FnOnce(&mut RootOptions<'_>)) -> Result<String, CompileError> {
    let (bytes, key) = (bundle(), key(0, "broker-1"));
    let bundle = Bundle::verify(&bytes).unwrap();
    let mut options = RootOptions {
        now: NOW,
        life: Some(600),
        holder: Some(crate::common::key(2, "holder").public()),
        kid: None,
        bind_policy: true,
        ..RootOptions::default()
    };
    change(&mut options);
    agreed(&claims.to_string(), &key, &bundle, &options)
}

fn payload(chain: &str) -> Value {
    let block = chain.rsplit('~').next().unwrap();
    let payload = block.split('.').nth(1).unwrap();
    let bytes = ambit_token::base64url::decode(payload.as_bytes()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn what_is_missing_is_filled_in_and_said() {
    let (bytes, key) = (bundle(), key(0, "broker-1"));
    let bundle = Bundle::verify(&bytes).unwrap();
    let options = RootOptions {
        now: NOW,
        life: Some(600),
        holder: Some(crate::common::key(2, "holder").public()),
        bind_policy: true,
        ..RootOptions::default()
    };
    let mut claims = claims();
    claims["authorization_details"] = json!([{
        "type": "ambit_capability", "actions": ["read invoice"], "privileges": ["observe"],
        "datatypes": ["Invoice"], "purpose": "contract-renewal",
    }]);
    let draft: Draft<'_> = root(&claims.to_string(), &key, &bundle, &options).unwrap();
    let filled = ["iss", "iat", "exp", "jti", "cnf", "policy", "del_depth"];
    assert_eq!(draft.filled(), filled);
    assert!(draft.exceeds().is_empty());
    let shown: Value = serde_json::from_str(&draft.claims()).unwrap();
    let signed = payload(&draft.sign().unwrap());
    assert_eq!(shown, signed);
    assert_eq!(signed["iss"], "https://broker.acme.example");
    assert_eq!(signed["exp"], NOW + 600);
    assert_eq!(signed["policy"]["version"], 42);
    assert_eq!(signed["jti"].as_str().map(str::len), Some(22));
}

#[test]
fn what_a_verifier_would_refuse_does_not_come_out() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 18] = [
        ("token.claim_sub", |claims| claims["sub"] = Value::Null),
        ("token.claim_aud", |claims| claims["aud"] = json!([])),
        ("token.claim_unknown", |claims| {
            claims["scope"] = json!("all");
        }),
        ("token.unknown_key", |claims| {
            claims["iss"] = json!("https://other.example");
        }),
        ("token.iat_future", |claims| claims["iat"] = json!(NOW + 60)),
        ("token.expired", |claims| {
            claims["iat"] = json!(NOW - 60);
            claims["exp"] = json!(NOW);
        }),
        ("mint.claims", |claims| claims["limit"] = json!(1.5)),
        ("mint.entry", |claims| {
            claims["authorization_details"][0]["purpose"] = Value::Null;
        }),
        ("mint.entry", |claims| {
            claims["authorization_details"][0]["datatypes"] = json!([]);
        }),
        ("mint.entry", |claims| {
            claims["authorization_details"][0]["privileges"] = json!(["draft", "draft"]);
        }),
        ("mint.claims", |claims| {
            claims["aud"] = json!(["https://mail.acme.example", "https://mail.acme.example"]);
        }),
        ("mint.audience", |claims| {
            claims["aud"] = json!(["https://mail.acme.example", "https://crm.acme.example"]);
            claims["authorization_details"][0]["limits"] = json!([{"type": "use_limit", "max": 1}]);
        }),
        ("mint.approver", |claims| {
            let approvers = json!({"approvers": ["user:mallory"], "count": 1});
            claims["authorization_details"][0]["requires"] = json!({"approval": approvers});
        }),
        ("manifest.none", |claims| {
            claims["agent"]["uid"] = json!("other-bot");
        }),
        ("manifest.life", |claims| claims["exp"] = json!(NOW + 901)),
        ("manifest.depth", |claims| {
            claims["del_max_depth"] = json!(2);
        }),
        ("policy.uid", |claims| {
            claims["policy"] = json!({"uid": "other/agents", "version": 42});
        }),
        ("policy.version", |claims| {
            claims["policy"] = json!({"uid": "acme/agents", "version": 39});
        }),
    ];
    for (code, change) in cases {
        let mut claims = claims();
        change(&mut claims);
        let result = mint(&claims, |_| ());
        assert_eq!(result.map_err(|error| error.code), Err(code));
    }
}

#[test]
fn a_token_names_a_policy_that_would_take_it() {
    let digest = ambit_token::base64url::encode(Bundle::verify(&bundle()).unwrap().digest());
    let other = ambit_token::base64url::encode(&[0; 32]);
    let named = |version: i64, more: Value| {
        let mut claims = claims();
        claims["policy"] = json!({"uid": "acme/agents", "version": version});
        for (name, value) in more.as_object().unwrap() {
            claims["policy"][name] = value.clone();
        }
        mint(&claims, |_| ()).err().map(|error| error.code)
    };
    for (version, more, code) in [
        (42, json!({}), None),
        (42, json!({"s256": digest}), None),
        (42, json!({"s256": other}), Some("policy.digest")),
        (40, json!({}), None),
        // Of an older version the digest is not this one's.
        (41, json!({"s256": other}), None),
        (41, json!({"s256": other, "exact": false}), None),
        (
            41,
            json!({"s256": other, "exact": true}),
            Some("policy.digest"),
        ),
        (42, json!({"s256": digest, "exact": true}), None),
        (43, json!({}), Some("policy.version")),
    ] {
        assert_eq!(named(version, more.clone()), code, "{version} {more}");
    }
}

#[test]
fn a_constraint_names_nothing_twice() {
    let values = json!([{"a": 1, "b": 2}, {"b": 2, "a": 1}]);
    let hosts = json!({"constraint_type": "url", "schemes": ["https"], "hosts": ["a.example", "a.example"]});
    let inside = json!({"constraint_type": "optional", "constraint": hosts});
    for twice in [
        json!({"constraint_type": "one_of", "values": values}),
        json!({"constraint_type": "all", "constraints": [inside]}),
    ] {
        let mut claims = claims();
        claims["authorization_details"][0]["constraints"]["to"] = twice;
        let error = mint(&claims, |_| ()).unwrap_err();
        assert_eq!(error.code, "mint.entry");
        assert!(error.message.contains("`constraints.to."), "{error}");
    }
}

#[test]
fn options_are_not_guessed() {
    let code = |change: fn(&mut RootOptions<'_>)| mint(&claims(), change).unwrap_err().code;
    assert_eq!(code(|options| options.life = None), "mint.exp");
    assert_eq!(code(|options| options.life = Some(0)), "mint.life");
    assert_eq!(code(|options| options.holder = None), "mint.holder");
    assert_eq!(
        code(|options| options.kid = Some("broker-2")),
        "token.unknown_key"
    );
    assert_eq!(
        code(|options| options.now = ISSUED + 30 * 86_400),
        "policy.expired"
    );
    let mut twice = claims();
    twice["cnf"] = json!({"jwk": key(2, "holder").public_jwk()});
    assert_eq!(mint(&twice, |_| ()).unwrap_err().code, "mint.holder");
}

#[test]
fn what_exceeds_the_manifest_is_said() {
    let (bytes, key) = (bundle(), key(0, "broker-1"));
    let bundle = Bundle::verify(&bytes).unwrap();
    let mut claims = claims();
    claims["authorization_details"][0]["privileges"] = json!(["draft", "execute"]);
    claims["agent"] = json!({"uid": "renewal-bot", "env": "dev"});
    let options = RootOptions {
        now: NOW,
        life: Some(600),
        holder: Some(crate::common::key(2, "holder").public()),
        ..RootOptions::default()
    };
    let draft = root(&claims.to_string(), &key, &bundle, &options).unwrap();
    let [model, environment, power] = draft.exceeds() else {
        panic!("{:?}", draft.exceeds());
    };
    assert!(model.contains("`agent.ai_model.name` is missing"));
    assert!(environment.contains("`agent.env` is `dev`, and the manifest wants `prod`"));
    assert!(power.contains("`execute` `email`"));
}

fn narrowed() -> Value {
    json!({"authorization_details": [{"type": "ambit_capability", "actions": ["email"]}]})
}

#[test]
fn a_holder_narrows_what_it_holds() {
    let chain = mint(&claims(), |_| ()).unwrap();
    let (bytes, holder) = (bundle(), key(2, "holder"));
    let bundle = Bundle::verify(&bytes).unwrap();
    for bundle in [None, Some(&bundle)] {
        let options = AttenuateOptions {
            now: NOW + 10,
            life: Some(7200),
            holder: Some(key(1, "next").public()),
            bundle,
        };
        let draft = attenuate(&chain, &holder, &narrowed().to_string(), &options).unwrap();
        let longer = draft.sign().unwrap();
        let block = payload(&longer);
        assert!(longer.starts_with(&chain));
        assert_eq!(block["exp"], NOW + 600, "never beyond the parent");
        assert_eq!(
            (&block["del_depth"], &block["del_max_depth"]),
            (&json!(1), &json!(1))
        );
        // The root may be passed on once.
        let third = key(1, "next");
        let next = attenuate(&longer, &third, &narrowed().to_string(), &options);
        assert_eq!(next.map(drop).unwrap_err().code, "chain.depth");
    }
}

#[test]
fn what_does_not_narrow_is_refused() {
    let chain = mint(&claims(), |_| ()).unwrap();
    let holder = key(2, "holder");
    let options = AttenuateOptions {
        now: NOW,
        holder: Some(key(1, "next").public()),
        ..AttenuateOptions::default()
    };
    let refused = |chain: &str, change: &dyn Fn(&mut Value)| {
        let mut claims = narrowed();
        change(&mut claims);
        let draft = attenuate(chain, &holder, &claims.to_string(), &options);
        draft.and_then(|draft| draft.sign()).unwrap_err().code
    };
    let parent = payload(&chain);
    let set = |name: &'static str, value: Value| {
        refused(&chain, &move |claims| claims[name] = value.clone())
    };
    assert_eq!(set("exp", json!(NOW + 601)), "chain.exp_extended");
    assert_eq!(set("iat", json!(NOW - 1)), "chain.iat_before_parent");
    assert_eq!(set("jti", parent["jti"].clone()), "chain.jti");
    assert_eq!(set("del_max_depth", json!(2)), "chain.depth");
    assert_eq!(set("sub", json!("user:other")), "mint.claims");
    assert_eq!(set("par_hash", json!("AA")), "mint.claims");
    assert_eq!(set("aud", json!([])), "token.claim_aud");
    let mail = "https://mail.acme.example";
    assert_eq!(set("aud", json!([mail, mail])), "mint.claims");
    assert_eq!(
        set(
            "authorization_details",
            json!([{"type": "ambit_capability", "actions": []}])
        ),
        "mint.entry"
    );
    assert_eq!(refused("a.b", &|_| ()), "token.format");
    let other = key(1, "other");
    let stolen = attenuate(&chain, &other, &narrowed().to_string(), &options);
    assert_eq!(stolen.map(drop).unwrap_err().code, "mint.holder");
}
