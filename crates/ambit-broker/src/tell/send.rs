//! Telling it over HTTP: security event tokens (RFC 8935), a webhook, and the ping of CIBA (section 10.2).

use serde_json::{Value, json};
use ureq::Agent;

use super::{MAIL, Outgoing, PING, SUBSCRIBER, Sent, Teller, WEBHOOK};
use crate::outside;

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
                Ok(text) => posted(url, ("application/secevent+jwt", &text), None),
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
            return posted(url, ("application/json", &body), bearer);
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
            Ok(text) => posted(url, ("application/jwt", &text), None),
            Err(sent) => sent,
        }
    }

    /// That a call waits: for whom, until when, at which risk and where to answer; nothing of what is in it.
    fn notice(&self, outgoing: &Outgoing, url: &str) -> Value {
        let facts = &outgoing.facts;
        json!({
            "iss": self.config.issuer, "aud": url, "jti": outgoing.id, "iat": outgoing.made, "exp": facts["until"],
            "event": "call-waits", "asked": facts["asked"], "client_id": facts["client_id"],
            "risk_tier": facts["risk_tier"], "page": self.page(outgoing),
        })
    }

    /// Where people answer. Whoever has the address must still log in.
    pub(super) fn page(&self, outgoing: &Outgoing) -> String {
        let task = outgoing.facts["task"].as_str().unwrap_or_default();
        format!("{}{}?task={task}", self.config.issuer, crate::waiting::PATH)
    }
}

fn posted(url: &str, (media_type, body): (&str, &str), bearer: Option<&str>) -> Sent {
    let agent: Agent = outside::agent(url.starts_with("http://"));
    let mut request = agent
        .post(url)
        .header("content-type", media_type)
        .header("accept", "application/json");
    if let Some(bearer) = bearer {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    let mut response = match request.send(body) {
        Ok(response) => response,
        Err(error) => return Sent::Failed(error.to_string()),
    };
    let status = response.status().as_u16();
    match status {
        200..=299 => Sent::Taken,
        // RFC 8935, section 2.3: it is not what the receiver takes, and never will be.
        400 => {
            let body = response
                .body_mut()
                .with_config()
                .limit(BYTES)
                .read_to_string();
            let body: Value = serde_json::from_str(&body.unwrap_or_default()).unwrap_or_default();
            let code = body["err"].as_str().unwrap_or("no reason");
            Sent::Refused(format!(
                "it answered 400: {}",
                code.chars().take(100).collect::<String>()
            ))
        }
        404 | 410 if bearer.is_some() => Sent::Refused(format!("it answered {status}")),
        _ => Sent::Failed(format!("it answered {status}")),
    }
}
