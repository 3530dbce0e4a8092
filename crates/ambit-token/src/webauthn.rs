//! WebAuthn assertions as signatures (Web Authentication Level 3, section 7.2): a person's
//! authenticator signs the digest of a statement.
//!
//! The third part of such a JWS is, in base64url, the JSON object `{"authenticatorData",
//! "clientDataJSON", "signature"}` as a browser's `AuthenticatorAssertionResponse` writes it. The
//! challenge is the SHA-256 of the JWS signing input. The header's `alg` says so too
//! (`WebAuthn-ES256`, `WebAuthn-Ed25519`), so that no plain signature passes for an assertion and
//! none of ours looks to a JOSE library like one that it knows.
//!
//! The counter of signatures is not compared: what may be used once is consumed by its `jti`.

use alloc::vec::Vec;

use ambit_core::grammar::{ASSERTION, CLIENT_DATA, Form};
use ambit_core::json::{Document, Json, Profile};

use crate::base64url;
use crate::key::PublicKey;
use crate::sha256;

/// Bytes of authenticator data: digest of the relying party, flags, counter. An assertion that
/// brings extensions or a credential was not asked for.
const DATA_BYTES: usize = 37;
/// Flags: the person was present, and was verified.
const PRESENT_AND_VERIFIED: u8 = 0b0000_0101;
/// Flags that nobody sets: reserved ones, attested credential, extensions.
const UNUSED: u8 = 0b1110_0010;
/// Flags: the credential may be backed up; it is.
const ELIGIBLE: u8 = 0b0000_1000;
const BACKED_UP: u8 = 0b0001_0000;

/// For whom a credential was made, and on which page it is used.
#[derive(Clone, Copy, Debug)]
pub struct RelyingParty<'k> {
    /// The relying party's identifier, a domain.
    pub rp_id: &'k str,
    /// The origin, as browsers write it (`https://approve.example`), or a list of them.
    pub origins: Json<'k>,
}

impl<'k> RelyingParty<'k> {
    /// What members of this object state: a row of a policy has one `origin`, an enrolment `origins`.
    #[must_use]
    pub fn of(object: Json<'k>) -> Option<Self> {
        Some(Self {
            rp_id: object.get("rp_id")?.as_str()?,
            origins: object.get("origin").or_else(|| object.get("origins"))?,
        })
    }

    fn has(&self, origin: &str) -> bool {
        let is = |one: Json<'_>| one.as_str() == Some(origin);
        is(self.origins) || self.origins.elements().any(is)
    }
}

/// The three parts of an assertion, decoded; nothing verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// What the authenticator says: `authData`.
    pub authenticator_data: Vec<u8>,
    /// What the browser says.
    pub client_data_json: Vec<u8>,
    /// Over both: DER for ES256, 64 bytes for Ed25519.
    pub signature: Vec<u8>,
}

impl Assertion {
    /// Reads the JSON object with exactly the three members.
    #[must_use]
    pub fn parse(json: &[u8]) -> Option<Self> {
        let document = Document::parse(json, Profile::Signed).ok()?;
        let whole = Form::Object(ASSERTION).holds(document.root());
        whole.then_some(())?;
        let member = |name| base64url::decode(document.root().get(name)?.as_str()?.as_bytes());
        Some(Self {
            authenticator_data: member("authenticatorData")?,
            client_data_json: member("clientDataJSON")?,
            signature: member("signature")?,
        })
    }

    /// Whether it is an assertion by `key` for `challenge`, made at this relying party's origin, not
    /// in another site's frame, by a person who was there and was verified.
    #[must_use]
    pub fn verify(&self, key: &PublicKey, party: &RelyingParty<'_>, challenge: &[u8]) -> bool {
        let mut message = self.authenticator_data.clone();
        message.extend_from_slice(&sha256(&self.client_data_json));
        let signed = match key {
            PublicKey::Ed25519(_) => key.verify(&message, &self.signature),
            PublicKey::P256(_) => {
                p1363(&self.signature).is_some_and(|signature| key.verify(&message, &signature))
            }
        };
        signed && self.is_of_person(party) && self.is_of_page(party, challenge)
    }

    fn is_of_person(&self, party: &RelyingParty<'_>) -> bool {
        let flags = self.authenticator_data.get(32).copied().unwrap_or_default();
        let backed_up_unasked = flags & (BACKED_UP | ELIGIBLE) == BACKED_UP;
        self.authenticator_data.len() == DATA_BYTES
            && self
                .authenticator_data
                .starts_with(&sha256(party.rp_id.as_bytes()))
            && flags & PRESENT_AND_VERIFIED == PRESENT_AND_VERIFIED
            && flags & UNUSED == 0
            && !backed_up_unasked
    }

    /// Members that are not known are passed over, as the standard says; a browser may add some.
    fn is_of_page(&self, party: &RelyingParty<'_>, challenge: &[u8]) -> bool {
        let Ok(client) = Document::parse(&self.client_data_json, Profile::Signed) else {
            return false;
        };
        let client = client.root();
        let text = |name| client.get_str(name);
        Form::Open(CLIENT_DATA).holds(client)
            && text("challenge") == Some(base64url::encode(challenge).as_str())
            && text("origin").is_some_and(|origin| party.has(origin))
    }
}

/// Whether the third part of a JWS is an assertion for its signing input.
pub(crate) fn verify(
    key: &PublicKey,
    party: &RelyingParty<'_>,
    signing_input: &[u8],
    assertion: &[u8],
) -> bool {
    Assertion::parse(assertion)
        .is_some_and(|assertion| assertion.verify(key, party, &sha256(signing_input)))
}

/// `r`, then `s`, of 32 bytes each, out of the DER form `SEQUENCE { INTEGER r, INTEGER s }`.
fn p1363(der: &[u8]) -> Option<[u8; 64]> {
    let (0x30, content, []) = element(der)? else {
        return None;
    };
    let (0x02, r, rest) = element(content)? else {
        return None;
    };
    let (0x02, s, []) = element(rest)? else {
        return None;
    };
    let mut both = [0; 64];
    let (first, second) = both.split_at_mut(32);
    unsigned(r, first)?;
    unsigned(s, second)?;
    Some(both)
}

/// Tag, content and what follows. 72 bytes are the longest, so a length is one byte.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let length = usize::from(length);
    let (content, rest) = rest.split_at_checked(length).filter(|_| length < 0x80)?;
    Some((tag, content, rest))
}

/// A positive integer in its shortest form, right-aligned.
fn unsigned(content: &[u8], out: &mut [u8]) -> Option<()> {
    let digits = match content {
        [0, next, ..] if *next >= 0x80 => content.get(1..)?,
        [0 | 0x80..=0xff, ..] | [] => return None,
        _ => content,
    };
    let from = out.len().checked_sub(digits.len())?;
    out.get_mut(from..)?.copy_from_slice(digits);
    Some(())
}
