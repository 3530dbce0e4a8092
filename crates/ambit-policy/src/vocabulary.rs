//! The vocabulary: what actions there are, on what, with which arguments.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::{Contradiction, contradiction};
use ambit_core::constraint::{self, Arguments, Declared};
use ambit_core::describe::Form;
use ambit_core::json::{Json, Kind};
use ambit_core::{Power, Powers};

use crate::Bundle;
use crate::cedar::canonical_text;

/// The language of `@label`; other languages have annotations of their own (`@label_de`).
const LABEL_LANGUAGE: &str = "en";

/// What is wrong with a pattern, and what to write instead.
const LIKE_TRAP: &str = "`like` does not bound a path, a URL, a host, or whom or what is reached: a `*` also goes \
     across `/`, `.` and `@`; use `subpath`, `url`, `host`, `email_domain` or `one_of`";

/// Whether a constraint is a pattern, or has one in it.
fn has_pattern(spec: Json<'_>) -> bool {
    let inner = spec.get("constraint").into_iter();
    constraint::kind(spec) == Some(constraint::Kind::Like)
        || inner
            .chain(spec.get_elements("constraints"))
            .any(has_pattern)
}

/// The words of `json` for people who read this language (a tag such as `de`).
pub(crate) fn label_in<'a>(json: Json<'a>, language: &str) -> Option<&'a str> {
    if language == LABEL_LANGUAGE {
        return json.get("label")?.as_str();
    }
    json.get("labels")?.get(language)?.as_str()
}

/// The same in a form, where it has words of its own.
fn form_in<'a>(json: Json<'a>, form: Form, language: &str) -> Option<&'a str> {
    match form {
        Form::Name => label_in(json, language),
        form => json.get("forms")?.get(language)?.get(form.name())?.as_str(),
    }
}

impl Bundle<'_> {
    /// All actions, sorted by name.
    pub fn actions(&self) -> impl Iterator<Item = (&str, Action<'_>)> {
        let actions = self.root().get("actions").map(Json::members);
        let actions = actions.into_iter().flatten();
        actions.map(|(name, action)| (name, Action(action)))
    }

    /// The first bound of an entry that the vocabulary contradicts for one of the actions that it names.
    /// Actions that are not in the vocabulary are left out.
    #[must_use]
    pub fn contradiction(&self, entry: Json<'_>) -> Option<Contradiction> {
        let names = entry.get("actions").into_iter().flat_map(Json::elements);
        let actions: Vec<Action<'_>> = names
            .filter_map(|name| self.action(name.as_str()?))
            .collect();
        let actions: Vec<&dyn Arguments> = actions
            .iter()
            .map(|action| -> &dyn Arguments { action })
            .collect();
        contradiction(entry, &actions)
    }

    /// The first bound of an entry that is a pattern, of an argument where a star goes across the parts that it has:
    /// a path, a URL, a host, or whom or what the call reaches. Nobody signs such a bound; one that was signed is
    /// judged like any other.
    #[must_use]
    pub fn like_trap(&self, entry: Json<'_>) -> Option<Contradiction> {
        let mut constraints = entry.get_members("constraints");
        let (name, _) = constraints.find(|(name, spec)| {
            let mut actions = entry.get_elements("actions");
            has_pattern(*spec)
                && actions.any(|action| {
                    let action = action.as_str().and_then(|action| self.action(action));
                    let argument = action.and_then(|action| action.argument(name));
                    argument.is_some_and(Argument::has_parts)
                })
        })?;
        Some(Contradiction {
            member: format!("constraints.{name}"),
            detail: String::from(LIKE_TRAP),
        })
    }

    /// The label of a resource type in a form and language.
    #[must_use]
    pub fn resource_label_in(&self, name: &str, form: Form, language: &str) -> Option<&str> {
        form_in(self.resource(name)?, form, language)
    }

    /// How a person ends what an agent may do, in this language, where the policy says it.
    #[must_use]
    pub fn stop_in(&self, language: &str) -> Option<&str> {
        self.root().get("stop")?.get(language)?.as_str()
    }

    /// All resource types that have a label in this language, with it, sorted by name.
    pub fn resource_labels(&self, language: &str) -> impl Iterator<Item = (&str, &str)> {
        let resources = self.root().get("resources").map(Json::members);
        let resources = resources.into_iter().flatten();
        resources.filter_map(move |(name, resource)| Some((name, label_in(resource, language)?)))
    }
}

/// What the schema says about one action.
#[derive(Clone, Copy, Debug)]
pub struct Action<'a>(pub(crate) Json<'a>);

impl<'a> Action<'a> {
    /// The words for people (`@label`).
    #[must_use]
    pub fn label(self) -> Option<&'a str> {
        self.0.get("label")?.as_str()
    }

    /// The words in a language (`@label`, `@label_de` …).
    #[must_use]
    pub fn label_in(self, language: &str) -> Option<&'a str> {
        label_in(self.0, language)
    }

    /// The words for what it does in a power, where it has any of its own (`@label("…, draft: …")`).
    #[must_use]
    pub fn form_in(self, form: Form, language: &str) -> Option<&'a str> {
        form_in(self.0, form, language)
    }

    /// The full name of the entity type of the action in policies.
    #[must_use]
    pub fn cedar(self) -> Option<&'a str> {
        self.0.get("cedar")?.as_str()
    }

    /// The powers in which the action can be used (`@powers`).
    #[must_use]
    pub fn powers(self) -> Powers {
        let names = self.0.get("powers").map(Json::elements);
        names
            .into_iter()
            .flatten()
            .filter_map(|name| Power::from_name(name.as_str()?))
            .collect()
    }

    /// The risk tier of a power: `low`, `medium`, `high` or `critical`. Unknown is `critical`.
    #[must_use]
    pub fn risk(self, power: Power) -> &'a str {
        self.0
            .get("risk")
            .and_then(|risk| risk.get(power.name()))
            .and_then(Json::as_str)
            .unwrap_or("critical")
    }

    /// Whether an effect is declared: `irreversible`, `external` or `financial`.
    #[must_use]
    pub fn effect(self, name: &str) -> bool {
        self.0.get(name).and_then(Json::as_bool).unwrap_or_default()
    }

    /// Whether the action applies to this resource type.
    #[must_use]
    pub fn applies_to(self, resource: &str) -> bool {
        self.resources().any(|name| name == resource)
    }

    /// The resource types to which the action applies.
    pub fn resources(self) -> impl Iterator<Item = &'a str> {
        let types = self.0.get("resources").map(Json::elements);
        types.into_iter().flatten().filter_map(Json::as_str)
    }

    /// The MCP tools that it is (`@mcp`: `server/tool`), and what each said when somebody looked at it
    /// (`@mcp_s256`).
    pub fn tools(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let list = |name| self.0.get(name).map(Json::elements).into_iter().flatten();
        let mut pins = list("mcp_s256").map(Json::as_str);
        let tools = list("mcp").filter_map(Json::as_str);
        tools.map(move |tool| (tool, pins.next().flatten()))
    }

    /// The argument with this name.
    #[must_use]
    pub fn argument(self, name: &str) -> Option<Argument<'a>> {
        self.0.get("args")?.get(name).map(Argument)
    }

    /// All arguments, as they stand beside each other.
    #[must_use]
    pub fn siblings(self) -> Siblings<'a> {
        Siblings(self.0.get("args"))
    }

    /// All arguments, sorted by name.
    pub fn arguments(self) -> impl Iterator<Item = (&'a str, Argument<'a>)> {
        let arguments = self.0.get("args").map(Json::members);
        arguments
            .into_iter()
            .flatten()
            .map(|(name, argument)| (name, Argument(argument)))
    }
}

impl Arguments for Action<'_> {
    fn declared(&self, name: &str) -> Option<Declared<'_>> {
        Some(self.argument(name)?.declared())
    }
}

/// What the schema says about one argument (or one attribute of a record argument).
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a>(pub(crate) Json<'a>);

impl<'a> Argument<'a> {
    /// The words for people (`@label`).
    #[must_use]
    pub fn label(self) -> Option<&'a str> {
        self.0.get("label")?.as_str()
    }

    /// The words in a language (`@label`, `@label_de` …).
    #[must_use]
    pub fn label_in(self, language: &str) -> Option<&'a str> {
        label_in(self.0, language)
    }

    /// The unit as written (`@unit`).
    #[must_use]
    pub fn unit(self) -> Option<&'a str> {
        self.0.get("unit")?.as_str()
    }

    /// Digits after the point where the argument is money (`@unit("money:N")`).
    #[must_use]
    pub fn money(self) -> Option<u32> {
        self.0
            .get("money")?
            .as_int()
            .and_then(|digits| u32::try_from(digits).ok())
    }

    /// Whether a request must give it.
    #[must_use]
    pub fn required(self) -> bool {
        self.0
            .get("required")
            .and_then(Json::as_bool)
            .unwrap_or(true)
    }

    /// What an MCP tool calls it, where that cannot be its name here (`@mcp`).
    #[must_use]
    pub fn mcp(self) -> Option<&'a str> {
        self.0.get("mcp")?.as_str()
    }

    /// Whether it names whom or what the call reaches (`@target`).
    #[must_use]
    pub fn target(self) -> bool {
        self.0
            .get("target")
            .and_then(Json::as_bool)
            .unwrap_or_default()
    }

    /// Whether it is a text, or a list of texts, that has parts which a pattern goes across.
    fn has_parts(self) -> bool {
        let innermost = self.innermost().unwrap_or_default();
        innermost.get_str("t") == Some("string") && (self.target() || innermost.get("of").is_some())
    }

    /// Whether it refers to something that can change, whose content people must see (`@content`).
    #[must_use]
    pub fn content(self) -> bool {
        self.0
            .get("content")
            .and_then(Json::as_bool)
            .unwrap_or_default()
    }

    /// The members, where the argument is a record or a list of records.
    #[must_use]
    pub fn members(self) -> Siblings<'a> {
        Siblings(self.innermost().and_then(|kind| kind.get("attrs")))
    }

    /// Whether policies see it: not a number that may have more places than their `decimal`, or a list of such.
    #[must_use]
    pub fn is_seen(self) -> bool {
        let innermost = self.innermost().unwrap_or(Json::null());
        innermost.get("t").and_then(Json::as_str) != Some("number") || innermost.get("of").is_some()
    }

    /// Digits after the point of the numbers in it: its own, or those of the elements of a list.
    #[must_use]
    pub fn decimals(self) -> Option<u32> {
        let kind = self.innermost()?.get("t").and_then(Json::as_str);
        self.money().filter(|_| kind == Some("long"))
    }

    /// Its type; of a list, the type of what stands in it, however many lists lie between.
    fn innermost(self) -> Option<Json<'a>> {
        let mut innermost = self.type_of()?;
        while let Some(element) = innermost.get("of").filter(|of| of.kind() == Kind::Object) {
            innermost = element;
        }
        Some(innermost)
    }

    /// What bounds on it are judged by.
    #[must_use]
    pub fn declared(self) -> Declared<'a> {
        let kind = self.type_of().unwrap_or(Json::null());
        Declared::new(kind, self.money(), canonical_text)
    }

    pub(crate) fn type_of(self) -> Option<Json<'a>> {
        self.0.get("type")
    }
}

/// What is declared beside each other: the arguments of an action, or the members of a record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Siblings<'a>(Option<Json<'a>>);

impl<'a> Siblings<'a> {
    /// The one with this name.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Argument<'a>> {
        self.0?.get(name).map(Argument)
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        self.0.map_or(0, Json::len)
    }

    /// Whether another than `name` is called `label` in this language, by its label or for want of one.
    #[must_use]
    pub fn shares(self, name: &str, label: &str, language: &str) -> bool {
        let others = self.0.into_iter().flat_map(Json::members);
        let called = |(other, one): (&str, Json<'_>)| {
            other != name && label_in(one, language).unwrap_or(other) == label
        };
        others.into_iter().any(called)
    }
}
