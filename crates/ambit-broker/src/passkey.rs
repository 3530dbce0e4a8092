//! A new passkey: what a browser says of it (Web Authentication Level 3, section 7.1).
//!
//! No attestation is asked for: who may make one is said by the one-time link. The data of an authenticator
//! has the public key as CTAP2 writes it (section 8 there: canonical CBOR), in one form for each algorithm, so
//! these two forms are compared byte by byte, and nothing else of CBOR is read.

use ambit_core::json::{Document, Json, Profile};
use ambit_token::{PublicKey, base64url};
use sha2::{Digest as _, Sha256};

/// Digest of the relying party, flags, counter, model of the authenticator, length of the identifier.
const HEAD: usize = 55;
const ID_BYTES: usize = 1023;
/// Present, verified, and with a credential.
const FLAGS: u8 = 0b0100_0101;
/// Reserved, and extensions, which are not asked for.
const UNUSED: u8 = 0b1010_0010;
const ELIGIBLE: u8 = 0b0000_1000;
const BACKED_UP: u8 = 0b0001_0000;

/// `{1: 2, 3: -7, -1: 1, -2: x, -3: y}`: ES256.
const EC: ([u8; 10], [u8; 3]) = (
    [0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20],
    [0x22, 0x58, 0x20],
);
/// `{1: 1, 3: -8, -1: 6, -2: x}`: Ed25519.
const OKP: [u8; 10] = [0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20];

/// A credential, by its identifier (base64url).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passkey {
    pub(crate) id: String,
    pub(crate) key: PublicKey,
}

/// Reads it; `None` for what was made for another page, challenge or relying party, by nobody who was
/// verified, or in another form.
pub(crate) fn registered(
    client_data: &[u8],
    authenticator_data: &[u8],
    (rp_id, origin): (&str, &str),
    challenge: &[u8],
) -> Option<Passkey> {
    let client = Document::parse(client_data, Profile::Signed).ok()?;
    let text = |name| client.root().get(name).and_then(Json::as_str);
    let crossed = client.root().get("crossOrigin").and_then(Json::as_bool);
    let is_page = text("type") == Some("webauthn.create")
        && text("challenge") == Some(base64url::encode(challenge).as_str())
        && text("origin") == Some(origin)
        && crossed != Some(true)
        && client.root().get("topOrigin").is_none();
    let (head, rest) = authenticator_data
        .split_at_checked(HEAD)
        .filter(|_| is_page)?;
    let flags = *head.get(32)?;
    let is_person = head.starts_with(&Sha256::digest(rp_id.as_bytes()))
        && flags & FLAGS == FLAGS
        && flags & UNUSED == 0
        && flags & (ELIGIBLE | BACKED_UP) != BACKED_UP;
    let length = usize::from(u16::from_be_bytes([*head.get(53)?, *head.get(54)?]));
    let (id, key) = rest.split_at_checked(length).filter(|_| is_person)?;
    let sound = (1..=ID_BYTES).contains(&id.len());
    Some(Passkey {
        id: base64url::encode(id),
        key: cose(key).filter(|key| sound && key.is_usable())?,
    })
}

fn cose(key: &[u8]) -> Option<PublicKey> {
    if let Some(x) = key.strip_prefix(&OKP) {
        return Some(PublicKey::Ed25519(x.try_into().ok()?));
    }
    let (x, rest) = key.strip_prefix(&EC.0)?.split_first_chunk::<32>()?;
    let y: &[u8; 32] = rest.strip_prefix(&EC.1)?.try_into().ok()?;
    let mut both = [0; 64];
    both[..32].copy_from_slice(x);
    both[32..].copy_from_slice(y);
    Some(PublicKey::P256(both))
}
