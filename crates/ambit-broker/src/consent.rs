//! The page on which a person reads what an agent asks, and what they answer.

use std::collections::BTreeSet;

use ambit_gateway::http::{Heard, Reply};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use crate::answer;
use crate::ask::{self, Described, Person, Shown};
use crate::authorize::{Opened, ended};
use crate::broker::Broker;
use crate::config;
use crate::exchange;
use crate::form::Form;
use crate::grant::{self, Again, Agreed};
use crate::language::{self, ENGLISH, GERMAN, Words};
use crate::operate;
use crate::pages;
use crate::refusal::Refusal;
use crate::secret::digest;
use crate::session::Session;
use crate::store::texts;

pub(crate) const PATH: &str = "/consent";
/// Seconds that a text counts: its clock goes on while it is read. A life of less is read in half of it.
const READ: i64 = 300;
/// Seconds in which a code is exchanged, and a grant is remembered, for what is new beside it.
const CODE: i64 = 60;
const REMEMBER: i64 = 90 * 86_400;

/// What the page says beside the text.
#[derive(Clone, Copy, Debug)]
enum Note {
    None,
    Changed,
    NothingChosen,
}

impl Broker {
    /// `GET /consent`
    pub(crate) fn consent_page(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let words = language::of(heard.header("accept-language").ok().flatten());
        let form = Form::query(heard)?;
        let page = form.need("r")?;
        self.store.step(|tables| {
            let session = Session::of(tables, heard, now)?.ok_or_else(ended)?;
            let opened = Opened::of(tables, page, &session, now)?;
            if opened.answer.is_some() {
                return Err(ended());
            }
            let person = session.person();
            if !person.is_some_and(|(_, login)| opened.asked.takes_login(login, now)) {
                return self.ask_who(tables, &session, Some(page), words, false);
            }
            self.show(tables, &session, &opened, words, &[], Note::None)
        })
    }

    /// `POST /consent`
    pub(crate) fn consent(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let words = language::of(heard.header("accept-language").ok().flatten());
        let form = Form::body(heard)?;
        let page = form.need("r")?;
        self.store.step(|tables| {
            let session = self.own_form(tables, heard, &form, now)?;
            let opened = Opened::of(tables, page, &session, now)?;
            let Some((sub, login)) = session.person() else {
                return Err(ended());
            };
            if let Some(answer) = &opened.answer {
                // The same form sent twice has one effect, and leads to the same place.
                return Ok(self.lead_back(&opened, answer == "granted"));
            }
            if !opened.asked.takes_login(login, now) {
                return self.ask_who(tables, &session, Some(page), words, false);
            }
            let choices: Vec<String> = form.all("choose").map(str::to_owned).collect();
            let answer = match form.need("answer")? {
                // Who ticked a box means less, whichever button was pressed.
                "allow" | "again" if !choices.is_empty() => "less",
                answer => answer,
            };
            match answer {
                "refuse" => self.refuse(tables, &opened, sub, now),
                "whole" => self.show(tables, &session, &opened, words, &[], Note::None),
                "less" if choices.is_empty() => {
                    let chosen = opened
                        .shown
                        .as_ref()
                        .map_or(&[][..], |shown| &shown.choices);
                    self.show(
                        tables,
                        &session,
                        &opened,
                        words,
                        chosen,
                        Note::NothingChosen,
                    )
                }
                "less" => {
                    let before = opened
                        .shown
                        .as_ref()
                        .map_or(&[][..], |shown| &shown.choices);
                    let mut all = before.to_vec();
                    all.extend(choices.into_iter().filter(|one| !before.contains(one)));
                    self.show(tables, &session, &opened, words, &all, Note::None)
                }
                answer @ ("allow" | "again") => {
                    let person = Person { sub, login };
                    let again = answer == "again";
                    match self.read(&opened, person, form.get("text"), now)? {
                        Some(shown) => self.grant(tables, &opened, person, (shown, again), now),
                        None => self.show(tables, &session, &opened, words, &[], Note::Changed),
                    }
                }
                _ => Err(Refusal::request(
                    "`answer` is `allow`, `again`, `less`, `whole` or `refuse`",
                )),
            }
        })
    }

    fn show(
        &self,
        tables: &Transaction<'_>,
        session: &Session,
        opened: &Opened,
        words: &'static Words,
        choices: &[String],
        note: Note,
    ) -> Result<Reply, Refusal> {
        let now = self.now();
        let Some((sub, login)) = session.person() else {
            return Err(ended());
        };
        let client = self.config.client(&opened.client).ok_or_else(ended)?;
        let last = before(tables, sub, &opened.client)?;
        let described = self.policy(|bundle| {
            let person = Person { sub, login };
            let claims = ask::draft(self, bundle, client, &opened.asked, person, now)?;
            let granted = last.and_then(|last| comparable(last, &claims));
            let told = |tag: &str| {
                ask::describe(bundle, claims.clone(), tag, choices, granted.clone(), now)
            };
            // A text in one language is never mixed with words of another.
            told(words.tag).or_else(|refusal| told(ENGLISH.tag).map_err(|_| refusal))
        })?;
        let words = if described.shown.locale == GERMAN.tag {
            &GERMAN
        } else {
            &ENGLISH
        };
        let shown = serde_json::to_string(&described.shown)
            .map_err(|error| Refusal::own("broker.json", error.to_string()))?;
        tables.execute(
            "UPDATE request SET shown = ?1 WHERE page = ?2",
            params![shown, digest(&opened.page)],
        )?;
        if opened.shown.is_none() {
            self.log.figures.asked();
        }
        let csrf = session.csrf(&self.own);
        let again = offered(self, opened, &described.shown)?;
        let markup = consent_markup(words, opened, &described, (sub, &csrf), (note, again));
        Ok(answer::page(
            200,
            markup,
            config::origin(&opened.asked.redirect_uri),
        ))
    }

    /// The text that was read, if it is what would be granted now.
    fn read<'o>(
        &self,
        opened: &'o Opened,
        person: Person<'_>,
        text: Option<&str>,
        now: i64,
    ) -> Result<Option<&'o Shown>, Refusal> {
        let Some(shown) = &opened.shown else {
            return Ok(None);
        };
        let time = |name: &str| shown.claims[name].as_i64().unwrap_or_default();
        let life = time("exp") - shown.now;
        let fresh = now - shown.now <= READ.min(life / 2);
        let same = text == Some(&shown.text_s256) && shown.claims["sub"] == person.sub;
        if !fresh || !same {
            return Ok(None);
        }
        let again = self.policy(|bundle| {
            let (whole, granted) = (shown.whole.clone(), shown.granted.clone());
            ask::describe(
                bundle,
                whole,
                &shown.locale,
                &shown.choices,
                granted,
                shown.now,
            )
        });
        // Another policy may have come since: what it says otherwise was not read.
        let again = again.is_ok_and(|again| {
            again.shown.text_s256 == shown.text_s256
                && again.shown.binding_s256 == shown.binding_s256
        });
        Ok(Some(shown).filter(|_| again))
    }

    /// Signs the yes, and keeps it with a code for it: both, or neither.
    fn grant(
        &self,
        tables: &Transaction<'_>,
        opened: &Opened,
        person: Person<'_>,
        (shown, again): (&Shown, bool),
        now: i64,
    ) -> Result<Reply, Refusal> {
        let again = if again {
            let again = offered(self, opened, shown)?;
            Some(again.ok_or_else(|| Refusal::request("this can only be allowed once"))?)
        } else {
            None
        };
        let agreed = agreed(opened, shown, again.map(|_| person));
        let receipt = self.policy(|bundle| {
            let receipt = grant::receipt(self, bundle, shown, person, None, now)?;
            // What could not be minted is not granted either.
            grant::draft(
                self,
                bundle,
                &agreed,
                std::slice::from_ref(&receipt),
                now,
                |draft| draft.check().map_err(Refusal::from),
            )?;
            Ok(receipt)
        })?;
        let text = serde_json::to_string(&agreed)
            .map_err(|error| Refusal::own("broker.json", error.to_string()))?;
        let code = self.code(opened);
        tables.execute(
            "INSERT INTO granted (code, request, client, sub, agreed, receipt, made, until, forget, again)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                digest(&code),
                digest(&opened.page),
                opened.client,
                person.sub,
                text,
                receipt,
                now,
                now + CODE,
                now + REMEMBER,
                again.map(|again| now + again)
            ],
        )?;
        let replaced = replace(
            tables,
            person.sub,
            &opened.client,
            &agreed,
            &digest(&code),
            now,
        )?;
        self.answered(tables, opened, "granted")?;
        self.log.write(
            "grant",
            true,
            &json!({"txn": opened.asked.txn, "client": opened.client, "sub": person.sub, "binding_s256": shown.binding_s256,
                "text_s256": shown.text_s256, "locale": shown.locale, "choices": shown.choices,
                "risk_tier": shown.risk_tier, "again_seconds": again, "replaced": replaced, "seconds": now - shown.now,
                "receipt_s256": digest(&receipt)}),
        )?;
        Ok(self.lead_back(opened, true))
    }

    fn refuse(
        &self,
        tables: &Transaction<'_>,
        opened: &Opened,
        sub: &str,
        now: i64,
    ) -> Result<Reply, Refusal> {
        self.answered(tables, opened, "refused")?;
        let shown = opened.shown.as_ref();
        self.log.write(
            "refusal",
            false,
            &json!({"txn": opened.asked.txn, "client": opened.client, "sub": sub,
                "binding_s256": shown.map(|shown| &shown.binding_s256),
                "text_s256": shown.map(|shown| &shown.text_s256),
                "seconds": shown.map(|shown| now - shown.now)}),
        )?;
        Ok(self.lead_back(opened, false))
    }

    fn answered(
        &self,
        tables: &Transaction<'_>,
        opened: &Opened,
        answer: &str,
    ) -> Result<(), Refusal> {
        tables.execute(
            "UPDATE request SET answer = ?1 WHERE page = ?2",
            params![answer, digest(&opened.page)],
        )?;
        Ok(())
    }

    /// Made, not kept: a form that is sent twice leads to the same code, and the database has none.
    fn code(&self, opened: &Opened) -> String {
        self.own.make("code", &[&opened.page])
    }

    fn lead_back(&self, opened: &Opened, granted: bool) -> Reply {
        let code = self.code(opened);
        let mut parameters = vec![("iss", self.config.issuer.as_str())];
        match granted {
            true => parameters.push(("code", &code)),
            false => parameters.extend([
                ("error", "access_denied"),
                ("error_description", "the person refused"),
            ]),
        }
        if let Some(state) = &opened.asked.state {
            parameters.push(("state", state));
        }
        answer::back(&opened.asked.redirect_uri, &parameters)
    }
}

fn consent_markup(
    words: &Words,
    opened: &Opened,
    described: &Described,
    (sub, csrf): (&str, &str),
    (note, again): (Note, Option<i64>),
) -> maud::Markup {
    let note = match note {
        Note::None => None,
        Note::Changed => Some(words.changed),
        Note::NothingChosen => Some(words.less_none),
    };
    pages::consent(&pages::Consent {
        words,
        page: &opened.page,
        csrf,
        sub,
        note,
        parts: &described.page,
        choices: &described.choices,
        is_less: !described.shown.choices.is_empty(),
        text_s256: &described.shown.text_s256,
        again,
        goes_to: config::host(&opened.asked.redirect_uri),
    })
}

/// For how long what was shown may be used again without a question, where that was asked and can be.
fn offered(broker: &Broker, opened: &Opened, shown: &Shown) -> Result<Option<i64>, Refusal> {
    match opened.asked.again {
        Some(again) => broker.policy(|bundle| {
            let may = exchange::may_recur(bundle, &shown.claims, &shown.risk_tier)?;
            Ok(Some(again).filter(|_| may))
        }),
        None => Ok(None),
    }
}

/// What this person granted this client last, of which a token was made.
fn before(tables: &Transaction<'_>, sub: &str, client: &str) -> Result<Option<Value>, Refusal> {
    let row = tables.query_row(
        "SELECT agreed FROM granted WHERE sub = ?1 AND client = ?2 AND token IS NOT NULL
         ORDER BY made DESC, rowid DESC LIMIT 1",
        params![sub, client],
        |row| row.get::<_, String>(0),
    );
    let Some(text) = row.optional()? else {
        return Ok(None);
    };
    Ok(Some(ask::value(&text)?["claims"].take()))
}

/// What a person says now holds: older grants of theirs for the same agent that could be used again, and have an action
/// in common with this one, can be used again no more. How many that were, where there were any.
fn replace(
    tables: &Transaction<'_>,
    sub: &str,
    client: &str,
    agreed: &Agreed,
    code: &str,
    now: i64,
) -> Result<Option<usize>, Refusal> {
    let actions = |claims: &Value| -> BTreeSet<String> {
        claims["authorization_details"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|entry| entry["actions"].as_array())
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let granted = actions(&agreed.claims);
    let sql = "SELECT json_array(code, json_extract(agreed, '$.claims')) FROM granted
        WHERE sub = ?1 AND client = ?2 AND again > ?3 AND code <> ?4";
    let mut ended = 0;
    for row in texts(tables, sql, params![sub, client, now, code])? {
        let mut row = ask::value(&row)?;
        let claims = operate::unwrapped(row[1].take())?;
        if actions(&claims).is_disjoint(&granted) {
            continue;
        }
        let sql = "UPDATE granted SET again = NULL WHERE code = ?1";
        ended += tables.execute(sql, [row[0].as_str()])?;
    }
    Ok(Some(ended).filter(|ended| *ended > 0))
}

/// What an older grant allowed, where "as before" would be true of it: at the same services, for the same
/// tenant and agent, and passed on at least as far.
pub(crate) fn comparable(mut last: Value, now: &Value) -> Option<Value> {
    let same = ["aud", "tenant", "agent", "act"]
        .iter()
        .all(|name| last.get(*name) == now.get(*name));
    let depth = |claims: &Value| claims["del_max_depth"].as_i64().unwrap_or_default();
    let deeper = depth(now) > depth(&last);
    Some(last["authorization_details"].take()).filter(|it| same && !deeper && it.is_array())
}

/// What the person said yes to, and with `again` who may have it minted again.
fn agreed(opened: &Opened, shown: &Shown, again: Option<Person<'_>>) -> Agreed {
    Agreed {
        claims: shown.claims.clone(),
        granted: shown.granted.clone(),
        redirect_uri: opened.asked.redirect_uri.clone(),
        challenge: opened.asked.challenge.clone(),
        jkt: opened.asked.jkt.clone(),
        again: again.map(|person| Again {
            shown: shown.clone(),
            login: person.login.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_compared_with_what_was_like_it() {
        let last = json!({"aud": ["https://a.example"], "agent": {"uid": "a"}, "act": {"sub": "x"},
            "del_max_depth": 1, "authorization_details": [{"actions": ["email"]}]});
        let with = |name: &str, value: Value| {
            let mut claims = last.clone();
            claims[name] = value;
            claims
        };
        let granted = last["authorization_details"].clone();
        assert_eq!(comparable(last.clone(), &last), Some(granted.clone()));
        let shallower = with("del_max_depth", json!(0));
        assert_eq!(comparable(last.clone(), &shallower), Some(granted));
        for other in [
            with("aud", json!(["https://b.example"])),
            with("tenant", json!("t")),
            with("agent", json!({"uid": "a", "version": "2"})),
            with("act", json!({"sub": "y"})),
            with("del_max_depth", json!(2)),
        ] {
            assert_eq!(comparable(last.clone(), &other), None, "{other}");
        }
    }
}
