//! The authorization endpoint: a pushed request is opened, once, in one browser.

use ambit_gateway::http::{Heard, Reply};
use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::answer;
use crate::ask::{Asked, Shown};
use crate::broker::Broker;
use crate::form::Form;
use crate::push::URN;
use crate::refusal::Refusal;
use crate::secret::{self, digest};
use crate::session::Session;

pub(crate) const PATH: &str = "/authorize";
/// Seconds from opening a request to its answer.
const ANSWER: i64 = 900;

/// A request that a browser has opened.
#[derive(Debug)]
pub(crate) struct Opened {
    /// What stands in the address of its pages; kept as its digest.
    pub(crate) page: String,
    pub(crate) client: String,
    pub(crate) asked: Asked,
    pub(crate) shown: Option<Shown>,
    /// `granted` or `refused`.
    pub(crate) answer: Option<String>,
}

impl Broker {
    /// `GET /authorize`
    pub(crate) fn authorize(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::query(heard)?;
        let client = form.need("client_id")?;
        let uri = form.need("request_uri")?.strip_prefix(URN);
        let uri = digest(uri.ok_or_else(ended)?);
        let page = secret::fresh()?;
        let session = self.store.step(|tables| {
            let session = Session::here(tables, heard, now)?;
            let opened = tables.execute(
                "UPDATE request SET page = ?1, session = ?2, until = ?3
                 WHERE uri = ?4 AND client = ?5 AND page IS NULL AND until > ?6",
                params![digest(&page), session.id(), now + ANSWER, uri, client, now],
            )?;
            if opened == 1 {
                Ok(session)
            } else {
                Err(ended())
            }
        })?;
        Ok(session.keep(answer::to(format!("/consent?r={page}"))))
    }
}

impl Opened {
    /// The request of this page, for the browser that opened it.
    pub(crate) fn of(
        tables: &Transaction<'_>,
        page: &str,
        session: &Session,
        now: i64,
    ) -> Result<Self, Refusal> {
        let row = tables.query_row(
            "SELECT client, asked, shown, answer FROM request
             WHERE page = ?1 AND session = ?2 AND until > ?3",
            params![digest(page), session.id(), now],
            |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, Option<String>>(2)?,
                    row.get::<_, Option<String>>(3)?,
                ))
            },
        );
        let (client, asked, shown, answer) = row.optional()?.ok_or_else(ended)?;
        let unread = |error: serde_json::Error| Refusal::own("broker.json", error.to_string());
        Ok(Self {
            page: page.to_owned(),
            client,
            asked: serde_json::from_str(&asked).map_err(unread)?,
            shown: shown
                .map(|text| serde_json::from_str(&text))
                .transpose()
                .map_err(unread)?,
            answer,
        })
    }
}

/// One answer, whatever is wrong with a link: it says nothing of other people's requests.
pub(crate) fn ended() -> Refusal {
    Refusal::new(
        "invalid_request",
        "broker.request_uri",
        "the request was opened before, is too old, or belongs to another client or browser",
    )
}
