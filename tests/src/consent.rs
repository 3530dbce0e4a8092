//! The cases of `tests/consent`, and receipts of kind `grant`: a person's yes to what a token will allow.

use ambit_policy::Bundle;
use ambit_token::base64url;
use serde_json::{Value, json};

use crate::case::PolicySpec;
use crate::data::{expand, merge};
use crate::suites;

/// Who says that a person agreed.
pub const ISS: &str = "https://approve.acme.example";

/// The yes of the subject of these claims to the text that `describe` shows, signed by the Ed25519 key
/// `kid`; `patch` changes what it says.
///
/// # Errors
///
/// That the claims have no text.
pub fn receipt(
    bundle: &Bundle<'_>,
    claims: &Value,
    now: i64,
    patch: &Value,
    kid: &str,
    sign: impl Fn(&[u8]) -> String,
) -> Result<String, String> {
    let question = json!({"claims": claims, "locale": "en"}).to_string();
    let shown = ambit_advice::describe(bundle, question.as_bytes());
    let shown: Value = serde_json::from_str(&shown).map_err(|error| error.to_string())?;
    if let Some(error) = shown.get("error") {
        return Err(error.to_string());
    }
    let mut receipt = json!({
        "iss": ISS, "aud": claims["iss"], "jti": "consent-1", "iat": now, "exp": now + 300,
        "sub": claims["sub"], "decision": "approved", "kind": "grant",
        "risk_tier": shown["risk_tier"], "binding_s256": shown["binding_s256"],
        "display": {"text_s256": shown["text_s256"], "locale": shown["locale"], "renderer": shown["renderer"]},
    });
    merge(&mut receipt, patch);
    let header = json!({"alg": "Ed25519", "typ": "approval-receipt+jwt", "kid": kid});
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let input = format!("{}.{}", encode(&header), encode(&receipt));
    let signature = sign(input.as_bytes());
    Ok(format!("{input}.{signature}"))
}

/// One request to `describe`, and what is expected of its answer.
#[derive(Clone, Debug)]
pub struct Case {
    /// Group and name, for people.
    pub name: String,
    /// The policy that it is asked of.
    pub policy: PolicySpec,
    /// The bytes of the request.
    pub request: Vec<u8>,
    /// What is expected; `tests/README.md` has its members.
    pub expect: Value,
}

/// Reads the cases of `tests/consent`.
///
/// # Errors
///
/// What in the file is not understood.
pub fn cases() -> Result<Vec<Case>, String> {
    let file = suites().join("consent/01-describe.json");
    let text = std::fs::read(&file).map_err(|error| format!("`{}`: {error}", file.display()))?;
    let groups: Vec<Value> = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let mut cases = Vec::new();
    for group in &groups {
        for case in group["cases"].as_array().into_iter().flatten() {
            cases.push(Case {
                name: format!("{}: {}", group["about"], case["name"]),
                policy: PolicySpec {
                    project: group["project"].as_str().unwrap_or_default().to_owned(),
                    keys: vec![json!({
                        "key": "broker-1", "kid": "broker-1", "iss": "https://broker.acme.example",
                        "alg": "Ed25519", "signs": "cap+jwt",
                    })],
                    bundle: case.get("bundle").cloned(),
                },
                request: request(group, case)?,
                expect: case["expect"].clone(),
            });
        }
    }
    Ok(cases)
}

/// The group's request with the patches of the case: `ask` over the whole, `entry` over the first
/// capability. `raw` is a text in its place.
fn request(group: &Value, case: &Value) -> Result<Vec<u8>, String> {
    if let Some(raw) = case["raw"].as_str() {
        return Ok(raw.as_bytes().to_vec());
    }
    let mut request = group["request"].clone();
    if let Some(patch) = case.get("ask") {
        merge(&mut request, patch);
    }
    if let Some(patch) = case.get("entry") {
        merge(&mut request["authorization_details"][0], patch);
    }
    Ok(expand(&request, &[])?.to_string().into_bytes())
}
