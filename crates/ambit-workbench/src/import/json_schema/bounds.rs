//! Bounds that a tool states, as a manifest would write them.

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
        range(schema.filter(|_| *kind == Kind::Long)?)?
    } else {
        let listed: Option<Vec<String>> = values.iter().take(VALUES).map(toml_value).collect();
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

/// A whole number, however it is written.
pub(super) fn whole(value: &Value) -> Option<i64> {
    let text = value.as_number()?.to_string();
    let text = text.strip_suffix(".0").unwrap_or(&text);
    text.parse().ok()
}

fn toml_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text::toml_string(text)),
        Value::Bool(truth) => Some(truth.to_string()),
        other => whole(other).map(|number| number.to_string()),
    }
}
