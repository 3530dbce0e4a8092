//! What waits for a person's answer: as a gateway keeps it, or as an answer says it.

use ambit_core::describe::is_seen;
use ambit_core::json::{Document, Json, Profile};
use ambit_evaluator::s256;
use ambit_token::base64url;

use crate::failure::Failure;
use crate::files::{self, Input};
use crate::say::foreign;

/// One call, as it is put before people.
pub(super) struct Proposal {
    pub(super) binding_s256: String,
    pub(super) risk_tier: String,
    pub(super) text: String,
    pub(super) text_s256: String,
    pub(super) locale: String,
    pub(super) renderer: String,
    /// The service, where it is named.
    pub(super) audience: Option<String>,
    /// Whose yes is wanted, and of how many of them.
    asked: Vec<(Vec<String>, i64)>,
}

impl Proposal {
    pub(super) fn read(input: &Input) -> Result<Self, Failure> {
        let bytes = input.read(files::SMALL)?;
        let document = Document::parse(&bytes, Profile::Request)
            .map_err(|error| not_one(&format!("this is not JSON: {error}")));
        let proposal = document.and_then(|document| Self::of(document.root()));
        proposal.map_err(|failure| failure.at_place(input.name()))
    }

    fn of(root: Json<'_>) -> Result<Self, Failure> {
        let Some(shown) = shown(root) else {
            let message =
                "this is neither a proposal nor an answer that says who must approve what";
            return Err(not_one(message));
        };
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
                asked: people.map(asked).unwrap_or_default(),
            })
        };
        let proposal =
            read().ok_or_else(|| not_one("the proposal lacks a member, or has another form"))?;
        proposal.check()?;
        Ok(proposal)
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
                [one] => one.clone(),
                _ => format!("{count} of {}", people.join(", ")),
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

fn text(object: Json<'_>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

fn not_one(message: &str) -> Failure {
    Failure::unusable("approve.proposal", message)
        .help("give a file of the proposals folder, or an answer of `ambit evaluate` to a call that wants a yes")
}

fn altered(message: &str) -> Failure {
    Failure::denied("approve.altered", message)
        .help("do not approve it: ask for the proposal again, and find out who changed it")
}
