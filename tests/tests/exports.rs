//! What a policy module exports for hosts and holders beside the decision: the same bytes as the
//! functions of the crates.

use ambit_core::http::{self, Scheme};
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::data::merge;
use ambit_tests::project::{NOW, SignedPolicy, guest};
use ambit_tests::suites;
use ambit_token::ChainCache;
use serde_json::{Value, json};
use wasmtime::{Engine, Instance, Memory, Module, Store};

/// A module or the guest without a bundle.
struct Raw {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Raw {
    fn start(guest: &[u8]) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, guest).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        Self {
            store,
            instance,
            memory,
        }
    }

    fn ask(&mut self, export: &str, request: &[u8]) -> String {
        let length = u32::try_from(request.len()).unwrap();
        let alloc = self
            .instance
            .get_typed_func::<u32, u32>(&mut self.store, "ambit_alloc");
        let at = alloc.unwrap().call(&mut self.store, length).unwrap();
        self.memory
            .write(&mut self.store, at as usize, request)
            .unwrap();
        let ask = self
            .instance
            .get_typed_func::<(u32, u32), u64>(&mut self.store, export);
        let packed = ask.unwrap().call(&mut self.store, (at, length)).unwrap();
        let (place, size) = ((packed >> 32) as usize, (packed & 0xffff_ffff) as usize);
        let bytes = self.memory.data(&self.store)[place..place + size].to_vec();
        let free = self
            .instance
            .get_typed_func::<(u32, u32), ()>(&mut self.store, "ambit_free")
            .unwrap();
        free.call(&mut self.store, (place as u32, size as u32))
            .unwrap();
        free.call(&mut self.store, (at, length)).unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

#[test]
fn refusals_and_their_responses_are_the_same_bytes() {
    // None of these needs a bundle.
    let mut raw = Raw::start(&guest().unwrap_or_else(|why| panic!("{why}")));
    for code in [
        "possession.used",
        "obligation.failed",
        "engine.trap",
        "no.code",
    ] {
        let request = format!(r#"{{"code":"{code}","admin":"the disk is full"}}"#);
        let answer = raw.ask("ambit_refuse", request.as_bytes());
        assert_eq!(answer, ambit_evaluator::refuse_by(request.as_bytes()));
        let request = format!(r#"{{"answer":{answer},"nonce":"n-1"}}"#);
        let response = raw.ask("ambit_http", request.as_bytes());
        assert_eq!(response, http::response(&answer, Some("n-1"), Scheme::Dpop));
        assert!(!response.contains("disk"), "{response}");
    }
    // A host whose instance has no bundle says what the policy wants.
    let answer = raw.ask("ambit_refuse", br#"{"code":"token.missing"}"#);
    let request = format!(r#"{{"answer":{answer},"possession":"off"}}"#);
    let told = raw.ask("ambit_http", request.as_bytes());
    assert_eq!(told, http::response(&answer, None, Scheme::Bearer));
    for export in ["ambit_refuse", "ambit_http"] {
        for broken in [&b""[..], b"{", b"[]", b"\xff", br#"{"answer":1,"code":1}"#] {
            assert!(raw.ask(export, broken).starts_with('{'), "{export}");
        }
    }
}

/// Claims of each kind, changed, and what the answer says of them. `DIGEST` stands for
/// some digest, `LATE` for a time after that of the token.
const INPUTS: [(&str, &str, &str); 19] = [
    ("dpop+jwt", r#"{}"#, "signing_input"),
    ("dpop+jwt", r#"{"ambit_call":7}"#, "possession.malformed"),
    ("dpop+jwt", r#"{"more":"x"}"#, "possession.malformed"),
    ("dpop+jwt", r#"{"iat":1.5}"#, "possession.malformed"),
    ("dpop+jwt", r#"{"ath":"DIGEST"}"#, "possession.token"),
    ("cap+jwt", r#"{}"#, "signing_input"),
    ("cap+jwt", r#"{"sub":"user:x"}"#, "chain.derived_member"),
    ("cap+jwt", r#"{"exp":LATE}"#, "chain.exp_extended"),
    ("cap+jwt", r#"{"par_hash":"DIGEST"}"#, "chain.par_hash"),
    ("cap+jwt", r#"{"del_max_depth":4}"#, "chain.depth"),
    (
        "cap+jwt",
        r#"{"iss":"https://broker.acme.example"}"#,
        "chain.iss",
    ),
    ("cap+jwt", r#"{"cnf":{"jwk":{"d":"DIGEST"}}}"#, "token.cnf"),
    (
        "cap+jwt",
        r#"{"authorization_details":[{"type":"ambit_capability","limits":1.5}]}"#,
        "token.float",
    ),
    ("approval-receipt+jwt", r#"{}"#, "signing_input"),
    (
        "approval-receipt+jwt",
        r#"{"sub":"user:other"}"#,
        "approval.key_role",
    ),
    ("approval-receipt+jwt", r#"{"exp":NOW}"#, "approval.expired"),
    (
        "approval-receipt+jwt",
        r#"{"kind":"any"}"#,
        "approval.malformed",
    ),
    (
        "approval-receipt+jwt",
        r#"{"iss":"https://else.example"}"#,
        "approval.unknown_key",
    ),
    ("revocation-epochs+jwt", r#"{}"#, "request.member"),
];

/// Claims that can be signed.
fn sound(typ: &str) -> Value {
    match typ {
        "dpop+jwt" => json!({"jti": "p", "htm": "POST", "htu": "https://a.example", "iat": NOW}),
        "cap+jwt" => json!({"jti": "b", "iat": NOW, "exp": NOW + 20,
            "cnf": {"jwk": ambit_tests::keys::named("worker").unwrap().jwk()},
            "authorization_details": [{"type": "ambit_capability"}]}),
        _ => json!({"iss": "https://approve.acme.example", "aud": "https://a.example", "jti": "r",
            "iat": NOW, "exp": NOW + 60, "sub": "user:8f1c2d", "decision": "approved",
            "kind": "action", "risk_tier": "high", "binding_s256": "A".repeat(43),
            "display": {"text_s256": "A".repeat(43), "locale": "en", "renderer": "ambit-2"}}),
    }
}

fn policy() -> SignedPolicy {
    let spec = PolicySpec {
        project: "acme".to_owned(),
        keys: vec![
            json!({"key": "broker-1", "kid": "broker-1", "iss": "https://broker.acme.example",
                "alg": "Ed25519", "signs": "cap+jwt"}),
            json!({"key": "approver-service", "kid": "approve-1", "iss": "https://approve.acme.example",
                "alg": "Ed25519", "signs": "approval-receipt+jwt", "sub": "user:8f1c2d"}),
        ],
        bundle: None,
    };
    SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn signing_inputs_are_the_same_bytes() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap();
    let mut raw = Raw::start(&std::fs::read(policy.file()).unwrap());
    let root = root();
    for (typ, change, expect) in INPUTS {
        let change = change
            .replace("DIGEST", &"A".repeat(43))
            .replace("NOW", &NOW.to_string())
            .replace("LATE", &(NOW + 1_000_000).to_string());
        let mut claims = sound(typ);
        merge(&mut claims, &serde_json::from_str(&change).unwrap());
        let request =
            json!({"typ": typ, "claims": claims, "token": root, "kid": "approve-1"}).to_string();
        let said = raw.ask("ambit_signing_input", request.as_bytes());
        let ours = ambit_evaluator::signing_input(&bundle, request.as_bytes());
        assert_eq!(said, ours);
        assert!(said.contains(expect), "{typ} {expect}: {said}");
    }
}

/// An enrolment that nobody signed: who is asked to sign was given it.
fn enrolment(change: Value) -> String {
    let mut claims = json!({"iss": "https://keys.acme.example", "jti": "e", "iat": NOW, "exp": NOW + 600,
        "sub": "user:8f1c2d", "jwk": ambit_tests::keys::named("worker").unwrap().jwk(),
        "policies": ["acme/agents"]});
    merge(&mut claims, &change);
    let part = |value: Value| ambit_token::base64url::encode(value.to_string().as_bytes());
    format!(
        "{}.{}.AA",
        part(json!({"alg": "Ed25519", "kid": "k", "typ": "approver-key+jwt"})),
        part(claims)
    )
}

/// What is said of a receipt, an enrolment, and what the answer has.
fn enrolled() -> [(Value, String, &'static str); 9] {
    let passkey =
        json!({"webauthn": {"rp_id": "acme.example", "origins": ["https://acme.example"]}});
    let (other, late) = (json!({"sub": "user:other"}), json!({"exp": NOW}));
    let (elsewhere, narrow) = (
        json!({"iss": "https://else.example"}),
        json!({"tiers": ["low"]}),
    );
    let same = || enrolment(json!({}));
    [
        (json!({}), same(), r#""alg":"Ed25519""#),
        (json!({}), enrolment(passkey), r#""alg":"WebAuthn-Ed25519""#),
        (other, same(), "approval.key_role"),
        (json!({}), enrolment(narrow), "approval.key_role"),
        (elsewhere, same(), "approval.unknown_key"),
        (late, same(), "approval.expired"),
        (
            json!({}),
            enrolment(json!({"jwk": {"x": "AA"}})),
            "enrolment.malformed",
        ),
        (
            json!({}),
            enrolment(json!({"policies": 7})),
            "enrolment.malformed",
        ),
        (json!({}), "e30".to_owned(), "enrolment.malformed"),
    ]
}

#[test]
fn a_key_that_an_enrolment_makes_known_signs_receipts_of_its_person() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap();
    let mut raw = Raw::start(&std::fs::read(policy.file()).unwrap());
    for (change, enrolment, expect) in enrolled() {
        let mut claims = sound("approval-receipt+jwt");
        for name in ["iss", "sub"] {
            claims.as_object_mut().unwrap().remove(name);
        }
        merge(&mut claims, &change);
        let request =
            json!({"typ": "approval-receipt+jwt", "claims": claims, "enrolment": enrolment});
        let request = request.to_string();
        let said = raw.ask("ambit_signing_input", request.as_bytes());
        assert_eq!(
            said,
            ambit_evaluator::signing_input(&bundle, request.as_bytes())
        );
        assert!(said.contains(expect), "{expect}: {said}");
        if expect.contains("alg") {
            let said: Value = serde_json::from_str(&said).unwrap();
            let payload = said["signing_input"]
                .as_str()
                .unwrap()
                .split('.')
                .nth(1)
                .unwrap();
            let payload = ambit_token::base64url::decode(payload.as_bytes()).unwrap();
            let payload: Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(payload["iss"], "https://keys.acme.example");
            assert_eq!(payload["sub"], "user:8f1c2d");
        }
    }
}

#[test]
fn the_digest_of_a_call_is_the_same_bytes() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap();
    let mut raw = Raw::start(&std::fs::read(policy.file()).unwrap());
    let request = json!({"evaluation": {"action": {"name": "email", "properties": {"power": "draft",
        "args": {"to": "ann@customer.example"}}}, "resource": {"type": "customer-contact", "id": "c-7"},
        "context": {"purpose": "contract-renewal"}}, "token": root(),
        "facts": {"now": NOW, "audience": "https://mail.acme.example"}}).to_string();
    let said = raw.ask("ambit_digest", request.as_bytes());
    let ours = ambit_evaluator::call_digest(&bundle, request.as_bytes(), &mut ChainCache::new());
    assert_eq!(said, ours);
    for member in ["binding_s256", "risk_tier", "display", "text_s256"] {
        assert!(said.contains(member), "{said}");
    }
}

/// The token of the conformance suite.
fn root() -> String {
    let file = suites().join("conformance/templates/renewal.json");
    let mut template: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    template["token"].as_object_mut().unwrap().remove("policy");
    let root = ambit_tests::chain::BlockSpec {
        signer: Some("broker-1".to_owned()),
        holder: Some("orchestrator".to_owned()),
        ..Default::default()
    };
    let chain = ambit_tests::chain::Chain::build(&template["token"], &root, &[], &[]);
    chain.unwrap().text(None)
}
