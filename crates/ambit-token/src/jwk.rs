//! Thumbprints of keys (RFC 7638).

use alloc::string::String;

use crate::{base64url, sha256};

/// What `iss` of a derived block begins with (RFC 9278).
pub const THUMBPRINT_URN: &str = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:";

/// The RFC 7638 thumbprint of an Ed25519 key, as base64url.
///
/// ```
/// // RFC 8037 appendix A.3
/// let x = ambit_token::base64url::decode_array(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
/// let thumbprint = x.map(|x| ambit_token::thumbprint(&x));
/// assert_eq!(thumbprint.as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
/// ```
#[must_use]
pub fn thumbprint(public: &[u8; 32]) -> String {
    base64url::encode(&thumbprint_bytes(public))
}

/// The thumbprint before it is written as text.
#[must_use]
pub fn thumbprint_bytes(public: &[u8; 32]) -> [u8; 32] {
    sha256(text(public).as_bytes())
}

/// The public JWK, as RFC 7638 section 3.2 writes it.
pub(crate) fn text(public: &[u8; 32]) -> String {
    let mut text = String::with_capacity(80);
    text.push_str(r#"{"crv":"Ed25519","kty":"OKP","x":""#);
    text.push_str(&base64url::encode(public));
    text.push_str(r#""}"#);
    text
}
