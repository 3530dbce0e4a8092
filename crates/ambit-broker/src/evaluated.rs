//! A call that was denied, as the broker evaluates it: by the policy that decides now, with nothing of what the
//! agent says about it.

use std::collections::BTreeSet;

use ambit_core::constraint::Unit;
use ambit_core::decimal_text;
use ambit_core::json::Writer;
use ambit_evaluator::{ChainCache, call_digest, evaluate, s256, with_case};
use ambit_host::Zones;
use ambit_policy::Bundle;
use ambit_token::base64url;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ask::{self, Person};
use crate::broker::Broker;
use crate::config::Client;
use crate::demands::{self, ASKED, Demand};
use crate::grant;
use crate::language::{ENGLISH, GERMAN};
use crate::refusal::Refusal;
use crate::second::{self, Service, Yes};
use crate::session::Login;

/// A call as it was handed in.
#[derive(Debug)]
pub(crate) struct Handed<'a> {
    /// An `AuthZEN` evaluation, strict JSON; other members count for nothing.
    pub(crate) evaluation: &'a str,
    pub(crate) token: &'a str,
    pub(crate) proof: &'a str,
    pub(crate) client: &'a Client,
    /// For whom the token acts.
    pub(crate) sub: &'a str,
    pub(crate) audience: &'a str,
    /// Where the proof is good.
    pub(crate) url: &'a str,
    /// The broker's own revocation epochs.
    pub(crate) epochs: Option<&'a str>,
    pub(crate) now: i64,
}

/// What the broker computed of a call; kept while it waits.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Evaluated {
    /// The action digest, which a receipt is bound to.
    pub(crate) call: String,
    /// The same for every token: what a refusal stands for.
    pub(crate) same: String,
    pub(crate) audience: String,
    pub(crate) risk_tier: String,
    /// Why it was denied.
    pub(crate) reason: String,
    /// The whole call in each language.
    pub(crate) texts: Vec<CallText>,
    /// What of it goes beyond what the agent may do on its own.
    pub(crate) differs: Vec<Differs>,
    /// The policy that said so.
    pub(crate) policy: String,
    /// Who must say yes.
    #[serde(default)]
    pub(crate) demands: Vec<Demand>,
    /// The yeses that policy services signed, once they were asked.
    #[serde(skip)]
    pub(crate) services: Option<Vec<Yes>>,
}

/// What a person reads of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CallText {
    pub(crate) text: String,
    pub(crate) text_s256: String,
    pub(crate) locale: String,
    pub(crate) renderer: String,
}

/// One argument that is not within what needs nobody's yes, told in each language.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Differs {
    pub(crate) en: String,
    pub(crate) de: String,
}

/// Names the policy, to the bit.
pub(crate) fn policy(bundle: &Bundle<'_>) -> String {
    base64url::encode(bundle.digest())
}

/// A call that is denied, before anybody was asked: of the demands, those that the denial names.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) evaluated: Evaluated,
    answer: Value,
}

/// Evaluates a call, without a yes of anybody.
pub(crate) fn denied(bundle: &Bundle<'_>, handed: &Handed<'_>) -> Result<Denied, Refusal> {
    let mut cache = ChainCache::new();
    let request = request(bundle, handed, ENGLISH.tag, &[]);
    let answer = ask::value(&evaluate(bundle, request.as_bytes(), &mut cache))?;
    if answer["decision"] == true {
        let detail = "the call is allowed without anybody's yes: make it";
        return Err(Refusal::new("invalid_request", "broker.allowed", detail));
    }
    let mut evaluated = shown(bundle, handed, &answer, &mut cache)?;
    evaluated.demands = Demand::lacking(&answer);
    with_case(bundle, request.as_bytes(), &mut cache, &mut |case| {
        let Ok(case) = case else { return };
        evaluated.same = same(handed, &case.asked());
    });
    Ok(Denied { evaluated, answer })
}

/// Asks policy services, and says who else must say yes. The call is kept only if the yeses that the policy asks for
/// turn the denial into an allow: that is tried, with receipts that never leave this function.
pub(crate) fn evaluated(
    broker: &Broker,
    bundle: &Bundle<'_>,
    handed: &Handed<'_>,
    denied: Denied,
) -> Result<Evaluated, Refusal> {
    let mut cache = ChainCache::new();
    let Denied {
        mut evaluated,
        answer,
    } = denied;
    let mut trial = Trial {
        broker,
        bundle,
        handed,
        evaluated: &evaluated,
        services: Vec::new(),
        busy: Vec::new(),
    };
    let demands = trial.demands(&answer, &mut cache)?;
    let services = trial.services;
    evaluated.demands = demands;
    evaluated.services = Some(services);
    let request = request(bundle, handed, ENGLISH.tag, &[]);
    let advice = ambit_advice::advise(bundle, request.as_bytes(), &mut cache);
    let action = ask::value(handed.evaluation)?["action"]["name"].take();
    evaluated.differs = differs(
        bundle,
        &ask::value(&advice)?,
        action.as_str().unwrap_or_default(),
    );
    Ok(evaluated)
}

/// The rounds in which a policy says who else must say yes.
const ROUNDS: usize = 4;

/// What the yeses of people would do to a call.
struct Trial<'a> {
    broker: &'a Broker,
    bundle: &'a Bundle<'a>,
    handed: &'a Handed<'a>,
    evaluated: &'a Evaluated,
    /// What policy services signed: each is asked once.
    services: Vec<Yes>,
    /// Those that could not be asked now.
    busy: Vec<(String, Refusal)>,
}

impl Trial<'_> {
    /// Who must say yes, so that the call is allowed.
    fn demands(&mut self, denied: &Value, cache: &mut ChainCache) -> Result<Vec<Demand>, Refusal> {
        let mut demands = Demand::lacking(denied);
        // A denial by another step does not say whose yes would mend it.
        let guessed = demands.is_empty();
        if guessed {
            demands.push(Demand::of_person(self.handed.sub));
        }
        for _ in 0..ROUNDS {
            let answer = self.tried(&demands, cache)?;
            if answer["decision"] == true {
                if guessed {
                    demands = self.unguessed(demands, cache)?;
                }
                return Ok(demands::joined(demands));
            }
            let more = Demand::lacking(&answer);
            let new = more.into_iter().filter(|one| !demands.contains(one));
            let new: Vec<Demand> = new.collect();
            if new.is_empty() {
                return Err(refused(&answer));
            }
            demands.extend(new);
        }
        let detail = "the policy asks for more and more people: their yeses would not be enough";
        Err(Refusal::new("access_denied", "broker.approvers", detail))
    }

    /// Whether the person, whose yes was guessed, must say yes, or is one of several who may: what others must say is
    /// told without what the person has said.
    fn unguessed(
        &mut self,
        demands: Vec<Demand>,
        cache: &mut ChainCache,
    ) -> Result<Vec<Demand>, Refusal> {
        let mut others = demands.get(1..).unwrap_or_default().to_vec();
        if others.is_empty() {
            return Ok(demands);
        }
        let answer = self.tried(&others, cache)?;
        if answer["decision"] == true {
            return Ok(others);
        }
        let sub = self.handed.sub;
        for rest in Demand::lacking(&answer) {
            let others_of = |name: &&String| *name != sub;
            let is_of = |one: &&mut Demand| {
                let mut names = rest.approvers.iter().filter(others_of).peekable();
                names.peek().is_some() && names.all(|name| one.approvers.contains(name))
            };
            if !rest.approvers.iter().any(|name| name == sub) {
                continue;
            }
            if let Some(one) = others.iter_mut().find(is_of) {
                one.approvers.push(sub.to_owned());
                one.count += 1;
                if self.tried(&others, cache)?["decision"] == true {
                    return Ok(others);
                }
                break;
            }
        }
        Ok(demands)
    }

    /// The yes of a service. `None`: it cannot be asked now, and perhaps others are enough.
    fn yes_of(&mut self, service: &Service) -> Result<Option<Yes>, Refusal> {
        if let Some(yes) = self.services.iter().find(|yes| yes.name == service.name) {
            return Ok(Some(yes.clone()));
        }
        if self.busy.iter().any(|(name, _)| *name == service.name) {
            return Ok(None);
        }
        match service.asked(self.bundle, self.handed, self.evaluated) {
            Ok(yes) => {
                self.services.push(yes.clone());
                Ok(Some(yes))
            }
            Err(refusal) if refusal.code == second::BUSY => {
                self.busy.push((service.name.clone(), refusal));
                Ok(None)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// What the policy says once enough of them have said yes.
    fn tried(&mut self, demands: &[Demand], cache: &mut ChainCache) -> Result<Value, Refusal> {
        let (broker, handed) = (self.broker, self.handed);
        let mut receipts = Vec::new();
        let mut asked = BTreeSet::new();
        for demand in demands {
            let mut services = 0;
            for service in demand.services(&broker.config) {
                let Some(yes) = self.yes_of(service)? else {
                    continue;
                };
                services += 1;
                if !receipts.contains(&yes.receipt) {
                    receipts.push(yes.receipt);
                }
            }
            let people = demand.people(&broker.config, handed.client);
            let wanted = demand.count.saturating_sub(services);
            if people.len() < wanted || people.len() > ASKED {
                let lacks = |(name, _): &(String, Refusal)| demand.approvers.contains(name);
                if let Some(at) = self.busy.iter().position(lacks) {
                    return Err(self.busy.swap_remove(at).1);
                }
                let detail = format!(
                    "{} of {} must say yes, and the broker knows {} of them",
                    demand.count,
                    demand.approvers.join(", "),
                    people.len() + services
                );
                return Err(Refusal::new("access_denied", "broker.approvers", detail));
            }
            asked.extend(people.into_iter().take(wanted));
        }
        let login = Login::passkey(handed.now);
        let english = self.evaluated.text(ENGLISH.tag)?;
        for sub in asked {
            let person = Person { sub, login: &login };
            let glass = demands::breaks(&broker.config, demands, sub);
            let roles = demands::roles(&broker.config, demands, sub, glass);
            receipts.push(grant::of_call(
                broker,
                self.bundle,
                (self.evaluated, english),
                (person, &roles),
                handed.now,
                handed.now + 60,
            )?);
        }
        let request = request(self.bundle, handed, ENGLISH.tag, &receipts);
        ask::value(&evaluate(self.bundle, request.as_bytes(), cache))
    }
}

/// What people are shown of the call. What cannot be shown cannot be approved.
fn shown(
    bundle: &Bundle<'_>,
    handed: &Handed<'_>,
    denied: &Value,
    cache: &mut ChainCache,
) -> Result<Evaluated, Refusal> {
    let mut texts = Vec::new();
    let mut shown = Value::Null;
    for words in [&GERMAN, &ENGLISH] {
        let request = request(bundle, handed, words.tag, &[]);
        shown = ask::value(&call_digest(bundle, request.as_bytes(), cache))?;
        if shown["binding_s256"].is_null() {
            return Err(refused(denied));
        }
        if shown["display"].is_null() {
            let detail = "the call cannot be shown whole to a person: it is too long, or refers to what only the service knows";
            return Err(Refusal::new("access_denied", "broker.unshown", detail));
        }
        texts.push(text_of(&shown["display"]));
    }
    Ok(Evaluated {
        call: text(&shown, "binding_s256"),
        same: String::new(),
        audience: handed.audience.to_owned(),
        risk_tier: text(&shown, "risk_tier"),
        reason: text(&denied["context"]["reason"], "code"),
        texts,
        differs: Vec::new(),
        policy: policy(bundle),
        demands: Vec::new(),
        services: None,
    })
}

impl Evaluated {
    /// As it is kept. Of a call that an older broker kept, the person is asked for whom the token acts.
    pub(crate) fn kept(text: &str, sub: &str) -> Result<Self, Refusal> {
        let mut evaluated: Self = serde_json::from_str(text)
            .map_err(|error| Refusal::own("broker.json", error.to_string()))?;
        if evaluated.demands.is_empty() {
            evaluated.demands.push(Demand::of_person(sub));
        }
        Ok(evaluated)
    }

    pub(crate) fn text(&self, tag: &str) -> Result<&CallText, Refusal> {
        let mut texts = self.texts.iter();
        let found = texts.find(|text| text.locale == tag);
        found.ok_or_else(|| Refusal::own("broker.json", "a call has no text"))
    }
}

/// The request for the evaluator. Facts are the broker's: of the agent it knows what the operator wrote down.
fn request(bundle: &Bundle<'_>, handed: &Handed<'_>, tag: &str, receipts: &[String]) -> String {
    let mut facts = json!({
        "now": handed.now, "audience": handed.audience, "method": "POST", "url": handed.url,
        "locale": tag, "agent": handed.client.agent,
    });
    facts["agent"]["iat"] = json!(handed.now);
    if let Some(tenant) = &handed.client.tenant {
        facts["tenant"] = json!(tenant);
    }
    let offsets = Zones::of(bundle).offsets(handed.now);
    if let Some(offsets) = offsets.and_then(|text| ask::value(&text).ok()) {
        facts["utc_offsets"] = offsets;
    }
    let mut out = Writer::with_capacity(4096);
    out.object(|out| {
        out.name("evaluation").raw(handed.evaluation);
        out.name("token").string(handed.token);
        out.name("proof").string(handed.proof);
        if let Some(epochs) = handed.epochs {
            out.name("statements").array(|out| {
                out.string(epochs);
            });
        }
        if !receipts.is_empty() {
            out.name("approvals").array(|out| {
                for receipt in receipts {
                    out.string(receipt);
                }
            });
        }
        out.name("facts").raw(&facts.to_string());
    });
    out.finish()
}

/// Who for, which agent, and all of the call, whatever the token.
fn same(handed: &Handed<'_>, asked: &ambit_evaluator::Asked<'_>) -> String {
    let mut args = Writer::default();
    args.json(asked.arguments);
    let parts = json!([
        handed.sub,
        handed.client.class(),
        handed.audience,
        asked.action,
        asked.resource_type,
        asked.resource_id,
        asked.purpose,
        args.finish()
    ]);
    s256(parts.to_string().as_bytes())
}

/// Why nobody's yes helps, or the request is none.
fn refused(answer: &Value) -> Refusal {
    let reason = &answer["context"]["reason"];
    let code = text(reason, "code");
    let (error, of) = match code.split_once('.') {
        Some(("request", _)) => ("invalid_request", "admin"),
        Some(("possession", _)) => ("invalid_dpop_proof", "admin"),
        Some(("token", _) | ("revocation", "revoked")) => ("invalid_token", "user"),
        _ => ("access_denied", "user"),
    };
    Refusal::new(error, code, text(reason, of))
}

/// Of the arguments with which nobody is asked: those that differ from them.
fn differs(bundle: &Bundle<'_>, advice: &Value, action: &str) -> Vec<Differs> {
    let alternatives = advice["alternatives"].as_array();
    let mut steps = alternatives.into_iter().flatten().map(|one| &one["steps"]);
    let only_others = |steps: &&Value| {
        let steps = steps.as_array().map_or(&[][..], Vec::as_slice);
        steps.len() == 1 && steps[0]["type"] == "change_request"
    };
    let changes = steps.find(only_others).map(|steps| &steps[0]["changes"]);
    let changes = changes.and_then(Value::as_array).into_iter().flatten();
    changes.map(|change| told(bundle, action, change)).collect()
}

fn told(bundle: &Bundle<'_>, action: &str, change: &Value) -> Differs {
    let name = text(change, "argument");
    let argument = bundle
        .action(action)
        .and_then(|action| action.argument(&name));
    let label = |tag: &str| {
        let label = argument.and_then(|argument| argument.label_in(tag));
        let label = label.and_then(|label| label.split(',').next());
        label.unwrap_or(&name).to_owned()
    };
    let asked = text(change, "asked");
    let unit = bundle.unit(action, &name);
    let end = |name: &str| change[name].as_i64().map(|end| german_number(end, unit));
    let within = match (end("min"), end("max")) {
        (Some(min), Some(max)) => format!("von {min} bis {max}"),
        (Some(min), None) => format!("mindestens {min}"),
        (None, Some(max)) => format!("höchstens {max}"),
        (None, None) => "einen anderen Wert".to_owned(),
    };
    let number = matches!(unit, Unit::Money { .. } | Unit::Number(_));
    let german = if number {
        asked.replace('.', ",")
    } else {
        asked.clone()
    };
    Differs {
        en: format!(
            "{}: {asked}. Without your yes it must be {}.",
            label("en"),
            text(change, "allowed")
        ),
        de: format!(
            "{}: {german}. Ohne Ihr Ja darf er nur {within}.",
            label("de")
        ),
    }
}

fn german_number(units: i64, unit: Unit<'_>) -> String {
    match unit {
        Unit::Money { decimals } => decimal_text(units, decimals).replace('.', ","),
        Unit::Named(name) | Unit::Number(Some(name)) => format!("{units} {name}"),
        Unit::None | Unit::Number(None) => units.to_string(),
    }
}

fn text_of(display: &Value) -> CallText {
    CallText {
        text: text(display, "text"),
        text_s256: text(display, "text_s256"),
        locale: text(display, "locale"),
        renderer: text(display, "renderer"),
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
