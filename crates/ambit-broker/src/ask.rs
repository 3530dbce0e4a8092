//! What a client asks for, as claims and as a text for a person.

use ambit_compiler::mint::{self, RootOptions};
use ambit_policy::Bundle;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::config::Client;
use crate::jws;
use crate::narrow;
use crate::refusal::Refusal;
use crate::session::{Login, SKEW};

/// A request that was pushed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    /// PKCE: the SHA-256 of what the code comes with.
    pub(crate) challenge: String,
    /// The key that asked, which will hold the token.
    pub(crate) holder: Value,
    pub(crate) jkt: String,
    /// The most seconds that the client wants.
    pub(crate) life: i64,
    pub(crate) audiences: Vec<String>,
    pub(crate) depth: i64,
    pub(crate) details: Value,
    /// Tells this request from every other: two yeses to the same words are two grants. It correlates the lines
    /// of the log with the token (`txn`, RFC 8417).
    pub(crate) txn: String,
    /// How old a login may be (OpenID Connect Core, section 3.1.2.1).
    #[serde(default)]
    pub(crate) max_age: Option<i64>,
    /// How people may have logged in (`acr_values`); empty: in any way.
    #[serde(default)]
    pub(crate) acr: Vec<String>,
    /// For how long the grant is to be used again without a question, in seconds.
    #[serde(default)]
    pub(crate) again: Option<i64>,
    /// When it was pushed.
    #[serde(default)]
    pub(crate) made: i64,
}

impl Asked {
    /// Whether a login is one of those that are asked for, and young enough. One that was made for this request
    /// always is. The clock of an OpenID provider is another one than ours.
    pub(crate) fn takes_login(&self, login: &Login, now: i64) -> bool {
        let skew = if login.by.is_some() { SKEW } else { 0 };
        let young = |most| {
            let at = |time: i64| now - time <= most + skew || time + skew >= self.made;
            login.auth_time.is_some_and(at)
        };
        let asked = |acr: &String| self.acr.contains(acr);
        let strong = self.acr.is_empty() || login.acr.as_ref().is_some_and(asked);
        strong && self.max_age.is_none_or(young)
    }
}

/// Who answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person<'a> {
    pub(crate) sub: &'a str,
    /// How and when they logged in.
    pub(crate) login: &'a Login,
}

/// A text that a person is shown, and the grant that it tells of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) claims: Value,
    pub(crate) text_s256: String,
    pub(crate) binding_s256: String,
    pub(crate) risk_tier: String,
    pub(crate) locale: String,
    pub(crate) renderer: String,
    /// When it was made.
    pub(crate) now: i64,
    /// What they chose to be less.
    pub(crate) choices: Vec<String>,
    /// What they granted before, as a JSON array, where there is something.
    pub(crate) granted: Option<Value>,
    /// What was described, before choices.
    pub(crate) whole: Value,
}

/// What is on the page.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) shown: Shown,
    pub(crate) page: Value,
    pub(crate) choices: Value,
}

/// Drafts the claims of the token: what the core fills in is filled in, and what it would not mint or the
/// manifest does not hold is refused.
pub(crate) fn draft(
    broker: &Broker,
    bundle: &Bundle<'_>,
    client: &Client,
    asked: &Asked,
    person: Person<'_>,
    now: i64,
) -> Result<Value, Refusal> {
    let manifest = bundle.manifest(client.class());
    let most = manifest.and_then(|manifest| manifest.max_life_seconds());
    let life = asked
        .life
        .min(broker.config.life)
        .min(most.unwrap_or(i64::MAX))
        .min(bundle.limits().root_life_seconds);
    let mut claims = json!({
        "iss": broker.config.issuer,
        "sub": person.sub,
        "aud": asked.audiences,
        "exp": now + life,
        "act": {"sub": client.act, "iss": broker.config.issuer, "sub_profile": "ai_agent"},
        "client_id": client.id,
        "agent": client.agent,
        "authorization_details": asked.details,
        "cnf": {"jwk": asked.holder},
        "del_max_depth": asked.depth,
        "txn": asked.txn,
    });
    person.login.say(&mut claims);
    if let Some(tenant) = &client.tenant {
        claims["tenant"] = json!(tenant);
    }
    let options = RootOptions {
        now,
        kid: Some(broker.keys.token.kid()),
        bind_policy: true,
        ..RootOptions::default()
    };
    let draft = mint::root(&claims.to_string(), &*broker.keys.token, bundle, &options)?;
    draft.check()?;
    if let Some(beyond) = draft.exceeds().first() {
        return Err(narrow::wider(beyond.clone()));
    }
    let text = draft.claims();
    let document = jws::json(text.as_bytes());
    let document = document.ok_or_else(|| Refusal::own("broker.claims", "claims are no JSON"))?;
    narrow::check(document.root(), bundle)?;
    value(&text)
}

/// Says in words what claims grant; with `choices`, what is left of them.
pub(crate) fn describe(
    bundle: &Bundle<'_>,
    whole: Value,
    locale: &str,
    choices: &[String],
    granted: Option<Value>,
    now: i64,
) -> Result<Described, Refusal> {
    let mut request = json!({"claims": whole, "locale": locale, "now": now});
    if let Some(granted) = &granted {
        request["granted"] = granted.clone();
    }
    if !choices.is_empty() {
        request["choices"] = json!(choices);
    }
    let answer = ambit_advice::describe(bundle, request.to_string().as_bytes());
    let mut answer = value(&answer)?;
    if let Some(error) = answer.get("error") {
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let detail = format!(
            "nobody can consent to this: {} (`{}`)",
            text("admin"),
            text("at")
        );
        return Err(Refusal::new(
            "invalid_authorization_details",
            text("code"),
            detail,
        ));
    }
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let shown = Shown {
        text_s256: text("text_s256"),
        binding_s256: text("binding_s256"),
        risk_tier: text("risk_tier"),
        locale: text("locale"),
        renderer: text("renderer"),
        now,
        choices: choices.to_vec(),
        granted,
        claims: match answer.get_mut("claims") {
            Some(left) => left.take(),
            None => whole.clone(),
        },
        whole,
    };
    Ok(Described {
        shown,
        page: answer["page"].take(),
        choices: answer["choices"].take(),
    })
}

pub(crate) fn value(text: &str) -> Result<Value, Refusal> {
    serde_json::from_str(text).map_err(|error| Refusal::own("broker.json", error.to_string()))
}
