//! Arguments of a request as attributes of the context.
//!
//! Arguments were checked and normalised before (see [`normalise`](crate::normalise)). Those of
//! `@format("json")` are strings to policies: their RFC 8785 text, which has to live somewhere; so
//! [`texts`] makes the texts first, and [`attributes`] takes them in the same order.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Steps;
use ambit_core::json::{Json, Kind, Writer, canonical_value};
use ambit_core::limits::{DECIMAL_PLACES, STEP_BYTES};

use super::extension::Extension;
use super::value::{KEPT, Uid, Value};
use crate::vocabulary::{Action, Argument};

/// The texts of the arguments that policies see as text, kept and paid for.
#[must_use]
pub fn texts(action: Action<'_>, arguments: Json<'_>, steps: &Steps) -> Vec<String> {
    let mut texts = Vec::new();
    for (name, value) in arguments.members() {
        if let Some(argument) = action.argument(name) {
            collect(argument.type_of(), value, &mut texts, steps);
        }
    }
    texts
}

fn collect(type_of: Option<Json<'_>>, value: Json<'_>, texts: &mut Vec<String>, steps: &Steps) {
    match tag(type_of) {
        "json" => {
            if !steps.take(KEPT.saturating_mul(2)) {
                return;
            }
            let mut out = Writer::default();
            // What is not canonical was refused before; an empty text conforms to nothing.
            let whole = canonical_value(value, &mut out);
            let text = if whole { out.finish() } else { String::new() };
            steps.charge(text.capacity() / STEP_BYTES);
            texts.push(text);
        }
        "set" => {
            let element = type_of.and_then(|set| set.get("of"));
            value
                .elements()
                .for_each(|value| collect(element, value, texts, steps));
        }
        "record" => {
            let attributes = type_of.and_then(|record| record.get("attrs"));
            if !steps.take(lookups(value, attributes)) {
                return;
            }
            for (name, value) in value.members() {
                let attribute = attributes.and_then(|attributes| attributes.get(name));
                collect(
                    attribute.and_then(|one| Argument(one).type_of()),
                    value,
                    texts,
                    steps,
                );
            }
        }
        _ => {}
    }
}

/// Steps for looking every member up among those that are declared.
fn lookups(value: Json<'_>, declared: Option<Json<'_>>) -> usize {
    let declared = declared.map_or(0, Json::len).saturating_add(2);
    value.len().saturating_mul(declared) / 2
}

/// The attributes, in the order of the arguments; `null` counts as absent, and what policies do not see is left
/// out. `None` for arguments that
/// were not normalised, and where the steps end.
#[must_use]
pub fn attributes<'a>(
    action: Action<'a>,
    arguments: Json<'a>,
    texts: &'a [String],
    steps: &Steps,
) -> Option<Vec<(&'a str, Value<'a>)>> {
    let mut reader = Reader {
        texts: texts.iter(),
        steps,
    };
    let mut attributes = Vec::with_capacity(arguments.len());
    for (name, value) in arguments.members() {
        let argument = action.argument(name)?;
        if !argument.is_seen() {
            continue;
        }
        if let Some(value) = reader.read(argument.type_of(), value)? {
            attributes.push((name, value));
        }
    }
    Some(attributes)
}

struct Reader<'a, 's> {
    texts: core::slice::Iter<'a, String>,
    steps: &'s Steps,
}

impl<'a> Reader<'a, '_> {
    fn pay(&self, steps: usize) -> Option<()> {
        self.steps.take(steps).then_some(())
    }

    /// `Some(None)` for an optional argument that is `null`.
    fn read(&mut self, type_of: Option<Json<'a>>, value: Json<'a>) -> Option<Option<Value<'a>>> {
        let tag = tag(type_of);
        self.pay(KEPT.saturating_mul(2))?;
        if tag == "json" {
            return Some(Some(Value::Str(self.texts.next()?.as_bytes())));
        }
        if value.kind() == Kind::Null {
            return Some(None);
        }
        let of = || type_of.and_then(|type_of| type_of.get("of"));
        Some(Some(match tag {
            "long" => Value::Long(value.as_int()?),
            "number" if of().is_some() => Value::Decimal(value.as_number()?.units(DECIMAL_PLACES)?),
            "bool" => Value::Bool(value.as_bool()?),
            "string" => Value::Str(value.as_bytes()?),
            "ext" => Extension::from_name(of()?.as_str()?)?
                .constructor()
                .construct(value.as_bytes()?)?,
            "entity" => Value::Entity(Uid::new(of()?.as_str()?, value.as_str()?)),
            "set" => {
                let of = of();
                // With room for all at once: what grows leaves holes in the memory of a call.
                let mut elements = Vec::with_capacity(value.len());
                for element in value.elements() {
                    elements.push(self.read(of, element)??);
                }
                Value::set(elements)
            }
            "record" => {
                let declared = type_of.and_then(|record| record.get("attrs"))?;
                self.pay(lookups(value, Some(declared)))?;
                let mut attributes = Vec::with_capacity(value.len());
                for (name, value) in value.members() {
                    let type_of = Argument(declared.get(name)?).type_of();
                    if let Some(value) = self.read(type_of, value)? {
                        attributes.push((name, value));
                    }
                }
                Value::record(attributes)
            }
            _ => return None,
        }))
    }
}

fn tag(type_of: Option<Json<'_>>) -> &str {
    type_of
        .and_then(|type_of| type_of.get("t"))
        .and_then(Json::as_str)
        .unwrap_or_default()
}
