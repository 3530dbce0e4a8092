//! A browser goes to the provider and comes back.

use ambit_gateway::http::{Heard, Reply};
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::fetch::{Known, Provider, failed};
use super::id_token::{self, Subject, Wanted, Why};
use crate::answer;
use crate::authorize::{Opened, ended};
use crate::broker::Broker;
use crate::form::Form;
use crate::language;
use crate::login::goes_on;
use crate::rate::Who;
use crate::refusal::Refusal;
use crate::secret::{self, digest};
use crate::session::{ACR, SKEW, Session};

/// Where a browser is sent away from, and comes back to: what is registered at the provider.
pub(crate) const AWAY: &str = "/login/away";
pub(crate) const BACK: &str = "/login/back";
/// Seconds for which a browser may be away.
const GONE: i64 = 600;
/// What is always asked, so that the provider says when somebody logged in (`auth_time` is required with it).
const OLDEST: i64 = 86_400;

/// A browser that went to the provider. There is one for a session: who leaves again begins again.
#[derive(Debug, Serialize, Deserialize)]
struct Visit {
    /// The digest of `state`; verifier and nonce are made of it again.
    state: String,
    page: Option<String>,
    until: i64,
}

impl Broker {
    /// `GET /login/away`
    pub(crate) fn go_away(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let provider = self.provider.as_ref().ok_or_else(ended)?;
        let form = Form::query(heard)?;
        let page = form.get("r");
        let known = provider.known(now)?;
        self.store.step(|tables| {
            let session = Session::of(tables, heard, now)?.ok_or_else(ended)?;
            let opened = page
                .map(|page| Opened::of(tables, page, &session, now))
                .transpose()?;
            let wanted = opened.as_ref().map_or(&[][..], |opened| &opened.asked.acr);
            if !provider.party.may_meet(wanted) {
                return Err(ended());
            }
            let state = secret::fresh()?;
            let visit = Visit {
                state: digest(&state),
                page: page.map(str::to_owned),
                until: now + GONE,
            };
            keep(tables, &session, Some(&visit))?;
            let mut parameters = vec![
                ("response_type", "code".to_owned()),
                ("client_id", provider.party.client_id.clone()),
                ("redirect_uri", self.url(BACK)),
                ("scope", "openid".to_owned()),
                ("state", state.clone()),
                ("nonce", self.own.make("login nonce", &[&state])),
                (
                    "code_challenge",
                    digest(&self.own.make("login verifier", &[&state])),
                ),
                ("code_challenge_method", "S256".to_owned()),
            ];
            let asked = opened.as_ref().map(|opened| &opened.asked);
            let age = asked.and_then(|asked| asked.max_age).unwrap_or(OLDEST);
            parameters.push(("max_age", age.to_string()));
            let acr: Vec<&str> = asked
                .iter()
                .flat_map(|asked| &asked.acr)
                .filter(|acr| provider.party.acr_values.contains(acr))
                .map(String::as_str)
                .collect();
            if !acr.is_empty() {
                parameters.push(("acr_values", acr.join(" ")));
            }
            if form.get("other").is_some() {
                parameters.push(("prompt", "login".to_owned()));
            }
            let parameters: Vec<(&str, &str)> = parameters
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            Ok(answer::back(&known.authorization_endpoint, &parameters))
        })
    }

    /// `GET /login/back`
    pub(crate) fn come_back(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let provider = self.provider.as_ref().ok_or_else(ended)?;
        let form = Form::query(heard)?;
        let state = form.need("state")?;
        let (session, visit) = self.store.step(|tables| {
            let session = Session::of(tables, heard, now)?.ok_or_else(strange)?;
            let visit = taken(tables, &session, state, now)?;
            Ok((session, visit))
        })?;
        let known = provider.known(now)?;
        // An answer of another provider's, whose code would go to this one (RFC 9207; RFC 9700, section 4.4).
        let named = form.get("iss");
        if named.map_or(known.names_itself, |iss| iss != provider.party.issuer) {
            let detail = "the answer to the login is not that of the provider that was asked";
            return Err(Refusal::new(
                "invalid_request",
                "broker.login_issuer",
                detail,
            ));
        }
        let subject = match (form.get("error"), form.get("code")) {
            (None, Some(code)) => self.subject(provider, &known, (code, state), now)?,
            // They did not want to, or could not.
            _ => None,
        };
        let Some(subject) = subject else {
            return self
                .store
                .step(|tables| self.ask_anew(tables, heard, &session, &visit));
        };
        self.arrive(heard, provider, &visit, &subject, now)
    }

    /// Who logged in, if the code stands for a login.
    fn subject(
        &self,
        provider: &Provider,
        known: &Known,
        (code, state): (&str, &str),
        now: i64,
    ) -> Result<Option<Subject>, Refusal> {
        let verifier = self.own.make("login verifier", &[state]);
        let back = self.url(BACK);
        let Some(token) = provider.redeem(known, (code, &verifier, &back), now)? else {
            return Ok(None);
        };
        let nonce = self.own.make("login nonce", &[state]);
        let wanted = Wanted {
            issuer: &provider.party.issuer,
            audience: &provider.party.client_id,
            nonce: Some(&nonce),
            client_id: None,
            now,
        };
        verified(provider, known, &token, wanted)
            .map(Some)
            .map_err(|why| {
                Refusal::own(
                    "broker.login_token",
                    format!("the provider's ID token is not taken: {why}"),
                )
            })
    }

    /// A session of its own for who logged in, if they are somebody here, and as strongly and lately as was asked.
    fn arrive(
        &self,
        heard: &Heard,
        provider: &Provider,
        visit: &Visit,
        subject: &Subject,
        now: i64,
    ) -> Result<Reply, Refusal> {
        let page = visit.page.as_deref();
        let login = &subject.login;
        let sub = provider.party.person(&subject.subject);
        let mut facts = json!({"sub": sub, "iss": login.by, "subject": subject.subject, "acr": login.acr,
            "amr": login.amr, "auth_time": login.auth_time});
        self.store.step(|tables| {
            let session = Session::of(tables, heard, now)?.ok_or_else(strange)?;
            let Some(sub) = &sub else {
                facts["why"] = json!("the file names no person for this subject");
                self.log.write("login", false, &facts)?;
                return Ok(Err(Refusal::new(
                    "access_denied",
                    "broker.login_person",
                    "the broker's file names no person for who logged in",
                )));
            };
            let opened = page
                .map(|page| Opened::of(tables, page, &session, now))
                .transpose()?;
            // As old as the provider was told that it may be, whoever asks.
            let is_recent = |time: i64| now - time <= OLDEST + SKEW;
            let enough = login.auth_time.is_some_and(is_recent)
                && opened
                    .as_ref()
                    .is_none_or(|opened| opened.asked.takes_login(login, now));
            if !enough {
                facts["why"] = json!("the login is weaker or older than was asked");
                self.log.write("login", false, &facts)?;
                return self.ask_anew(tables, heard, &session, visit).map(Ok);
            }
            self.rates.take(&Who::Person(sub))?;
            self.log.write("login", true, &facts)?;
            let session = session.replace(tables, page, Some((sub, login)), now)?;
            Ok(Ok(session.keep(answer::to(goes_on(page)))))
        })?
    }

    fn ask_anew(
        &self,
        tables: &Transaction<'_>,
        heard: &Heard,
        session: &Session,
        visit: &Visit,
    ) -> Result<Reply, Refusal> {
        let words = language::of(heard.header("accept-language").ok().flatten());
        self.ask_who(tables, session, visit.page.as_deref(), words, true)
    }
}

/// With the keys that are kept, or with newer ones where none of these signed.
pub(crate) fn verified(
    provider: &Provider,
    known: &Known,
    token: &str,
    wanted: Wanted<'_>,
) -> Result<Subject, String> {
    let read = match id_token::read(token, &known.keys, wanted) {
        Err(Why::Unsigned) => {
            let newer = provider
                .newer(known, wanted.now)
                .map_err(|refusal| refusal.detail)?;
            match newer {
                Some(newer) => id_token::read(token, &newer.keys, wanted),
                None => Err(Why::Unsigned),
            }
        }
        read => read,
    };
    let mut subject = read.map_err(said)?;
    // A passkey here is what we saw ourselves; a provider's word for one counts where the file takes it.
    let counts = |acr: &String| acr != ACR || provider.party.acr_values.contains(acr);
    subject.login.acr = subject.login.acr.filter(counts);
    Ok(subject)
}

fn said(why: Why) -> String {
    match why {
        Why::Unsigned => {
            "no key of the provider's signed it, with RS256, PS256, ES256 or Ed25519".to_owned()
        }
        Why::Says(what) => what.to_owned(),
    }
}

/// The visit from which this browser comes back. Whatever comes of it, it counts once.
fn taken(
    tables: &Transaction<'_>,
    session: &Session,
    state: &str,
    now: i64,
) -> Result<Visit, Refusal> {
    let text = session.away.as_deref().ok_or_else(strange)?;
    let visit: Visit = serde_json::from_str(text).map_err(|error| failed(error.to_string()))?;
    if visit.state != digest(state) || now >= visit.until {
        return Err(strange());
    }
    keep(tables, session, None)?;
    Ok(visit)
}

fn keep(tables: &Transaction<'_>, session: &Session, visit: Option<&Visit>) -> Result<(), Refusal> {
    let text = visit
        .map(serde_json::to_string)
        .transpose()
        .map_err(|error| failed(error.to_string()))?;
    let sql = "UPDATE session SET away = ?1 WHERE id = ?2";
    tables.execute(sql, params![text, session.id()])?;
    Ok(())
}

fn strange() -> Refusal {
    let detail = "no login of this browser waits for this answer: it was used, is too old, or belongs to another";
    Refusal::new("invalid_request", "broker.login_state", detail)
}
