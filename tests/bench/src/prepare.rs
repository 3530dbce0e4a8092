//! The files that are measured.

use std::fs;
use std::path::Path;

use ambit_tests::case::PolicySpec;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::project::{NOW, SignedPolicy};
use ambit_tests::{keys, suites};
use serde_json::{Value, json};
use vectors_guest::Case;

/// Different tokens: more than the cache of verified chains holds, so that each is new.
const TOKENS: usize = 512;

/// A signed module, requests with a token each, and one signature: the worked example of docs/token.md.
pub(crate) fn write(folder: &Path) -> Result<(), String> {
    let template = suites().join("conformance/templates/renewal.json");
    let template = fs::read_to_string(&template)
        .map_err(|error| format!("{}: {error}", template.display()))?;
    let template: Value = serde_json::from_str(&template).map_err(|error| error.to_string())?;
    let spec = PolicySpec {
        project: "acme".to_owned(),
        keys: template["keys"].as_array().cloned().unwrap_or_default(),
        bundle: None,
    };
    let policy = SignedPolicy::make(&spec)?;
    let digest = policy.bundle_s256();
    let mut requests = String::new();
    for number in 0..TOKENS {
        let mut claims = template["token"].clone();
        claims["jti"] = json!(format!("bench-{number}"));
        let chain = Chain::build(
            &claims,
            &BlockSpec::default(),
            &[],
            &[("bundle_s256", &digest)],
        )?
        .text(None);
        if number == 0 {
            fs::write(folder.join("signature.case"), signature(&chain)?)
                .map_err(|error| error.to_string())?;
        }
        let mut request = template["request"].clone();
        request["token"] = json!(chain);
        requests += &format!("{request}\n");
    }
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).map_err(|error| error.to_string())
    };
    write("requests.jsonl", &requests)?;
    write("keys.json", policy.trust())?;
    write("now", &NOW.to_string())?;
    fs::copy(policy.file(), folder.join("policy.wasm")).map_err(|error| error.to_string())?;
    let (_, envelope) = policy.detached()?;
    for (name, bytes) in [
        ("policy.bundle", policy.bundle()),
        ("policy.bundle.dsse.json", &envelope),
    ] {
        fs::write(folder.join(name), bytes).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The root's signature of a chain as a vector.
fn signature(chain: &str) -> Result<Vec<u8>, String> {
    let (message, signature) = chain.rsplit_once('.').ok_or("the chain has no signature")?;
    let decode =
        |text: &str| ambit_token::base64url::decode(text.as_bytes()).ok_or("not base64url");
    let public = decode(&keys::named("broker-1")?.x())?;
    let signature = decode(signature)?;
    Ok(Case::Ed25519 {
        public: &public,
        message: message.as_bytes(),
        signature: &signature,
    }
    .encode())
}
