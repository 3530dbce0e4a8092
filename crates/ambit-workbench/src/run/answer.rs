//! What came of a case: the answer, the rule that decided, and how it differs from what is expected.

use ambit_compiler::Project;
use ambit_core::Reason;
use serde_json::Value as Json;

use super::Request;
use crate::cases::{Case, Expect, StepUp};

/// What came of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was asked.
    pub request: Request,
    /// What was answered.
    pub answer: Json,
    /// What decided.
    pub rules: Vec<Rule>,
    /// How the answer differs from what the case expects; nothing where it does not.
    pub faults: Vec<String>,
}

/// Something that an author wrote and that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is: ``the forbid `large` ``.
    pub what: String,
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl Outcome {
    pub(super) fn new(project: &Project, case: &Case, request: Request, answer: Json) -> Self {
        let mut outcome = Self {
            request,
            answer,
            rules: Vec::new(),
            faults: Vec::new(),
        };
        outcome.rules = outcome.rules(project, case);
        outcome.faults = outcome.faults(case);
        outcome
    }

    /// Whether the answer is the one expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.faults.is_empty()
    }

    /// Whether the request was allowed.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.answer["decision"] == true
    }

    /// The code of the reason.
    #[must_use]
    pub fn code(&self) -> &str {
        self.text("code")
    }

    /// The reason in detail.
    #[must_use]
    pub fn admin(&self) -> &str {
        self.text("admin")
    }

    fn text(&self, member: &str) -> &str {
        let reason = &self.answer["context"]["reason"];
        reason[member].as_str().unwrap_or_default()
    }

    /// What would help, by the steps of the remedy.
    #[must_use]
    pub fn step_ups(&self) -> Vec<StepUp> {
        let steps = self.answer["context"]["remedy"]["steps"].as_array();
        let steps = steps.into_iter().flatten();
        let mut found = Vec::new();
        for step in steps.filter(|step| step["type"] == "step_up") {
            match step["step_up"].as_str() {
                Some("approval") => found.push(StepUp::Approval),
                Some("login") => {
                    found.push(StepUp::Login);
                    let methods = step["amr_values"].as_array();
                    if methods.is_some_and(|methods| methods.iter().any(|one| one == "mfa")) {
                        found.push(StepUp::Mfa);
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The guard rails that decided, by their `@id`.
    #[must_use]
    pub fn policies(&self) -> Vec<&str> {
        self.decided()
            .filter_map(|policy| policy["id"].as_str())
            .collect()
    }

    /// Of the guard rails that the answer lists, those without which it would be another: the satisfied of
    /// its own effect, or those `forbid` that erred.
    fn decided(&self) -> impl Iterator<Item = &Json> {
        let erring = self.code() == Reason::PolicyError.code();
        let effect = if self.allowed() { "permit" } else { "forbid" };
        let policies = self.answer["context"]["policies"].as_array();
        let policies = policies.into_iter().flatten();
        policies
            .filter(move |policy| policy["effect"] == effect && policy["error"].is_null() != erring)
    }

    fn rules(&self, project: &Project, case: &Case) -> Vec<Rule> {
        if let Some(entry) = entry_of(self.admin()) {
            let index = match entry {
                Entry::Manifest(index) => Some(index),
                Entry::Token(index) => self.request.entries.get(index).copied(),
            };
            let rule = match index {
                Some(index) => in_manifest(project, case, index, self.argument()),
                None => Some(Rule {
                    what: "the `grant` of the case".to_owned(),
                    file: case.spot.file.clone(),
                    line: case.spot.line,
                }),
            };
            return rule.into_iter().collect();
        }
        self.decided()
            .map(|policy| {
                let text = |name: &str| policy[name].as_str().unwrap_or_default();
                let erred = policy["error"].as_str();
                let erred = erred.map(|kind| format!(", which erred: {kind}"));
                let line = policy["line"].as_u64().unwrap_or_default();
                Rule {
                    what: format!(
                        "the {} `{}`{}",
                        text("effect"),
                        text("id"),
                        erred.unwrap_or_default()
                    ),
                    file: text("file").to_owned(),
                    line: usize::try_from(line).unwrap_or_default(),
                }
            })
            .collect()
    }

    /// The argument that misses its bound.
    fn argument(&self) -> Option<&str> {
        let steps = self.answer["context"]["remedy"]["steps"].as_array()?;
        let mut changes = steps.iter().filter_map(|step| step["changes"].as_array());
        changes.next()?.first()?["argument"].as_str()
    }

    /// Whether it is the decision that the case expects; which policies decided is another question.
    #[must_use]
    pub fn is_as_expected(&self, case: &Case) -> bool {
        match case.expect {
            Expect::Allow => self.allowed(),
            Expect::Deny => !self.allowed() && is_judged(self.code()),
            Expect::Reason(reason) => !self.allowed() && self.code() == reason.code(),
            Expect::StepUp(step_up) => !self.allowed() && self.step_ups().contains(&step_up),
        }
    }

    fn faults(&self, case: &Case) -> Vec<String> {
        let mut faults = Vec::new();
        let answer = self.in_words();
        let as_expected = self.is_as_expected(case);
        if !as_expected {
            faults.push(format!(
                "expected {}, and the answer is {answer}",
                case.expect
            ));
        }
        if !as_expected && !self.allowed() && !is_judged(self.code()) {
            faults.push(
                "the request has a fault of its own, so the policy was not asked: mend the case"
                    .to_owned(),
            );
        }
        let unknown = |policy: &Json| policy["error"] == "entity_does_not_exist";
        if !as_expected && self.decided().any(unknown) {
            faults.push("a policy looks at an entity that `entities` does not have".to_owned());
        }
        // Of another decision other policies are the cause, and no second difference.
        if let Some(expected) = case.policies.as_ref().filter(|_| as_expected) {
            let decided = self.policies();
            let missing = expected.iter().filter(|id| !decided.contains(&id.as_str()));
            faults.extend(
                missing
                    .map(|id| format!("expected that the policy `{id}` decides, and it did not")),
            );
            let others = decided
                .iter()
                .filter(|id| !expected.iter().any(|one| one == *id));
            faults.extend(
                others.map(|id| {
                    format!("the policy `{id}` decided, and `policies` does not name it")
                }),
            );
        }
        faults
    }

    /// `allow` or `deny`, with the reason, the policies that decided and what would help.
    #[must_use]
    pub fn in_words(&self) -> String {
        let by = match self.policies().as_slice() {
            [] => String::new(),
            policies => format!(", by {}", policies.join(", ")),
        };
        if self.allowed() {
            return format!("allow{by}");
        }
        let help = self.step_ups().into_iter().map(Expect::StepUp);
        let help: Vec<String> = help.map(|one| one.to_string()).collect();
        let help = match help.as_slice() {
            [] => String::new(),
            steps => format!("; {} would help", steps.join(" and ")),
        };
        format!("deny with {}{by}{help}", self.code())
    }

    /// Why it is denied: in detail, or in the words of the policies that decided.
    #[must_use]
    pub fn why(&self) -> &str {
        match self.policies().is_empty() {
            true => self.admin(),
            false => self.text("user"),
        }
    }
}

/// Whether a denial with this code says something about the policy. Others mean that the request has a
/// fault of its own, so that the policy was never asked.
fn is_judged(code: &str) -> bool {
    let group = code.split('.').next().unwrap_or_default();
    let faulty = [
        "request",
        "facts",
        "token",
        "chain",
        "key",
        "possession",
        "status",
        "revocation",
        "obligation",
        "engine",
    ];
    !faulty.contains(&group) && code != Reason::PolicyMalformed.code()
}

enum Entry {
    Manifest(usize),
    Token(usize),
}

/// The capability that a denial names.
fn entry_of(admin: &str) -> Option<Entry> {
    let number = |rest: &str| rest.split(']').next()?.parse().ok();
    if let Some(rest) = admin.strip_prefix("manifest, `capabilities[") {
        return number(rest).map(Entry::Manifest);
    }
    let (_, rest) = admin
        .strip_prefix("token block ")?
        .split_once("`authorization_details[")?;
    number(rest).map(Entry::Token)
}

fn in_manifest(
    project: &Project,
    case: &Case,
    index: usize,
    argument: Option<&str>,
) -> Option<Rule> {
    let place = project.entry_places(&case.scope.agent).get(index)?;
    let bound = argument.and_then(|name| {
        let line = place.parts.get(&format!("constraints.{name}"))?;
        Some((
            format!("the bound of `{name}` in capability {}", index + 1),
            *line,
        ))
    });
    let (what, line) = bound.unwrap_or_else(|| (format!("capability {}", index + 1), place.line));
    Some(Rule {
        what: format!("{what} of the manifest `{}`", case.scope.agent),
        file: place.file.clone(),
        line,
    })
}
