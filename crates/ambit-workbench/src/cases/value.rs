//! Values of TOML as JSON.

use ambit_compiler::reader::{File, Value, exact};
use ambit_core::limits::INTEGER_MAX;
use serde_json::{Map, Value as Json};
use toml::de::{DeFloat, DeTable, DeValue};

/// The value in JSON. A number keeps its text, for `98.70` is money; a date becomes its text.
pub(super) fn json(file: File<'_>, value: &Value<'_>) -> Option<Json> {
    match value.get_ref() {
        DeValue::String(text) => Some(Json::from(text.as_ref())),
        DeValue::Boolean(value) => Some(Json::from(*value)),
        DeValue::Datetime(time) => Some(Json::from(time.to_string())),
        DeValue::Integer(integer) => {
            let number = exact(integer).map(Json::from);
            number.or_else(|| refuse(file, value))
        }
        DeValue::Float(float) => number(float).or_else(|| refuse(file, value)),
        DeValue::Array(elements) => {
            let elements = elements.iter().map(|element| json(file, element));
            elements.collect::<Option<Vec<_>>>().map(Json::Array)
        }
        DeValue::Table(members) => table(file, members).map(Json::Object),
    }
}

/// A table in JSON.
pub(super) fn table(file: File<'_>, members: &DeTable<'_>) -> Option<Map<String, Json>> {
    let members = members.iter();
    let members = members.map(|(key, value)| {
        let name = key.get_ref().as_ref().to_owned();
        Some((name, json(file, value)?))
    });
    members.collect()
}

fn number(float: &DeFloat<'_>) -> Option<Json> {
    let text = float.as_str().replace('_', "");
    let text = text.strip_prefix('+').unwrap_or(&text);
    serde_json::from_str(text).ok().filter(Json::is_number)
}

fn refuse<T>(file: File<'_>, value: &Value<'_>) -> Option<T> {
    file.error(
        "project.value",
        value.span(),
        "JSON has no such number",
        "write an integer of at most 2^53 - 1, or a decimal number",
    );
    None
}

/// A point in time, in seconds since 1970.
pub(super) fn time(file: File<'_>, value: &Value<'_>, what: &str) -> Option<i64> {
    let text = match value.get_ref() {
        DeValue::Integer(_) => return file.integer(value, what, 0..=INTEGER_MAX),
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        _ => String::new(),
    };
    let seconds = text.parse::<jiff::Timestamp>().ok();
    let seconds = seconds
        .map(jiff::Timestamp::as_second)
        .filter(|seconds| *seconds >= 0);
    if seconds.is_none() {
        file.error(
            "project.value",
            value.span(),
            format!("`{what}` is not a point in time after 1970"),
            format!("write it with its offset from UTC: `{what} = \"2026-03-02T09:00:00Z\"`"),
        );
    }
    seconds
}
