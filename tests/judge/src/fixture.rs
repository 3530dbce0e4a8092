//! What the tests of the npm package start from.

use std::fs;
use std::path::Path;

use ambit_host::{Evaluator as _, NativeEngine};
use ambit_tests::case::PolicySpec;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::project::SignedPolicy;
use serde_json::{Value, json};

/// A real module with its detached signature, a request, and the native engine's answer; and the next version of it.
pub(crate) fn write(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let template = template("conformance/templates/renewal.json")?;
    let mut keys = template["keys"].as_array().cloned().unwrap_or_default();
    keys.push(json!({
        "key": "revoker", "kid": "revoke-1", "iss": "https://revoke.acme.example", "alg": "Ed25519",
        "signs": "revocation-epochs+jwt"
    }));
    let spec = |bundle| PolicySpec {
        project: "acme".to_owned(),
        keys: keys.clone(),
        bundle,
    };
    let policy = SignedPolicy::make(&spec(None))?;
    let newer = SignedPolicy::make(&spec(Some(json!({"version": 43}))))?;
    let names = [("bundle_s256", policy.bundle_s256())];
    let names = names
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let chain = Chain::build(&template["token"], &BlockSpec::default(), &[], &names)?;
    let mut request = template["request"].clone();
    request["token"] = chain.text(None).into();
    let request = request.to_string();
    let engine = NativeEngine::new(&policy.load()?);
    let (module, envelope) = policy.detached()?;
    let write = |name: &str, bytes: &[u8]| {
        let file = folder.join(name);
        fs::write(&file, bytes).map_err(|error| format!("{}: {error}", file.display()))
    };
    write("policy.wasm", &module)?;
    write("policy.wasm.dsse.json", &envelope)?;
    write("policy.bundle", policy.bundle())?;
    write("keys.json", policy.trust().as_bytes())?;
    write(
        "answer.json",
        engine.evaluate(request.as_bytes()).as_bytes(),
    )?;
    fs::create_dir_all(folder.join("newer")).map_err(|error| error.to_string())?;
    write("newer/policy.bundle", newer.bundle())?;
    write("newer/policy.wasm.dsse.json", &newer.detached()?.1)?;
    write("request.json", request.as_bytes())
}

fn template(name: &str) -> Result<Value, String> {
    let file = ambit_tests::suites().join(name);
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}
