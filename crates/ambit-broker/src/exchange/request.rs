//! A request for token exchange: who the person is, and which agent acts.

use ambit_core::json::Json;
use serde_json::Value;

use super::ACCESS_TOKEN;
use crate::broker::Broker;
use crate::config::Client;
use crate::form::Form;
use crate::jws::{Jws, json as strict};
use crate::openid::{self, Wanted};
use crate::push;
use crate::refusal::Refusal;
use crate::session::{Login, SKEW};
use crate::store::Once;

const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The `typ` of an actor token, so that nothing else that a client signs is one.
const ACTOR: &str = "actor+jwt";
/// Seconds that an actor token may last.
const LIFE: i64 = 300;
const ID_BYTES: usize = 256;
/// Parameters that would say what nobody here hears.
const NOT_TAKEN: [&str; 6] = [
    "scope",
    "audience",
    "resource",
    "acr_values",
    "max_age",
    "ambit_depth",
];

/// A request that was read.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(super) sub: String,
    pub(super) login: Login,
    pub(super) life: i64,
    pub(super) details: Option<Value>,
    /// What counts once: the actor token, and an ID-JAG.
    pub(super) once: Vec<Once>,
}

impl Broker {
    /// Reads a request; the provider's keys may be fetched for it.
    pub(crate) fn read_exchange(
        &self,
        client: &Client,
        form: &Form,
        now: i64,
    ) -> Result<Exchange, Refusal> {
        if let Some(name) = NOT_TAKEN.iter().find(|name| form.get(name).is_some()) {
            return Err(Refusal::request(format!(
                "`{name}` is not taken here: the grant says the service, and `authorization_details` may ask for less"
            )));
        }
        let wanted = form.get("requested_token_type");
        if wanted.is_some_and(|wanted| wanted != ACCESS_TOKEN) {
            return Err(Refusal::request(format!(
                "`requested_token_type` is `{ACCESS_TOKEN}`"
            )));
        }
        let actor = self.actor(client, form, now)?;
        let (sub, login, once) = self.subject_of(client, form, now)?;
        let details = form.get("authorization_details").map(push::details);
        Ok(Exchange {
            sub,
            login,
            life: push::number(form, "ambit_life_seconds", i64::MAX)?,
            details: details.transpose()?,
            once: once.into_iter().chain([actor]).collect(),
        })
    }

    /// Who the subject token says that the person is.
    fn subject_of(
        &self,
        client: &Client,
        form: &Form,
        now: i64,
    ) -> Result<(String, Login, Option<Once>), Refusal> {
        let kind = form.need("subject_token_type")?;
        let token = form.need("subject_token")?;
        let provider = self.provider.as_ref().ok_or_else(|| {
            Refusal::request(
                "no OpenID provider is known here whose tokens would say who somebody is",
            )
        })?;
        let (audience, client_id) = match kind {
            ID_TOKEN => (client.login_client_id.as_str(), None),
            ID_JAG => (self.config.issuer.as_str(), Some(client.id.as_str())),
            _ => {
                return Err(Refusal::request(format!(
                    "`subject_token_type` is `{ID_TOKEN}` or `{ID_JAG}`"
                )));
            }
        };
        let wanted = Wanted {
            issuer: &provider.party.issuer,
            audience,
            nonce: None,
            client_id,
            now,
        };
        let known = provider.known(now)?;
        let subject = openid::verified(provider, &known, token, wanted).map_err(|why| {
            let detail = format!("`subject_token` is not taken: {why}");
            Refusal::new("invalid_request", "broker.subject", detail)
        })?;
        let sub = provider.party.person(&subject.subject).ok_or_else(|| {
            let detail = "the broker's file names no person for the subject of `subject_token`";
            Refusal::grant("broker.login_person", detail)
        })?;
        let once = client_id.map(|_| {
            let jti = subject.jti.as_deref().unwrap_or_default();
            Once::new("jag", &[&provider.party.issuer, jti], subject.exp + SKEW)
        });
        Ok((sub, subject.login, once))
    }

    /// The agent's own word that it acts: by a key of this client, as the instance of the file, for us, once.
    fn actor(&self, client: &Client, form: &Form, now: i64) -> Result<Once, Refusal> {
        let wrong = |detail: &str| {
            let detail = format!("`actor_token` is not taken: {detail}");
            Refusal::new("invalid_request", "broker.actor", detail)
        };
        if form.get("actor_token_type") != Some(JWT) {
            return Err(wrong(
                "`actor_token_type` is `urn:ietf:params:oauth:token-type:jwt`",
            ));
        }
        let jws = Jws::parse(form.need("actor_token")?).ok_or_else(|| wrong("it is no JWT"))?;
        let (Some(header), Some(claims)) = (strict(&jws.header), strict(&jws.claims)) else {
            return Err(wrong("header or claims are not strict JSON"));
        };
        let (header, claims) = (header.root(), claims.root());
        let text = |object: Json<'_>, name: &str| {
            object.get(name).and_then(Json::as_str).map(str::to_owned)
        };
        if text(header, "typ").as_deref() != Some(ACTOR) || header.get("crit").is_some() {
            return Err(wrong("its `typ` is `actor+jwt`, without `crit`"));
        }
        let alg = text(header, "alg");
        if !client.keys.iter().any(|key| jws.is_by(key, alg.as_deref())) {
            return Err(wrong("no key of this client signed it"));
        }
        let says = |name: &str, value: &str| text(claims, name).as_deref() == Some(value);
        if !says("iss", &client.id)
            || !says("sub", &client.act)
            || !says("aud", &self.config.issuer)
        {
            return Err(wrong(
                "`iss` is the client, `sub` its `act` in the broker's file, `aud` the broker's issuer",
            ));
        }
        let counts = now - SKEW + 1..=now + LIFE + SKEW;
        let exp = claims
            .get_int("exp")
            .filter(|exp| counts.contains(exp))
            .ok_or_else(|| wrong("`exp` is missing, over, or more than 300 s ahead"))?;
        let jti = text(claims, "jti")
            .filter(|jti| (1..=ID_BYTES).contains(&jti.len()))
            .ok_or_else(|| wrong("it has no `jti`, or a long one"))?;
        Ok(Once::new("actor", &[&client.id, &jti], exp + SKEW))
    }
}
