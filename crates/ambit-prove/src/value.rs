//! Cedar's JSON values as a request writes them.

use ambit_core::Number;
use ambit_core::json::Json;
use serde_json::{Map, Value};

/// An argument as a request has it. `argument` is its declaration in a bundle; `None` where no request
/// can write the value.
pub(crate) fn argument(value: &Value, argument: Json<'_>) -> Option<Value> {
    let money = argument.get("money").and_then(Json::as_int);
    typed(value, argument.get("type")?, money)
}

fn typed(value: &Value, kind: Json<'_>, money: Option<i64>) -> Option<Value> {
    match kind.get("t")?.as_str()? {
        "json" => serde_json::from_str(value.as_str()?).ok(),
        "long" => match money {
            Some(digits) => minor(value.as_i64()?, u32::try_from(digits).ok()?),
            None => Some(value.clone()),
        },
        "entity" => Some(value.pointer("/__entity/id")?.clone()),
        "number" => {
            let text = extension(value.get("__extn")?)?;
            serde_json::from_str(&Number::parse(&text)?.text()).ok()
        }
        "ext" => extension(value.get("__extn")?).map(Value::String),
        "set" => {
            let of = kind.get("of")?;
            let elements = value.as_array()?.iter();
            elements.map(|one| typed(one, of, money)).collect()
        }
        "record" => {
            let attributes = kind.get("attrs")?;
            let members = value.as_object()?.iter();
            let members = members.map(|(name, value)| {
                let value = argument(value, attributes.get(name)?)?;
                Some((name.clone(), value))
            });
            members.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        _ => Some(value.clone()),
    }
}

/// Minor units of money as people write them: with two digits 5050 is `50.50`.
fn minor(units: i64, digits: u32) -> Option<Value> {
    let whole = 10_u64.checked_pow(digits)?;
    let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    let (before, after) = (units / whole, units % whole);
    let text = match digits {
        0 => format!("{sign}{before}"),
        _ => format!("{sign}{before}.{after:0width$}", width = digits as usize),
    };
    serde_json::from_str(&text).ok()
}

/// The text of a value of an extension type.
fn extension(call: &Value) -> Option<String> {
    let function = call.get("fn")?.as_str()?;
    match function {
        "datetime" | "offset" => {
            let time = jiff::Timestamp::from_millisecond(milliseconds(call)?).ok()?;
            Some(time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
        }
        _ => argument_of(call)?.as_str().map(str::to_owned),
    }
}

/// Writes points in time as people do, where they have such a text.
pub(crate) fn tidy(value: &mut Value) {
    if let Some(call) = value.get("__extn").filter(|call| call["fn"] == "offset") {
        if let Some(text) = extension(call) {
            *value = serde_json::json!({"__extn": {"fn": "datetime", "arg": text}});
        }
        return;
    }
    match value {
        Value::Array(list) => list.iter_mut().for_each(tidy),
        Value::Object(members) => members.values_mut().for_each(tidy),
        _ => {}
    }
}

fn argument_of(call: &Value) -> Option<&Value> {
    call.get("arg").or_else(|| call.get("args")?.get(0))
}

/// The milliseconds of a datetime or a duration.
pub(crate) fn milliseconds(value: &Value) -> Option<i64> {
    let call = value.get("__extn").unwrap_or(value);
    let argument = argument_of(call)?;
    match call.get("fn")?.as_str()? {
        "datetime" => {
            let text = argument.as_str()?;
            let date = text.parse::<jiff::Timestamp>();
            let date = date.or_else(|_| format!("{text}T00:00:00Z").parse());
            Some(date.ok()?.as_millisecond())
        }
        "duration" => duration(argument.as_str()?),
        "offset" => {
            let second = call.get("args")?.get(1)?;
            milliseconds(argument)?.checked_add(milliseconds(second)?)
        }
        _ => None,
    }
}

/// `1d2h3m4s5ms`.
fn duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1_i128, rest),
        None => (1, text),
    };
    let mut sum = 0_i128;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: i128 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = match rest.get(..end)? {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1000,
            "ms" => 1,
            _ => return None,
        };
        rest = rest.get(end..)?;
        sum = sum.checked_add(count.checked_mul(unit)?)?;
    }
    i64::try_from(sign * sum).ok()
}

/// A literal expression as entity data.
pub(crate) fn literal(expr: &Value) -> Value {
    let object = expr.as_object().filter(|object| object.len() == 1);
    let Some((name, inner)) = object.and_then(|object| object.iter().next()) else {
        return expr.clone();
    };
    let list = |inner: &Value| {
        inner
            .as_array()
            .into_iter()
            .flatten()
            .map(literal)
            .collect()
    };
    match name.as_str() {
        "Value" => inner.clone(),
        "Set" => list(inner),
        "Record" => {
            let members = inner.as_object().into_iter().flatten();
            let members = members.map(|(name, value)| (name.clone(), literal(value)));
            Value::Object(members.collect())
        }
        function => {
            let arguments: Value = list(inner);
            match arguments.as_array().map(Vec::as_slice) {
                Some([only]) => serde_json::json!({"__extn": {"fn": function, "arg": only}}),
                _ => serde_json::json!({"__extn": {"fn": function, "args": arguments}}),
            }
        }
    }
}
