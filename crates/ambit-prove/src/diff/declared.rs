//! What two policies declare of the same question: its arguments, and the entities that it reaches.

use std::collections::BTreeSet;

use ambit_core::json::Json;
use serde_json::Value;

use super::plain::value;
use crate::expr::{self, Expr};
use crate::policy::{Policy, Question};
use crate::witness::declared;

/// How the second policy declares the arguments of the first.
pub(super) enum Theirs {
    /// Requests mean the same in both, as far as they have the arguments that the second demands (`has`)
    /// and none that it does not know (`lacks`).
    Known { has: Expr, lacks: Expr },
    /// One of them is another: which.
    Otherwise(String),
}

/// `None` where the second has no such action, or always wants an argument that the first does not know.
pub(super) fn compare(first: &Policy, second: &Policy, question: &Question) -> Option<Theirs> {
    let (first, second) = (first.bundle(), second.bundle());
    let action = second.action(&question.action)?;
    if !action.powers().contains(question.power) || !action.applies_to(&question.datatype) {
        return None;
    }
    let ours = declared(&first, &question.action)?;
    let theirs = declared(&second, &question.action)?;
    let required =
        |argument: Json<'_>| argument.get("required").and_then(Json::as_bool) != Some(false);
    let context = || expr::var("context");
    let unknown = |name: &str| ours.get(name).is_none();
    if theirs
        .members()
        .any(|(name, argument)| required(argument) && unknown(name))
    {
        return None;
    }
    let (mut has, mut lacks) = (Vec::new(), Vec::new());
    for (name, argument) in ours.members() {
        match theirs.get(name) {
            None if required(argument) => return None,
            None => lacks.push(expr::not(expr::has(context(), name))),
            Some(other) => {
                if let Some(member) = differs(argument, other) {
                    return Some(Theirs::Otherwise(format!("the {member} of `{name}`")));
                }
                if required(other) && !required(argument) {
                    has.push(expr::has(context(), name));
                }
            }
        }
    }
    Some(Theirs::Known {
        has: expr::all(has),
        lacks: expr::all(lacks),
    })
}

/// What of an argument's declaration is another, beside its words and whether it may be absent.
fn differs(one: Json<'_>, other: Json<'_>) -> Option<&'static str> {
    let bare = |argument: Json<'_>, member: &str| {
        let mut value = value(argument.get(member).unwrap_or(Json::null()));
        without_words(&mut value);
        value
    };
    let mut members = [("type", "type"), ("money", "unit")].into_iter();
    let found = members.find(|(member, _)| bare(one, member) != bare(other, member));
    found.map(|(_, word)| word)
}

/// Labels of a record's attributes are for people. (An attribute that is called so is no text.)
fn without_words(json: &mut Value) {
    match json {
        Value::Object(members) => {
            members.retain(|name, value| name != "label" || !value.is_string());
            members.values_mut().for_each(without_words);
        }
        Value::Array(list) => list.iter_mut().for_each(without_words),
        _ => {}
    }
}

/// The entity types that a question reaches and that are declared differently, in words.
pub(super) fn shapes(first: &Policy, second: &Policy, question: &Question) -> Option<String> {
    let mut reached = BTreeSet::from([first.resource_type(question)]);
    for policy in [first, second] {
        let bundle = policy.bundle();
        let action = bundle.action(&question.action)?;
        let kind = action
            .cedar()?
            .rsplit_once("::")
            .map_or("", |(kind, _)| kind);
        named(
            &policy.image_schema()[kind]["actions"][&question.action],
            &mut reached,
        );
        for rule in &policy.image.rules {
            named(&rule.condition, &mut reached);
        }
    }
    let mut seen = BTreeSet::new();
    let mut different = Vec::new();
    while let Some(kind) = reached.pop_first() {
        // What stands in `Ambit` is the compiler's own.
        if kind.starts_with("Ambit::") || !seen.insert(kind.clone()) {
            continue;
        }
        let [ours, theirs] = [first, second].map(|policy| policy.entity_type(&kind));
        named(ours, &mut reached);
        named(theirs, &mut reached);
        if ours != theirs {
            different.push(format!("`{kind}`"));
        }
    }
    let list = different.join(", ");
    (!different.is_empty()).then(|| format!("the shape of {list}"))
}

/// The entity types that a declaration or an expression names.
fn named(json: &Value, found: &mut BTreeSet<String>) {
    match json {
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let of_entity = match (text("type"), text("id")) {
                (Some("Entity"), _) => text("name"),
                (Some(kind), Some(_)) => Some(kind),
                _ => text("entity_type"),
            };
            found.extend(of_entity.map(str::to_owned));
            let parents = members.get("memberOfTypes").and_then(Value::as_array);
            let parents = parents.into_iter().flatten().filter_map(Value::as_str);
            found.extend(parents.map(str::to_owned));
            members.values().for_each(|inner| named(inner, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| named(inner, found)),
        _ => {}
    }
}
