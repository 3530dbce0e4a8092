//! Who asks: `private_key_jwt` (RFC 7523), and nothing else.

use ambit_core::json::Json;
use ambit_token::PublicKey;

use crate::config::{Client, Config};
use crate::form::Form;
use crate::jws::{Jws, json};
use crate::refusal::Refusal;
use crate::store::Once;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Seconds that an assertion may still last, and that a clock may be ahead.
const LIFE: i64 = 300;
const SKEW: i64 = 30;
const ID_BYTES: usize = 256;

/// A client that proved who it is, and its assertion, which counts once.
#[derive(Debug)]
pub(crate) struct Known<'c> {
    pub(crate) client: &'c Client,
    pub(crate) once: Once,
}

/// Checks the assertion in a form.
pub(crate) fn authenticate<'c>(
    form: &Form,
    config: &'c Config,
    now: i64,
) -> Result<Known<'c>, Refusal> {
    if form.get("client_secret").is_some() {
        let detail = "shared secrets are not taken: use `private_key_jwt`";
        return Err(refused("broker.client_secret", detail));
    }
    let given = Given {
        kind: form.get("client_assertion_type"),
        assertion: form.get("client_assertion"),
    };
    let (client, once) = given.proves(&config.issuer, now, |sub| config.client(sub))?;
    if form
        .get("client_id")
        .is_some_and(|given| given != client.id)
    {
        let detail = "`client_id` is not the client of `client_assertion`";
        return Err(malformed(detail));
    }
    Ok(Known { client, once })
}

/// Somebody of the file who proves who they are by keys.
pub(crate) trait Party {
    /// `iss` and `sub` of the assertions.
    fn id(&self) -> &str;
    fn keys(&self) -> &[PublicKey];
}

impl Party for Client {
    fn id(&self) -> &str {
        &self.id
    }

    fn keys(&self) -> &[PublicKey] {
        &self.keys
    }
}

/// What a request says of who sent it.
#[derive(Debug)]
pub(crate) struct Given<'r> {
    pub(crate) kind: Option<&'r str>,
    pub(crate) assertion: Option<&'r str>,
}

impl Given<'_> {
    /// Who that is, of those whom `find` knows, and the assertion, which counts once.
    pub(crate) fn proves<'c, P: Party>(
        &self,
        issuer: &str,
        now: i64,
        find: impl FnOnce(&str) -> Option<&'c P>,
    ) -> Result<(&'c P, Once), Refusal> {
        if self.kind != Some(TYPE) {
            let detail =
                format!("authenticate with `private_key_jwt`: `client_assertion_type` is `{TYPE}`");
            return Err(refused("broker.client", detail));
        }
        let parsed = self.assertion.and_then(Jws::parse);
        let assertion = parsed.ok_or_else(|| malformed("`client_assertion` is not a JWT"))?;
        let (Some(header), Some(body)) = (json(&assertion.header), json(&assertion.claims)) else {
            let detail = "header or claims of `client_assertion` are not strict JSON";
            return Err(malformed(detail));
        };
        let claims = body.root();
        let known = find(text(claims, "sub").unwrap_or_default());
        let party = signer(&assertion, header.root(), known)?;
        if text(claims, "iss") != Some(party.id()) {
            let detail = "`iss` of `client_assertion` is not its `sub`, the client";
            return Err(malformed(detail));
        }
        check_audience(claims, issuer)?;
        let exp = check_times(claims, now)?;
        let given = text(claims, "jti").filter(|jti| !jti.is_empty() && jti.len() <= ID_BYTES);
        let jti =
            given.ok_or_else(|| malformed("`client_assertion` has no `jti`, or a long one"))?;
        let once = Once::new("assertion", &[party.id(), jti], exp + SKEW);
        Ok((party, once))
    }
}

fn text<'j>(object: Json<'j>, name: &str) -> Option<&'j str> {
    object.get(name).and_then(Json::as_str)
}

/// Whose key signed: one answer for a client that nobody knows and for another's key.
fn signer<'c, P: Party>(
    assertion: &Jws<'_>,
    header: Json<'_>,
    known: Option<&'c P>,
) -> Result<&'c P, Refusal> {
    let typed = text(header, "typ").is_none_or(|typ| {
        ["jwt", "client-authentication+jwt"].contains(&&*typ.to_ascii_lowercase())
    });
    let alg = text(header, "alg");
    let by = |party: &&P| party.keys().iter().any(|key| assertion.is_by(key, alg));
    let sound = typed && header.get("crit").is_none();
    known.filter(by).filter(|_| sound).ok_or_else(|| {
        malformed("no key of a registered client with this `sub` signed `client_assertion`")
    })
}

/// Exactly the issuer: an assertion for an endpoint of ours could have been meant for another server that
/// a mix-up made the client believe in (RFC 9700, section 4.4; the rule of RFC 7523's successor).
fn check_audience(claims: Json<'_>, issuer: &str) -> Result<(), Refusal> {
    let aud = claims.get("aud");
    let alone = aud
        .filter(|aud| aud.len() == 1)
        .and_then(|aud| aud.elements().next());
    let is = |one: Option<Json<'_>>| one.and_then(Json::as_str) == Some(issuer);
    if is(aud) || is(alone) {
        return Ok(());
    }
    Err(refused(
        "broker.client_audience",
        format!("`aud` of `client_assertion` is not exactly `{issuer}`"),
    ))
}

fn check_times(claims: Json<'_>, now: i64) -> Result<i64, Refusal> {
    let time = |name: &str| claims.get(name).map(Json::as_int);
    let expired = |detail: &str| refused("broker.client_expired", detail);
    let exp = time("exp")
        .flatten()
        .ok_or_else(|| malformed("`client_assertion` has no `exp`"))?;
    if now >= exp.saturating_add(SKEW) {
        return Err(expired("`client_assertion` has expired"));
    }
    if exp > now.saturating_add(LIFE + SKEW) {
        return Err(expired("`client_assertion` lasts longer than 300 s"));
    }
    for name in ["iat", "nbf"] {
        match time(name) {
            Some(Some(at)) if at <= now.saturating_add(SKEW) => {}
            None => {}
            _ => {
                return Err(expired(
                    "`iat` or `nbf` of `client_assertion` is ahead, or no integer",
                ));
            }
        }
    }
    Ok(exp)
}

fn malformed(detail: &str) -> Refusal {
    refused("broker.client", detail)
}

fn refused(code: &'static str, detail: impl Into<String>) -> Refusal {
    Refusal::new("invalid_client", code, detail)
}
