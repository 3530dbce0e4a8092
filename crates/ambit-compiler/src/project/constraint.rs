//! Constraints in a manifest: the same table as docs/token.md's, but with the fault pointed at.

use ambit_core::json::{Document, Profile};
use serde_json::{Map, Value as Json};
use toml::de::{DeTable, DeValue};

use super::kinds::{KINDS, Kind, Shape};
use super::number;
use crate::reader::{File, Value, kind as kind_of};
use crate::schema::Argument;
use crate::sets;
use crate::suggest;

/// What a constraint is for: the argument's name, and what the actions declare it as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) name: &'a str,
    pub(super) argument: Option<&'a Argument>,
}

impl Target<'_> {
    fn money(self) -> Option<u32> {
        self.argument.and_then(|argument| argument.attribute.money)
    }
}

/// Reads a constraint; `None` when a fault was reported.
pub(super) fn read(file: File<'_>, value: &Value<'_>, target: Target<'_>) -> Option<Json> {
    let before = file.sink.errors();
    let json = spec(file, value, target)?;
    (file.sink.errors() == before).then_some(json)
}

fn spec(file: File<'_>, value: &Value<'_>, target: Target<'_>) -> Option<Json> {
    let example = format!(
        "{} = {{ constraint_type = \"exact\", value = \"…\" }}",
        target.name
    );
    let table = file.table(value, target.name, &example)?;
    let kind = find_kind(file, value, table)?;
    check_members(file, value, table, kind);
    let mut json = Map::new();
    json.insert("constraint_type".to_owned(), kind.name.into());
    let members = kind.required.iter().chain(kind.optional);
    for (name, shape) in members {
        if let Some(member) = table.get(*name) {
            json.insert(
                (*name).to_owned(),
                read_member(file, member, name, *shape, target, kind)?,
            );
        }
    }
    let json = Json::Object(json);
    check_form(file, value, kind, &json);
    Some(json)
}

fn find_kind(file: File<'_>, value: &Value<'_>, table: &DeTable<'_>) -> Option<&'static Kind> {
    let names = || KINDS.iter().map(|kind| kind.name);
    let Some(given) = table.get("constraint_type") else {
        file.error(
            "project.constraint",
            value.span(),
            "a constraint needs `constraint_type`",
            format!("write one of {}", suggest::one_of(names())),
        );
        return None;
    };
    let text = file.string(given, "constraint_type", "constraint_type = \"exact\"")?;
    let kind = KINDS.iter().find(|kind| kind.name == text.text);
    if kind.is_none() {
        let near = suggest::closest(text.text, names());
        file.error(
            "project.constraint",
            text.span,
            format!("there is no constraint `{}`", text.text),
            near.map_or_else(
                || format!("write one of {}", suggest::one_of(names())),
                |near| format!("did you mean `{near}`?"),
            ),
        );
    }
    kind
}

fn check_members(file: File<'_>, value: &Value<'_>, table: &DeTable<'_>, kind: &Kind) {
    let names = || {
        kind.required
            .iter()
            .chain(kind.optional)
            .map(|(name, _)| *name)
    };
    let before = file.sink.errors();
    for (key, _) in table {
        let name = key.get_ref().as_ref();
        if name != "constraint_type" && !names().any(|known| known == name) {
            file.error(
                "project.constraint",
                key.span(),
                format!("`{}` has no member `{name}`", kind.name),
                kind.help(),
            );
        }
    }
    let missing = kind
        .required
        .iter()
        .find(|(name, _)| !table.contains_key(*name));
    let missing = missing.map(|(name, _)| format!("`{name}`"));
    let no_end = kind.needs_an_end() && !names().any(|name| table.contains_key(name));
    let missing = missing.or_else(|| no_end.then(|| "`min` and `max`".to_owned()));
    // A member that is not known was probably meant to be the missing one.
    if let Some(missing) = missing.filter(|_| file.sink.errors() == before) {
        file.error(
            "project.constraint",
            value.span(),
            format!("`{}` lacks {missing}", kind.name),
            kind.help(),
        );
    }
}

fn read_member(
    file: File<'_>,
    value: &Value<'_>,
    name: &str,
    shape: Shape,
    target: Target<'_>,
    kind: &Kind,
) -> Option<Json> {
    let wrong = |wanted: &str| {
        file.error(
            "project.constraint",
            value.span(),
            format!(
                "`{name}` must be {wanted}, not {}",
                kind_of(value.get_ref())
            ),
            kind.help(),
        );
    };
    match (shape, value.get_ref()) {
        (Shape::Constraint, _) => spec(file, value, target),
        (Shape::Constraints | Shape::Values | Shape::Texts, DeValue::Array(list)) => {
            if list.is_empty() {
                file.error(
                    "project.constraint",
                    value.span(),
                    format!("`{name}` is an empty list, so nothing could match"),
                    kind.help(),
                );
                return None;
            }
            let element = match shape {
                Shape::Constraints => Shape::Constraint,
                Shape::Texts => Shape::Text,
                _ => Shape::Value,
            };
            let read = |value| read_member(file, value, name, element, target, kind);
            let elements: Vec<Option<Json>> = list.iter().map(read).collect();
            let elements: Vec<Json> = elements.into_iter().collect::<Option<_>>()?;
            if let Some(at) = sets::repeated(&elements) {
                file.error(
                    "project.duplicate",
                    list.get(at).map_or_else(|| value.span(), Value::span),
                    format!("`{name}` has this twice"),
                    "remove one of them",
                );
            }
            Some(Json::Array(elements))
        }
        (Shape::Constraints | Shape::Values | Shape::Texts, _) => {
            wrong("a list");
            None
        }
        (Shape::Integer, DeValue::String(_) | DeValue::Float(_) | DeValue::Integer(_)) => {
            number::integer(file, value, name, target.money())
        }
        (Shape::Integer, _) => {
            wrong("an integer");
            None
        }
        (Shape::Text, DeValue::String(text)) => Some(Json::from(text.as_ref())),
        (Shape::Text, _) => {
            wrong("a string");
            None
        }
        (Shape::Value, _) => number::json(file, value, target.money()),
    }
}

/// What members and types alone do not say: ends in order, domains, roots and ranges in normal
/// form.
fn check_form(file: File<'_>, value: &Value<'_>, kind: &Kind, json: &Json) {
    let text = json.to_string();
    let inner = matches!(kind.name, "each" | "optional" | "all" | "any");
    let sound = Document::parse(text.as_bytes(), Profile::Signed)
        .is_ok_and(|spec| ambit_core::constraint::well_formed(spec.root()));
    // A fault inside has been reported where it stands; a missing member too.
    let complete = kind
        .required
        .iter()
        .all(|(name, _)| json.get(*name).is_some());
    let ended = !kind.needs_an_end() || json.as_object().is_some_and(|members| members.len() > 1);
    if !sound && !inner && complete && ended {
        file.error(
            "project.constraint",
            value.span(),
            format!(
                "this `{}` is malformed, so it would match nothing",
                kind.name
            ),
            kind.help(),
        );
    }
}

/// Whether a constraint accepts an absent argument.
pub(super) fn accepts_absence(json: &Json) -> bool {
    json.get("constraint_type").and_then(Json::as_str) == Some("optional")
}
