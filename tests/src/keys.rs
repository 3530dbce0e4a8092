//! Keys from fixed seeds: secret to nobody, so that every run signs the same bytes. Names and seeds
//! of the first six are those of the published chain vectors.

use ambit_token::{PublicKey, base64url};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

/// Names, each with the byte of which its seed is made.
const SEEDS: [(&str, u8); 19] = [
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
    ("revoker", 0x0c),
    ("approver-2", 0x0d),
    ("approver-narrow", 0x0e),
    ("enroller", 0x0f),
    ("phone", 0x10),
    ("phone-2", 0x11),
    ("person", 0x12),
];

/// P-256 keys by name, each with the byte of which its secret scalar is made.
const P256: [(&str, u8); 6] = [
    ("es-broker", 0x21),
    ("es-holder", 0x22),
    ("es-approver", 0x23),
    ("es-approving", 0x24),
    ("es-revoker", 0x25),
    ("es-holder-2", 0x26),
];

/// Who holds the root, and then each derived block, unless a case says otherwise.
pub const HOLDERS: [&str; 5] = ["orchestrator", "worker", "tool", "courier", "last"];

/// A key pair with a name.
#[derive(Clone, Debug)]
pub enum Key {
    /// Signs `Ed25519`.
    Ed25519(SigningKey),
    /// Signs `ES256`, deterministically (RFC 6979).
    P256(p256::ecdsa::SigningKey),
}

/// The key with this name.
///
/// # Errors
///
/// Names the key that is not known.
pub fn named(name: &str) -> Result<Key, String> {
    if let Some((_, byte)) = P256.iter().find(|(known, _)| *known == name) {
        let key = p256::ecdsa::SigningKey::from_slice(&[*byte; 32]);
        return Ok(Key::P256(key.map_err(|error| error.to_string())?));
    }
    let seed = SEEDS.iter().find(|(known, _)| *known == name);
    let (_, byte) = seed.ok_or_else(|| format!("no key is called `{name}`"))?;
    Ok(Key::Ed25519(SigningKey::from_bytes(&[*byte; 32])))
}

impl Key {
    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        match self {
            Self::Ed25519(key) => PublicKey::Ed25519(key.verifying_key().to_bytes()),
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let mut both = [0; 64];
                both.copy_from_slice(&point.as_bytes()[1..]);
                PublicKey::P256(both)
            }
        }
    }

    /// The public key's `x`.
    #[must_use]
    pub fn x(&self) -> String {
        match self.public() {
            PublicKey::Ed25519(public) => base64url::encode(&public),
            PublicKey::P256(public) => base64url::encode(&public[..32]),
        }
    }

    /// The public key's `y`, on P-256.
    #[must_use]
    pub fn y(&self) -> Option<String> {
        match self.public() {
            PublicKey::Ed25519(_) => None,
            PublicKey::P256(public) => Some(base64url::encode(&public[32..])),
        }
    }

    /// The header `alg`.
    #[must_use]
    pub fn alg(&self) -> &'static str {
        self.public().alg()
    }

    /// The public key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        match self.y() {
            None => json!({"kty": "OKP", "crv": "Ed25519", "x": self.x()}),
            Some(y) => json!({"kty": "EC", "crv": "P-256", "x": self.x(), "y": y}),
        }
    }

    /// The RFC 7638 thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.public().thumbprint()
    }

    /// The signature, base64url.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        match self {
            Self::Ed25519(key) => base64url::encode(&key.sign(message).to_bytes()),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                base64url::encode(&signature.to_bytes())
            }
        }
    }

    /// The private key: seed or scalar.
    #[must_use]
    pub fn secret(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.as_bytes().to_vec(),
            Self::P256(key) => key.to_bytes().to_vec(),
        }
    }
}
