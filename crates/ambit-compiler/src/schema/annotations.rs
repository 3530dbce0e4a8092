//! The annotations that make a Cedar schema the vocabulary: which there are, where they belong,
//! what they say.

use std::collections::BTreeMap;

use ambit_core::describe::is_seen;
use ambit_core::limits::MONEY_DECIMALS;
use ambit_core::{Power, Powers};

use super::source::{Annotation, Item, Key, Source, What};
use crate::reader::File;
use crate::suggest;

/// Where an annotation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Entity,
    Action,
    Attribute,
    /// Namespaces, common types, attributes of entities: no program and no text says them.
    Elsewhere,
}

use On::{Action, Attribute, Entity};

const OURS: &[(&str, &[On])] = &[
    ("label", &[Entity, Action, Attribute]),
    ("label_de", &[Entity, Action, Attribute]),
    ("datatype", &[Entity]),
    ("table", &[Entity]),
    ("columns", &[Entity]),
    ("writes", &[Action]),
    ("column", &[Attribute]),
    ("powers", &[Action]),
    ("risk", &[Action]),
    ("irreversible", &[Action]),
    ("external", &[Action]),
    ("financial", &[Action]),
    ("oauth", &[Action]),
    ("mcp", &[Action, Attribute]),
    ("mcp_s256", &[Action]),
    ("guessed", &[Action]),
    ("unit", &[Attribute]),
    ("format", &[Attribute]),
    ("target", &[Attribute]),
    ("content", &[Attribute]),
    ("unverified", &[Attribute]),
];

/// Cedar's own for a comment. It goes nowhere, as comments do.
pub(super) const COMMENT: &str = "doc";

const WITHOUT_VALUE: &[&str] = &[
    "irreversible",
    "external",
    "financial",
    "target",
    "content",
    "unverified",
];
/// An action that was imported and that nobody has looked at.
pub(crate) const UNCONFIRMED: &str = "project.unconfirmed";

const TIERS: &[&str] = &["low", "medium", "high", "critical"];

/// Spelling and place of every annotation in the file: each must mean something.
pub(super) fn check(file: File<'_>, source: &Source) {
    for ((what, ..), item) in &source.declarations {
        let on = match what {
            What::Entity => Entity,
            What::Action => Action,
            What::Type => On::Elsewhere,
        };
        check_all(file, &item.annotations, on);
    }
    for (((what, ..), path), item) in &source.attributes {
        let head = *what == What::Action && path.len() == 1;
        let on = if *what == What::Entity || head {
            On::Elsewhere
        } else {
            Attribute
        };
        check_all(file, &item.annotations, on);
    }
    check_all(file, &source.outside, On::Elsewhere);
}

fn check_all(file: File<'_>, annotations: &[Annotation], on: On) {
    for annotation in annotations {
        let known = OURS.iter().find(|(name, _)| *name == annotation.name);
        match known {
            Some((name, places)) if !places.contains(&on) => {
                misplaced(file, annotation, name, places);
            }
            Some((name, _)) => check_value(file, annotation, name),
            None => check_spelling(file, annotation, on),
        }
    }
}

fn misplaced(file: File<'_>, annotation: &Annotation, name: &str, places: &[On]) {
    let place = match places {
        [Entity] => "an entity type",
        [Action] => "an action",
        [Attribute] => "an argument, inside the `context` of an action",
        [Action, Attribute] => "an action, or an argument inside its `context`",
        _ => "an action, an argument, or an entity type that an action applies to",
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
    if annotation.name == COMMENT {
        return;
    }
    let here = OURS.iter().filter(|(_, places)| places.contains(&on));
    let near = suggest::closest(&annotation.name, here.map(|(name, _)| *name));
    file.error(
        "project.annotation_name",
        annotation.name_span.clone(),
        format!("`@{}` has no meaning here", annotation.name),
        near.map_or_else(
            || "write a comment, or `@doc(\"…\")`".to_owned(),
            |near| format!("did you mean `@{near}`?"),
        ),
    );
}

/// What the annotations of an action say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ActionNotes {
    pub(super) powers: Powers,
    pub(super) risk: BTreeMap<&'static str, &'static str>,
    pub(super) oauth: Vec<String>,
    pub(super) mcp: Vec<String>,
    pub(super) mcp_s256: Vec<String>,
    pub(super) guessed: Option<String>,
}

/// A faulty annotation is reported and read as the widest: manifests that use the action are then
/// not blamed for it.
pub(super) fn action(file: File<'_>, key: &Key, item: &Item) -> ActionNotes {
    let mcp = mcp(file, item).unwrap_or_default();
    let notes = ActionNotes {
        powers: powers(file, key, item).unwrap_or_else(|| Power::ALL.into_iter().collect()),
        risk: risk(file, item).unwrap_or_default(),
        oauth: words(file, item, "oauth"),
        mcp_s256: pins(file, item, mcp.len()),
        mcp,
        guessed: item.annotation("guessed").map(|one| one.value.clone()),
    };
    match item.annotation("guessed") {
        Some(guess) => unconfirmed(file, key, guess, notes),
        None => notes,
    }
}

/// What nobody has confirmed is taken for the most that it could be: `execute`, at high risk or what was
/// guessed above that.
fn unconfirmed(file: File<'_>, key: &Key, guess: &Annotation, notes: ActionNotes) -> ActionNotes {
    file.warning(
        UNCONFIRMED,
        guess.name_span.clone(),
        format!(
            "nobody has confirmed what was guessed of the action `{}`, so it is taken for `execute` at high risk",
            key.2
        ),
        "look at its `@powers`, `@risk` and effects, correct what is wrong, then remove `@guessed`",
    );
    let tier = match notes.risk.get(Power::Execute.name()) {
        Some(&"critical") => "critical",
        _ => "high",
    };
    let mut risk = notes.risk;
    risk.values_mut().for_each(|value| *value = tier);
    ActionNotes {
        powers: Powers::NONE.with(Power::Execute),
        risk,
        ..notes
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
    refuse_repeats(file, annotation);
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

pub(super) fn split(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|word| !word.is_empty())
}

fn words(file: File<'_>, item: &Item, name: &str) -> Vec<String> {
    let Some(annotation) = item.annotation(name) else {
        return Vec::new();
    };
    refuse_repeats(file, annotation);
    split(&annotation.value).map(str::to_owned).collect()
}

/// Lists of annotations are sets.
fn refuse_repeats(file: File<'_>, annotation: &Annotation) {
    let mut known = Vec::new();
    for word in split(&annotation.value) {
        if known.contains(&word) {
            twice(file, annotation, word);
        }
        known.push(word);
    }
}

fn twice(file: File<'_>, annotation: &Annotation, word: &str) {
    file.error(
        "project.duplicate",
        annotation.value_span.clone(),
        format!(
            "`{word}` says a second time what `@{}` has said",
            annotation.name
        ),
        "remove one of the two",
    );
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
    let mut said = Vec::new();
    for part in annotation.value.split(',') {
        let (power, tier) = match part.split_once(':') {
            Some((power, tier)) => (Some(power.trim()), tier.trim()),
            None => (None, part.trim()),
        };
        let tier = TIERS.iter().find(|known| **known == tier);
        let power = power.map(|power| Power::from_name(power).ok_or(()));
        let power = power.transpose();
        if said.contains(&power) {
            twice(file, annotation, part.trim());
            return None;
        }
        said.push(power);
        match (tier, power) {
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
    let names = words(file, item, "mcp");
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

/// The digests of what the tools of `@mcp` said when somebody looked, one each, in their order.
fn pins(file: File<'_>, item: &Item, tools: usize) -> Vec<String> {
    let Some(annotation) = item.annotation("mcp_s256") else {
        return Vec::new();
    };
    let pins: Vec<String> = split(&annotation.value).map(str::to_owned).collect();
    let digest = |pin: &String| {
        ambit_token::base64url::decode(pin.as_bytes()).is_some_and(|bytes| bytes.len() == 32)
    };
    if pins.len() == tools && pins.iter().all(digest) {
        return pins;
    }
    file.error(
        "project.mcp_s256",
        annotation.value_span.clone(),
        format!("`@mcp_s256` needs one SHA-256 in base64url for each tool of `@mcp`, which names {tools}"),
        "take what `ambit import mcp` writes, or remove it: then nobody notices when the server describes the tool anew",
    );
    Vec::new()
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
