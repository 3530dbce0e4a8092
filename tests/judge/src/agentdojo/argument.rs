//! What type an argument has in the vocabulary: as the tool's schema says, if every value that the
//! suite passes is of that type; else the most specific one that all of them are of.

use ambit_core::limits::{INTEGER_MAX, MONEY_DECIMALS};
use ambit_core::minor_units;
use serde_json::{Map, Value};

use super::number::{decimals, plain, plain_value};
use super::suite::{Suite, Tool};

/// Digits after the point that a scaled number has at least: cents.
const DECIMALS_LEAST: u32 = 2;

/// The types that the harness writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Bool,
    Integer,
    /// A number with this many digits after the point; tokens carry the integer.
    Scaled(u32),
    /// An array of one scalar type
    Set(Box<Self>),
    /// Any JSON value whose numbers are integers
    Json,
}

/// One argument of a tool.
#[derive(Debug)]
pub(crate) struct Argument {
    pub name: String,
    pub of: Type,
    /// `target`, `content`, …; none where the classification gives none.
    pub role: Option<String>,
    /// Whether some call of the suite passes `null`.
    pub sees_null: bool,
}

/// The arguments of a tool: those of its schema, then those that only calls have. All are optional:
/// whether one is missing is the tool's business.
pub(crate) fn arguments(tool: &Tool, suite: &Suite) -> Vec<Argument> {
    let properties = tool.input_schema.get("properties");
    let declared = properties.and_then(Value::as_object);
    let mut names: Vec<&String> = declared.into_iter().flat_map(Map::keys).collect();
    let calls = || suite.calls().filter(|call| call.tool == tool.name);
    for name in calls().flat_map(|call| call.args.keys()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let describe = |name: &String| {
        let values: Vec<&Value> = calls().filter_map(|call| call.args.get(name)).collect();
        let schema = declared.and_then(|declared| declared.get(name));
        let stated = schema.and_then(|schema| of_schema(schema, &tool.input_schema, 0));
        Argument {
            name: name.clone(),
            of: choose(stated, &values),
            role: tool.class.argument_roles.get(name).cloned(),
            sees_null: values.iter().any(|value| value.is_null()),
        }
    };
    names.into_iter().map(describe).collect()
}

/// The type of a JSON schema, where it is one that we have. `null` is left out: every argument is
/// optional, and an optional one may be `null`.
fn of_schema(schema: &Value, root: &Value, depth: usize) -> Option<Type> {
    // A reference may lead in a circle.
    if depth > 8 {
        return None;
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(reference.strip_prefix('#')?)?;
        return of_schema(target, root, depth + 1);
    }
    for name in ["anyOf", "oneOf", "allOf"] {
        if let Some(parts) = schema.get(name).and_then(Value::as_array) {
            let is_null = |part: &&Value| part.get("type").is_some_and(|name| name == "null");
            let mut parts = parts.iter().filter(|part| !is_null(part));
            let only = of_schema(parts.next()?, root, depth + 1)?;
            let same = parts.all(|part| of_schema(part, root, depth + 1).as_ref() == Some(&only));
            return same.then_some(only);
        }
    }
    let name = match schema.get("type")? {
        Value::String(name) => name.as_str(),
        Value::Array(names) => {
            let mut names = names
                .iter()
                .filter_map(Value::as_str)
                .filter(|name| *name != "null");
            names.next().filter(|_| names.next().is_none())?
        }
        _ => return None,
    };
    match name {
        "string" => Some(Type::Text),
        "boolean" => Some(Type::Bool),
        "integer" => Some(Type::Integer),
        "number" => Some(Type::Scaled(DECIMALS_LEAST)),
        "array" => match of_schema(schema.get("items")?, root, depth + 1)? {
            Type::Set(_) | Type::Json => None,
            element => Some(Type::Set(Box::new(element))),
        },
        _ => None,
    }
}

/// The stated type, or else the first of the specific ones, that all values are of.
fn choose(stated: Option<Type>, values: &[&Value]) -> Type {
    let values: Vec<&Value> = values
        .iter()
        .copied()
        .filter(|value| !value.is_null())
        .collect();
    // Nothing is stated and nothing is seen: anything may come.
    if stated.is_none() && values.is_empty() {
        return Type::Json;
    }
    let scaled = Type::Scaled(DECIMALS_LEAST);
    let scalars = [Type::Bool, Type::Integer, scaled, Type::Text];
    let sets = scalars.clone().map(|scalar| Type::Set(Box::new(scalar)));
    let candidates = stated.into_iter().chain(scalars).chain(sets);
    candidates
        .map(|candidate| widened(candidate, &values))
        .find(|candidate| values.iter().all(|value| fits(value, candidate)))
        .unwrap_or(Type::Json)
}

/// A scaled number needs as many digits as the longest of the values has.
fn widened(of: Type, values: &[&Value]) -> Type {
    match of {
        Type::Scaled(least) => {
            let seen = values.iter().filter_map(|value| places(value)).max();
            Type::Scaled(seen.unwrap_or(least).max(least))
        }
        Type::Set(element) => {
            let elements: Vec<&Value> = values
                .iter()
                .filter_map(|value| value.as_array())
                .flatten()
                .collect();
            Type::Set(Box::new(widened(*element, &elements)))
        }
        other => other,
    }
}

fn places(value: &Value) -> Option<u32> {
    let plain = plain(&value.as_number()?.to_string())?;
    u32::try_from(decimals(&plain)).ok()
}

fn fits(value: &Value, of: &Type) -> bool {
    match of {
        Type::Text => value.is_string(),
        Type::Bool => value.is_boolean(),
        Type::Integer => integer(value).is_some(),
        Type::Scaled(decimals) => *decimals <= MONEY_DECIMALS && scaled(value, *decimals).is_some(),
        Type::Set(element) => value
            .as_array()
            .is_some_and(|elements| elements.iter().all(|value| fits(value, element))),
        Type::Json => true,
    }
}

/// The integer that a number's text stands for: `4` and `4.0`, not `4.5`.
fn integer(value: &Value) -> Option<i64> {
    let plain = plain(&value.as_number()?.to_string())?;
    let integer = plain.parse::<i64>().ok()?;
    (integer.abs() <= INTEGER_MAX).then_some(integer)
}

fn scaled(value: &Value, decimals: u32) -> Option<i64> {
    minor_units(&plain(&value.as_number()?.to_string())?, decimals)
}

impl Type {
    /// The type in a Cedar schema, with the annotation that it needs.
    pub(crate) fn in_schema(&self) -> (Option<String>, String) {
        match self {
            Self::Text => (None, "String".to_owned()),
            Self::Bool => (None, "Bool".to_owned()),
            Self::Integer => (None, "Long".to_owned()),
            Self::Scaled(decimals) => (
                Some(format!("@unit(\"money:{decimals}\")")),
                "Long".to_owned(),
            ),
            Self::Set(element) => {
                let (annotation, element) = element.in_schema();
                (annotation, format!("Set<{element}>"))
            }
            Self::Json => (Some("@format(\"json\")".to_owned()), "String".to_owned()),
        }
    }

    /// A value as a request carries it: scaled numbers in their own digits, so that it is the
    /// evaluator that reads them; an exponent, which a request may not have, written out.
    pub(crate) fn in_request(&self, value: &Value) -> Value {
        match (self, value) {
            (Self::Scaled(_), value) if !has_exponent(value) => value.clone(),
            (Self::Set(element), Value::Array(elements)) => elements
                .iter()
                .map(|value| element.in_request(value))
                .collect(),
            (_, value) => plain_value(value),
        }
    }

    /// A value as a token carries it: scaled numbers as the integers that they stand for.
    pub(crate) fn in_token(&self, value: &Value) -> Option<Value> {
        match (self, value) {
            (_, Value::Null) => Some(Value::Null),
            (Self::Scaled(decimals), value) => scaled(value, *decimals).map(Value::from),
            (Self::Integer, value) => integer(value).map(Value::from),
            (Self::Set(element), Value::Array(elements)) => elements
                .iter()
                .map(|value| element.in_token(value))
                .collect(),
            // An element of a list that stands alone.
            (Self::Set(element), value) => element.in_token(value),
            (Self::Text | Self::Bool | Self::Json, value) => {
                let plain = plain_value(value);
                has_only_integers(&plain).then_some(plain)
            }
        }
    }
}

fn has_exponent(value: &Value) -> bool {
    matches!(value, Value::Number(number) if number.to_string().contains(['e', 'E']))
}

fn has_only_integers(value: &Value) -> bool {
    match value {
        Value::Number(_) => integer(value).is_some(),
        Value::Array(elements) => elements.iter().all(has_only_integers),
        Value::Object(members) => members.values().all(has_only_integers),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Type, choose, of_schema};

    fn value(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    fn set(of: Type) -> Type {
        Type::Set(Box::new(of))
    }

    #[test]
    fn schemas_name_types() {
        let root = json!({"$defs": {"Mode": {"type": "string", "enum": ["r", "rw"]}}});
        let cases = [
            (json!({"type": "string"}), Some(Type::Text)),
            (
                json!({"anyOf": [{"type": "number"}, {"type": "null"}]}),
                Some(Type::Scaled(2)),
            ),
            (json!({"type": ["integer", "null"]}), Some(Type::Integer)),
            (json!({"type": ["integer", "string"]}), None),
            (
                json!({"anyOf": [{"type": "integer"}, {"type": "string"}]}),
                None,
            ),
            (json!({"$ref": "#/$defs/Mode"}), Some(Type::Text)),
            (json!({"$ref": "#/$defs/None"}), None),
            (
                json!({"type": "array", "items": {"type": "string"}}),
                Some(set(Type::Text)),
            ),
            (json!({"type": "array", "items": {"type": "object"}}), None),
            (json!({"type": "object"}), None),
        ];
        for (schema, expected) in cases {
            assert_eq!(of_schema(&schema, &root, 0), expected, "{schema}");
        }
        let circle = json!({"$defs": {"A": {"$ref": "#/$defs/A"}}});
        assert_eq!(of_schema(&json!({"$ref": "#/$defs/A"}), &circle, 0), None);
    }

    #[test]
    fn values_decide_where_the_schema_is_not_kept() {
        let cases = [
            (Some(Type::Text), r#"["a", null]"#, Type::Text),
            (Some(Type::Text), r#"["a", ["b"]]"#, Type::Json),
            (Some(Type::Integer), "[4.0, 5]", Type::Integer),
            (Some(Type::Integer), "[4.5]", Type::Scaled(2)),
            (Some(Type::Scaled(2)), "[1e-05, 3]", Type::Scaled(5)),
            (Some(Type::Scaled(2)), "[1e-12]", Type::Json),
            (Some(set(Type::Text)), "[[]]", set(Type::Text)),
            (
                Some(set(Type::Scaled(2))),
                "[[0.125]]",
                set(Type::Scaled(3)),
            ),
            (None, "[true]", Type::Bool),
            (None, r#"[{"a": 1}]"#, Type::Json),
            (None, "[]", Type::Json),
        ];
        for (stated, values, expected) in cases {
            let parsed = value(values);
            let list: Vec<&Value> = parsed.as_array().into_iter().flatten().collect();
            assert_eq!(choose(stated, &list), expected, "{values}");
        }
    }

    #[test]
    fn tokens_carry_integers() {
        assert_eq!(Type::Scaled(2).in_token(&value("98.70")), Some(json!(9870)));
        assert_eq!(Type::Scaled(2).in_token(&value("98.705")), None);
        assert_eq!(Type::Integer.in_token(&value("4.0")), Some(json!(4)));
        assert_eq!(Type::Json.in_token(&value(r#"{"a": 1.5}"#)), None);
        assert_eq!(
            Type::Json.in_token(&value(r#"[{"a": 1.0}]"#)),
            Some(value(r#"[{"a": 1}]"#))
        );
    }
}
