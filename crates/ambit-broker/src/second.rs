//! A second policy service: any `AuthZEN` PDP that is asked about a call and signs its yes.

use ambit_evaluator::BundleKeys;
use ambit_policy::Bundle;
use ambit_token::{About, Receipt, ReceiptKind, SERVICE, base64url};
use serde_json::{Value, json};

use crate::ask;
use crate::config::wrong;
use crate::evaluated::{Evaluated, Handed};
use crate::language::ENGLISH;
use crate::outside::{self, Turns};
use crate::refusal::Refusal;
use ambit_gateway::{Fault, read_text};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// It could not be asked now, which is no no.
pub(crate) const BUSY: &str = "broker.busy";
/// The most seconds after which it wants to be asked again that are passed on.
const LONGEST: i64 = 300;
/// Bytes of one answer, services in the file, and characters of what one says to a no.
const BYTES: u64 = 64 * 1024;
const SERVICES: usize = 16;
const REASON: usize = 500;

/// `[[services]]`, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    name: String,
    url: String,
    pub(crate) token_file: Option<PathBuf>,
}

/// A policy service whose yes the policy asks for.
pub(crate) struct Service {
    /// As the policy names it among approvers: `service:…`.
    pub(crate) name: String,
    url: String,
    /// A bearer token, where it wants one.
    token: Option<String>,
    /// Who waits for its answers.
    turns: Turns,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Why there is no answer.
enum NoAnswer {
    /// It has no room now; seconds after which to ask again.
    Busy(u64),
    Failed(String),
}

/// The yes of a service.
#[derive(Clone, Debug)]
pub(crate) struct Yes {
    pub(crate) name: String,
    pub(crate) receipt: String,
    pub(crate) until: i64,
}

pub(crate) fn services(entries: Vec<Entry>, folder: &Path) -> Result<Vec<Service>, Fault> {
    if entries.len() > SERVICES {
        return Err(wrong(format!("there are up to {SERVICES} `[[services]]`")));
    }
    let mut all: Vec<Service> = Vec::new();
    for entry in entries {
        let name = entry.name.strip_prefix(SERVICE);
        if name.is_none_or(str::is_empty) || all.iter().any(|one| one.name == entry.name) {
            return Err(wrong(format!(
                "`services.name` is `service:NAME`, as the policy names it among approvers, each once; not `{}`",
                entry.name
            )));
        }
        crate::tell::is_told(&entry.url, "services.url")?;
        let token = entry.token_file.map(|file| read_text(&folder.join(file)));
        all.push(Service {
            name: entry.name,
            url: entry.url,
            token: token.transpose()?.map(|text| text.trim().to_owned()),
            turns: Turns::default(),
        });
    }
    Ok(all)
}

impl Service {
    /// Its yes to this call. Whatever else it says, or does not say in time, is none.
    pub(crate) fn asked(
        &self,
        bundle: &Bundle<'_>,
        handed: &Handed<'_>,
        evaluated: &Evaluated,
    ) -> Result<Yes, Refusal> {
        let no = |what: &str| {
            let detail = format!("`{}`, whose yes the policy asks for, {what}", self.name);
            Refusal::new("access_denied", "broker.service", detail)
        };
        let turn = self.turns.take(outside::TIME);
        let turn = turn.ok_or_else(|| self.busy(outside::TIME.as_secs()))?;
        let answer = self.answer(&question(handed, evaluated)?);
        drop(turn);
        let answer = answer.map_err(|none| match none {
            NoAnswer::Busy(after) => self.busy(after),
            NoAnswer::Failed(what) => no(&what),
        })?;
        if answer["decision"] != true {
            let reason = &answer["context"]["reason_user"];
            let reason = reason["en"].as_str().or_else(|| reason.as_str());
            let reason: String = reason.unwrap_or_default().chars().take(REASON).collect();
            return Err(match reason.is_empty() {
                true => no("said no"),
                false => no(&format!("said no: {reason}")),
            });
        }
        let text = answer["context"]["ambit_receipt"].as_str();
        let text = text.ok_or_else(|| no("signed nothing: `context.ambit_receipt` is missing"))?;
        let action = ask::value(handed.evaluation)?["action"]["name"].take();
        let about = About {
            tenant: handed.client.tenant.as_deref(),
            audiences: &[handed.audience],
            agent: Some(handed.client.class()),
            actions: &[action.as_str().unwrap_or_default()],
            ..About::default()
        };
        let receipt = Receipt::verify(text, &BundleKeys(bundle), &about, handed.now)
            .map_err(|error| no(&format!("signed no receipt that counts: {}", error.detail)))?;
        let fits = receipt.sub == self.name
            && receipt.approved
            && receipt.kind == ReceiptKind::Action
            && receipt.aud == handed.audience
            && base64url::encode(&receipt.binding) == evaluated.call;
        fits.then(|| Yes {
            name: self.name.clone(),
            receipt: text.to_owned(),
            until: receipt.exp,
        })
        .ok_or_else(|| no("signed a receipt for something else"))
    }

    fn busy(&self, after: u64) -> Refusal {
        let detail = format!(
            "`{}`, whose yes the policy asks for, has no room for this call now",
            self.name
        );
        let after = i64::try_from(after).unwrap_or(LONGEST).clamp(1, LONGEST);
        Refusal::new("temporarily_unavailable", BUSY, detail).after(after)
    }

    fn answer(&self, question: &Value) -> Result<Value, NoAnswer> {
        let mut request = outside::agent(self.url.starts_with("http://"))
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let silent = |error: ureq::Error| NoAnswer::Failed(format!("did not answer: {error}"));
        let sent = request.send(question.to_string().as_bytes());
        let mut response = sent.map_err(silent)?;
        match response.status().as_u16() {
            200 => {}
            429 | 503 => {
                let after = response.headers().get("retry-after");
                let after = after.and_then(|after| after.to_str().ok()?.trim().parse().ok());
                return Err(NoAnswer::Busy(after.unwrap_or(outside::TIME.as_secs())));
            }
            status => return Err(NoAnswer::Failed(format!("answered {status}"))),
        }
        let body = response
            .body_mut()
            .with_config()
            .limit(BYTES)
            .read_to_string();
        let body = body.map_err(silent)?;
        serde_json::from_str(&body)
            .map_err(|_| NoAnswer::Failed("answered what is no JSON".to_owned()))
    }
}

/// The call as an `AuthZEN` evaluation, with what a receipt for it says. Of the agent's hints nothing is in it.
fn question(handed: &Handed<'_>, evaluated: &Evaluated) -> Result<Value, Refusal> {
    let mut call = ask::value(handed.evaluation)?;
    let shown = evaluated.text(ENGLISH.tag)?;
    let mut context = json!({"ambit": {
        "binding_s256": evaluated.call, "audience": evaluated.audience, "risk_tier": evaluated.risk_tier,
        "display": {"text": shown.text, "text_s256": shown.text_s256, "locale": shown.locale,
            "renderer": shown.renderer},
        "agent": handed.client.agent, "client_id": handed.client.id, "tenant": handed.client.tenant,
        "policy_s256": evaluated.policy,
    }});
    context["purpose"] = call["context"]["purpose"].take();
    Ok(json!({
        "subject": {"type": "user", "id": handed.sub},
        "action": call["action"].take(),
        "resource": call["resource"].take(),
        "context": context,
    }))
}
