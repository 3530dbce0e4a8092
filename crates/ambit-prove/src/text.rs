//! A case as it stands in a test file.

use ambit_workbench::cases::Case;
use serde_json::{Map, Value, json};

/// A `[[case]]` to paste into `tests/*.toml`.
#[must_use]
pub fn case(case: &Case) -> String {
    let scope = &case.scope;
    let mut lines = vec!["[[case]]".to_owned()];
    let mut line = |name: &str, value: Value| lines.push(format!("{name} = {}", toml(&value)));
    line("name", json!(case.name));
    line("agent", json!(scope.agent));
    line("action", json!(scope.action));
    line("power", json!(scope.power.name()));
    let resource = format!("{}::\"{}\"", scope.resource.datatype, scope.resource.id);
    line("resource", json!(resource));
    line("purpose", json!(scope.purpose));
    line("args", Value::Object(case.args.clone()));
    line("audience", json!(scope.audience));
    line("location", json!(scope.location));
    if let Some(tenant) = &case.tenant {
        line("tenant", json!(tenant));
    }
    line("subject", json!(case.subject));
    line("now", json!(time(case.now)));
    if let Some(entities) = &case.entities {
        line("entities", entities.clone());
    }
    line("approvals", json!(case.approvals));
    let login = login(case);
    if !login.is_empty() {
        line("login", Value::Object(login));
    }
    let facts = facts(case);
    if !facts.is_empty() {
        line("agent_facts", Value::Object(facts));
    }
    if !case.token.is_empty() {
        line("token", Value::Object(case.token.clone()));
    }
    line("expect", json!(case.expect.to_string()));
    lines.push(String::new());
    lines.join("\n")
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

fn login(case: &Case) -> Map<String, Value> {
    let mut login = Map::new();
    if let Some(acr) = &case.login.acr {
        login.insert("acr".to_owned(), json!(acr));
    }
    if !case.login.amr.is_empty() {
        login.insert("amr".to_owned(), json!(case.login.amr));
    }
    if let Some(at) = case.login.auth_time {
        login.insert("auth_time".to_owned(), json!(time(at)));
    }
    login
}

fn facts(case: &Case) -> Map<String, Value> {
    let mut facts = Map::new();
    if !case.agent_facts.attested {
        facts.insert("attested".to_owned(), json!(false));
        return facts;
    }
    facts.extend(case.agent_facts.members.clone());
    if case.agent_facts.age_seconds != 0 {
        facts.insert(
            "age_seconds".to_owned(),
            json!(case.agent_facts.age_seconds),
        );
    }
    facts
}

/// A value in TOML, on one line. There is no `null`: a member that is one is left out.
fn toml(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(toml).collect();
            format!("[{}]", list.join(", "))
        }
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members = members.map(|(name, value)| format!("{} = {}", key(name), toml(value)));
            let members: Vec<String> = members.collect();
            match members.is_empty() {
                true => "{}".to_owned(),
                false => format!("{{ {} }}", members.join(", ")),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_owned(),
        false => string(name),
    }
}

fn string(text: &str) -> String {
    let plain = !text.contains('\'') && !text.chars().any(char::is_control);
    if text.contains(['"', '\\']) && plain {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            control if control.is_control() => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
