//! The keys that may sign modules, and how many of them must.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::{Document, Json, Kind, Profile};

use super::error::{ModuleError, ModuleErrorCode};
use super::fail;
use crate::dsse::{self, Envelope};
use crate::{base64url, ed25519};

/// Keys in a trust file, and signatures in an envelope. Both are a handful; the product bounds the
/// verifications that a hostile envelope without key names can ask for.
const MANY: usize = 32;
/// Bytes of a trust file: 32 keys of 250 bytes, four times.
const TRUST_BYTES: usize = 32 * 1024;

/// The keys that may sign modules (`keys.json`): any `threshold` of them must. It may also name the
/// guests that modules may be built with.
#[derive(Clone, Debug)]
pub struct TrustedKeys {
    threshold: usize,
    keys: Vec<TrustedKey>,
    /// Empty: any guest.
    guests: Vec<[u8; 32]>,
}

#[derive(Clone, Debug)]
struct TrustedKey {
    kid: String,
    public: [u8; 32],
}

impl TrustedKeys {
    /// Reads `{"threshold": 1, "keys": [{"kid": "…", "jwk": {…}}]}`, which may have `guests`, a list of
    /// digests (SHA-256, base64url).
    ///
    /// # Errors
    ///
    /// [`ModuleErrorCode::Trust`] when it is not of this form, and as [`Self::new`] does.
    pub fn parse(text: &[u8]) -> Result<Self, ModuleError> {
        if text.len() > TRUST_BYTES {
            return Err(unusable("the trusted keys are too many bytes"));
        }
        let document = Document::parse(text, Profile::Signed).map_err(|error| {
            ModuleError::new(
                ModuleErrorCode::Trust,
                alloc::format!("trusted keys: {error}"),
            )
        })?;
        let root = document.root();
        let guests = root.get("guests");
        let more = usize::from(guests.is_some());
        let (Some(threshold), Some(keys), Some(2)) = (
            root.get("threshold"),
            root.get("keys"),
            root.len().checked_sub(more),
        ) else {
            let detail = "trusted keys have `threshold`, `keys`, and at most `guests`";
            return Err(unusable(detail));
        };
        let threshold = threshold
            .as_int()
            .and_then(|threshold| usize::try_from(threshold).ok())
            .ok_or_else(|| unusable("`threshold` is not a number of keys"))?;
        if keys.kind() != Kind::Array {
            return Err(unusable("`keys` is not an array"));
        }
        let mut read = Vec::new();
        for key in keys.elements() {
            read.push(read_key(key)?);
        }
        let trusted = Self::new(threshold, read)?;
        match guests {
            None => Ok(trusted),
            Some(guests) => trusted.demanding(read_guests(guests)?),
        }
    }

    /// Keys by `kid`, and how many of them must sign.
    ///
    /// # Errors
    ///
    /// [`ModuleErrorCode::Trust`] when a `kid` is empty or stands twice, a key is not usable, there
    /// are none or more than 32, or the threshold is 0 or more than there are distinct keys.
    pub fn new(threshold: usize, keys: Vec<(String, [u8; 32])>) -> Result<Self, ModuleError> {
        if keys.len() > MANY {
            return Err(unusable("there are more than 32 trusted keys"));
        }
        let mut trusted: Vec<TrustedKey> = Vec::with_capacity(keys.len());
        for (kid, public) in keys {
            if kid.is_empty() || trusted.iter().any(|known| known.kid == kid) {
                return Err(unusable(
                    "the `kid` of a trusted key is empty or stands twice",
                ));
            }
            if !ed25519::usable(&public) {
                return Err(unusable("a trusted key is not a usable Ed25519 key"));
            }
            trusted.push(TrustedKey { kid, public });
        }
        let first = |at: usize, public: &[u8; 32]| {
            let mut before = trusted.iter().take(at);
            !before.any(|known| known.public == *public)
        };
        let distinct = trusted.iter().enumerate();
        let distinct = distinct.filter(|(at, key)| first(*at, &key.public)).count();
        if threshold == 0 || threshold > distinct {
            let detail = "`threshold` is 0 or more than there are distinct keys";
            return Err(unusable(detail));
        }
        Ok(Self {
            threshold,
            keys: trusted,
            guests: Vec::new(),
        })
    }

    /// The same, for modules that were built with one of these guests only (their SHA-256).
    ///
    /// # Errors
    ///
    /// [`ModuleErrorCode::Trust`] when there are none, or more than 32.
    pub fn demanding(self, guests: Vec<[u8; 32]>) -> Result<Self, ModuleError> {
        if guests.is_empty() || guests.len() > MANY {
            return Err(unusable("`guests` names none, or more than 32"));
        }
        Ok(Self { guests, ..self })
    }

    /// How many distinct keys must sign.
    #[must_use]
    pub const fn threshold(&self) -> usize {
        self.threshold
    }

    /// The keys, by `kid`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8; 32])> {
        self.keys.iter().map(|key| (key.kid.as_str(), &key.public))
    }

    pub(super) fn accepts_guest(&self, digest: &[u8; 32]) -> bool {
        self.guests.is_empty() || self.guests.contains(digest)
    }

    /// The `kid`s of the keys that signed, each key once. Signatures of keys that are not known
    /// are passed over.
    pub(super) fn signers(&self, envelope: &Envelope) -> Result<Vec<String>, ModuleError> {
        let count = envelope.signatures.len();
        if count == 0 {
            return Err(fail(
                ModuleErrorCode::Unsigned,
                "the envelope has no signatures",
            ));
        }
        if count > MANY {
            return Err(fail(
                ModuleErrorCode::Signature,
                "there are more than 32 signatures",
            ));
        }
        let message = dsse::pae(&envelope.payload_type, &envelope.payload);
        let mut wrong = false;
        let mut signed: Vec<&TrustedKey> = Vec::with_capacity(count);
        for signature in &envelope.signatures {
            let anonymous = signature.keyid.is_empty();
            let named = |key: &&TrustedKey| anonymous || key.kid == signature.keyid;
            for key in self.keys.iter().filter(named) {
                if signed.iter().any(|one| one.public == key.public) {
                    continue;
                }
                if ed25519::verify_strict(&key.public, &message, &signature.sig) {
                    signed.push(key);
                } else {
                    wrong |= !anonymous;
                }
            }
        }
        if signed.len() < self.threshold {
            return Err(self.too_few(signed.len(), wrong));
        }
        let mut kids = Vec::new();
        for key in &self.keys {
            if signed.iter().any(|one| one.kid == key.kid) {
                kids.push(key.kid.clone());
            }
        }
        Ok(kids)
    }

    fn too_few(&self, signed: usize, wrong: bool) -> ModuleError {
        if wrong {
            let detail = "the signature of a trusted key does not verify";
            return fail(ModuleErrorCode::Signature, detail);
        }
        let threshold = self.threshold;
        let detail = alloc::format!("{signed} of the {threshold} trusted keys needed signed it");
        ModuleError::new(ModuleErrorCode::Threshold, detail)
    }
}

/// `{"kid", "jwk"}`. The JWK may say what it is for; private members are refused, because a private
/// key in a trust file was put into the wrong place.
fn read_key(value: Json<'_>) -> Result<(String, [u8; 32]), ModuleError> {
    let malformed = || unusable("a trusted key is not `kid` and a public Ed25519 `jwk`");
    let (Some(kid), Some(jwk), 2) = (value.get_str("kid"), value.get("jwk"), value.len()) else {
        return Err(malformed());
    };
    let fits = |(name, member): (&str, Json<'_>)| match (name, member.as_str()) {
        ("kty", text) => text == Some("OKP"),
        ("crv", text) => text == Some("Ed25519"),
        ("x", _) => true,
        ("kid", text) => text == Some(kid),
        ("use", text) => text == Some("sig"),
        ("alg", text) => matches!(text, Some("Ed25519" | "EdDSA")),
        _ => false,
    };
    let whole = ["kty", "crv", "x"]
        .iter()
        .all(|name| jwk.get(name).is_some());
    if !whole || !jwk.members().all(fits) {
        return Err(malformed());
    }
    let public = jwk
        .get_str("x")
        .and_then(|x| base64url::decode_array(x.as_bytes()));
    Ok((kid.into(), public.ok_or_else(malformed)?))
}

fn read_guests(guests: Json<'_>) -> Result<Vec<[u8; 32]>, ModuleError> {
    let malformed = || unusable("`guests` is not a list of digests (SHA-256, base64url)");
    if guests.kind() != Kind::Array {
        return Err(malformed());
    }
    let mut digests = Vec::new();
    for guest in guests.elements() {
        let text = guest.as_str().unwrap_or_default();
        digests.push(base64url::decode_array(text.as_bytes()).ok_or_else(malformed)?);
    }
    Ok(digests)
}

fn unusable(detail: &str) -> ModuleError {
    fail(ModuleErrorCode::Trust, detail)
}
