//! Keys from fixed seeds: secret to nobody, so that every run signs the same bytes. Names and seeds
//! of the first six are those of the published chain vectors.

use ambit_token::{base64url, thumbprint};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

/// Names, each with the byte of which its seed is made.
const SEEDS: [(&str, u8); 12] = [
    ("broker-1", 0x01),
    ("orchestrator", 0x02),
    ("worker", 0x03),
    ("tool", 0x04),
    ("approver-service", 0x05),
    ("stranger", 0xff),
    ("courier", 0x06),
    ("last", 0x07),
    ("broker-old", 0x08),
    ("broker-narrow", 0x09),
    ("module-1", 0x0a),
    ("broker-2", 0x0b),
];

/// Who holds the root, and then each derived block, unless a case says otherwise.
pub const HOLDERS: [&str; 5] = ["orchestrator", "worker", "tool", "courier", "last"];

/// A key pair with a name.
#[derive(Clone, Debug)]
pub struct Key(SigningKey);

/// The key with this name.
///
/// # Errors
///
/// Names the key that is not known.
pub fn named(name: &str) -> Result<Key, String> {
    let seed = SEEDS.iter().find(|(known, _)| *known == name);
    let (_, byte) = seed.ok_or_else(|| format!("no key is called `{name}`"))?;
    Ok(Key(SigningKey::from_bytes(&[*byte; 32])))
}

impl Key {
    /// The public key's `x`.
    #[must_use]
    pub fn x(&self) -> String {
        base64url::encode(self.0.verifying_key().as_bytes())
    }

    /// The public key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": self.x()})
    }

    /// The RFC 7638 thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        thumbprint(self.0.verifying_key().as_bytes())
    }

    /// The signature, base64url.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        base64url::encode(&self.0.sign(message).to_bytes())
    }

    /// The private key's seed.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}
