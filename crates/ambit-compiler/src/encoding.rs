//! base64url and SHA-256, as tokens and bundles write them.

pub(crate) use ambit_token::base64url::encode as base64url;
use sha2::{Digest as _, Sha256};

/// The bytes of canonical base64url: no padding, no spare bits.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    ambit_token::base64url::decode(text.as_bytes())
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
