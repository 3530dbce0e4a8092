//! The files that are measured.

use std::fs;
use std::path::Path;

use ambit_tests::case::PolicySpec;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::project::{NOW, SignedPolicy};
use ambit_tests::statement::Asked;
use ambit_tests::{keys, suites};
use serde_json::{Value, json};
use vectors_guest::Case;

/// Different tokens: more than the cache of verified chains holds, so that each is new.
const TOKENS: usize = 512;
/// Different proofs of one token.
const PROOFS: usize = 64;

/// A signed module, requests with a token each, and one signature: the worked example of docs/token.md.
pub(crate) fn write(folder: &Path) -> Result<(), String> {
    let file = suites().join("conformance/templates/renewal.json");
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let template: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let spec = PolicySpec {
        project: "acme".to_owned(),
        keys: template["keys"].as_array().cloned().unwrap_or_default(),
        bundle: None,
    };
    let policy = SignedPolicy::make(&spec)?;
    let digest = policy.bundle_s256();
    let token = |id: usize, holder: &str| {
        let mut claims = template["token"].clone();
        claims["jti"] = json!(format!("bench-{id}"));
        let root = BlockSpec {
            holder: Some(holder.to_owned()),
            ..BlockSpec::default()
        };
        Chain::build(&claims, &root, &[], &[("bundle_s256", &digest)])
    };
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).map_err(|error| error.to_string())
    };
    let mut new = String::new();
    for id in 0..TOKENS {
        let holder = keys::HOLDERS[id % keys::HOLDERS.len()];
        new += &asking(&template["request"], &token(id, holder)?, None)?;
    }
    write("new.jsonl", &new)?;
    let known = token(TOKENS, keys::HOLDERS[0])?;
    let signature = signature(&known.text(None))?;
    fs::write(folder.join("signature.case"), signature).map_err(|error| error.to_string())?;
    write("known.jsonl", &asking(&template["request"], &known, None)?)?;
    for (file, holder) in [
        ("ed25519.jsonl", keys::HOLDERS[0]),
        ("p256.jsonl", "es-holder"),
    ] {
        let known = token(TOKENS, holder)?;
        let requests: Result<String, String> = (0..PROOFS)
            .map(|id| asking(&template["request"], &known, Some(id)))
            .collect();
        write(file, &requests?)?;
    }
    write("keys.json", policy.trust())?;
    write("uid", policy.load()?.uid())?;
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

/// A line with a request for what the template asks, with this token and, where it is numbered, a proof
/// by its holder.
fn asking(template: &Value, chain: &Chain, proof: Option<usize>) -> Result<String, String> {
    let text = chain.text(None);
    let mut request = template.clone();
    request["token"] = json!(text);
    if let Some(id) = proof {
        request["facts"]["method"] = json!("POST");
        request["facts"]["url"] = json!("https://mail.acme.example/messages");
        let asked = Asked {
            root: &chain.root(),
            chain: &text,
            holder: chain.holder(),
            request: &request,
            call_args: None,
        };
        let claims = Some(json!({"jti": format!("proof-{id}")}));
        request["proof"] = json!(asked.proof(&BlockSpec {
            claims,
            ..BlockSpec::default()
        })?);
    }
    Ok(format!("{request}\n"))
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
