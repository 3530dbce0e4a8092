//! What waits for a person's answer: a call as a gateway keeps it or an answer says it, or the draft of a token.

use ambit_compiler::mint::refuse_private_keys;
use ambit_core::describe::is_seen;
use ambit_core::json::{Document, Json, Profile};
use ambit_evaluator::s256;
use ambit_policy::Bundle;
use ambit_token::base64url;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::files::{self, Input};
use crate::frame::quoted;
use crate::say::foreign;
use crate::time::clock;
use crate::{advice, keys};

/// By what a draft is put into words.
pub(super) struct Reader<'a> {
    pub(super) bundle: &'a Bundle<'a>,
    pub(super) locale: &'a str,
    pub(super) now: i64,
}

/// One call or grant, as it is put before people.
pub(super) struct Proposal {
    pub(super) binding_s256: String,
    pub(super) risk_tier: String,
    pub(super) text: String,
    pub(super) text_s256: String,
    pub(super) locale: String,
    pub(super) renderer: String,
    /// The service, where it is named.
    pub(super) audience: Option<String>,
    /// The claims, where it is a grant.
    pub(super) grant: Option<String>,
    /// By which clock the text was made.
    pub(super) clock: Vec<(&'static str, i64)>,
    /// Whose yes is wanted, and of how many of them.
    asked: Vec<(Vec<String>, i64)>,
}

impl Proposal {
    pub(super) fn read(input: &Input, reader: &Reader<'_>) -> Result<Self, Failure> {
        let bytes = input.read(files::SMALL)?;
        let document = Document::parse(&bytes, Profile::Request)
            .map_err(|error| not_one(&format!("this is not JSON: {error}")));
        let proposal = document.and_then(|document| {
            let root = document.root();
            match root.get("authorization_details") {
                Some(_) => Self::of_draft(&bytes, reader),
                None => Self::of(root),
            }
        });
        proposal.map_err(|failure| failure.at_place(input.name()))
    }

    fn of(root: Json<'_>) -> Result<Self, Failure> {
        let Some(shown) = shown(root) else {
            let message =
                "this is neither a proposal nor an answer that says who must approve what";
            return Err(not_one(message));
        };
        if let Some(steps) = shown.get("steps") {
            only_approvals(steps)?;
        }
        let read = || {
            let display = shown.get("display")?;
            let people = shown.get("approvals").or_else(|| shown.get("steps"));
            Some(Self {
                binding_s256: text(shown, "binding_s256")?,
                risk_tier: text(shown, "risk_tier")?,
                text: text(display, "text")?,
                text_s256: text(display, "text_s256")?,
                locale: text(display, "locale")?,
                renderer: text(display, "renderer")?,
                audience: audience(root),
                grant: None,
                clock: Vec::new(),
                asked: people.map(asked).unwrap_or_default(),
            })
        };
        let proposal =
            read().ok_or_else(|| not_one("the proposal lacks a member, or has another form"))?;
        proposal.check()?;
        Ok(proposal)
    }

    /// The claims that `ambit mint --draft` or `ambit describe --choose` wrote, in the words of the policy.
    fn of_draft(bytes: &[u8], reader: &Reader<'_>) -> Result<Self, Failure> {
        let claims = draft(bytes)?;
        let clock = clock(reader.now, claims["exp"].as_i64().unwrap_or(reader.now));
        let mut request = json!({"claims": &claims, "locale": reader.locale});
        for (name, value) in &clock {
            request[name] = json!(value);
        }
        let said = ambit_advice::describe(reader.bundle, request.to_string().as_bytes());
        let said: Value = serde_json::from_str(&said)
            .map_err(|error| Failure::tool("describe.answer", error.to_string()))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(error) = said.get("error") {
            return Err(Failure::unusable(
                text(&error["code"]),
                foreign(&text(&error["admin"]), 400),
            ));
        }
        let proposal = Self {
            binding_s256: text(&said["binding_s256"]),
            risk_tier: text(&said["risk_tier"]),
            text: text(&said["text"]),
            text_s256: text(&said["text_s256"]),
            locale: text(&said["locale"]),
            renderer: text(&said["renderer"]),
            audience: claims["iss"].as_str().map(str::to_owned),
            grant: Some(claims.to_string()),
            clock,
            asked: Vec::new(),
        };
        proposal.check()?;
        Ok(proposal)
    }

    /// Whether whoever makes the token will take this receipt. That others must agree too is not its fault.
    pub(super) fn check_grant(
        &self,
        bundle: &Bundle<'_>,
        receipt: &str,
        now: i64,
    ) -> Result<(), Failure> {
        let Some(claims) = &self.grant else {
            return Ok(());
        };
        let document = Document::parse(claims.as_bytes(), Profile::Signed)
            .map_err(|error| not_one(&error.to_string()))?;
        match ambit_advice::check_grant(bundle, document.root(), None, &[receipt], now) {
            Err(error) if !["approval.required", "approval.denied"].contains(&error.code) => {
                let failure = Failure::denied(error.code, error.detail);
                Err(match advice::find(error.code) {
                    Some(advice) => failure.help(advice.action),
                    None => failure,
                })
            }
            _ => Ok(()),
        }
    }

    /// What is shown is what is signed, and nothing in it acts on a terminal.
    fn check(&self) -> Result<(), Failure> {
        if base64url::decode_array::<32>(self.binding_s256.as_bytes()).is_none() {
            return Err(not_one("`binding_s256` is no digest"));
        }
        if s256(self.text.as_bytes()) != self.text_s256 {
            return Err(altered(
                "the text is not the one whose hash the proposal names",
            ));
        }
        if !self.text.chars().all(|one| one == '\n' || is_seen(one)) {
            return Err(altered(
                "the text holds what cannot be seen, which the evaluator never writes",
            ));
        }
        Ok(())
    }

    /// Whether this is what the policy makes of the request: digest, risk and text.
    pub(super) fn compare(&self, made: &str) -> Result<(), Failure> {
        let document = Document::parse(made.as_bytes(), Profile::Request)
            .map_err(|error| Failure::tool("engine.answer", error.to_string()))?;
        let made = document.root();
        if let Some(reason) = made
            .get("context")
            .and_then(|context| context.get("reason"))
        {
            let say = |name| reason.get(name).and_then(Json::as_str).unwrap_or_default();
            return Err(Failure::unusable(say("code"), foreign(say("admin"), 400)));
        }
        let Some(display) = made.get("display") else {
            let message = "the policy has no text for this request, so nobody can approve it";
            return Err(Failure::denied("approve.altered", message));
        };
        for (object, name, ours) in [
            (made, "binding_s256", &self.binding_s256),
            (made, "risk_tier", &self.risk_tier),
            (display, "locale", &self.locale),
            (display, "renderer", &self.renderer),
            (display, "text", &self.text),
        ] {
            if text(object, name).as_ref() != Some(ours) {
                let message = format!("the policy makes another `{name}` of this request");
                return Err(altered(&message));
            }
        }
        Ok(())
    }

    pub(super) fn asks(&self, person: &str) -> bool {
        let mut people = self.asked.iter().flat_map(|(people, _)| people);
        people.any(|one| one == person)
    }

    /// How many answers are wanted in all.
    pub(super) fn wanted(&self) -> i64 {
        let counts = self.asked.iter().map(|(_, count)| *count);
        counts.fold(0, i64::saturating_add)
    }

    /// Whose yes is wanted, in words.
    pub(super) fn people(&self) -> String {
        let groups = self
            .asked
            .iter()
            .map(|(people, count)| match people.as_slice() {
                [one] => quoted(one),
                _ => {
                    let people: Vec<String> = people.iter().map(|one| quoted(one)).collect();
                    format!("{count} of {}", people.join(", "))
                }
            });
        groups.collect::<Vec<_>>().join("; ")
    }
}

/// The object that has digest and text: the proposal itself, what an answer of `ambit evaluate` or `ambit
/// pdp` proposes, or what it denies for want of a yes.
fn shown(root: Json<'_>) -> Option<Json<'_>> {
    if root.get("binding_s256").is_some() {
        return Some(root);
    }
    let context = root.get("context")?;
    let is_approve = |one: &Json<'_>| one.get("type").and_then(Json::as_str) == Some("approve");
    let obligations = context
        .get("obligations")
        .into_iter()
        .flat_map(Json::elements);
    let proposed = obligations
        .filter(is_approve)
        .find_map(|one| one.get("ext"));
    let remedy = || {
        context
            .get("remedy")
            .filter(|it| it.get("display").is_some())
    };
    proposed.or_else(|| context.get("proposed")).or_else(remedy)
}

/// A yes to a call that lacks more than that would not let it run, and might count once the rest is there.
fn only_approvals(steps: Json<'_>) -> Result<(), Failure> {
    let lacks = |kind| {
        let mut steps = steps.elements();
        steps.any(|step| step.get("step_up").and_then(Json::as_str) == Some(kind))
    };
    let mut kinds = steps
        .elements()
        .map(|step| step.get("step_up").and_then(Json::as_str));
    if kinds.all(|kind| kind == Some("approval")) {
        return Ok(());
    }
    let (message, help) = if lacks("login") {
        (
            "the call lacks a login, too: a yes alone would not let it run",
            "have the person log in and the call made again: the new answer says whose yes is still wanted",
        )
    } else {
        (
            "the call lacks more than a yes, which alone would not let it run",
            "look at the `remedy` of the answer: do the other steps first, and have the call made again",
        )
    };
    Err(Failure::unusable("approve.steps", message).help(help))
}

/// The service at which the call is made: in a proposal beside the text, in an answer in its record.
fn audience(root: Json<'_>) -> Option<String> {
    let record = || root.get("context")?.get("record");
    text(root, "audience").or_else(|| text(record()?, "audience"))
}

fn asked(list: Json<'_>) -> Vec<(Vec<String>, i64)> {
    let groups = list.elements().filter_map(|one| {
        let people = one.get("approvers")?.elements();
        let people = people.filter_map(|person| person.as_str().map(str::to_owned));
        Some((people.collect(), one.get("count")?.as_int()?))
    });
    groups.collect()
}

/// Strict JSON without a private key in it, as whoever signs it reads it.
fn draft(bytes: &[u8]) -> Result<Value, Failure> {
    let unusable = |message: String| Failure::unusable("describe.request", message);
    Document::parse(bytes, Profile::Signed)
        .map_err(|error| unusable(format!("the claims are not strict JSON: {error}")))?;
    let claims: Value = serde_json::from_slice(bytes)
        .map_err(|_| unusable("the claims are not strict JSON".to_owned()))?;
    refuse_private_keys(&claims).map_err(|error| keys::compile(&error))?;
    Ok(claims)
}

fn text(object: Json<'_>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

fn not_one(message: &str) -> Failure {
    Failure::unusable("approve.proposal", message)
        .help("give a file of the proposals folder, an answer of `ambit evaluate` to a call that wants a yes, or a draft of `ambit mint`")
}

fn altered(message: &str) -> Failure {
    Failure::denied("approve.altered", message)
        .help("do not approve it: ask for the proposal again, and find out who changed it")
}
