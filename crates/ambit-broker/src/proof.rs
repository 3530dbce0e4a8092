//! DPoP at the broker's own endpoints (RFC 9449): with `ath` where a token comes with the proof.

use ambit_core::grammar::{Form as Grammar, PROOF_HEADER};
use ambit_core::json::Json;
use ambit_gateway::http::Heard;
use ambit_token::{PublicKey, same_url};

use crate::jws::{Jws, json};
use crate::refusal::Refusal;
use crate::secret::{Own, digest};
use crate::store::Once;

/// As for proofs beside tokens (docs/token.md, section 9).
const BEHIND: i64 = 60;
const AHEAD: i64 = 30;
const ID_BYTES: usize = 128;
/// Seconds after which another nonce is given; the one before still counts.
const NONCE: i64 = 120;

/// A key that was proved to be held, and the proof, which counts once.
#[derive(Debug)]
pub(crate) struct Proved {
    pub(crate) key: PublicKey,
    pub(crate) once: Once,
}

/// The nonce that proofs must carry now.
pub(crate) fn nonce(own: &Own, now: i64) -> String {
    own.make("nonce", &[&(now / NONCE).to_string()])
}

/// Checks the proof in the header `DPoP` for a request to this URL.
pub(crate) fn check(heard: &Heard, url: &str, own: &Own, now: i64) -> Result<Proved, Refusal> {
    let given = heard
        .header("dpop")
        .map_err(|_| malformed("the header `DPoP` came twice"))?;
    let given = given.ok_or_else(|| refused("possession.missing", "a DPoP proof is required"))?;
    let jws = Jws::parse(given).ok_or_else(|| malformed("the proof is not a JWT"))?;
    let (Some(header), Some(claims)) = (json(&jws.header), json(&jws.claims)) else {
        let detail = "header or claims of the proof are not strict JSON";
        return Err(malformed(detail));
    };
    let key = signer(&jws, header.root())?;
    let claims = claims.root();
    if text(claims, "htm") != Some(&heard.method) {
        let detail = "`htm` is not the method of this request";
        return Err(refused("possession.method", detail));
    }
    if !same_url(text(claims, "htu").unwrap_or_default(), url) {
        let detail = "`htu` is not the URL of this request";
        return Err(refused("possession.url", detail));
    }
    let iat = issued(claims, now)?;
    let jti = text(claims, "jti").filter(|jti| !jti.is_empty() && jti.len() <= ID_BYTES);
    let jti = jti.ok_or_else(|| malformed("the proof has no `jti`, or one that is too long"))?;
    let current = nonce(own, now);
    let before = nonce(own, now.saturating_sub(NONCE));
    let carried = text(claims, "nonce");
    if carried != Some(&current) && carried != Some(&before) {
        let detail = "use the nonce of the header `DPoP-Nonce`";
        let refusal = Refusal::new("use_dpop_nonce", "possession.nonce", detail);
        return Err(refusal.nonce(current));
    }
    Ok(Proved {
        once: Once::new("proof", &[&key.thumbprint(), jti], iat + BEHIND + AHEAD),
        key,
    })
}

/// The same, for a request that uses this token.
pub(crate) fn check_with(
    heard: &Heard,
    url: &str,
    token: &str,
    own: &Own,
    now: i64,
) -> Result<Proved, Refusal> {
    let proved = check(heard, url, own, now)?;
    let given = heard.header("dpop").ok().flatten().unwrap_or_default();
    let claims = Jws::parse(given).map(|jws| jws.claims).unwrap_or_default();
    let claims = json(&claims);
    let ath = claims
        .as_ref()
        .and_then(|claims| text(claims.root(), "ath"));
    if ath != Some(&digest(token)) {
        let detail = "`ath` of the proof is not the SHA-256 of the token";
        return Err(refused("possession.token", detail));
    }
    Ok(proved)
}

fn text<'j>(object: Json<'j>, name: &str) -> Option<&'j str> {
    object.get(name).and_then(Json::as_str)
}

/// The key of the header, which signed the proof.
fn signer(jws: &Jws<'_>, header: Json<'_>) -> Result<PublicKey, Refusal> {
    if !Grammar::Object(PROOF_HEADER).holds(header) {
        let detail = "the proof's header does not have exactly `alg`, `typ`, `jwk`";
        return Err(malformed(detail));
    }
    if text(header, "typ") != Some("dpop+jwt") {
        let detail = "`typ` of the proof is not `dpop+jwt`";
        return Err(refused("possession.typ", detail));
    }
    let key = header.get("jwk").and_then(PublicKey::from_jwk);
    let key = key.filter(PublicKey::is_usable);
    let key = key.ok_or_else(|| malformed("`jwk` is not a public Ed25519 or P-256 key"))?;
    if !jws.is_by(&key, text(header, "alg")) {
        let detail = "the proof's signature does not verify";
        return Err(refused("possession.signature", detail));
    }
    Ok(key)
}

fn issued(claims: Json<'_>, now: i64) -> Result<i64, Refusal> {
    let iat = claims.get("iat").and_then(Json::as_int);
    let iat = iat.ok_or_else(|| malformed("`iat` of the proof is missing or no integer"))?;
    if iat < now.saturating_sub(BEHIND) {
        let detail = "`iat` of the proof is more than 60 s ago";
        return Err(refused("possession.expired", detail));
    }
    if iat > now.saturating_add(AHEAD) {
        let detail = "`iat` of the proof is more than 30 s ahead";
        return Err(refused("possession.iat_future", detail));
    }
    Ok(iat)
}

fn malformed(detail: &str) -> Refusal {
    refused("possession.malformed", detail)
}

fn refused(code: &'static str, detail: &str) -> Refusal {
    Refusal::new("invalid_dpop_proof", code, detail)
}
