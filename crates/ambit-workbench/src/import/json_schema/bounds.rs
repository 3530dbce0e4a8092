//! Bounds that a tool states, as a manifest would write them.

use ambit_core::Number;
use serde_json::Value;

use super::Kind;
use crate::import::text;

/// Values of an enumeration that a comment shows.
const VALUES: usize = 40;

/// `constraints.size = { constraint_type = "range", max = 10 }`, from the listed values or the schema.
pub(super) fn stated(
    schema: Option<&Value>,
    name: &str,
    kind: &Kind,
    values: &[Value],
) -> Option<String> {
    let spec = if values.is_empty() {
        match kind {
            Kind::Long => range(schema?)?,
            Kind::Number => range_of_numbers(schema?)?,
            _ => return None,
        }
    } else {
        let listed: Option<Vec<String>> = {
            let shown = values.iter().take(VALUES);
            shown.map(|value| toml_value(value, kind)).collect()
        };
        let listed = listed?.join(", ");
        let more = if values.len() > VALUES { ", …" } else { "" };
        let kind = match kind {
            Kind::Json => return None,
            Kind::Set(element) if matches!(**element, Kind::Set(_)) => return None,
            Kind::Set(_) => "subset",
            _ => "one_of",
        };
        format!("constraint_type = \"{kind}\", values = [{listed}{more}]")
    };
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let key = if name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        text::toml_string(name)
    };
    Some(format!("constraints.{key} = {{ {spec} }}"))
}

fn range(schema: &Value) -> Option<String> {
    let end = |name: &str| schema.get(name).and_then(whole);
    let min = end("minimum").or_else(|| end("exclusiveMinimum")?.checked_add(1));
    let max = end("maximum").or_else(|| end("exclusiveMaximum")?.checked_sub(1));
    let ends = [
        min.map(|min| format!("min = {min}")),
        max.map(|max| format!("max = {max}")),
    ];
    let ends: Vec<String> = ends.into_iter().flatten().collect();
    (!ends.is_empty()).then(|| format!("constraint_type = \"range\", {}", ends.join(", ")))
}

/// With the ends as texts. An end that is left out itself is let in: the tool refuses it.
fn range_of_numbers(schema: &Value) -> Option<String> {
    let end = |name: &str| schema.get(name).and_then(number);
    let min = end("minimum").or_else(|| end("exclusiveMinimum"));
    let max = end("maximum").or_else(|| end("exclusiveMaximum"));
    let ends = [
        min.map(|min| format!("min = \"{}\"", min.text())),
        max.map(|max| format!("max = \"{}\"", max.text())),
    ];
    let ends: Vec<String> = ends.into_iter().flatten().collect();
    (!ends.is_empty()).then(|| format!("constraint_type = \"range\", {}", ends.join(", ")))
}

/// A number that a call may have.
pub(super) fn number(value: &Value) -> Option<Number> {
    Number::parse(&value.as_number()?.to_string())
}

/// A whole number, however it is written.
pub(super) fn whole(value: &Value) -> Option<i64> {
    let text = value.as_number()?.to_string();
    let text = text.strip_suffix(".0").unwrap_or(&text);
    text.parse().ok()
}

fn toml_value(value: &Value, kind: &Kind) -> Option<String> {
    match value {
        Value::Number(_) if kind.format().is_some() => {
            number(value).map(|number| format!("\"{}\"", number.text()))
        }
        Value::String(text) => Some(text::toml_string(text)),
        Value::Bool(truth) => Some(truth.to_string()),
        other => whole(other).map(|number| number.to_string()),
    }
}
