//! An ID token: what it must say to be a login of this browser (OpenID Connect Core 1.0, section 3.1.3.7).

use serde_json::Value;

use super::keys::KeySet;
use crate::jws::Jws;
use crate::session::{LOGIN, Login, SKEW};

/// Bytes of one: providers put groups into it.
const BYTES: usize = 64 * 1024;
/// Seconds since it was made: it comes at once.
const FRESH: i64 = 300;
const SUBJECT: usize = 255;
/// `typ` of an ID-JAG.
const JAG: &str = "oauth-id-jag+jwt";
const METHODS: usize = 32;

/// What an ID token must have been made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    /// That of this login, where it is one.
    pub(crate) nonce: Option<&'a str>,
    /// The client of ours that it is for, where it is an ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant).
    pub(crate) client_id: Option<&'a str>,
    pub(crate) now: i64,
}

/// Whose login it was, and how.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) subject: String,
    pub(crate) login: Login,
    pub(crate) jti: Option<String>,
    pub(crate) exp: i64,
}

/// Why a token is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// No key of the provider's made the signature.
    Unsigned,
    /// It says something else, or in another way, than it must.
    Says(&'static str),
}

/// Reads and verifies it.
pub(crate) fn read(token: &str, keys: &KeySet, wanted: Wanted<'_>) -> Result<Subject, Why> {
    let jws = Jws::parse_within(token, BYTES).ok_or(Why::Says("it is no JWT"))?;
    let object = |bytes: &[u8]| {
        serde_json::from_slice::<Value>(bytes)
            .ok()
            .filter(Value::is_object)
    };
    let header = object(&jws.header).ok_or(Why::Says("its header is no JSON"))?;
    let claims = object(&jws.claims).ok_or(Why::Says("its claims are no JSON"))?;
    let typ = header["typ"].as_str();
    let typed = match wanted.client_id {
        Some(_) => typ.is_some_and(|typ| typ.eq_ignore_ascii_case(JAG)),
        None => typ.is_none_or(|typ| typ.eq_ignore_ascii_case("jwt")),
    };
    if !typed || header.get("crit").is_some() {
        return Err(Why::Says("its header says that it is something else"));
    }
    let alg = header["alg"].as_str().unwrap_or_default();
    if !keys.signed(&jws, alg, header["kid"].as_str()) {
        return Err(Why::Unsigned);
    }
    check(&claims, wanted)?;
    let subject = claims["sub"]
        .as_str()
        .filter(|sub| (1..=SUBJECT).contains(&sub.len()));
    Ok(Subject {
        subject: subject.ok_or(Why::Says("it has no `sub`"))?.to_owned(),
        login: login(&claims, wanted)?,
        jti: claims["jti"].as_str().map(str::to_owned),
        exp: claims["exp"].as_i64().unwrap_or_default(),
    })
}

fn check(claims: &Value, wanted: Wanted<'_>) -> Result<(), Why> {
    // Of a logout (OpenID Connect Back-Channel Logout 1.0, section 2.4): it says that somebody left.
    if claims.get("events").is_some() {
        return Err(Why::Says("it tells of an event, not of a login"));
    }
    if claims["iss"] != wanted.issuer {
        return Err(Why::Says("its `iss` is another"));
    }
    // For us and nobody else: who else got it could bring it here.
    let alone = claims["aud"]
        .as_array()
        .filter(|all| all.len() == 1)
        .and_then(|all| all.first());
    if alone.unwrap_or_else(|| &claims["aud"]) != wanted.audience {
        return Err(Why::Says("its `aud` is not this client alone"));
    }
    if claims.get("azp").is_some_and(|azp| azp != wanted.audience) {
        return Err(Why::Says("its `azp` is another client"));
    }
    if let Some(nonce) = wanted.nonce
        && claims["nonce"] != nonce
    {
        return Err(Why::Says("its `nonce` is that of another login"));
    }
    if let Some(client) = wanted.client_id {
        let jti = claims["jti"].as_str().unwrap_or_default();
        if claims["client_id"] != client || !(1..=SUBJECT).contains(&jti.len()) {
            return Err(Why::Says(
                "its `client_id` is another client, or it has no `jti`",
            ));
        }
    }
    let now = wanted.now;
    // One that comes with a login was made for it; another one is shown for as long as a login lasts here.
    let oldest = now - wanted.nonce.map_or(LOGIN, |_| FRESH);
    match (claims["exp"].as_i64(), claims["iat"].as_i64()) {
        (Some(exp), _) if now >= exp.saturating_add(SKEW) => Err(Why::Says("it has expired")),
        (Some(_), Some(iat)) if iat > now + SKEW => Err(Why::Says("its `iat` is ahead")),
        (Some(_), Some(iat)) if iat < oldest => Err(Why::Says("it was made long ago")),
        (Some(_), Some(_)) => Ok(()),
        _ => Err(Why::Says("it has no `exp` or no `iat`")),
    }
}

/// How and when: as the provider says, and nothing that it does not say.
fn login(claims: &Value, wanted: Wanted<'_>) -> Result<Login, Why> {
    let now = wanted.now;
    let auth_time = match claims["auth_time"].as_i64() {
        Some(time) if (0..=now + SKEW).contains(&time) => Some(time.min(now)),
        // Of a login here it was asked.
        None if wanted.nonce.is_none() && claims.get("auth_time").is_none() => None,
        _ => return Err(Why::Says("its `auth_time` is missing, or ahead")),
    };
    let acr = match &claims["acr"] {
        Value::Null => None,
        Value::String(acr) if !acr.is_empty() => Some(acr.clone()),
        _ => return Err(Why::Says("its `acr` is no text")),
    };
    let mut amr = Vec::new();
    for method in claims["amr"].as_array().map_or(&[][..], Vec::as_slice) {
        match method.as_str() {
            Some(method) if !method.is_empty() && amr.len() < METHODS => {
                if !amr.iter().any(|known| known == method) {
                    amr.push(method.to_owned());
                }
            }
            _ => return Err(Why::Says("its `amr` is no short list of texts")),
        }
    }
    Ok(Login {
        acr,
        amr,
        auth_time,
        by: Some(wanted.issuer.to_owned()),
    })
}
