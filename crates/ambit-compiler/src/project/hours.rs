//! `hours` of a capability: when it holds.

use ambit_core::grammar::Form;
use ambit_core::hours::DAYS;
use ambit_core::json::{Document, Profile};
use serde_json::{Map, Value as Json};

use crate::reader::{File, Reader, Value};
use crate::suggest;

const EXAMPLE: &str = "hours = { days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"], from = \"09:00\", to = \"17:00\", zone = \"Europe/Berlin\" }";

pub(super) fn read(file: File<'_>, value: &Value<'_>) -> Option<Json> {
    let table = file.table(value, "hours", EXAMPLE)?;
    let before = file.sink.errors();
    let mut reader = Reader::new(file, table, "`hours`", value.span());
    let mut out = Map::new();
    let days = reader.require("days", EXAMPLE);
    let days = days.and_then(|days| file.strings(days, "days", "days = [\"mon\", \"tue\"]"));
    for day in days.iter().flatten() {
        if !DAYS.contains(&day.text) {
            file.error(
                "project.value",
                day.span.clone(),
                format!("`{}` is not a day", day.text),
                suggest::help(day.text, DAYS.iter().copied()),
            );
        }
    }
    let days = days.into_iter().flatten();
    let days: Vec<Json> = days.map(|day| Json::from(day.text)).collect();
    out.insert("days".to_owned(), days.into());
    for (key, example, form) in [
        ("from", "from = \"09:00\"", Form::Clock),
        ("to", "to = \"17:00\"", Form::Clock),
        ("zone", "zone = \"Europe/Berlin\"", Form::Zone),
    ] {
        let Some(text) = reader.required_string(key, example) else {
            continue;
        };
        let json = Json::from(text.text).to_string();
        let document = Document::parse(json.as_bytes(), Profile::Signed);
        if !document.is_ok_and(|document| form.holds(document.root())) {
            file.error(
                "project.value",
                text.span,
                format!("`{key}` must be {}", form.words()),
                format!("write for example `{example}`"),
            );
        }
        out.insert(key.to_owned(), text.text.into());
    }
    reader.finish();
    let text = |key: &str| out.get(key).and_then(Json::as_str);
    if file.sink.errors() == before && (text("from") == text("to") || text("from") == Some("24:00"))
    {
        file.error(
            "project.value",
            value.span(),
            "these hours could be no time at all, or the whole day",
            "the whole day is `from = \"00:00\", to = \"24:00\"`; where `to` is earlier than `from`, it is meant on the next day",
        );
    }
    (file.sink.errors() == before).then_some(Json::Object(out))
}
