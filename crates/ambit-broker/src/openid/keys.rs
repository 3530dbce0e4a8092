//! The public keys of a provider (RFC 7517), and what they sign: most providers sign with RSA.

use ambit_token::{PublicKey, base64url};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
};
use serde_json::Value;

use crate::jws::Jws;

/// Keys that are looked at.
const KEYS: usize = 64;

/// The keys of a provider, as it publishes them.
#[derive(Debug)]
pub(crate) struct KeySet(Vec<Value>);

impl KeySet {
    pub(super) fn of(mut set: Value) -> Option<Self> {
        match set["keys"].take() {
            Value::Array(keys) if keys.len() <= KEYS => Some(Self(keys)),
            _ => None,
        }
    }

    /// Whether one of the keys, that of this `kid` where there is one, signed with this algorithm. `none`, and every
    /// algorithm with a shared secret, is signed by nobody.
    pub(super) fn signed(&self, jws: &Jws<'_>, alg: &str, kid: Option<&str>) -> bool {
        let text = |key: &Value, name: &str| key[name].as_str().map(str::to_owned);
        let fits = |key: &&Value| {
            kid.is_none_or(|kid| key["kid"] == kid)
                && text(key, "use").is_none_or(|it| it == "sig")
                && text(key, "alg").is_none_or(|it| it == alg || is_ed25519(&it) && is_ed25519(alg))
        };
        self.0.iter().filter(fits).any(|key| is_by(key, jws, alg))
    }
}

fn is_ed25519(alg: &str) -> bool {
    matches!(alg, "Ed25519" | "EdDSA")
}

fn is_by(key: &Value, jws: &Jws<'_>, alg: &str) -> bool {
    let part = |name: &str| key[name].as_str().unwrap_or_default();
    match (alg, part("kty")) {
        ("RS256" | "PS256", "RSA") => {
            let (Some(n), Some(e)) = (
                base64url::decode(part("n").as_bytes()),
                base64url::decode(part("e").as_bytes()),
            ) else {
                return false;
            };
            let how = if alg == "RS256" {
                &RSA_PKCS1_2048_8192_SHA256
            } else {
                &RSA_PSS_2048_8192_SHA256
            };
            let key = RsaPublicKeyComponents { n, e };
            key.verify(how, jws.input(), jws.signature()).is_ok()
        }
        ("ES256", "EC") if part("crv") == "P-256" => {
            let key = PublicKey::from_parts("ES256", part("x"), key["y"].as_str());
            key.is_some_and(|key| key.is_usable() && jws.is_by(&key, Some(alg)))
        }
        (_, "OKP") if is_ed25519(alg) && part("crv") == "Ed25519" => {
            let key = PublicKey::from_parts("Ed25519", part("x"), None);
            key.is_some_and(|key| key.is_usable() && jws.is_by(&key, Some(alg)))
        }
        _ => false,
    }
}
