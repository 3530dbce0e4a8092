//! Logging in with a passkey, and making one by a one-time link.

use ambit_core::json::{Document, Profile};
use ambit_gateway::http::{Heard, Reply};
use ambit_token::{Assertion, PublicKey, RelyingParty, base64url};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::json;

use crate::agents;
use crate::answer;
use crate::authorize::{Opened, ended};
use crate::broker::Broker;
use crate::config;
use crate::form::Form;
use crate::language::{self, Words};
use crate::pages;
use crate::passkey;
use crate::rate::Who;
use crate::refusal::Refusal;
use crate::secret::{self, digest};
use crate::session::{Login, Session};

pub(crate) const PATH: &str = "/login";
pub(crate) const OTHER: &str = "/logout";
pub(crate) const ENROL: &str = "/enrol";

impl Broker {
    /// The page that asks who is there, with a challenge for exactly this browser. Without a request, the person
    /// wants to see their agents.
    pub(crate) fn ask_who(
        &self,
        tables: &Transaction<'_>,
        session: &Session,
        page: Option<&str>,
        words: &Words,
        failed: bool,
    ) -> Result<Reply, Refusal> {
        let challenge = session.challenge(tables)?;
        let csrf = session.csrf(&self.own);
        let away = self.way_to_provider(tables, session, page)?;
        let markup = pages::login(&pages::Login {
            words,
            page,
            csrf: &csrf,
            challenge: &challenge,
            rp_id: self.config.rp_id(),
            away: away.as_deref(),
            failed,
        });
        let status = if failed { 400 } else { 200 };
        Ok(session.keep(answer::page(status, markup, "")))
    }

    /// The host of the OpenID provider, where a login there can be what is asked for.
    fn way_to_provider(
        &self,
        tables: &Transaction<'_>,
        session: &Session,
        page: Option<&str>,
    ) -> Result<Option<String>, Refusal> {
        let Some(provider) = &self.provider else {
            return Ok(None);
        };
        let open = |page| Opened::of(tables, page, session, self.now());
        let opened = page.map(open).transpose()?;
        let asked = opened.as_ref().map_or(&[][..], |opened| &opened.asked.acr);
        let may = provider.party.may_meet(asked);
        Ok(may.then(|| config::host(&provider.party.issuer).to_owned()))
    }

    /// `POST /login`
    pub(crate) fn log_in(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let words = language::of(heard.header("accept-language").ok().flatten());
        let form = Form::body(heard)?;
        let page = form.get("r");
        self.store.step(|tables| {
            let session = self.own_form(tables, heard, &form, now)?;
            is_opened(tables, page, &session, now)?;
            // Whatever comes of it, a challenge is answered once.
            let sql = "UPDATE session SET challenge = NULL WHERE id = ?1";
            tables.execute(sql, [session.id()])?;
            let Some(sub) = self.asserted(tables, &session, &form)? else {
                return self.ask_who(tables, &session, page, words, true);
            };
            self.rates.take(&Who::Person(&sub))?;
            let login = Login::passkey(now);
            let session = session.replace(tables, page, Some((&sub, &login)), now)?;
            Ok(session.keep(answer::to(goes_on(page))))
        })
    }

    /// `POST /logout`: somebody else is at the browser.
    pub(crate) fn log_out(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::body(heard)?;
        let page = form.get("r");
        self.store.step(|tables| {
            let session = self.own_form(tables, heard, &form, now)?;
            is_opened(tables, page, &session, now)?;
            let session = session.replace(tables, page, None, now)?;
            Ok(session.keep(answer::to(goes_on(page))))
        })
    }

    /// The session of a form that one of our pages sent.
    pub(crate) fn own_form(
        &self,
        tables: &Transaction<'_>,
        heard: &Heard,
        form: &Form,
        now: i64,
    ) -> Result<Session, Refusal> {
        let session = Session::of(tables, heard, now)?.ok_or_else(ended)?;
        // `null`: a browser that was told to send no referrer; then the form's own secret decides.
        let known = |origin: &str| origin == self.config.issuer || origin == "null";
        let ours = heard.header("origin").is_ok_and(|it| it.is_none_or(known));
        if !ours || !session.is_form(&self.own, form.get("csrf")) {
            let detail = "this form was not sent by a page of ours in this browser";
            return Err(Refusal::new("invalid_request", "broker.csrf", detail));
        }
        Ok(session)
    }

    /// Whose passkey answered the challenge of this session.
    fn asserted(
        &self,
        tables: &Transaction<'_>,
        session: &Session,
        form: &Form,
    ) -> Result<Option<String>, Refusal> {
        let sql = "SELECT sub, jwk FROM passkey WHERE id = ?1";
        let row = tables.query_row(sql, [form.get("credential")], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        });
        let (Some((sub, jwk)), Some(challenge)) = (row.optional()?, &session.challenge) else {
            return Ok(None);
        };
        let parts = json!({
            "authenticatorData": form.get("authenticator_data"),
            "clientDataJSON": form.get("client_data"),
            "signature": form.get("signature"),
        });
        let origins = json!(self.config.issuer).to_string();
        let jwk = Document::parse(jwk.as_bytes(), Profile::Signed).ok();
        let origins = Document::parse(origins.as_bytes(), Profile::Signed).ok();
        let verified = (|| {
            let key = PublicKey::from_jwk(jwk.as_ref()?.root())?;
            let party = RelyingParty {
                rp_id: self.config.rp_id(),
                origins: origins.as_ref()?.root(),
            };
            let challenge = base64url::decode(challenge.as_bytes())?;
            let assertion = Assertion::parse(parts.to_string().as_bytes())?;
            Some(assertion.verify(&key, &party, &challenge))
        })();
        Ok(Some(sub).filter(|_| verified == Some(true)))
    }

    /// A link by which a person makes one passkey, in `life` seconds.
    ///
    /// # Errors
    ///
    /// That it cannot be remembered or written down.
    pub fn invite(&self, sub: &str, life: i64) -> Result<String, ambit_gateway::Fault> {
        let now = self.now();
        let made = secret::fresh().and_then(|link| {
            self.store.step(|tables| {
                tables.execute(
                    "INSERT INTO enrolment (link, sub, until) VALUES (?1, ?2, ?3)",
                    params![digest(&link), sub, now + life],
                )?;
                self.log
                    .write("enrolment", true, &json!({"sub": sub, "until": now + life}))
            })?;
            Ok(link)
        });
        made.map(|link| self.url(&format!("{ENROL}?link={link}")))
            .map_err(|refusal| ambit_gateway::Fault::new("broker.store", refusal.detail))
    }

    /// `GET /enrol`: looking at the link does not use it up.
    pub(crate) fn enrol_page(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let words = language::of(heard.header("accept-language").ok().flatten());
        let form = Form::query(heard)?;
        let link = form.need("link")?;
        let sub = self.store.step(|tables| self.invited(tables, link))?;
        let challenge = self.own.make("enrol", &[link]);
        let user = self.own.make("user", &[&sub]);
        let markup = pages::enrol(words, link, &sub, &challenge, &user, self.config.rp_id());
        Ok(answer::page(200, markup, ""))
    }

    /// `POST /enrol`
    pub(crate) fn enrol(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let words = language::of(heard.header("accept-language").ok().flatten());
        let form = Form::body(heard)?;
        let link = form.need("link")?;
        let part = |name: &str| base64url::decode(form.get(name).unwrap_or_default().as_bytes());
        let challenge = base64url::decode(self.own.make("enrol", &[link]).as_bytes());
        let made = (|| {
            let party = (self.config.rp_id(), self.config.issuer.as_str());
            passkey::registered(
                &part("client_data")?,
                &part("authenticator_data")?,
                party,
                &challenge?,
            )
        })();
        let made = made.ok_or_else(|| {
            let detail = "the browser's answer is no passkey for this page";
            Refusal::new("invalid_request", "broker.passkey", detail)
        })?;
        self.store.step(|tables| {
            let sub = self.invited(tables, link)?;
            tables.execute("DELETE FROM enrolment WHERE link = ?1", [digest(link)])?;
            let added = tables.execute(
                "INSERT INTO passkey (id, sub, jwk, made) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                params![made.id, sub, made.key.jwk(), now],
            )?;
            if added == 0 {
                let detail = "this passkey was made before";
                return Err(Refusal::new("invalid_request", "broker.passkey", detail));
            }
            let facts = json!({"sub": sub, "passkey": made.id, "jkt": made.key.thumbprint()});
            self.log.write("passkey", true, &facts)
        })?;
        Ok(answer::page(200, pages::enrolled(words), ""))
    }

    fn invited(&self, tables: &Transaction<'_>, link: &str) -> Result<String, Refusal> {
        let sub = tables.query_row(
            "SELECT sub FROM enrolment WHERE link = ?1 AND until > ?2",
            params![digest(link), self.now()],
            |row| row.get(0),
        );
        sub.optional()?.ok_or_else(ended)
    }
}

/// A request that is named must be this browser's.
fn is_opened(
    tables: &Transaction<'_>,
    page: Option<&str>,
    session: &Session,
    now: i64,
) -> Result<(), Refusal> {
    page.map_or(Ok(()), |page| {
        Opened::of(tables, page, session, now).map(drop)
    })
}

/// Where a browser goes after a login: to the request that waits there, or to the person's agents.
pub(crate) fn goes_on(page: Option<&str>) -> String {
    page.map_or_else(
        || agents::PATH.to_owned(),
        |page| format!("/consent?r={page}"),
    )
}
