//! Arguments of a request as attributes of the context.
//!
//! Arguments were checked and normalised before (see [`normalise`](crate::normalise)). Those of
//! `@format("json")` are strings to policies: their RFC 8785 text, which has to live somewhere; so
//! [`texts`] makes the texts first, and [`attributes`] takes them in the same order.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::{Json, Kind, Writer, canonical};

use super::extension::Extension;
use super::value::{Uid, Value};
use crate::vocabulary::{Action, Argument};

/// The texts of the arguments that policies see as text.
#[must_use]
pub fn texts(action: Action<'_>, arguments: Json<'_>) -> Vec<String> {
    let mut texts = Vec::new();
    for (name, value) in arguments.members() {
        if let Some(argument) = action.argument(name) {
            collect(argument.type_of(), value, &mut texts);
        }
    }
    texts
}

fn collect(type_of: Option<Json<'_>>, value: Json<'_>, texts: &mut Vec<String>) {
    match tag(type_of) {
        "json" => {
            let mut out = Writer::default();
            // What is not canonical was refused before; an empty text conforms to nothing.
            let whole = canonical(value, &mut out);
            texts.push(if whole { out.finish() } else { String::new() });
        }
        "set" => {
            let element = type_of.and_then(|set| set.get("of"));
            value
                .elements()
                .for_each(|value| collect(element, value, texts));
        }
        "record" => {
            let attributes = type_of.and_then(|record| record.get("attrs"));
            for (name, value) in value.members() {
                let attribute = attributes.and_then(|attributes| attributes.get(name));
                collect(
                    attribute.and_then(|one| Argument(one).type_of()),
                    value,
                    texts,
                );
            }
        }
        _ => {}
    }
}

/// The attributes, in the order of the arguments; `null` counts as absent. `None` for arguments that
/// were not normalised.
#[must_use]
pub fn attributes<'a>(
    action: Action<'a>,
    arguments: Json<'a>,
    texts: &'a [String],
) -> Option<Vec<(&'a str, Value<'a>)>> {
    let mut texts = texts.iter().map(String::as_str);
    let mut attributes = Vec::with_capacity(arguments.len());
    for (name, value) in arguments.members() {
        let type_of = action.argument(name)?.type_of();
        if let Some(value) = read(type_of, value, &mut texts)? {
            attributes.push((name, value));
        }
    }
    Some(attributes)
}

/// `Some(None)` for an optional argument that is `null`.
fn read<'a>(
    type_of: Option<Json<'a>>,
    value: Json<'a>,
    texts: &mut dyn Iterator<Item = &'a str>,
) -> Option<Option<Value<'a>>> {
    let tag = tag(type_of);
    if tag == "json" {
        return Some(Some(Value::Str(texts.next()?.as_bytes())));
    }
    if value.kind() == Kind::Null {
        return Some(None);
    }
    let of = || type_of.and_then(|type_of| type_of.get("of"));
    Some(Some(match tag {
        "long" => Value::Long(value.as_int()?),
        "bool" => Value::Bool(value.as_bool()?),
        "string" => Value::Str(value.as_bytes()?),
        "ext" => Extension::from_name(of()?.as_str()?)?
            .constructor()
            .construct(value.as_bytes()?)?,
        "entity" => Value::Entity(Uid::new(of()?.as_str()?, value.as_str()?)),
        "set" => {
            let elements = value.elements().map(|value| read(of(), value, texts));
            Value::set(elements.collect::<Option<Option<_>>>()??)
        }
        "record" => {
            let declared = type_of.and_then(|record| record.get("attrs"))?;
            let mut attributes = Vec::with_capacity(value.len());
            for (name, value) in value.members() {
                let type_of = Argument(declared.get(name)?).type_of();
                if let Some(value) = read(type_of, value, texts)? {
                    attributes.push((name, value));
                }
            }
            Value::record(attributes)
        }
        _ => return None,
    }))
}

fn tag(type_of: Option<Json<'_>>) -> &str {
    type_of
        .and_then(|type_of| type_of.get("t"))
        .and_then(Json::as_str)
        .unwrap_or_default()
}
