//! What an entry means, apart from how it is written.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Values in one form: members sorted by name.
pub(crate) fn sorted(value: &Value) -> Value {
    let mut value = value.clone();
    value.sort_all_objects();
    value
}

pub(crate) fn as_set(list: &Value) -> Value {
    let list = list.as_array().into_iter().flatten();
    let list: BTreeSet<String> = list.map(|one| sorted(one).to_string()).collect();
    json!(list)
}

/// What a constraint matches, as far as its form tells.
pub(crate) fn meaning_of_spec(spec: &Value) -> Value {
    let kind = spec["constraint_type"].as_str().expect("a kind");
    match kind {
        "exact" => json!(["one_of", as_set(&json!([spec["value"]]))]),
        "one_of" | "subset" | "contains" | "email_domain" => json!([kind, as_set(&spec["values"])]),
        "not_one_of" => json!([kind, as_set(&spec["excluded"])]),
        "cidr" => json!([kind, as_set(&spec["ranges"])]),
        "url" => json!([
            kind,
            as_set(&spec["schemes"]),
            as_set(&spec["hosts"]),
            spec["path_prefix"]
        ]),
        "each" | "optional" => json!([kind, meaning_of_spec(&spec["constraint"])]),
        "all" | "any" => {
            let list: Vec<Value> = spec["constraints"]
                .as_array()
                .expect("a list")
                .iter()
                .map(meaning_of_spec)
                .collect();
            match list.as_slice() {
                [only] => only.clone(),
                _ => json!([kind, list]),
            }
        }
        _ => sorted(spec),
    }
}

/// What an entry grants, in a form that is the same for entries that grant the same.
pub(crate) fn meaning(entry: &Value) -> Value {
    let constraints = entry["constraints"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let constraints: Map<String, Value> = constraints
        .iter()
        .map(|(name, spec)| (name.clone(), meaning_of_spec(spec)))
        .collect();
    let mut limits = entry["limits"].clone();
    for limit in limits
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter(|limit| limit["type"] == "spend")
    {
        for (name, default) in [("argument", "amount"), ("currency_argument", "currency")] {
            if limit.get(name).is_none() {
                limit[name] = default.into();
            }
        }
    }
    let mut requires = entry["requires"].clone();
    if let Some(acr) = requires.get("acr").filter(|acr| acr.is_string()).cloned() {
        requires["acr"] = json!([acr]);
    }
    sorted(&json!({
        "actions": as_set(&entry["actions"]), "privileges": as_set(&entry["privileges"]),
        "datatypes": as_set(&entry["datatypes"]), "locations": as_set(&entry["locations"]),
        "identifier": entry["identifier"], "purpose": entry["purpose"], "constraints": constraints,
        "limits": limits, "requires": requires, "consent": entry["consent"],
    }))
}

/// The text without what stands in quotes, and no character that does anything but stand there.
pub(crate) fn skeleton(text: &str) -> String {
    let mut out = String::new();
    let mut open: Option<char> = None;
    let mut escaped = false;
    for character in text.chars() {
        assert!(
            !character.is_control()
                && !"\u{202e}\u{202d}\u{200b}\u{feff}\u{201d}\u{2033}".contains(character),
            "{text}"
        );
        match open {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(quote) if character == quote => open = None,
            Some(_) => {}
            None => {
                out.push(character);
                open = Some(character).filter(|character| matches!(character, '"' | '`'));
            }
        }
    }
    assert_eq!(open, None, "{text}");
    out
}

/// The same entry with every foreign text replaced by a harmless one.
pub(crate) fn harmless(value: &Value, name: &str) -> Value {
    match value {
        Value::String(_)
            if !matches!(
                name,
                "type"
                    | "actions"
                    | "privileges"
                    | "datatypes"
                    | "constraint_type"
                    | "argument"
                    | "currency_argument"
                    | "consent"
                    | "path_prefix"
                    | "root"
                    | "ranges"
                    | "schemes"
                    | "hosts"
            ) =>
        {
            json!("x")
        }
        Value::Array(list) => list.iter().map(|one| harmless(one, name)).collect(),
        Value::Object(members) if name == "value" || name == "values" => {
            json!({"x": members.len()})
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, one)| (name.clone(), harmless(one, name)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}
