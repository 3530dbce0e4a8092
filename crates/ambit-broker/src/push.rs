//! Pushed authorization requests (RFC 9126), with what is asked as `authorization_details` (RFC 9396).

use ambit_core::json::Json;
use ambit_gateway::http::{Heard, Reply};
use ambit_token::base64url;
use rusqlite::{Transaction, params};
use serde_json::{Value, json};

use crate::ask::{self, Asked, Person};
use crate::broker::Broker;
use crate::client;
use crate::config::Client;
use crate::form::Form;
use crate::jws;
use crate::openid::Party;
use crate::proof;
use crate::rate::Who;
use crate::refusal::Refusal;
use crate::secret::{self, digest};
use crate::session::{ACR, Login};
use crate::store::{Once, forget, use_once};

pub(crate) const PATH: &str = "/par";
pub(crate) const URN: &str = "urn:ietf:params:oauth:request_uri:";
/// Seconds in which a person must open the request, and the requests of a client that may wait.
const OPEN: i64 = 90;
const WAITING: i64 = 100;
/// Those that were opened, by whomever, and that nobody answered.
const OPENED: i64 = 1000;
const STATE_BYTES: usize = 1024;
/// Beside it RFC 9101 objects, OpenID and others, which would say things that nobody here hears.
const NOT_TAKEN: [(&str, &str); 6] = [
    ("request", "request_not_supported"),
    ("request_uri", "request_uri_not_supported"),
    ("scope", "invalid_scope"),
    ("claims", "invalid_request"),
    ("prompt", "invalid_request"),
    ("id_token_hint", "invalid_request"),
];

/// For whom a request is checked before anybody has logged in.
const NOBODY: &str = "urn:ambit:nobody-yet";

impl Broker {
    /// `POST /par`
    pub(crate) fn push(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::body(heard)?;
        let known = client::authenticate(&form, &self.config, now)?;
        let proved = proof::check(heard, &self.url(PATH), &self.own, now)?;
        self.rates.take(&Who::Client(&known.client.id))?;
        let jkt = proved.key.thumbprint();
        if form.get("dpop_jkt").is_some_and(|given| given != jkt) {
            return Err(Refusal::new(
                "invalid_dpop_proof",
                "possession.key",
                "`dpop_jkt` is not the key of the proof",
            ));
        }
        let asked = read(
            &form,
            known.client,
            &proved.key.jwk(),
            jkt,
            (
                self.provider.as_ref().map(|provider| &provider.party),
                self.config.again,
            ),
            now,
        );
        let checked = asked.and_then(|asked| {
            self.policy(|bundle| self.check_asked(bundle, known.client, &asked, now))?;
            Ok(asked)
        });
        let uri = secret::fresh()?;
        self.store.step(|tables| {
            forget(tables, now)?;
            let fresh = once_each(tables, &known.once, &proved.once)?;
            let kept = fresh
                .and(checked)
                .and_then(|asked| self.keep(tables, known.client, &asked, &uri, now));
            match kept {
                // What went wrong here is taken back as a whole.
                Err(refusal) if refusal.own => Err(refusal),
                kept => Ok(kept),
            }
        })??;
        let body = json!({"request_uri": format!("{URN}{uri}"), "expires_in": OPEN});
        Ok(Reply::json(201, body.to_string()).with("dpop-nonce", proof::nonce(&self.own, now)))
    }

    /// What nobody could grant is refused before a person is troubled with it.
    fn check_asked(
        &self,
        bundle: &ambit_policy::Bundle<'_>,
        client: &Client,
        asked: &Asked,
        now: i64,
    ) -> Result<(), Refusal> {
        let login = Login::passkey(now);
        let person = Person {
            sub: NOBODY,
            login: &login,
        };
        let claims = ask::draft(self, bundle, client, asked, person, now)?;
        let english = ask::describe(bundle, claims.clone(), "en", &[], None, now);
        match english {
            Ok(_) => Ok(()),
            Err(refusal) => ask::describe(bundle, claims, "de", &[], None, now)
                .map(drop)
                .map_err(|_| refusal),
        }
    }

    fn keep(
        &self,
        tables: &Transaction<'_>,
        client: &Client,
        asked: &Asked,
        uri: &str,
        now: i64,
    ) -> Result<(), Refusal> {
        let count = "SELECT count(*) FILTER (WHERE page IS NULL), count(*) FROM request
            WHERE client = ?1 AND answer IS NULL";
        let (waiting, all): (i64, i64) =
            tables.query_row(count, [&client.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if waiting >= WAITING || all >= OPENED {
            let detail = format!("{all} requests of this client wait already: try again later");
            return Err(Refusal::new(
                "temporarily_unavailable",
                "broker.waiting",
                detail,
            ));
        }
        let text = serde_json::to_string(asked)
            .map_err(|error| Refusal::own("broker.json", error.to_string()))?;
        tables.execute(
            "INSERT INTO request (uri, client, asked, until) VALUES (?1, ?2, ?3, ?4)",
            params![digest(uri), client.id, text, now + OPEN],
        )?;
        self.log.write(
            "request",
            true,
            &json!({"client": client.id, "txn": asked.txn, "audiences": asked.audiences,
                "details": asked.details, "jkt": asked.jkt}),
        )
    }
}

/// The assertion and the proof count once; what was used before refuses.
pub(crate) fn once_each(
    tables: &Transaction<'_>,
    assertion: &Once,
    proof: &Once,
) -> Result<Result<(), Refusal>, Refusal> {
    let first = use_once(tables, assertion)?;
    let second = use_once(tables, proof)?;
    Ok(if !first {
        let detail = "`client_assertion` was used before: make one for each request";
        Err(Refusal::new("invalid_client", "broker.client_used", detail))
    } else if !second {
        let detail = "the proof was used before: make one for each request";
        Err(Refusal::new(
            "invalid_dpop_proof",
            "possession.used",
            detail,
        ))
    } else {
        Ok(())
    })
}

fn refuse_unheard(form: &Form) -> Result<(), Refusal> {
    for (name, error) in NOT_TAKEN {
        if form.get(name).is_some() {
            let detail = format!(
                "`{name}` is not taken here: `authorization_details` says what is asked, and the broker how people log in"
            );
            return Err(Refusal::new(error, "broker.request", detail));
        }
    }
    if form
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return Err(Refusal::request("`response_mode` is `query`"));
    }
    Ok(())
}

fn read(
    form: &Form,
    client: &Client,
    holder: &str,
    jkt: String,
    (login, most_again): (Option<&Party>, i64),
    now: i64,
) -> Result<Asked, Refusal> {
    refuse_unheard(form)?;
    if form.need("response_type")? != "code" {
        let detail = "`response_type` is `code`";
        return Err(Refusal::new(
            "unsupported_response_type",
            "broker.request",
            detail,
        ));
    }
    let redirect_uri = form.need("redirect_uri")?;
    if !client
        .redirect_uris
        .iter()
        .any(|known| known == redirect_uri)
    {
        return Err(Refusal::new(
            "invalid_request",
            "broker.redirect_uri",
            "`redirect_uri` is not, letter by letter, one that is registered for this client",
        ));
    }
    let method = form.get("code_challenge_method");
    let challenge = form.get("code_challenge").unwrap_or_default();
    if method != Some("S256") || base64url::decode_array::<32>(challenge.as_bytes()).is_none() {
        return Err(Refusal::new(
            "invalid_request",
            "broker.pkce",
            "PKCE is required: `code_challenge` of 43 characters with `code_challenge_method` `S256`",
        ));
    }
    let state = form.get("state").map(str::to_owned);
    if state
        .as_ref()
        .is_some_and(|state| state.len() > STATE_BYTES)
    {
        return Err(Refusal::request(format!(
            "`state` has more than {STATE_BYTES} bytes"
        )));
    }
    Ok(Asked {
        redirect_uri: redirect_uri.to_owned(),
        state,
        challenge: challenge.to_owned(),
        holder: ask::value(holder)?,
        jkt,
        life: number(form, "ambit_life_seconds", i64::MAX)?,
        audiences: audiences(form, client)?,
        depth: number(form, "ambit_depth", 0)?,
        details: details(form.need("authorization_details")?)?,
        txn: ambit_compiler::mint::identifier()?,
        max_age: form
            .get("max_age")
            .map(|_| number(form, "max_age", 0))
            .transpose()?,
        acr: known_acr(form, login)?,
        again: again(form, most_again)?,
        made: now,
    })
}

/// For how long the grant is to be used again, as far as the file allows that.
fn again(form: &Form, most: i64) -> Result<Option<i64>, Refusal> {
    let Some(text) = form.get("ambit_again_seconds") else {
        return Ok(None);
    };
    let seconds = text.parse().ok().filter(|again| (1..=most).contains(again));
    seconds.map(Some).ok_or_else(|| {
        Refusal::request(match most {
            0 => "`ambit_again_seconds`: no grant is used again here (`again_seconds` of the broker's file)".to_owned(),
            _ => format!("`ambit_again_seconds` is a whole number from 1 to {most}"),
        })
    })
}

/// The ways to log in of which one is wanted, as far as there are such. Who asks for a stronger login and gets another
/// one would not notice.
fn known_acr(form: &Form, login: Option<&Party>) -> Result<Vec<String>, Refusal> {
    let Some(asked) = form.get("acr_values") else {
        return Ok(Vec::new());
    };
    let here = login.map_or(&[][..], |party| &party.acr_values);
    let is_known = |acr: &&str| *acr == ACR || here.iter().any(|known| known == acr);
    let known: Vec<String> = asked
        .split(' ')
        .filter(is_known)
        .map(str::to_owned)
        .collect();
    if known.is_empty() {
        let mut all: Vec<&str> = here.iter().map(String::as_str).collect();
        all.push(ACR);
        return Err(Refusal::request(format!(
            "people log in here with `acr` `{}`, of which none is among `acr_values`",
            all.join("`, `")
        )));
    }
    Ok(known)
}

pub(crate) fn number(form: &Form, name: &str, usual: i64) -> Result<i64, Refusal> {
    let Some(text) = form.get(name) else {
        return Ok(usual);
    };
    let number = text
        .parse()
        .ok()
        .filter(|number| (0..=86_400).contains(number));
    number.ok_or_else(|| Refusal::request(format!("`{name}` is a whole number up to 86400")))
}

/// Those of `resource` (RFC 8707); without it the only one that there is.
fn audiences(form: &Form, client: &Client) -> Result<Vec<String>, Refusal> {
    let target = |detail: String| Refusal::new("invalid_target", "broker.audience", detail);
    let asked: Vec<String> = form.all("resource").map(str::to_owned).collect();
    if let Some(strange) = asked.iter().find(|one| !client.audiences.contains(one)) {
        return Err(target(format!(
            "this client may not ask for the service `{strange}`"
        )));
    }
    match (asked.is_empty(), client.audiences.as_slice()) {
        (false, _) => Ok(asked),
        (true, [only]) => Ok(vec![only.clone()]),
        (true, _) => Err(target(
            "name the service in `resource`: this client has several".to_owned(),
        )),
    }
}

/// Strict JSON: what a verifier would read otherwise is refused. The core judges the entries.
pub(crate) fn details(text: &str) -> Result<Value, Refusal> {
    let wrong =
        |detail: &str| Refusal::new("invalid_authorization_details", "broker.details", detail);
    let document = jws::json(text.as_bytes());
    let document = document.ok_or_else(|| wrong("`authorization_details` is not strict JSON"))?;
    let mut entries = document.root().elements();
    let typed =
        |entry: Json<'_>| entry.get("type").and_then(Json::as_str) == Some("ambit_capability");
    if document.root().is_empty() || !entries.all(typed) {
        return Err(wrong(
            "`authorization_details` is a list of objects whose `type` is `ambit_capability`",
        ));
    }
    ask::value(text)
}
