//! `limits` of a capability: what may be spent, how often it may be used.

use ambit_core::limits::{INTEGER_MAX, MONEY_DECIMALS, RATE_SECONDS};
use serde_json::{Map, Value as Json};
use toml::de::DeTable;

use super::capability::Actions;
use super::number;
use crate::reader::{File, Reader, Value};
use crate::schema::Vocabulary;
use crate::suggest;

const EXAMPLE: &str = "limits = [{ type = \"spend\", argument = \"amount\", currency_argument = \"currency\", max = 50000, currency = \"EUR\", decimals = 2 }]";

pub(super) fn read(
    file: File<'_>,
    value: &Value<'_>,
    actions: &Actions<'_>,
    vocabulary: Option<&Vocabulary>,
) -> Option<Json> {
    let tables = file.tables(value, "limits", EXAMPLE)?;
    if tables.is_empty() {
        file.error(
            "project.value",
            value.span(),
            "`limits` is an empty list",
            format!("write for example `{EXAMPLE}`, or leave `limits` out"),
        );
        return None;
    }
    let mut limits = Vec::new();
    for (table, span) in tables {
        let before = file.sink.errors();
        let reader = Reader::new(file, table, "a limit", span.clone());
        let read = limit(reader, table, actions);
        if let (Some(limit), Some(vocabulary), true) =
            (&read, vocabulary, file.sink.errors() == before)
        {
            check(file, span, limit, actions, vocabulary);
        }
        limits.extend(read);
    }
    Some(Json::Array(limits))
}

/// Refuses a budget that cannot be counted for one of the actions.
fn check(
    file: File<'_>,
    place: core::ops::Range<usize>,
    limit: &Json,
    actions: &Actions<'_>,
    vocabulary: &Vocabulary,
) {
    let why = |action| super::fit::budget(limit, action, vocabulary);
    let fault = actions
        .iter()
        .find_map(|(name, action)| Some((name, why(action)?)));
    if let Some((action, why)) = fault {
        file.error(
            "project.contradiction",
            place,
            format!("this budget can never be counted for `{action}`: {why}"),
            "say which arguments it counts: `argument = …`, `currency_argument = …`, `decimals` as in their `@unit`",
        );
    }
}

fn limit(mut reader: Reader<'_, '_>, table: &DeTable<'_>, actions: &Actions<'_>) -> Option<Json> {
    let file = reader.file;
    let kind = reader
        .require("type", "type = \"spend\"")
        .and_then(|value| file.word(value, "type", &["spend", "use_limit", "rate"]));
    let mut json = Map::new();
    let read = match kind {
        Some("spend") => spend(&mut reader, table, actions, &mut json),
        Some(kind) => uses(&mut reader, kind == "rate", &mut json),
        None => return None,
    };
    reader.finish();
    json.insert("type".to_owned(), kind?.into());
    read.map(|()| Json::Object(json))
}

/// How often, altogether or in each of so many seconds.
fn uses(reader: &mut Reader<'_, '_>, rate: bool, json: &mut Map<String, Json>) -> Option<()> {
    let max = reader.required_integer("max", 1..=INTEGER_MAX, "max = 1");
    if rate {
        // A root lives no longer, and a new one begins anew: a longer window would promise too much.
        let bounds = 1..=RATE_SECONDS;
        let seconds = reader.required_integer("seconds", bounds, "seconds = 3600");
        json.insert("seconds".to_owned(), seconds?.into());
    }
    json.insert("max".to_owned(), max?.into());
    Some(())
}

fn spend(
    reader: &mut Reader<'_, '_>,
    table: &DeTable<'_>,
    actions: &Actions<'_>,
    json: &mut Map<String, Json>,
) -> Option<()> {
    let file = reader.file;
    let argument = named(reader, "argument", "amount", actions);
    let currency_argument = named(reader, "currency_argument", "currency", actions);
    let digits = argument
        .as_ref()
        .and_then(|name| actions.iter().find_map(|(_, action)| action.args.get(name)))
        .and_then(|argument| argument.attribute.money);
    let max = reader.require("max", "max = 50000");
    let max = max.and_then(|value| most(file, value, digits));
    let currency = reader.required_string("currency", "currency = \"EUR\"");
    let bounds = 0..=i64::from(MONEY_DECIMALS);
    let decimals = reader.required_integer("decimals", bounds, "decimals = 2");
    if let (Some(digits), Some(decimals), Some(place)) = (digits, decimals, table.get("decimals"))
        && i64::from(digits) != decimals
    {
        file.error(
            "project.limit",
            place.span(),
            "`decimals` differs from the `@unit` of the argument in the schema",
            format!("write `decimals = {digits}`"),
        );
    }
    json.insert("argument".to_owned(), argument?.into());
    json.insert("currency_argument".to_owned(), currency_argument?.into());
    json.insert("max".to_owned(), max?.into());
    json.insert("currency".to_owned(), currency?.text.into());
    json.insert("decimals".to_owned(), decimals?.into());
    Some(())
}

/// The name of an argument that the limit looks at, as given or by default.
fn named(
    reader: &mut Reader<'_, '_>,
    key: &'static str,
    default: &str,
    actions: &Actions<'_>,
) -> Option<String> {
    let file = reader.file;
    let example = format!("{key} = \"{default}\"");
    let given = match reader.get(key) {
        Some(value) => Some(file.string(value, key, &example)?),
        None => None,
    };
    let name = given.as_ref().map_or(default, |text| text.text).to_owned();
    declared(reader, &name, given.map(|text| text.span), actions);
    Some(name)
}

fn most(file: File<'_>, value: &Value<'_>, digits: Option<u32>) -> Option<i64> {
    let max = number::integer(file, value, "max", digits)?.as_i64();
    let max = max.filter(|max| *max >= 1);
    if max.is_none() {
        file.error(
            "project.bounds",
            value.span(),
            "`max` must be at least 1",
            "write the minor units that may be spent in all; to allow nothing, leave `execute` out",
        );
    }
    max
}

/// A limit on an argument that an action lacks never has room.
fn declared(
    reader: &Reader<'_, '_>,
    name: &str,
    span: Option<core::ops::Range<usize>>,
    actions: &Actions<'_>,
) {
    for (action, declared) in actions {
        if declared.args.contains_key(name) {
            continue;
        }
        let message =
            format!("`{action}` has no argument `{name}`, so this limit cannot be counted");
        let known = declared.args.keys().map(String::as_str);
        match &span {
            Some(span) => reader.file.error(
                "project.unknown_argument",
                span.clone(),
                message,
                suggest::help(name, known),
            ),
            None => reader.file.warning(
                "check.never_matches",
                reader.place.clone(),
                message,
                format!(
                    "say which it is: `argument = …`, `currency_argument = …`; {}",
                    suggest::help(name, known)
                ),
            ),
        }
    }
}
