//! JWS in compact form (RFC 7515, section 7.1), as clients send them.

use ambit_core::json::{Document, Profile};
use ambit_token::{PublicKey, base64url};

/// Bytes of an assertion or a proof.
const BYTES: usize = 8 * 1024;

/// One that was taken apart; nothing is verified.
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    input: &'a str,
    pub(crate) header: Vec<u8>,
    pub(crate) claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        Self::parse_within(text, BYTES)
    }

    pub(crate) fn parse_within(text: &'a str, bytes: usize) -> Option<Self> {
        let (input, signature) = text.rsplit_once('.').filter(|_| text.len() <= bytes)?;
        let (header, claims) = input.split_once('.')?;
        Some(Self {
            input,
            header: base64url::decode(header.as_bytes())?,
            claims: base64url::decode(claims.as_bytes())?,
            signature: base64url::decode(signature.as_bytes())?,
        })
    }

    /// What was signed.
    pub(crate) const fn input(&self) -> &[u8] {
        self.input.as_bytes()
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether `key` signed it with the algorithm that the header names; a key has one algorithm, whose
    /// older name (`EdDSA`, RFC 8037) is taken as well.
    pub(crate) fn is_by(&self, key: &PublicKey, alg: Option<&str>) -> bool {
        let named = match key {
            PublicKey::Ed25519(_) => matches!(alg, Some("Ed25519" | "EdDSA")),
            PublicKey::P256(_) => alg == Some("ES256"),
        };
        named && key.verify(self.input.as_bytes(), &self.signature)
    }
}

/// Strict JSON, as everywhere.
pub(crate) fn json(bytes: &[u8]) -> Option<Document<'_>> {
    Document::parse(bytes, Profile::Signed).ok()
}
