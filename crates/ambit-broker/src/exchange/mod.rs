//! Token exchange (RFC 8693): a grant that a person gave for some time is used again, by the same agent with the same
//! key, for that person.
//!
//! The subject token says who the person is, and nothing of what they want. What may be had was read and allowed
//! before, on the page of the broker; the text that was read must still be the text of it.

mod request;

use ambit_core::json::Json;
use ambit_policy::Bundle;
use rusqlite::{Transaction, params};
use serde_json::{Value, json};

use crate::ask::{self, Asked, Described, Person};
use crate::broker::Broker;
use crate::config::Client;
use crate::consent::comparable;
use crate::grant::{self, Again, Agreed};
use crate::jws::json as strict;
use crate::push;
use crate::refusal::Refusal;
use crate::store::{texts, use_once};
use crate::{authorize, narrow};
use request::Exchange;

pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Grants of one person to one client that are looked at, the last first.
const LOOKED_AT: i64 = 20;

/// A grant that may be used again.
struct Standing {
    code: String,
    agreed: Agreed,
    until: i64,
}

impl Broker {
    /// A token of a grant that the person gave for some time. The outer error takes everything back.
    pub(crate) fn again(
        &self,
        tables: &Transaction<'_>,
        client: &Client,
        exchange: &Exchange,
        jkt: &str,
        now: i64,
    ) -> Result<Result<Value, Refusal>, Refusal> {
        for once in &exchange.once {
            if !use_once(tables, once)? {
                let detail =
                    "`actor_token` or `subject_token` was used before: make one for each request";
                return Ok(Err(Refusal::new("invalid_request", "broker.actor", detail)));
            }
        }
        let mut why = self.no_grant();
        for Standing {
            code,
            agreed,
            until,
        } in self.standing(tables, (&exchange.sub, jkt), client, now)?
        {
            let Some(again) = &agreed.again else {
                continue;
            };
            match self
                .policy(|bundle| self.fits(bundle, client, (&agreed, again), exchange, until, now))
            {
                Ok(described) => {
                    let allowed = (code.as_str(), &agreed, again);
                    let minted = self.mint_again(tables, client, allowed, described, exchange, now);
                    return match minted {
                        // Nothing was written but what was used up.
                        Err(refusal) if !refusal.own => Ok(Err(refusal.told_as("invalid_grant"))),
                        minted => minted.map(Ok),
                    };
                }
                Err(refusal) if refusal.own => return Err(refusal),
                // The reason of the grant that was given last is told.
                Err(refusal) if why.code == "broker.no_grant" => why = refusal,
                Err(_) => {}
            }
        }
        Ok(Err(why))
    }

    /// Nobody was asked, or not for so long: here is where to ask.
    fn no_grant(&self) -> Refusal {
        let detail = "the person has given this agent, with this key, no grant that could be used again: push a request with `ambit_again_seconds`, and send the person to its page";
        Refusal::grant("broker.no_grant", detail).remedy(json!({
            "type": "ask",
            "pushed_authorization_request_endpoint": self.url(push::PATH),
            "authorization_endpoint": self.url(authorize::PATH),
        }))
    }

    /// What would be granted, if it is within what this grant allowed, and means what it meant.
    fn fits(
        &self,
        bundle: &Bundle<'_>,
        client: &Client,
        (agreed, again): (&Agreed, &Again),
        exchange: &Exchange,
        until: i64,
        now: i64,
    ) -> Result<Described, Refusal> {
        let shown = &again.shown;
        let (whole, granted) = (shown.whole.clone(), shown.granted.clone());
        let read = ask::describe(
            bundle,
            whole,
            &shown.locale,
            &shown.choices,
            granted,
            shown.now,
        );
        let same = |read: Described| {
            read.shown.text_s256 == shown.text_s256 && read.shown.risk_tier == shown.risk_tier
        };
        if !read.is_ok_and(same) {
            return Err(self.changed("what the person read is not what the policy says of it now"));
        }
        let number = |name: &str| agreed.claims[name].as_i64().unwrap_or_default();
        let audiences: Vec<String> =
            serde_json::from_value(agreed.claims["aud"].clone()).unwrap_or_default();
        if !audiences.iter().all(|one| client.audiences.contains(one)) {
            return Err(self.changed("a service of it is none of this agent's any more"));
        }
        let entries = agreed.claims["authorization_details"].clone();
        let asked = Asked {
            redirect_uri: String::new(),
            state: None,
            challenge: String::new(),
            holder: agreed.claims["cnf"]["jwk"].clone(),
            jkt: agreed.jkt.clone(),
            life: exchange
                .life
                .min(number("exp") - shown.now)
                .min(until - now),
            audiences,
            depth: number("del_max_depth"),
            details: exchange.details.clone().unwrap_or_else(|| entries.clone()),
            txn: ambit_compiler::mint::identifier()?,
            max_age: None,
            acr: Vec::new(),
            again: None,
            made: now,
        };
        let person = Person {
            sub: &exchange.sub,
            login: &exchange.login,
        };
        let claims = ask::draft(self, bundle, client, &asked, person, now)?;
        if comparable(agreed.claims.clone(), &claims).is_none() {
            return Err(self.changed("the agent, or its version, is another than was allowed"));
        }
        let described = ask::describe(bundle, claims, &shown.locale, &[], Some(entries), now)?;
        if !may_recur(bundle, &described.shown.claims, &described.shown.risk_tier)? {
            return Err(self.changed("it is critical or has a budget now, and is asked each time"));
        }
        match beyond(&described.page) {
            None => Ok(described),
            Some(what) => Err(narrow::wider(format!(
                "the person did not allow this to be used again: {what}"
            ))),
        }
    }

    /// Grants of this person to this client and key that may be used again, the last first, and until when: as long as the
    /// file says today, and no longer than was allowed.
    fn standing(
        &self,
        tables: &Transaction<'_>,
        (sub, jkt): (&str, &str),
        client: &Client,
        now: i64,
    ) -> Result<Vec<Standing>, Refusal> {
        let sql = "SELECT json_array(code, agreed, min(again, made + ?4)) FROM granted
            WHERE sub = ?1 AND client = ?2 AND token IS NOT NULL AND min(again, made + ?4) > ?3
                AND json_extract(agreed, '$.jkt') = ?5
            ORDER BY made DESC, rowid DESC LIMIT ?6";
        let unread = |error: serde_json::Error| Refusal::own("broker.json", error.to_string());
        let most = self.config.again;
        let rows = texts(
            tables,
            sql,
            params![sub, client.id, now, most, jkt, LOOKED_AT],
        )?;
        let read = rows.iter().map(|row| {
            let (code, agreed, until): (String, String, i64) =
                serde_json::from_str(row).map_err(unread)?;
            let agreed = serde_json::from_str(&agreed).map_err(unread)?;
            Ok(Standing {
                code,
                agreed,
                until,
            })
        });
        read.collect()
    }

    fn changed(&self, detail: &str) -> Refusal {
        let mut refusal = self.no_grant();
        refusal.code = "broker.changed".into();
        refusal.detail = format!("{detail}: ask the person again");
        refusal
    }

    fn mint_again(
        &self,
        tables: &Transaction<'_>,
        client: &Client,
        (code, agreed, again): (&str, &Agreed, &Again),
        described: Described,
        exchange: &Exchange,
        now: i64,
    ) -> Result<Value, Refusal> {
        let person = Person {
            sub: &exchange.sub,
            login: &again.login,
        };
        let first = agreed.claims["txn"].as_str();
        let receipt = self
            .policy(|bundle| grant::receipt(self, bundle, &described.shown, person, first, now))?;
        let next = Agreed {
            claims: described.shown.claims,
            granted: described.shown.granted,
            redirect_uri: String::new(),
            challenge: String::new(),
            jkt: agreed.jkt.clone(),
            again: None,
        };
        let who = (client.id.as_str(), exchange.sub.as_str(), code);
        let (mut answer, _) = self.sign(tables, who, &next, &receipt, now)?;
        answer["issued_token_type"] = json!(ACCESS_TOKEN);
        Ok(answer)
    }
}

/// Whether such a grant may be used again without a question. What is critical is asked each time; a budget, of its own
/// or of the manifest, is counted for each token, and would begin anew with each.
pub(crate) fn may_recur(
    bundle: &Bundle<'_>,
    claims: &Value,
    risk_tier: &str,
) -> Result<bool, Refusal> {
    let text = claims.to_string();
    let document = strict(text.as_bytes())
        .ok_or_else(|| Refusal::own("broker.claims", "claims are no JSON"))?;
    let claims = document.root();
    let class = claims.get("agent").and_then(|agent| agent.get("uid"));
    let manifest = bundle.manifest(class.and_then(Json::as_str).unwrap_or_default());
    let Some(manifest) = manifest.filter(|_| risk_tier != "critical") else {
        return Ok(false);
    };
    let counted = |entry: Json<'_>| entry.get("limits").is_some();
    let mut entries = claims.get_elements("authorization_details");
    Ok(!entries.any(|entry| counted(entry) || manifest.beside(entry).any(counted)))
}

/// What of a text tells of more than was granted before: each capability must be as before, or narrower.
fn beyond(page: &Value) -> Option<String> {
    let parts = page.as_array().map_or(&[][..], Vec::as_slice);
    let mut rest = parts.iter().peekable();
    while let Some(part) = rest.next() {
        if part["part"] != "item" || part.get("capability").is_none() {
            continue;
        }
        let mut known = false;
        while let Some(mark) = rest.next_if(|part| part["part"] == "mark" || part["part"] == "line")
        {
            match mark["name"].as_str() {
                Some("same" | "narrower") if mark["part"] == "mark" => known = true,
                Some("new" | "wider" | "changed") => return Some(text(part)),
                _ => {}
            }
        }
        if !known {
            return Some(text(part));
        }
    }
    None
}

fn text(part: &Value) -> String {
    part["text"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_is_as_before_or_narrower() {
        let item = |text: &str| json!({"part": "item", "text": text, "capability": 0});
        let mark = |name: &str| json!({"part": "mark", "text": name, "name": name});
        let cannot = json!({"part": "item", "text": "nothing else"});
        for (parts, told) in [
            (
                vec![item("a"), mark("external"), mark("same"), cannot.clone()],
                None,
            ),
            (
                vec![item("a"), mark("narrower"), item("b"), mark("same")],
                None,
            ),
            (
                vec![item("a"), mark("same"), item("b"), mark("wider")],
                Some("b"),
            ),
            (vec![item("a"), mark("new")], Some("a")),
            (vec![item("a"), mark("changed"), mark("same")], Some("a")),
            (vec![item("a")], Some("a")),
            (vec![item("a"), cannot, mark("same")], Some("a")),
        ] {
            assert_eq!(beyond(&json!(parts)).as_deref(), told, "{parts:?}");
        }
    }
}
