//! A public key, and the one algorithm that goes with it.

use alloc::string::String;

use ambit_core::grammar::JWK;
use ambit_core::json::Json;

use crate::{base64url, ed25519, es256, jwk, sha256};

/// A public key of an issuer or holder. Its type fixes the algorithm: no header chooses one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Ed25519 (RFC 8037), header `alg` `Ed25519` (RFC 9864).
    Ed25519([u8; 32]),
    /// P-256, `x` then `y`, header `alg` `ES256`.
    P256([u8; 64]),
}

impl PublicKey {
    /// The key of a public JWK ([`JWK`]): the one reader for holders' keys and for proofs.
    ///
    /// The bytes are only decoded: whether they are a usable point is for [`Self::is_usable`].
    #[must_use]
    pub fn from_jwk(jwk: Json<'_>) -> Option<Self> {
        if !JWK.holds(jwk) {
            return None;
        }
        let member = |name| jwk.get_str(name);
        match member("y") {
            None => Self::from_parts("Ed25519", member("x")?, None),
            y => Self::from_parts("ES256", member("x")?, y),
        }
    }

    /// The key of a configured algorithm and its coordinates (base64url). `None` when they do not
    /// belong together.
    #[must_use]
    pub fn from_parts(alg: &str, x: &str, y: Option<&str>) -> Option<Self> {
        let x: [u8; 32] = base64url::decode_array(x.as_bytes())?;
        match (alg, y) {
            ("Ed25519" | "EdDSA", None) => Some(Self::Ed25519(x)),
            ("ES256", Some(y)) => {
                let y: [u8; 32] = base64url::decode_array(y.as_bytes())?;
                let mut both = [0; 64];
                let (first, second) = both.split_first_chunk_mut::<32>()?;
                *first = x;
                second.copy_from_slice(&y);
                Some(Self::P256(both))
            }
            _ => None,
        }
    }

    /// Whether it can be anybody's key: a point of its curve that is not of small order.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match self {
            Self::Ed25519(public) => ed25519::usable(public),
            Self::P256(public) => es256::usable(public),
        }
    }

    /// Whether one hand holds the private keys of both: they are the same, or the two points with one `x`, of
    /// which one has the other's private key, negated.
    #[must_use]
    pub fn same_hand(&self, other: &Self) -> bool {
        self.alg() == other.alg() && self.either() == other.either()
    }

    /// What both points with this `x` have.
    fn either(&self) -> [u8; 32] {
        let mut either = [0; 32];
        match self {
            Self::Ed25519(public) => {
                either = *public;
                // The last bit says which of the two it is.
                if let Some(last) = either.last_mut() {
                    *last &= 0x7f;
                }
            }
            Self::P256(public) => {
                if let Some(x) = public.first_chunk() {
                    either = *x;
                }
            }
        }
        either
    }

    /// The header `alg` of what this key signs.
    #[must_use]
    pub const fn alg(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "Ed25519",
            Self::P256(_) => "ES256",
        }
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(public) => ed25519::verify_strict(public, message, signature),
            Self::P256(public) => es256::verify(public, message, signature),
        }
    }

    /// The RFC 7638 thumbprint, as base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        base64url::encode(&self.thumbprint_bytes())
    }

    /// The thumbprint before it is written as text.
    #[must_use]
    pub fn thumbprint_bytes(&self) -> [u8; 32] {
        match self {
            Self::Ed25519(public) => jwk::thumbprint_bytes(public),
            Self::P256(_) => sha256(self.jwk().as_bytes()),
        }
    }

    /// The public JWK, with the members of a thumbprint (RFC 7638 section 3.2) and in their order.
    #[must_use]
    pub fn jwk(&self) -> String {
        match self {
            Self::Ed25519(public) => jwk::text(public),
            Self::P256(public) => {
                let (x, y) = public.split_at(32);
                let mut text = String::with_capacity(128);
                text.push_str(r#"{"crv":"P-256","kty":"EC","x":""#);
                text.push_str(&base64url::encode(x));
                text.push_str(r#"","y":""#);
                text.push_str(&base64url::encode(y));
                text.push_str(r#""}"#);
                text
            }
        }
    }
}

impl From<[u8; 32]> for PublicKey {
    fn from(ed25519: [u8; 32]) -> Self {
        Self::Ed25519(ed25519)
    }
}
