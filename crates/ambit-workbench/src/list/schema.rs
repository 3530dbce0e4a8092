//! Arguments and their bounds as JSON Schema, as far as that can say them. For hosts that offer tools; what
//! decides is the evaluator.

use ambit_core::Number;
use ambit_core::constraint::{Unit, describe};
use ambit_core::json::{Document, Json, Profile};
use ambit_policy::Bundle;
use serde_json::{Map, Value, json};

use super::merge::Merged;

pub(super) fn of_way(bundle: &Bundle<'_>, action: &str, way: &Merged) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let root = bundle.root();
    let declared = root
        .get("actions")
        .and_then(|all| all.get(action)?.get("args"));
    for (name, argument) in declared.map(Json::members).into_iter().flatten() {
        let Some(spec) = way.constraints.get(name) else {
            continue;
        };
        let argument = super::value(argument);
        let money = argument["money"].as_u64();
        let mut schema = of_type(&argument["type"], money);
        bound(&mut schema, spec, money);
        if let Some(words) = words(spec, bundle.unit(action, name)) {
            schema["description"] = words.into();
        }
        if argument["required"] == true || spec["constraint_type"] != "optional" {
            required.push(name.to_owned());
        }
        properties.insert(name.to_owned(), schema);
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn of_type(kind: &Value, money: Option<u64>) -> Value {
    match kind["t"].as_str() {
        Some("long") if money.is_some() => json!({"type": "number"}),
        Some("long") => json!({"type": "integer"}),
        Some("bool") => json!({"type": "boolean"}),
        Some("set") => json!({"type": "array", "items": of_type(&kind["of"], money)}),
        Some("record") => {
            let members = kind["attrs"].as_object().into_iter().flatten();
            let required: Vec<&String> = members
                .clone()
                .filter(|(_, one)| one["required"] == true)
                .map(|(name, _)| name)
                .collect();
            let properties: Map<String, Value> = members
                .map(|(name, one)| (name.clone(), of_type(&one["type"], one["money"].as_u64())))
                .collect();
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
        }
        Some("number") => json!({"type": "number"}),
        Some("json") => json!({}),
        Some("entity") => json!({}),
        _ => json!({"type": "string"}),
    }
}

/// Adds what JSON Schema can say of a constraint.
fn bound(schema: &mut Value, spec: &Value, money: Option<u64>) {
    let numbers = money.is_none() && holds_numbers(schema);
    let amount = |value: &Value| in_units(&in_numbers(value, numbers), money);
    let amounts =
        |list: &Value| -> Value { list.as_array().into_iter().flatten().map(amount).collect() };
    match spec["constraint_type"].as_str().unwrap_or_default() {
        "exact" => schema["const"] = amount(&spec["value"]),
        "one_of" => schema["enum"] = amounts(&spec["values"]),
        "subset" => schema["items"]["enum"] = amounts(&spec["values"]),
        "range" => ends(schema, spec, ["minimum", "maximum"], money),
        "count" => ends(schema, spec, ["minItems", "maxItems"], None),
        "each" => bound(&mut schema["items"], &spec["constraint"], money),
        "optional" => bound(schema, &spec["constraint"], money),
        "all" => {
            let base = schema.clone();
            let each = spec["constraints"].as_array().into_iter().flatten();
            let each = each.map(|spec| {
                let mut one = base.clone();
                bound(&mut one, spec, money);
                one
            });
            *schema = json!({"allOf": each.collect::<Vec<_>>()});
        }
        "any" => {
            let base = schema.clone();
            let each = spec["constraints"].as_array().into_iter().flatten();
            let each = each.map(|spec| {
                let mut one = base.clone();
                bound(&mut one, spec, money);
                one
            });
            *schema = json!({"anyOf": each.collect::<Vec<_>>()});
        }
        // No pattern says these as they are matched: the words beside them do.
        _ => {}
    }
}

fn ends(schema: &mut Value, spec: &Value, names: [&str; 2], money: Option<u64>) {
    for (member, name) in ["min", "max"].into_iter().zip(names) {
        if let Some(end) = spec.get(member) {
            schema[name] = in_units(&in_numbers(end, true), money);
        }
    }
}

/// Whether the values, or those in a list, are numbers.
fn holds_numbers(schema: &Value) -> bool {
    schema["type"] == "number" || (schema["type"] == "array" && holds_numbers(&schema["items"]))
}

/// Bounds say a number with a fraction as a text, and requests as a number.
fn in_numbers(value: &Value, numbers: bool) -> Value {
    let inner = |list: &Vec<Value>| list.iter().map(|one| in_numbers(one, numbers)).collect();
    let number = |text: &str| serde_json::from_str(&Number::parse(text)?.text()).ok();
    let found = match value {
        Value::String(text) if numbers => number(text),
        Value::Array(list) if numbers => Some(inner(list)),
        _ => None,
    };
    found.unwrap_or_else(|| value.clone())
}

/// Requests say money with its decimals: 9870 is 98.70.
fn in_units(value: &Value, money: Option<u64>) -> Value {
    let decimals = money
        .and_then(|digits| usize::try_from(digits).ok())
        .filter(|digits| *digits > 0);
    let (Some(digits), Some(units)) = (decimals, value.as_i64()) else {
        return value.clone();
    };
    let sign = if units < 0 { "-" } else { "" };
    let text = format!("{:0>width$}", units.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = text.split_at(text.len() - digits);
    let number = format!("{sign}{whole}.{fraction}");
    number
        .parse::<serde_json::Number>()
        .map_or(Value::Null, Value::Number)
}

/// The clause that consent texts and denials say; `None` where anything goes.
fn words(spec: &Value, unit: Unit<'_>) -> Option<String> {
    let text = spec.to_string();
    let document = Document::parse(text.as_bytes(), Profile::Signed).ok()?;
    let free = spec["constraint_type"] == "wildcard"
        || spec["constraint"]["constraint_type"] == "wildcard";
    (!free).then(|| format!("must be {}", describe(document.root(), unit)))
}
