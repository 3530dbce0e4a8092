//! Assertions of the WebAuthn standard (level 3, section 16), natively.

use ambit_core::json::{Document, Profile};
use ambit_token::{Assertion, PublicKey, RelyingParty};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use xtask_kit::ui;

use super::raw::{hex, list, text};
use super::{Case as Named, Outcome};

/// The flag that says that the person was verified.
const VERIFIED: u8 = 0b100;

pub(crate) fn run(file: &Value) -> Result<Vec<Named>, String> {
    let party = json!({"rp_id": text(file, "rp_id")?, "origin": text(file, "origin")?}).to_string();
    let party = Document::parse(party.as_bytes(), Profile::Signed);
    let party = party.map_err(|error| error.to_string())?;
    let party = RelyingParty::of(party.root()).ok_or("no relying party")?;
    let vectors = list(file, "vectors")?;
    // Of other algorithms than ES256 and EdDSA we know no keys.
    let other = |case: &&Value| {
        case["cose_alg"].is_i64() && !matches!(case["cose_alg"].as_i64(), Some(-7 | -8))
    };
    let others = vectors.iter().filter(other).count();
    if others > 0 {
        ui::skipped(format_args!("{others} assertions of other algorithms"));
    }
    let ours = vectors.iter().filter(|case| !other(case));
    let named = ours.map(|case| {
        let name = case["id"].as_str().unwrap_or_default();
        (name.to_owned(), judge(case, &party))
    });
    Ok(named.collect())
}

fn judge(case: &Value, party: &RelyingParty<'_>) -> Outcome {
    let key = key(case)?;
    let said = &case["authentication"];
    let bytes = |member: &str| text(said, member).and_then(hex);
    let assertion = Assertion {
        authenticator_data: bytes("authenticatorData")?,
        client_data_json: bytes("clientDataJSON")?,
        signature: bytes("signature")?,
    };
    let challenge = bytes("challenge")?;
    // Whoever was not verified approved nothing, and in a frame of another site nobody does.
    let flags = assertion.authenticator_data.get(32).copied();
    let client = String::from_utf8_lossy(&assertion.client_data_json);
    let wanted =
        flags.unwrap_or_default() & VERIFIED != 0 && !client.contains("\"crossOrigin\":true");
    if assertion.verify(&key, party, &challenge) != wanted {
        return Err(format!("expected to be accepted: {wanted}; it is not so"));
    }
    if assertion.verify(&key, party, b"another challenge") {
        return Err("is accepted for another challenge".to_owned());
    }
    Ok(())
}

/// The vectors give the private keys.
fn key(case: &Value) -> Result<PublicKey, String> {
    let registration = &case["registration"];
    let digits = registration
        .get("credential_private_key")
        .unwrap_or_else(|| &registration["private_key"]);
    let secret = hex(digits.as_str().ok_or("no private key")?)?;
    let wrong = || "no private key of its algorithm".to_owned();
    if case["cose_alg"] == -7 {
        let key = p256::ecdsa::SigningKey::from_slice(&secret).map_err(|_| wrong())?;
        let point = key.verifying_key().to_sec1_point(false);
        let xy = point.as_bytes().get(1..).and_then(|xy| xy.try_into().ok());
        return xy.map(PublicKey::P256).ok_or_else(wrong);
    }
    let seed = secret.as_slice().try_into().map_err(|_| wrong())?;
    let key = SigningKey::from_bytes(seed).verifying_key();
    Ok(PublicKey::Ed25519(key.to_bytes()))
}
