//! What an authenticator and a browser make of a challenge, sound by default, and broken wherever a
//! case asks for it.

use ambit_token::{PublicKey, base64url};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::data::merge;
use crate::keys::Key;

/// The flags of a person who was present and verified, with a credential that is backed up.
const FLAGS: u64 = 0x1d;

/// The third part of a receipt: an assertion for the digest of the signing input.
///
/// # Errors
///
/// What in the description is not understood.
pub fn assertion(key: &Key, signing_input: &[u8], patch: &Value) -> Result<String, String> {
    let text = |name: &str| patch.get(name).and_then(Value::as_str);
    let number = |name: &str, usual| patch.get(name).and_then(Value::as_u64).unwrap_or(usual);
    let challenge = text("challenge").map_or(signing_input, str::as_bytes);
    let mut client = json!({
        "type": "webauthn.get",
        "challenge": base64url::encode(&Sha256::digest(challenge)),
        "origin": "https://approve.acme.example",
        "crossOrigin": false,
    });
    merge(&mut client, patch.get("client").unwrap_or(&json!({})));
    let client = client.to_string();
    let mut data = Sha256::digest(text("rp_id").unwrap_or("acme.example")).to_vec();
    data.push(u8::try_from(number("flags", FLAGS)).map_err(|error| error.to_string())?);
    let counter = u32::try_from(number("counter", 0)).map_err(|error| error.to_string())?;
    data.extend(counter.to_be_bytes());
    data.extend(unhex(text("more").unwrap_or_default())?);
    let mut message = data.clone();
    message.extend(Sha256::digest(&client));
    let signature = match text("der") {
        Some(der) => unhex(der)?,
        None => sign(key, &message)?,
    };
    let mut assertion = json!({
        "authenticatorData": base64url::encode(&data),
        "clientDataJSON": base64url::encode(client.as_bytes()),
        "signature": base64url::encode(&signature),
    })
    .to_string();
    for pair in patch
        .get("edit")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let (Some(from), Some(to)) = (pair[0].as_str(), pair[1].as_str()) else {
            return Err("`edit` wants a list of [from, to]".to_owned());
        };
        assertion = assertion.replacen(from, to, 1);
    }
    Ok(base64url::encode(assertion.as_bytes()))
}

/// Ed25519 as it is, ES256 in DER.
fn sign(key: &Key, message: &[u8]) -> Result<Vec<u8>, String> {
    let raw = base64url::decode(key.sign(message).as_bytes()).unwrap_or_default();
    if matches!(key.public(), PublicKey::Ed25519(_)) {
        return Ok(raw);
    }
    let signature = p256::ecdsa::Signature::from_slice(&raw).map_err(|error| error.to_string())?;
    Ok(signature.to_der().as_bytes().to_vec())
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Option<Vec<u8>> = digits.collect();
    bytes.ok_or_else(|| format!("`{text}` is not hexadecimal"))
}
