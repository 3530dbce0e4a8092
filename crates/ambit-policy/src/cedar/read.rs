//! JSON as Cedar values. What is read here was checked before (see `conform`).

use alloc::vec::Vec;

use ambit_core::json::{Json, Kind as JsonKind};
use ambit_core::split_once;

use super::extension::{Extension, Function, Parameter};
use super::kind::{Kind, Shape};
use super::program::Program;
use super::value::{InPlace, Record, Set, Uid, Value};

/// What an object says by its only member.
pub(super) enum Escape<'a> {
    /// A plain record.
    None,
    /// `__entity`
    Entity(Uid<'a>),
    /// `__extn`: the call inside it.
    Call(Json<'a>),
    /// `__expr`, which Cedar no longer reads.
    Expression,
}

/// Cedar's escapes are objects with one member and, for two of them, content of the right form.
pub(super) fn escape(json: Json<'_>) -> Escape<'_> {
    let mut members = json.byte_members();
    let (Some((name, content)), None) = (members.next(), members.next()) else {
        return Escape::None;
    };
    match name {
        b"__entity" => match (text(content, b"type"), text(content, b"id")) {
            (Some(kind), Some(id)) => Escape::Entity(Uid { kind, id }),
            _ => Escape::None,
        },
        b"__extn" if call_parts(content).is_some() => Escape::Call(content),
        b"__expr" if content.kind() == JsonKind::String => Escape::Expression,
        _ => Escape::None,
    }
}

fn text<'a>(json: Json<'a>, member: &[u8]) -> Option<&'a [u8]> {
    json.get_bytes(member)?.as_bytes()
}

/// `{"fn": NAME, "arg": VALUE}` or `{"fn": NAME, "args": [VALUES]}`.
fn call_parts(json: Json<'_>) -> Option<(&str, Arguments<'_>)> {
    let function = json.get_str("fn")?;
    if let Some(argument) = json.get("arg") {
        return Some((function, Arguments::One(argument)));
    }
    let arguments = json.get("args")?;
    (arguments.kind() == JsonKind::Array).then_some((function, Arguments::Many(arguments)))
}

enum Arguments<'a> {
    One(Json<'a>),
    Many(Json<'a>),
}

/// An entity reference, with or without `__entity` around it.
pub(super) fn uid(json: Json<'_>) -> Option<Uid<'_>> {
    let inner = match json.get_bytes(b"__entity") {
        Some(inner) if json.len() == 1 => inner,
        _ => json,
    };
    Some(Uid {
        kind: text(inner, b"type")?,
        id: text(inner, b"id")?,
    })
}

/// Words that no part of a type's name may be.
const RESERVED: [&str; 10] = [
    "true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar",
];

/// Whether a text is the full name of a type: identifiers joined by `::`.
pub(super) fn is_type_name(name: &[u8]) -> bool {
    let Ok(name) = core::str::from_utf8(name) else {
        return false;
    };
    let mut rest = name;
    while let Some((part, further)) = split_once(rest, "::") {
        if !is_identifier(part) {
            return false;
        }
        rest = further;
    }
    is_identifier(rest)
}

fn is_identifier(part: &str) -> bool {
    !part.starts_with(|first: char| first.is_ascii_digit())
        && !part.is_empty()
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !RESERVED.contains(&part)
}

/// The integer that a JSON number is, all 64 bits of it.
pub(super) fn long(json: Json<'_>) -> Option<i64> {
    json.number_text()?.parse().ok()
}

impl<'a> Program<'a> {
    /// The value of JSON that conforms to the shape; `None` for any other.
    pub(super) fn read(&'a self, json: Json<'a>, shape: Shape) -> Option<Value<'a>> {
        match (self.kind(shape)?, json.kind()) {
            (Kind::Set(elements), JsonKind::Array) => {
                Some(self.set_in_place(json, Shape::Of(elements)))
            }
            (Kind::Record(record), JsonKind::Object) => {
                Some(self.record_in_place(json, Shape::Of(record)))
            }
            (Kind::Entity(_), _) => uid(json).map(Value::Entity),
            (Kind::Extension(extension), _) => self.read_extension(json, extension),
            _ => self.read_any(json),
        }
    }

    fn read_any(&'a self, json: Json<'a>) -> Option<Value<'a>> {
        Some(match json.kind() {
            JsonKind::Null => return None,
            JsonKind::Bool => Value::Bool(json.as_bool()?),
            JsonKind::Number => Value::Long(long(json)?),
            JsonKind::String => Value::Str(json.as_bytes()?),
            JsonKind::Array => self.set_in_place(json, Shape::Any),
            JsonKind::Object => match escape(json) {
                Escape::None => self.record_in_place(json, Shape::Any),
                Escape::Entity(uid) => Value::Entity(uid),
                Escape::Call(call) => return self.call(call, false),
                Escape::Expression => return None,
            },
        })
    }

    const fn set_in_place(&'a self, json: Json<'a>, shape: Shape) -> Value<'a> {
        Value::Set(Set::InPlace(self.in_place(json, shape)))
    }

    const fn record_in_place(&'a self, json: Json<'a>, shape: Shape) -> Value<'a> {
        Value::Record(Record::InPlace(self.in_place(json, shape)))
    }

    pub(super) const fn in_place(&'a self, json: Json<'a>, shape: Shape) -> InPlace<'a> {
        InPlace {
            program: self,
            json,
            shape,
        }
    }

    /// An extension value where one is expected: a string for its constructor, or a call, with or
    /// without `__extn` around it.
    fn read_extension(&'a self, json: Json<'a>, extension: Extension) -> Option<Value<'a>> {
        match json.kind() {
            JsonKind::String => extension.constructor().construct(json.as_bytes()?),
            JsonKind::Object => match escape(json) {
                Escape::Call(call) => self.call(call, true),
                Escape::None => self.call(json, true),
                Escape::Entity(_) | Escape::Expression => None,
            },
            _ => None,
        }
    }

    /// A function of extension values, called in data. With `typed`, its arguments need no escapes.
    fn call(&'a self, call: Json<'a>, typed: bool) -> Option<Value<'a>> {
        let (name, arguments) = call_parts(call)?;
        let function = Function::from_name(name)?;
        let mut parameters = function.parameters().iter();
        let mut values = Vec::new();
        let mut add = |argument| {
            let shape = match parameters.next()? {
                Parameter::Text => Shape::Text,
                Parameter::Extension(extension) if typed => Shape::Extension(*extension),
                Parameter::Extension(_) => Shape::Any,
            };
            values.push(self.read(argument, shape)?);
            Some(())
        };
        match arguments {
            Arguments::One(argument) => add(argument)?,
            Arguments::Many(list) => {
                for argument in list.elements() {
                    add(argument)?;
                }
            }
        }
        function.call(&values).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::is_type_name;

    #[test]
    fn names_of_types() {
        for name in ["A", "_", "A1::b_2", "true1", "__cedars"] {
            assert!(is_type_name(name.as_bytes()), "{name}");
        }
        for name in ["", "A::", "::A", "1A", "A b", "A::in", "é", "__cedar::A"] {
            assert!(!is_type_name(name.as_bytes()), "{name}");
        }
        // What JSON makes of half a surrogate pair.
        assert!(!is_type_name(b"A\xed\xa0\x80"));
    }
}
