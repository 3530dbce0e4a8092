//! The annotations that make a Cedar schema the vocabulary: which there are, where they belong,
//! what they say.

use std::collections::BTreeMap;

use ambit_core::describe::is_seen;
use ambit_core::limits::MONEY_DECIMALS;
use ambit_core::{Power, Powers};

use super::source::{Annotation, Item, Key, Source, What};
use crate::reader::File;
use crate::suggest;

/// Where an annotation belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Anything,
    Entity,
    Action,
    Attribute,
}

const OURS: &[(&str, On)] = &[
    ("label", On::Anything),
    ("label_de", On::Anything),
    ("datatype", On::Entity),
    ("powers", On::Action),
    ("risk", On::Action),
    ("irreversible", On::Action),
    ("external", On::Action),
    ("financial", On::Action),
    ("oauth", On::Action),
    ("mcp", On::Action),
    ("unit", On::Attribute),
    ("format", On::Attribute),
    ("target", On::Attribute),
    ("unverified", On::Attribute),
];

const WITHOUT_VALUE: &[&str] = &[
    "irreversible",
    "external",
    "financial",
    "target",
    "unverified",
];
const TIERS: &[&str] = &["low", "medium", "high", "critical"];

/// Spelling and place of every annotation in the file. One that is not ours and not like ours is
/// left alone: schemas carry others too.
pub(super) fn check(file: File<'_>, source: &Source) {
    for ((what, ..), item) in &source.declarations {
        let on = match what {
            What::Entity => On::Entity,
            What::Action => On::Action,
            What::Type => On::Anything,
        };
        check_item(file, item, on);
    }
    for (((what, ..), path), item) in &source.attributes {
        let head = *what == What::Action && path.len() == 1;
        let on = if *what == What::Entity || head {
            On::Anything
        } else {
            On::Attribute
        };
        check_item(file, item, on);
    }
}

fn check_item(file: File<'_>, item: &Item, on: On) {
    for annotation in &item.annotations {
        let known = OURS.iter().find(|(name, _)| *name == annotation.name);
        match known {
            Some((name, place)) if *place != on && *place != On::Anything => {
                misplaced(file, annotation, name, *place);
            }
            Some((name, _)) => check_value(file, annotation, name),
            None => check_spelling(file, annotation, on),
        }
    }
}

fn misplaced(file: File<'_>, annotation: &Annotation, name: &str, place: On) {
    let place = match place {
        On::Entity => "an entity type",
        On::Action => "an action",
        On::Attribute | On::Anything => "an argument, inside the `context` of an action",
    };
    file.error(
        "project.annotation_place",
        annotation.name_span.clone(),
        format!("`@{name}` has no meaning here"),
        format!("put it before {place}"),
    );
}

fn check_value(file: File<'_>, annotation: &Annotation, name: &str) {
    let wants_none = WITHOUT_VALUE.contains(&name);
    if wants_none && !annotation.value.is_empty() {
        file.error(
            "project.annotation_value",
            annotation.value_span.clone(),
            format!("`@{name}` takes no value: standing there, it holds"),
            format!("write `@{name}`, or remove it"),
        );
    } else if !wants_none && invisible(&annotation.value) {
        file.error(
            "project.annotation_value",
            annotation.value_span.clone(),
            format!("`@{name}` needs a value in characters that can be seen"),
            format!("write `@{name}(\"…\")`"),
        );
    }
}

fn invisible(text: &str) -> bool {
    text.trim().is_empty() || !text.chars().all(is_seen)
}

fn check_spelling(file: File<'_>, annotation: &Annotation, on: On) {
    let here = OURS
        .iter()
        .filter(|(_, place)| *place == on || *place == On::Anything);
    // Short words are near to many others; `@doc` is not a misspelling.
    let near = suggest::closest(&annotation.name, here.map(|(name, _)| *name));
    if let Some(near) = near.filter(|near| near.len() >= 4) {
        file.error(
            "project.annotation_name",
            annotation.name_span.clone(),
            format!("`@{}` has no meaning here", annotation.name),
            format!("did you mean `@{near}`?"),
        );
    }
}

/// What the annotations of an action say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ActionNotes {
    pub(super) powers: Powers,
    pub(super) risk: BTreeMap<&'static str, &'static str>,
    pub(super) oauth: Vec<String>,
    pub(super) mcp: Vec<String>,
}

/// A faulty annotation is reported and read as the widest: manifests that use the action are then
/// not blamed for it.
pub(super) fn action(file: File<'_>, key: &Key, item: &Item) -> ActionNotes {
    ActionNotes {
        powers: powers(file, key, item).unwrap_or_else(|| Power::ALL.into_iter().collect()),
        risk: risk(file, item).unwrap_or_default(),
        oauth: words(item, "oauth"),
        mcp: mcp(file, item).unwrap_or_default(),
    }
}

fn powers(file: File<'_>, key: &Key, item: &Item) -> Option<Powers> {
    let Some(annotation) = item.annotation("powers") else {
        file.error(
            "project.powers",
            item.span.clone(),
            format!("the action `{}` does not say in which powers it can be used", key.2),
            "write before it for example `@powers(\"draft, propose, execute\")`; reading alone is `@powers(\"observe\")`",
        );
        return None;
    };
    let mut powers = Powers::NONE;
    for word in split(&annotation.value) {
        let Some(power) = Power::from_name(word) else {
            file.error(
                "project.powers",
                annotation.value_span.clone(),
                format!("`{word}` is not a power"),
                suggest::help(word, Power::ALL.iter().map(|power| power.name())),
            );
            return None;
        };
        powers = powers.with(power);
    }
    (!powers.is_empty()).then_some(powers)
}

fn split(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|word| !word.is_empty())
}

fn words(item: &Item, name: &str) -> Vec<String> {
    let value = item.annotation(name).map_or("", |one| one.value.as_str());
    split(value).map(str::to_owned).collect()
}

/// One tier for every power, or `power: tier` for some of them.
fn risk(file: File<'_>, item: &Item) -> Option<BTreeMap<&'static str, &'static str>> {
    let mut tiers = BTreeMap::from([
        ("observe", "low"),
        ("draft", "medium"),
        ("propose", "medium"),
        ("execute", "high"),
    ]);
    let Some(annotation) = item.annotation("risk") else {
        return Some(tiers);
    };
    for part in annotation.value.split(',') {
        let (power, tier) = match part.split_once(':') {
            Some((power, tier)) => (Some(power.trim()), tier.trim()),
            None => (None, part.trim()),
        };
        let tier = TIERS.iter().find(|known| **known == tier);
        let power = power.map(|power| Power::from_name(power).ok_or(()));
        match (tier, power.transpose()) {
            (Some(tier), Ok(None)) => tiers.values_mut().for_each(|value| *value = tier),
            (Some(tier), Ok(Some(power))) => {
                tiers.insert(power.name(), tier);
            }
            _ => {
                file.error(
                    "project.risk",
                    annotation.value_span.clone(),
                    format!("`{}` is not a risk", part.trim()),
                    "write `low`, `medium`, `high` or `critical`, or a tier for some powers: `@risk(\"observe: low, execute: critical\")`",
                );
                return None;
            }
        }
    }
    Some(tiers)
}

fn mcp(file: File<'_>, item: &Item) -> Option<Vec<String>> {
    let names = words(item, "mcp");
    let sound = |name: &String| {
        name.split_once('/')
            .is_some_and(|(server, tool)| !server.is_empty() && !tool.is_empty())
    };
    if let Some(wrong) = names.iter().find(|name| !sound(name)) {
        let span = item.annotation("mcp").map(|one| one.value_span.clone());
        file.error(
            "project.mcp",
            span,
            format!("`{wrong}` does not name an MCP tool"),
            "write the server and the tool: `@mcp(\"mail/send\")`",
        );
        return None;
    }
    Some(names)
}

/// Digits after the point of `@unit("money:N")`; `None` inside for another unit.
pub(super) fn money(file: File<'_>, annotation: &Annotation) -> Option<Option<u32>> {
    let Some(rest) = annotation.value.strip_prefix("money") else {
        return Some(None);
    };
    let digits = rest
        .strip_prefix(':')
        .and_then(|digits| digits.parse().ok());
    let digits = digits.filter(|digits| *digits <= MONEY_DECIMALS);
    if digits.is_none() {
        file.error(
            "project.unit",
            annotation.value_span.clone(),
            "money needs its digits after the point",
            format!("write for example `@unit(\"money:2\")`, at most `money:{MONEY_DECIMALS}`"),
        );
    }
    digits.map(Some)
}
