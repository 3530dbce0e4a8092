//! Access requests: an agent hands in a call that was denied, and learns what the person said to it.
//!
//! In the shape of the `AuthZEN` Access Request and Approval Profile: a task, which is polled. Who asks is proved by
//! the token that the call is made with, and by its key (RFC 9449, section 7). What the agent says of the denial
//! counts for nothing: the call is evaluated here.

use std::collections::BTreeSet;

use ambit_core::json::{Document, Json, Kind, Profile};
use ambit_gateway::http::{Heard, Reply};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use crate::bearer::{Bearer, still, unknown, used};
use crate::broker::Broker;
use crate::demands::{self, Yeses};
use crate::evaluated::{self, Evaluated, Handed};
use crate::form::Form;
use crate::rate::Who;
use crate::refusal::Refusal;
use crate::second::Yes;
use crate::secret::{self, digest};
use crate::store::{forget, texts};
use crate::task::Task;

pub(crate) const PATH: &str = "/access-requests";
pub(crate) const CANCEL: &str = "/access-requests/cancel";
/// Bytes of a call that is handed in.
const BYTES: usize = 64 * 1024;
/// Seconds for which a call waits, while its token counts.
const WAIT: i64 = 900;
/// Calls of one agent that wait for one person, and of all agents. What was withdrawn keeps its place until then, so that
/// nobody fills a page by asking and withdrawing.
const WAITING: i64 = 10;
const OF_ALL: i64 = 50;
/// Seconds between two looks, what is added for a look too soon (RFC 8628, section 3.5), and the most that it comes to.
const PAUSE: i64 = 5;
const LONGEST: i64 = 60;

/// A call that is handed in: by whom, and the name that it gets if it is new.
struct New<'a> {
    bearer: &'a Bearer<'a>,
    id: &'a str,
    ping: Option<&'a str>,
    now: i64,
}

impl Broker {
    /// `POST /access-requests`
    pub(crate) fn hand_in(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let bearer = self.bearer(heard, PATH, now)?;
        self.rates.take(&Who::Client(&bearer.client))?;
        self.rates.take(&Who::About(&bearer.client, &bearer.sub))?;
        let ping = self.pinged(heard, &bearer)?;
        let client = self.config.client(&bearer.client).ok_or_else(unknown)?;
        let (evaluation, audience) = read(heard, &bearer.claims)?;
        let epochs = self.store.step(|tables| self.list(tables, now))?;
        let id = secret::fresh()?;
        let new = New {
            bearer: &bearer,
            id: &id,
            ping: ping.as_deref(),
            now,
        };
        let task = self.policy(|bundle| {
            let handed = Handed {
                evaluation,
                token: bearer.token,
                proof: heard.header("dpop").ok().flatten().unwrap_or_default(),
                client,
                sub: &bearer.sub,
                audience: &audience,
                url: &self.url(PATH),
                epochs: epochs.as_deref(),
                now,
            };
            let denied = evaluated::denied(bundle, &handed);
            let (denied, known) = self.kept(|tables| {
                forget(tables, now)?;
                self.lapse(tables, now)?;
                used(tables, &bearer, now)??;
                let denied = denied?;
                let known = self.known(tables, &new, &denied.evaluated)?;
                Ok((denied, known))
            })?;
            if let Some(task) = known {
                return Ok(task);
            }
            let evaluated = evaluated::evaluated(self, bundle, &handed, denied)?;
            self.kept(|tables| {
                still(tables, &bearer, now)??;
                self.keep_call(tables, &new, &evaluated)
            })
        })?;
        let status = if task.answer.is_none() { 202 } else { 201 };
        Ok(self.told(status, &task, now))
    }

    /// A step that is kept even where it refuses; what went wrong here is taken back as a whole.
    fn kept<R>(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        self.store.step(|tables| match run(tables) {
            Err(refusal) if refusal.own => Err(refusal),
            kept => Ok(kept),
        })?
    }

    /// `GET /access-requests?task=…`
    pub(crate) fn poll(&self, heard: &Heard) -> Result<Reply, Refusal> {
        self.on_task(heard, PATH, |tables, task, now| {
            if task.answer.is_some() {
                return Ok(Ok(()));
            }
            let soon = now < task.polled + task.pause;
            task.pause = (task.pause + if soon { PAUSE } else { 0 }).min(LONGEST);
            let sql = "UPDATE access SET polled = ?1, pause = ?2 WHERE id = ?3";
            tables.execute(sql, params![now, task.pause, task.id])?;
            Ok(if soon {
                let detail = format!("nobody has answered yet: look again in {} s", task.pause);
                let refusal = Refusal::new("slow_down", "broker.slow_down", detail);
                Err(refusal.after(task.pause))
            } else {
                Ok(())
            })
        })
    }

    /// `POST /access-requests/cancel?task=…`: what was answered stays answered.
    pub(crate) fn withdraw(&self, heard: &Heard) -> Result<Reply, Refusal> {
        self.on_task(heard, CANCEL, |tables, task, now| {
            if task.answer.is_none() {
                task.answer = Some("withdrawn".to_owned());
                self.answered_call(tables, &task.id, "withdrawn", now)?;
            }
            Ok(Ok(()))
        })
    }

    /// Does something to a task of whoever has the token that it was handed in with.
    fn on_task(
        &self,
        heard: &Heard,
        path: &str,
        act: impl FnOnce(&Transaction<'_>, &mut Task, i64) -> Result<Result<(), Refusal>, Refusal>,
    ) -> Result<Reply, Refusal> {
        let now = self.now();
        let bearer = self.bearer(heard, path, now)?;
        let query = Form::query(heard)?;
        let id = query.need("task")?;
        let task = self.store.step(|tables| {
            self.lapse(tables, now)?;
            if let Err(refusal) = used(tables, &bearer, now)? {
                return Ok(Err(refusal));
            }
            let Some(mut task) = self.find(tables, "id", id, &bearer.jti)? else {
                let detail = "nothing with this name was handed in with this token";
                return Ok(Err(Refusal::new("invalid_request", "broker.task", detail)));
            };
            Ok(act(tables, &mut task, now)?.map(|()| task))
        })??;
        Ok(self.told(200, &task, now))
    }

    /// The bearer token with which the agent wants to hear that its call is answered (CIBA, section 7.1).
    fn pinged(&self, heard: &Heard, bearer: &Bearer<'_>) -> Result<Option<String>, Refusal> {
        let Ok(document) = Document::parse(&heard.body, Profile::Request) else {
            return Ok(None);
        };
        let Some(token) = document.root().get("client_notification_token") else {
            return Ok(None);
        };
        let client = self.config.client(&bearer.client);
        if client.is_none_or(|client| client.notified_at.is_none()) {
            let detail = "`client_notification_token`: the broker's file has no `notification_endpoint` of this client";
            return Err(Refusal::request(detail));
        }
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/=".contains(&c);
        let fits = |text: &&str| (22..=1024).contains(&text.len()) && text.bytes().all(plain);
        match token.as_str().filter(fits) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(Refusal::request(
                "`client_notification_token` has 22 to 1024 of the characters of a bearer token (RFC 6750): 128 bits or more that nobody guesses",
            )),
        }
    }

    /// Keeps what services said to a call, and says which.
    fn keep_services(
        &self,
        tables: &Transaction<'_>,
        bearer: &Bearer<'_>,
        evaluated: &Evaluated,
        id: &str,
    ) -> Result<Yeses, Refusal> {
        let mut said = Yeses::new();
        for yes in evaluated.services.iter().flatten() {
            let sql = "INSERT INTO yes (task, sub, receipt, until) VALUES (?1, ?2, ?3, ?4)";
            tables.execute(sql, params![id, yes.name, yes.receipt, yes.until])?;
            let facts = json!({"client": bearer.client, "sub": bearer.sub, "approver": yes.name,
                "task_s256": digest(id), "binding_s256": evaluated.call, "receipt_s256": digest(&yes.receipt)});
            self.log.write("access-yes", true, &facts)?;
            said.insert(yes.name.clone(), BTreeSet::new());
        }
        Ok(said)
    }

    /// What is known without asking anybody: the same call with the same token is one request, and a no stands, whatever
    /// the token and however often it is asked. `None`: it is new, and there is room for it.
    fn known(
        &self,
        tables: &Transaction<'_>,
        new: &New<'_>,
        evaluated: &Evaluated,
    ) -> Result<Option<Task>, Refusal> {
        if let Some(task) = self.find(tables, "call", &evaluated.call, &new.bearer.jti)? {
            let ended = ["withdrawn", "changed", "expired"];
            if !task.answer.as_deref().is_some_and(|it| ended.contains(&it)) {
                return Ok(Some(task));
            }
        }
        let people = self.asked(tables, new, evaluated)?;
        let sql = "SELECT reason FROM refused WHERE same = ?1 AND until > ?2";
        let refused = tables.query_row(sql, params![evaluated.same, new.now], |row| row.get(0));
        let refused: Option<String> = refused.optional()?;
        let Some(reason) = refused else {
            return Ok(None);
        };
        self.insert(tables, new, evaluated, &people)?;
        let sql = "UPDATE access SET reason = ?1 WHERE id = ?2";
        tables.execute(sql, params![reason, new.id])?;
        self.answered_call(tables, new.id, "refused", new.now)?;
        self.find(tables, "id", new.id, &new.bearer.jti)
    }

    /// Keeps a call until it is answered.
    fn keep_call(
        &self,
        tables: &Transaction<'_>,
        new: &New<'_>,
        evaluated: &Evaluated,
    ) -> Result<Task, Refusal> {
        if let Some(task) = self.known(tables, new, evaluated)? {
            return Ok(task);
        }
        let people = self.asked(tables, new, evaluated)?;
        let until = self.insert(tables, new, evaluated, &people)?;
        let said = self.keep_services(tables, new.bearer, evaluated, new.id)?;
        if demands::are_met(&self.config, &evaluated.demands, &said) {
            self.answered_call(tables, new.id, "approved", new.now)?;
        } else if self.config.notify.is_any() {
            let facts = json!({"task": new.id, "client_id": new.bearer.client, "asked": people,
                "risk_tier": evaluated.risk_tier, "until": until});
            let sql = "INSERT INTO event (kind, facts, made) VALUES ('call', ?1, ?2)";
            tables.execute(sql, params![facts.to_string(), new.now])?;
        }
        self.find(tables, "id", new.id, &new.bearer.jti)?
            .ok_or_else(unknown)
    }

    /// Writes down that a call waits, and says until when: as long as its token counts, and every yes that it has.
    fn insert(
        &self,
        tables: &Transaction<'_>,
        new: &New<'_>,
        evaluated: &Evaluated,
        people: &BTreeSet<String>,
    ) -> Result<i64, Refusal> {
        let (bearer, now) = (new.bearer, new.now);
        let asked = serde_json::to_string(evaluated)
            .map_err(|error| Refusal::own("broker.json", error.to_string()))?;
        let services = evaluated.services.iter().flatten().map(|yes| yes.until);
        let until = services.fold(bearer.exp.min(now + WAIT), i64::min);
        let sql = "DELETE FROM access WHERE call = ?1 AND token = ?2";
        tables.execute(sql, params![evaluated.call, bearer.jti])?;
        tables.execute(
            "INSERT INTO access (id, token, call, client, sub, same, asked, made, until, polled, pause, ping)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?8, ?10, ?11)",
            params![new.id, bearer.jti, evaluated.call, bearer.client, bearer.sub, evaluated.same, asked, now, until, PAUSE, new.ping],
        )?;
        for person in people {
            let sql = "INSERT INTO asked (task, sub) VALUES (?1, ?2)";
            tables.execute(sql, params![new.id, person])?;
        }
        self.log.write(
            "access",
            true,
            &json!({"client": bearer.client, "sub": bearer.sub, "jti": bearer.jti, "task_s256": digest(new.id),
                "binding_s256": evaluated.call, "audience": evaluated.audience, "risk_tier": evaluated.risk_tier,
                "reason": evaluated.reason, "asked": people, "until": until}),
        )?;
        Ok(until)
    }

    /// Those who may say yes to a call and have room for it, if they are enough.
    fn asked(
        &self,
        tables: &Transaction<'_>,
        new: &New<'_>,
        evaluated: &Evaluated,
    ) -> Result<BTreeSet<String>, Refusal> {
        let full = |detail: &str| {
            let refusal = Refusal::new("temporarily_unavailable", "broker.waiting", detail);
            Err(refusal)
        };
        let client = self.config.client(&new.bearer.client);
        let client = client.ok_or_else(unknown)?;
        if own_waiting(tables, new, evaluated)? >= WAITING {
            return full(
                "too many calls of this client wait for this person already: try again later",
            );
        }
        let mut asked = BTreeSet::new();
        for demand in &evaluated.demands {
            // Those that said yes; before they are asked, those that may.
            let mut room = match &evaluated.services {
                Some(said) => {
                    let of = |yes: &&Yes| demand.approvers.contains(&yes.name);
                    said.iter().filter(of).count()
                }
                None => demand.services(&self.config).count(),
            };
            for person in demand.people(&self.config, client) {
                if all_waiting(tables, person, new, evaluated)? < OF_ALL {
                    room += 1;
                    asked.insert(person.to_owned());
                }
            }
            if room < demand.count {
                return full(
                    "too many calls wait already for those who may say yes to this one: try again later",
                );
            }
        }
        Ok(asked)
    }

    /// Marks what became of a call that waits, and writes it down. `false`: somebody was faster.
    pub(crate) fn answered_call(
        &self,
        tables: &Transaction<'_>,
        id: &str,
        answer: &str,
        now: i64,
    ) -> Result<bool, Refusal> {
        self.answered_with(tables, id, (answer, json!({})), now)
    }

    /// The same, with more facts. What was asked is not needed any more, and can be long.
    pub(crate) fn answered_with(
        &self,
        tables: &Transaction<'_>,
        id: &str,
        (answer, mut facts): (&str, Value),
        now: i64,
    ) -> Result<bool, Refusal> {
        let row = tables.query_row(
            "UPDATE access SET answer = ?1, answered = ?2, asked = '' WHERE id = ?3 AND answer IS NULL
             RETURNING client, sub, token, call, made",
            params![answer, now, id],
            |row| {
                facts["client"] = json!(row.get::<_, String>(0)?);
                facts["sub"] = json!(row.get::<_, String>(1)?);
                facts["jti"] = json!(row.get::<_, String>(2)?);
                facts["binding_s256"] = json!(row.get::<_, String>(3)?);
                facts["seconds"] = json!(now - row.get::<_, i64>(4)?);
                Ok(())
            },
        );
        if row.optional()?.is_none() {
            return Ok(false);
        }
        if answer != "approved" {
            // What was not enough counts for nothing, and nobody has it.
            tables.execute("DELETE FROM yes WHERE task = ?1", [id])?;
        }
        // It is on its way, and kept nowhere else.
        tables.execute("UPDATE access SET ping = NULL WHERE id = ?1", [id])?;
        facts["task_s256"] = json!(digest(id));
        let what = format!("access-{answer}");
        self.log.write(&what, answer == "approved", &facts)?;
        Ok(true)
    }

    /// Ends what nobody answered in time.
    pub(crate) fn lapse(&self, tables: &Transaction<'_>, now: i64) -> Result<(), Refusal> {
        let sql = "SELECT id FROM access WHERE answer IS NULL AND until <= ?1";
        for id in texts(tables, sql, [now])? {
            self.answered_call(tables, &id, "expired", now)?;
        }
        Ok(())
    }
}

/// The call, as it came, and the service that it is for.
fn read<'h>(heard: &'h Heard, claims: &Value) -> Result<(&'h str, String), Refusal> {
    let media = heard.header("content-type").ok().flatten();
    let media = media
        .and_then(|it| it.split(';').next())
        .unwrap_or_default();
    if !media.trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::request("send the call as `application/json`"));
    }
    if heard.body.len() > BYTES {
        return Err(Refusal::request(format!(
            "the call has more than {BYTES} bytes"
        )));
    }
    let document = Document::parse(&heard.body, Profile::Request);
    let document =
        document.map_err(|error| Refusal::request(format!("no strict JSON: {error}")))?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(Refusal::request("the call is a JSON object"));
    }
    let member = |of: Option<Json<'_>>, name: &str| {
        let text = of.and_then(|of| of.get(name)).and_then(Json::as_str);
        text.map(str::to_owned)
    };
    let properties = root
        .get("action")
        .and_then(|action| action.get("properties"));
    if member(properties, "power").as_deref() != Some("execute") {
        let detail = "`action.properties.power` is `execute`: a person answers for what is done";
        return Err(Refusal::request(detail));
    }
    let known = claims["aud"].as_array().map_or(&[][..], Vec::as_slice);
    let asked = member(root.get("context"), "audience");
    let audience = match (asked, known) {
        (Some(asked), known) if known.iter().any(|one| *one == asked) => Some(asked),
        (None, [only]) => only.as_str().map(str::to_owned),
        _ => None,
    };
    let audience = audience.ok_or_else(|| {
        let detail = "name the service in `context.audience`: one of those of the token";
        Refusal::new("invalid_target", "broker.audience", detail)
    })?;
    let text =
        std::str::from_utf8(&heard.body).map_err(|_| Refusal::request("the call is no UTF-8"))?;
    Ok((text, audience))
}

/// What takes a place; the same call, which would be handed in anew, does not.
const WAITS: &str = "until > ?1 AND (answer IS NULL OR answer IN ('withdrawn', 'refused')) \
    AND NOT (call = ?2 AND token = ?3)";

/// How many calls of this client wait for the person for whom it acts.
fn own_waiting(
    tables: &Transaction<'_>,
    new: &New<'_>,
    evaluated: &Evaluated,
) -> rusqlite::Result<i64> {
    let sql = format!("SELECT count(*) FROM access WHERE {WAITS} AND sub = ?4 AND client = ?5");
    let (bearer, call) = (new.bearer, &evaluated.call);
    let parameters = params![new.now, call, bearer.jti, bearer.sub, bearer.client];
    tables.query_row(&sql, parameters, |row| row.get(0))
}

/// How many calls wait for one of those who are asked.
fn all_waiting(
    tables: &Transaction<'_>,
    person: &str,
    new: &New<'_>,
    evaluated: &Evaluated,
) -> rusqlite::Result<i64> {
    let sql = format!(
        "SELECT count(*) FROM asked JOIN access ON access.id = asked.task WHERE {WAITS} AND asked.sub = ?4"
    );
    let parameters = params![new.now, evaluated.call, new.bearer.jti, person];
    tables.query_row(&sql, parameters, |row| row.get(0))
}
