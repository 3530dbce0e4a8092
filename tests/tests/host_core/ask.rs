//! The vectors of `ambit_ask`: parts as a case describes them, with a token that is signed here.

use ambit_tests::data::merge;
use ambit_tests::project::NOW;
use ambit_tests::suites;
use ambit_token::base64url;
use serde_json::{Value, json};

/// The parts of a call that the token allows.
fn parts() -> Value {
    json!({"action": "email", "power": "draft", "args": r#"{"to": "ann@customer.example"}"#,
        "resource": {"type": "customer-contact", "id": "c-7"}, "purpose": "contract-renewal", "token": root(),
        "facts": {"now": NOW, "audience": "https://mail.acme.example"}})
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

/// Runs the cases: `ask` is the engine, and `native` the same functions in this program.
pub(crate) fn a_request_is_made_of_its_parts(
    ask: &mut dyn FnMut(&str, &Value) -> Value,
    native: &dyn Fn(&str, &str) -> String,
) {
    let file = std::fs::read(suites().join("enforce/ask.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&file).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let mut request = parts();
        if let Some(patch) = case.get("parts") {
            merge(&mut request, patch);
        }
        let said = ask("ambit_ask", &request);
        let ours: Value = serde_json::from_str(&native("ask", &request.to_string())).unwrap();
        assert_eq!(said, ours, "{}", case["name"]);
        let says = case["says"].as_object().unwrap();
        if let Some(code) = says.get("code") {
            let reason = &said["context"]["reason"];
            assert_eq!(&reason["code"], code, "{}: {reason}", case["name"]);
            continue;
        }
        let text = said["request"].as_str().unwrap();
        for part in says["has"].as_array().unwrap() {
            let part = part.as_str().unwrap();
            assert!(text.contains(part), "{}: {part}: {text}", case["name"]);
        }
        // What may be shown of the call is what the digest of the request says.
        let digest: Value = serde_json::from_str(&native("digest", text)).unwrap();
        let is_digest = says.get("digest") != Some(&json!(false));
        assert_eq!(
            digest.get("binding_s256").is_some(),
            is_digest,
            "{}: {digest}",
            case["name"]
        );
        for name in ["binding_s256", "risk_tier", "display"] {
            let wanted = digest.get(name).filter(|_| is_digest);
            assert_eq!(said.get(name), wanted, "{}", case["name"]);
        }
        let mut bare: Value = serde_json::from_str(text).unwrap();
        bare["facts"].as_object_mut().unwrap().remove("content");
        let bare: Value = serde_json::from_str(&native("digest", &bare.to_string())).unwrap();
        signed(&case, &said, [&digest, &bare]);
    }
}

/// What is to be signed: its claims, or the code that refuses it. The digests are those of the call with what its arguments
/// refer to, and without.
fn signed(case: &Value, said: &Value, [digest, bare]: [&Value; 2]) {
    let none = Vec::new();
    let wanted = case["says"]["signing"].as_array().unwrap_or(&none);
    let given = said["signing"].as_array().unwrap_or(&none);
    assert_eq!(wanted.len(), given.len(), "{}: {said}", case["name"]);
    for (wanted, given) in wanted.iter().zip(given) {
        if let Some(code) = wanted.get("code") {
            let reason = &given["context"]["reason"];
            assert_eq!(&reason["code"], code, "{}: {given}", case["name"]);
            continue;
        }
        if case["parts"]["facts"].get("content").is_some() {
            assert_ne!(digest["binding_s256"], bare["binding_s256"]);
        }
        let input = given["signing_input"].as_str();
        let input = input.unwrap_or_else(|| panic!("{}: {given}", case["name"]));
        let claims = base64url::decode(input.split('.').nth(1).unwrap().as_bytes()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        for (name, value) in wanted["claims"].as_object().unwrap() {
            let value = match value.as_str() {
                Some("{binding_s256}") => &digest["binding_s256"],
                Some("{call}") => &bare["binding_s256"],
                Some("{risk_tier}") => &digest["risk_tier"],
                _ => value,
            };
            assert_eq!(&claims[name], value, "{}: {claims}", case["name"]);
        }
        if claims.get("display").is_some() {
            let shown = &digest["display"];
            assert_eq!(claims["display"]["text_s256"], shown["text_s256"]);
            assert!(claims["display"].get("text").is_none(), "{claims}");
        }
    }
}
