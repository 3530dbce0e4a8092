//! Telling it over HTTP: security event tokens (RFC 8935), a webhook, and the ping of CIBA (section 10.2).

use serde_json::{Value, json};
use ureq::Agent;

use super::{MAIL, Outgoing, PING, SUBSCRIBER, Sent, Teller, WEBHOOK};
use crate::outside;

/// What a subscriber says of a token that it will never take (RFC 8935, section 2.4). Its other errors are of keys and
/// of who may send, which somebody mends.
const FINAL: [&str; 3] = ["invalid_request", "invalid_issuer", "invalid_audience"];
/// Bytes of an answer that are read.
const BYTES: u64 = 16 * 1024;

impl Teller {
    pub(super) fn send(&self, outgoing: &Outgoing) -> Sent {
        let target = outgoing.target.as_str();
        if let Some(url) = target.strip_prefix(SUBSCRIBER) {
            let known = self.config.subscribers.iter().find(|one| one.url == url);
            let Some(subscriber) = known else {
                return Sent::Refused("the file names this subscriber no more".to_owned());
            };
            let claims = self.revoked(outgoing, &subscriber.audience);
            return match self.signed("secevent+jwt", &claims) {
                Ok(text) => pushed(url, &text),
                Err(sent) => sent,
            };
        }
        if let Some(client) = target.strip_prefix(PING) {
            let known = self.config.client(client);
            let Some(url) = known.and_then(|client| client.notified_at.as_deref()) else {
                return Sent::Refused("the file names no such `notification_endpoint`".to_owned());
            };
            let body = json!({"auth_req_id": outgoing.facts["task"]}).to_string();
            let bearer = outgoing.facts["bearer"].as_str();
            return match posted(url, ("application/json", &body), bearer) {
                Ok((status @ (404 | 410), _)) => Sent::Refused(format!("it answered {status}")),
                answer => taken(answer),
            };
        }
        if let Some(person) = target.strip_prefix(MAIL) {
            return self.mailed(outgoing, person);
        }
        let Some(url) = self
            .config
            .notify
            .webhook
            .as_ref()
            .filter(|_| target == WEBHOOK)
        else {
            return Sent::Refused("the file names no webhook".to_owned());
        };
        match self.signed("ambit-notice+jwt", &self.notice(outgoing, url)) {
            Ok(text) => taken(posted(url, ("application/jwt", &text), None)),
            Err(sent) => sent,
        }
    }

    /// That a call waits: for whom, until when, at which risk and where to answer; nothing of what is in it.
    fn notice(&self, outgoing: &Outgoing, url: &str) -> Value {
        let facts = &outgoing.facts;
        json!({
            "iss": self.config.issuer, "aud": url, "jti": outgoing.id, "iat": outgoing.made, "exp": facts["until"],
            "event": if outgoing.kind == "override" { "break-glass" } else { "call-waits" },
            "asked": facts["asked"], "client_id": facts["client_id"],
            "risk_tier": facts["risk_tier"], "page": self.page(outgoing),
        })
    }

    /// Where people answer. Whoever has the address must still log in.
    pub(super) fn page(&self, outgoing: &Outgoing) -> String {
        if outgoing.kind == "override" {
            return format!("{}{}", self.config.issuer, crate::agents::PATH);
        }
        let task = outgoing.facts["task"].as_str().unwrap_or_default();
        format!("{}{}?task={task}", self.config.issuer, crate::waiting::PATH)
    }
}

/// A security event token.
fn pushed(url: &str, text: &str) -> Sent {
    let answer = posted(url, ("application/secevent+jwt", text), None);
    let Ok((400, body)) = &answer else {
        return taken(answer);
    };
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let code = body["err"].as_str().unwrap_or("no reason");
    let said = format!(
        "it answered 400: {}",
        code.chars().take(100).collect::<String>()
    );
    if FINAL.contains(&code) {
        Sent::Refused(said)
    } else {
        Sent::Failed(said)
    }
}

fn taken(answer: Result<(u16, String), String>) -> Sent {
    match answer {
        Ok((200..=299, _)) => Sent::Taken,
        Ok((status, _)) => Sent::Failed(format!("it answered {status}")),
        Err(error) => Sent::Failed(error),
    }
}

/// The status and the body of the answer.
fn posted(
    url: &str,
    (media_type, body): (&str, &str),
    bearer: Option<&str>,
) -> Result<(u16, String), String> {
    let agent: Agent = outside::agent(url.starts_with("http://"));
    let mut request = agent
        .post(url)
        .header("content-type", media_type)
        .header("accept", "application/json");
    if let Some(bearer) = bearer {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    let response = request.send(body);
    let mut response = response.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    // Of most answers the status is enough.
    let body = response
        .body_mut()
        .with_config()
        .limit(BYTES)
        .read_to_string();
    Ok((status, body.unwrap_or_default()))
}
