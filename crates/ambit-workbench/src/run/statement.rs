//! Proofs of possession, people's receipts and revocation epochs, signed for one request.

use ambit_compiler::CompileError;
use ambit_compiler::keys::SecretKey;
use ambit_evaluator::s256;
use ambit_policy::Bundle;
use ambit_token::base64url;
use serde_json::{Value as Json, json};

use super::{APPROVALS, EPOCHS};

/// How long a receipt, or a list of what was revoked, counts.
const SECONDS: i64 = 300;

/// A DPoP proof by the holder of a token.
pub(super) fn proof(
    holder: &SecretKey,
    token: &str,
    call: Option<&str>,
    (method, url): (&str, &str),
    now: i64,
) -> String {
    let header = json!({"typ": "dpop+jwt", "alg": holder.alg(), "jwk": holder.public_jwk()});
    let mut claims = json!({
        "jti": "ambit-test-proof",
        "htm": method,
        "htu": url,
        "iat": now,
        "ath": s256(token.as_bytes()),
    });
    if let Some(call) = call {
        claims["ambit_call"] = call.into();
    }
    signed(holder, &header, &claims)
}

/// An issuer's list of what was revoked: nothing.
pub(super) fn epochs((iss, key): &(String, SecretKey), now: i64) -> String {
    let header = json!({"alg": key.alg(), "typ": EPOCHS, "kid": key.kid()});
    let claims = json!({"iss": iss, "iat": now, "exp": now + SECONDS, "version": 1, "entries": []});
    signed(key, &header, &claims)
}

/// A person's yes to exactly one call; `call` is what the evaluator says that the person is shown.
pub(super) fn action_receipt(
    key: &SecretKey,
    person: &str,
    number: usize,
    audience: &str,
    call: &Json,
    now: i64,
) -> String {
    let claims = json!({
        "iss": APPROVALS, "aud": audience, "jti": format!("ambit-test-approval-{number}"),
        "iat": now, "exp": now + SECONDS, "sub": person,
        "decision": "approved", "kind": "action", "risk_tier": call["risk_tier"],
        "binding_s256": call["binding_s256"],
        "display": display(&call["display"]),
    });
    receipt(key, &claims)
}

/// The subject's yes to a token, to which the manifest wants a person's consent.
pub(super) fn grant_receipt(
    key: &SecretKey,
    bundle: &Bundle<'_>,
    claims: &Json,
    now: i64,
) -> Result<String, CompileError> {
    let question = json!({"claims": claims, "locale": "en"}).to_string();
    let shown = ambit_advice::describe(bundle, question.as_bytes());
    let shown: Json = serde_json::from_str(&shown).unwrap_or_default();
    if let Some(error) = shown.get("error") {
        let detail = error
            .get("detail")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let code = error
            .get("code")
            .and_then(Json::as_str)
            .unwrap_or("describe");
        return Err(CompileError {
            code: "test.consent",
            message: format!(
                "the manifest wants a person's consent to this token, and it has no text to consent to: {detail} ({code})"
            ),
        });
    }
    let claims = json!({
        "iss": APPROVALS, "aud": claims["iss"], "jti": "ambit-test-consent",
        "iat": now, "exp": now + SECONDS, "sub": claims["sub"],
        "decision": "approved", "kind": "grant", "risk_tier": shown["risk_tier"],
        "binding_s256": shown["binding_s256"], "display": display(&shown),
    });
    Ok(receipt(key, &claims))
}

fn display(shown: &Json) -> Json {
    json!({"text_s256": shown["text_s256"], "locale": shown["locale"], "renderer": shown["renderer"]})
}

fn receipt(key: &SecretKey, claims: &Json) -> String {
    let header = json!({"alg": key.alg(), "typ": "approval-receipt+jwt", "kid": key.kid()});
    signed(key, &header, claims)
}

fn signed(key: &SecretKey, header: &Json, claims: &Json) -> String {
    let part = |part: &Json| base64url::encode(part.to_string().as_bytes());
    let input = format!("{}.{}", part(header), part(claims));
    let signature = base64url::encode(&key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}
