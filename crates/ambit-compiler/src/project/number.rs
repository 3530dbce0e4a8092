//! Values of a manifest as JSON: integers, money in minor units, and numbers with a fraction as texts.

use ambit_core::constraint::Shape;
use ambit_core::{Number, minor_units};
use serde_json::{Map, Value as Json};
use toml::de::DeValue;

use crate::reader::{File, Value, exact};

/// A value with everything in it; `None` when a fault was reported.
pub(super) fn json(file: File<'_>, value: &Value<'_>, money: Option<u32>) -> Option<Json> {
    match value.get_ref() {
        DeValue::String(text) => Some(Json::from(text.as_ref())),
        DeValue::Boolean(truth) => Some(Json::from(*truth)),
        DeValue::Integer(_) | DeValue::Float(_) => integer(file, value, "a value", money),
        DeValue::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(|one| json(file, one, money)).collect();
            elements
                .into_iter()
                .collect::<Option<Vec<_>>>()
                .map(Json::Array)
        }
        DeValue::Table(table) => {
            let mut members = Map::new();
            for (key, member) in table {
                members.insert(key.get_ref().to_string(), json(file, member, money)?);
            }
            Some(Json::Object(members))
        }
        DeValue::Datetime(_) => {
            file.error(
                "project.value",
                value.span(),
                "a date has no JSON form",
                "write it as a string, as the argument will have it",
            );
            None
        }
    }
}

/// The end of a range: an integer, or a number in a text where the shape and the argument have such.
pub(super) fn end(
    file: File<'_>,
    value: &Value<'_>,
    name: &str,
    money: Option<u32>,
    shape: Shape,
) -> Option<Json> {
    let whole = money.is_some() || matches!(shape, Shape::End(_));
    match value.get_ref() {
        DeValue::String(text) if !whole && Number::parse(text).is_some() => {
            Some(Json::from(text.as_ref()))
        }
        _ => integer(file, value, name, money),
    }
}

/// An integer within +-(2^53 - 1). What looks like an amount of money gets its minor units
/// suggested, and a number with a fraction its text.
pub(super) fn integer(
    file: File<'_>,
    value: &Value<'_>,
    name: &str,
    money: Option<u32>,
) -> Option<Json> {
    let (text, found) = match value.get_ref() {
        DeValue::Integer(integer) => (integer.as_str().to_owned(), exact(integer)),
        DeValue::Float(float) => (float.as_str().to_owned(), None),
        DeValue::String(text) => (text.to_string(), None),
        _ => (String::new(), None),
    };
    if let Some(found) = found {
        return Some(Json::from(found));
    }
    let quoted = if name == "a value" {
        name.to_owned()
    } else {
        format!("`{name}`")
    };
    let units =
        money.and_then(|decimals| Some((decimals, minor_units(&text.replace('_', ""), decimals)?)));
    let (message, help) = match (units, value.get_ref()) {
        (Some((decimals, units)), _) => (
            format!("{quoted} bounds money, which is an integer in minor units"),
            format!("write `{units}`: {text} with {decimals} digits after the point"),
        ),
        (None, DeValue::Integer(_)) => (
            format!("{quoted} is beyond 2^53 - 1, which not every reader keeps exactly"),
            format!("write at most {}", ambit_core::limits::INTEGER_MAX),
        ),
        (None, DeValue::Float(_)) => (
            format!("{quoted} has a fraction or exponent; signed data holds integers only"),
            format!(
                "for an argument of `@format(\"number\")` write a text: `\"{text}\"`; else an integer, and money as its minor units, with `@unit(\"money:2\")` on the argument in the schema"
            ),
        ),
        (None, DeValue::String(_)) if text.parse::<i64>().is_err() => (
            format!("{quoted} is a text that is no number"),
            "write an integer without quotes, or, for an argument of `@format(\"number\")`, a number with a point as a text: `\"48.2\"`"
                .to_owned(),
        ),
        (None, DeValue::String(_)) => (
            format!("{quoted} must be an integer, not a string"),
            "write the number without quotes".to_owned(),
        ),
        (None, _) => (
            format!("{quoted} must be an integer"),
            "write a number".to_owned(),
        ),
    };
    file.error("project.number", value.span(), message, help);
    None
}
