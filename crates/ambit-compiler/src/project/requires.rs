//! `requires` and `consent`: when a person is asked.

use ambit_core::limits::RECEIPTS;
use ambit_token::ROLE;
use serde_json::{Map, Value as Json, json};
use toml::de::DeValue;

use crate::reader::{File, Reader, Text, Value};

const APPROVAL: &str = "approval = { approvers = [\"user:ann\"], count = 1 }";
/// Ten years: a login is never that fresh a question.
const MAX_AGE: i64 = 10 * 366 * 86_400;

pub(super) fn read(file: File<'_>, value: &Value<'_>) -> Option<Json> {
    let table = file.table(value, "requires", "requires = { approval = true }")?;
    let mut reader = Reader::new(file, table, "`requires`", value.span());
    let members = [
        ("acr", reader.get("acr").map(|value| acr(file, value))),
        (
            "max_age",
            reader.get("max_age").map(|value| max_age(file, value)),
        ),
        (
            "approval",
            reader.get("approval").map(|value| approval(file, value)),
        ),
    ];
    reader.finish();
    if table.is_empty() {
        file.error(
            "project.value",
            value.span(),
            "`requires` asks for nothing",
            format!("write for example `requires = {{ {APPROVAL} }}`, or leave it out"),
        );
    }
    let mut out = Map::new();
    for (name, member) in members {
        if let Some(member) = member {
            out.insert(name.to_owned(), member?);
        }
    }
    Some(Json::Object(out))
}

fn acr(file: File<'_>, value: &Value<'_>) -> Option<Json> {
    if !matches!(value.get_ref(), DeValue::Array(_)) {
        return Some(Json::from(file.string(value, "acr", "acr = \"phr\"")?.text));
    }
    let texts = file.strings(value, "acr", "acr = [\"phr\"]")?;
    Some(texts.iter().map(|text| Json::from(text.text)).collect())
}

fn max_age(file: File<'_>, value: &Value<'_>) -> Option<Json> {
    file.integer(value, "max_age", 0..=MAX_AGE).map(Json::from)
}

fn approval(file: File<'_>, value: &Value<'_>) -> Option<Json> {
    match value.get_ref() {
        DeValue::Boolean(true) => Some(Json::from(true)),
        DeValue::Table(_) => approvers(file, value, "approval"),
        _ => {
            file.error(
                "project.value",
                value.span(),
                "`approval` is `true` (the person for whom the token is) or names approvers",
                format!("write `approval = true` or `{APPROVAL}`"),
            );
            None
        }
    }
}

fn approvers(file: File<'_>, value: &Value<'_>, what: &str) -> Option<Json> {
    let table = file.table(value, what, APPROVAL)?;
    let mut reader = Reader::new(file, table, format!("`{what}`"), value.span());
    let approvers = reader.require("approvers", "approvers = [\"user:ann\"]");
    let approvers =
        approvers.and_then(|value| file.strings(value, "approvers", "approvers = [\"user:ann\"]"));
    let role = |texts: &Vec<Text<'_>>| texts.iter().any(|text| text.text.starts_with(ROLE));
    // In one role several people may say yes; a request has so many receipts.
    let most = match &approvers {
        Some(texts) if role(texts) => RECEIPTS,
        approvers => approvers.as_ref().map_or(1, Vec::len),
    };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let count = reader.required_integer("count", 1..=most, "count = 1");
    reader.finish();
    let approvers: Vec<&str> = approvers?.iter().map(|text| text.text).collect();
    Some(json!({"approvers": approvers, "count": count?}))
}

/// `"none"`, `"once"`, `"each"`, or approvers.
pub(super) fn consent(file: File<'_>, value: &Value<'_>) -> Option<Json> {
    if matches!(value.get_ref(), DeValue::Table(_)) {
        return approvers(file, value, "consent");
    }
    let word = file.word(value, "consent", &["none", "once", "each"])?;
    Some(Json::from(word))
}
