//! Receipts of kind `grant`: a person's yes to what a token will allow.

use ambit_policy::Bundle;
use ambit_token::base64url;
use serde_json::{Value, json};

use crate::data::merge;

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
