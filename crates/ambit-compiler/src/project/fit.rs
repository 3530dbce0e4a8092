//! Constraints that are well-formed, but can never match an argument of its declared type.

use serde_json::Value as Json;

use super::constraint::wants;
use crate::reader::{File, Value};
use crate::schema::Type;

/// Warns about a constraint that never matches.
pub(super) fn check(file: File<'_>, place: &Value<'_>, spec: &Json, declared: &Type, name: &str) {
    if let Some(kind) = misfit(spec, declared) {
        file.warning(
            "project.never_matches",
            place.span(),
            format!(
                "`{kind}` never matches here: `{name}` is {}",
                words(declared)
            ),
            "use a constraint for that type, or change the type in the schema",
        );
    }
}

/// The kind inside `spec` that cannot match a value of the type.
fn misfit<'a>(spec: &'a Json, declared: &Type) -> Option<&'a str> {
    let kind = spec.get("constraint_type")?.as_str()?;
    if !wants(kind, declared) {
        return Some(kind);
    }
    let inner = |member: &str| spec.get(member);
    match (kind, declared) {
        ("optional", _) => misfit(inner("constraint")?, declared),
        ("each", Type::Set(element)) => misfit(inner("constraint")?, element),
        ("all", _) => inner("constraints")?
            .as_array()?
            .iter()
            .find_map(|spec| misfit(spec, declared)),
        ("any", _) => {
            let all = inner("constraints")?.as_array()?;
            let first = all
                .iter()
                .map(|spec| misfit(spec, declared))
                .collect::<Option<Vec<_>>>()?;
            first.first().copied()
        }
        ("exact", _) => (!holds(inner("value")?, declared)).then_some(kind),
        ("one_of" | "not_one_of", _) => {
            none_holds(inner("values").or_else(|| inner("excluded"))?, declared).then_some(kind)
        }
        ("subset" | "contains", Type::Set(element)) => {
            none_holds(inner("values")?, element).then_some(kind)
        }
        _ => None,
    }
}

fn none_holds(values: &Json, declared: &Type) -> bool {
    values
        .as_array()
        .is_some_and(|values| !values.iter().any(|value| holds(value, declared)))
}

/// Whether an argument of the type can have this value.
fn holds(value: &Json, declared: &Type) -> bool {
    match declared {
        Type::Json => true,
        Type::String | Type::Entity(_) | Type::Extension(_) => value.is_string(),
        Type::Long => value.is_i64(),
        Type::Bool => value.is_boolean(),
        Type::Set(element) => value
            .as_array()
            .is_some_and(|values| values.iter().all(|value| holds(value, element))),
        Type::Record(_) => value.is_object(),
    }
}

fn words(declared: &Type) -> &'static str {
    match declared {
        Type::String => "a String",
        Type::Long => "a Long",
        Type::Bool => "a Bool",
        Type::Json => "any JSON value",
        Type::Set(_) => "a Set",
        Type::Record(_) => "a record",
        Type::Entity(_) => "an entity",
        Type::Extension(name) => match *name {
            "ipaddr" => "an ipaddr",
            "decimal" => "a decimal",
            "datetime" => "a datetime",
            _ => "a duration",
        },
    }
}
