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
        "cidr" => json!([kind, as_set(&spec["ranges"]), as_set(&spec["except"])]),
        "host" => json!([kind, as_set(&spec["hosts"]), as_set(&spec["except"])]),
        "url" => json!([
            kind,
            as_set(&spec["schemes"]),
            as_set(&spec["hosts"]),
            spec["path_prefix"],
            as_set(&spec["except"])
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

/// What a bound means where nothing is said of an argument that may be left out.
fn required(spec: &Value) -> &Value {
    match spec["constraint_type"].as_str() {
        Some("optional") => required(&spec["constraint"]),
        _ => spec,
    }
}

/// The bounds that are said: what is free is, where it is an amount or whom the call reaches.
fn bounds(entry: &Value) -> Value {
    let mut given = entry["constraints"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let actions = as_set(&entry["actions"]).to_string();
    let open = given.shift_remove("*").is_some();
    for (name, actions_with) in [("to", ["send", "pay"]), ("amount", ["pay", "pay"])] {
        let notable = actions_with.iter().any(|action| actions.contains(action));
        if open && notable && !given.contains_key(name) {
            given.insert(name.to_owned(), json!({"constraint_type": "wildcard"}));
        }
    }
    let mut said = Map::new();
    for (name, spec) in &given {
        let mut spec = required(spec).clone();
        let notable = (name == "to" && (actions.contains("send") || actions.contains("pay")))
            || (name == "amount" && actions.contains("pay"));
        if spec["constraint_type"] == "wildcard" && !notable {
            continue;
        }
        // The least amount that there is bounds nothing.
        if name == "amount"
            && spec.get("max").is_some()
            && json!([0, 1])
                .as_array()
                .is_some_and(|least| least.contains(&spec["min"]))
        {
            spec.as_object_mut().expect("an object").shift_remove("min");
        }
        said.insert(name.clone(), meaning_of_spec(&spec));
    }
    Value::Object(said)
}

/// What an entry grants as far as people are told, in a form that is the same for entries that grant the
/// same.
pub(crate) fn meaning(entry: &Value) -> Value {
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
    let mut approvals = Vec::new();
    if let Some(requires) = requires.as_object_mut() {
        approvals.extend(requires.shift_remove("approval"));
    }
    if requires.as_object().is_some_and(Map::is_empty) {
        requires = Value::Null;
    }
    let privileges = as_set(&entry["privileges"]).to_string();
    // Who carries out also prepares, and who prepares a call that is approved does no more.
    let power = ["execute", "propose", "draft"]
        .into_iter()
        .find(|power| privileges.contains(power));
    let is_carried_out = matches!(power, Some("execute" | "propose"));
    // A budget counts what is carried out, and nothing else.
    if let Some(counted) = limits.as_array_mut().filter(|_| !is_carried_out) {
        counted.retain(|limit| limit["type"] != "spend");
        if counted.is_empty() {
            limits = Value::Null;
        }
    }
    let consent = &entry["consent"];
    if is_carried_out && !matches!(consent.as_str(), Some("none" | "once")) {
        approvals.push(match consent {
            Value::String(_) => json!(true),
            other => other.clone(),
        });
    }
    approvals.retain(|approval| !approval.is_null());
    let mut hours = entry["hours"].clone();
    if let Some(days) = hours.get("days").map(as_set) {
        hours["days"] = days;
    }
    sorted(&json!({
        "hours": hours,
        "actions": as_set(&entry["actions"]), "power": power,
        "datatypes": as_set(&entry["datatypes"]), "locations": as_set(&entry["locations"]),
        "identifier": entry["identifier"], "purpose": entry["purpose"], "constraints": bounds(entry),
        "limits": limits, "requires": requires, "approvals": as_set(&json!(approvals)),
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
