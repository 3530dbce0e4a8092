//! The signed carrier of a list: `statuslist+jwt`.

use ambit_core::json::{Document, Json, Profile};
use ambit_core::limits::CLOCK_SKEW_SECONDS;
use ambit_core::{rsplit_once, split_once};
use ambit_token::base64url;

use super::{StatusError, StatusKey, StatusList};

/// Bytes of a status list token: packed, the largest list of random values is a third more than
/// unpacked; real ones are mostly zeros. What is larger is not read.
pub const TOKEN_BYTES: usize = 12 * 1024 * 1024;

/// A list whose signature and subject were verified, and that it was not issued in the future. It may
/// have expired: then it counts for nothing, and no older one counts after it.
#[derive(Clone, Debug)]
pub struct VerifiedList {
    pub(super) list: StatusList,
    pub(super) iat: i64,
    pub(super) exp: Option<i64>,
    pub(super) ttl: Option<i64>,
}

impl VerifiedList {
    /// When it was issued: the version of the list, which never goes back. Of two of one second see
    /// [`Kept::replace`](super::Kept::replace).
    #[must_use]
    pub fn version(&self) -> u64 {
        u64::try_from(self.iat).unwrap_or_default()
    }
}

/// Verifies the token of the list at `uri`: signature before content, then content before the list
/// is unpacked.
///
/// # Errors
///
/// [`StatusError::Token`], [`StatusError::List`]
pub fn verify(
    token: &[u8],
    uri: &str,
    keys: &[StatusKey],
    now: i64,
) -> Result<VerifiedList, StatusError> {
    let malformed = StatusError::Token("it is not a signed status list");
    if token.len() > TOKEN_BYTES {
        return Err(StatusError::Token("it is larger than it may be"));
    }
    let text = core::str::from_utf8(token)
        .map(|text| text.trim_end_matches(['\r', '\n']))
        .unwrap_or_default();
    let Some((input, signature)) = rsplit_once(text, b'.') else {
        return Err(malformed);
    };
    let (Some((header, claims)), Some(signature)) = (
        split_once(input, "."),
        base64url::decode(signature.as_bytes()),
    ) else {
        return Err(malformed);
    };
    let header = base64url::decode(header.as_bytes()).ok_or(malformed)?;
    let key = key_of(&header, keys)?;
    if !key.public.verify(input.as_bytes(), &signature) {
        return Err(StatusError::Token("its signature does not verify"));
    }
    let claims = base64url::decode(claims.as_bytes())
        .ok_or(StatusError::Token("its claims are not base64url"))?;
    let document = Document::parse(&claims, Profile::Signed)
        .map_err(|_| StatusError::Token("its claims are not strict JSON"))?;
    read(document.root(), uri, now)
}

/// The header has exactly `alg`, `kid` and `typ`; the algorithm is the key's.
fn key_of<'k>(header: &[u8], keys: &'k [StatusKey]) -> Result<&'k StatusKey, StatusError> {
    let document = Document::parse(header, Profile::Signed)
        .map_err(|_| StatusError::Token("its header is not strict JSON"))?;
    let header = document.root();
    let member = |name| header.get_str(name);
    if header.len() != 3 || member("typ") != Some("statuslist+jwt") {
        return Err(StatusError::Token(
            "its header is not that of a status list",
        ));
    }
    let key = member("kid").and_then(|kid| keys.iter().find(|key| key.kid == kid));
    let key = key.ok_or(StatusError::Token("no configured key has its `kid`"))?;
    if member("alg") != Some(key.public.alg()) {
        return Err(StatusError::Token("its algorithm is not the key's"));
    }
    Ok(key)
}

/// Claims that the standard does not name are ignored, as it says: they can grant nothing.
fn read(claims: Json<'_>, uri: &str, now: i64) -> Result<VerifiedList, StatusError> {
    let refused = StatusError::Token;
    if claims.get_str("sub") != Some(uri) {
        return Err(refused("its `sub` is not the address of the list"));
    }
    let number = |name: &'static str| match claims.get(name) {
        Some(value) => value
            .as_int()
            .filter(|value| *value > 0)
            .map(Some)
            .ok_or_else(|| refused("a time in it is malformed")),
        None => Ok(None),
    };
    let iat = number("iat")?.ok_or_else(|| refused("it does not say when it was issued"))?;
    let (exp, ttl) = (number("exp")?, number("ttl")?);
    if iat > now.saturating_add(CLOCK_SKEW_SECONDS) {
        return Err(refused("it was issued in the future"));
    }
    let list = claims.get("status_list");
    let member = |name| list.and_then(|list| list.get(name));
    let bits = member("bits").and_then(Json::as_int);
    let packed = member("lst").and_then(Json::as_str);
    let packed = packed.and_then(|text| base64url::decode(text.as_bytes()));
    let (Some(bits), Some(packed)) = (bits, packed) else {
        return Err(refused("it has no `bits` and `lst`"));
    };
    Ok(VerifiedList {
        list: StatusList::unpack(bits, &packed)?,
        iat,
        exp,
        ttl,
    })
}
