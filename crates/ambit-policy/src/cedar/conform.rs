//! Whether JSON conforms to a shape: once, before anything is evaluated, so that nothing is ever
//! evaluated half-typed.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};

use ambit_core::foreign_name;
use ambit_core::json::{Json, Kind as JsonKind};

use super::extension::Extension;
use super::fault::InputFault;
use super::kind::{Kind, Shape};
use super::program::Program;
use super::read::{self, Escape, escape, is_type_name};
use super::value::{Uid, Value};
use super::verify::TYPE_DEPTH;

impl<'a> Program<'a> {
    /// Checks JSON against a shape, everything inside included.
    pub(super) fn check(&'a self, json: Json<'a>, shape: Shape) -> Result<(), Box<InputFault>> {
        let kind = self.kind(shape).ok_or_else(|| InputFault::new("nothing"))?;
        let wrong = || Err(InputFault::new(self.wanted(kind)));
        match (kind, json.kind()) {
            (Kind::Bool, JsonKind::Bool) | (Kind::Str, JsonKind::String) => Ok(()),
            (Kind::Long, JsonKind::Number) if read::long(json).is_some() => Ok(()),
            (Kind::Set(elements), JsonKind::Array) => self.check_set(json, Shape::Of(elements)),
            (Kind::Record(record), JsonKind::Object) => self.check_record(json, record),
            (Kind::Entity(name), JsonKind::Object) => {
                let Some(uid) = read::uid(json) else {
                    return wrong();
                };
                if self.bytes(name) != Some(uid.kind) {
                    return wrong();
                }
                self.check_uid(uid)
            }
            (Kind::Any, _) => self.check_any(json),
            (Kind::Extension(_), JsonKind::String | JsonKind::Object)
            | (Kind::Bool | Kind::Long | Kind::Str, JsonKind::Object) => {
                match self.read(json, shape) {
                    Some(value) if fits(&value, kind) => Ok(()),
                    _ => wrong(),
                }
            }
            _ => wrong(),
        }
    }

    fn check_set(&'a self, json: Json<'a>, shape: Shape) -> Result<(), Box<InputFault>> {
        for (at, element) in json.elements().enumerate() {
            self.check(element, shape)
                .map_err(|fault| fault.element(at))?;
        }
        Ok(())
    }

    /// Every attribute is declared and conforms, and none that is required is missing.
    pub(super) fn check_record(
        &'a self,
        json: Json<'a>,
        record: usize,
    ) -> Result<(), Box<InputFault>> {
        let mut required = 0_usize;
        for (name, value) in json.byte_members() {
            let (needed, shape) = self.attribute(record, name).ok_or_else(|| {
                InputFault::new("nothing: the schema does not declare it").member(&lossy(name))
            })?;
            self.check(value, Shape::Of(shape))
                .map_err(|fault| fault.member(&lossy(name)))?;
            required = required.saturating_add(usize::from(needed));
        }
        if Some(required) == self.required(record) {
            return Ok(());
        }
        let missing = self.missing(record, |name| json.get_bytes(name).is_some());
        let missing = missing.unwrap_or_default();
        let shape = self.attribute(record, missing.as_bytes());
        let wanted = shape
            .and_then(|(_, shape)| self.kind(Shape::Of(shape)))
            .map_or_else(String::new, |kind| self.wanted(kind));
        Err(InputFault::new(format!("{wanted}; it is required and missing")).member(missing))
    }

    fn check_any(&'a self, json: Json<'a>) -> Result<(), Box<InputFault>> {
        match json.kind() {
            JsonKind::Bool | JsonKind::String => Ok(()),
            JsonKind::Array => self.check_set(json, Shape::Any),
            JsonKind::Object => match escape(json) {
                Escape::None => json.members().try_for_each(|(name, value)| {
                    let checked = self.check_any(value);
                    checked.map_err(|fault| fault.member(name))
                }),
                Escape::Entity(uid) => self.check_uid(uid),
                Escape::Call(_) if self.read(json, Shape::Any).is_some() => Ok(()),
                Escape::Call(_) => Err(InputFault::new(
                    "an extension function and arguments that it accepts",
                )),
                Escape::Expression => Err(InputFault::new("a value without `__expr`")),
            },
            JsonKind::Number if read::long(json).is_some() => Ok(()),
            JsonKind::Number => Err(InputFault::new("an integer of 64 bits")),
            JsonKind::Null => Err(InputFault::new("any value but null")),
        }
    }

    /// The name of the type; with a schema, that an enumeration has the identifier, and that an
    /// action is declared.
    ///
    /// # Errors
    ///
    /// [`InputFault`] without a path, for what does not hold.
    pub fn check_uid(&self, uid: Uid<'_>) -> Result<(), Box<InputFault>> {
        if !is_type_name(uid.kind) {
            return Err(InputFault::new("an entity whose type has a valid name"));
        }
        if !self.typed {
            return Ok(());
        }
        if uid.is_action() && self.action_type(uid).is_none() {
            return Err(InputFault::new("an action that the schema declares"));
        }
        let identifiers = self.entity_type(uid.kind).and_then(|kind| kind.identifiers);
        match identifiers {
            Some(known) if !self.lists(known, uid.id) => Err(InputFault::new(format!(
                "one of the entities of the enumeration `{}`",
                lossy(uid.kind)
            ))),
            _ => Ok(()),
        }
    }

    /// A type in words.
    fn wanted(&self, kind: Kind) -> String {
        self.wanted_within(kind, TYPE_DEPTH)
    }

    /// [`Self::wanted`] to a depth: in a program that nobody verified a type may hold itself.
    fn wanted_within(&self, kind: Kind, depth: u8) -> String {
        match kind {
            Kind::Any => "any value".to_string(),
            Kind::Bool => "true or false".to_string(),
            Kind::Long => "an integer of 64 bits".to_string(),
            Kind::Str => "a string".to_string(),
            Kind::Entity(name) => {
                let name = self.string(name).unwrap_or_default();
                format!("an entity of type `{name}`, as {{\"type\", \"id\"}}")
            }
            Kind::Set(element) => {
                let below = depth.checked_sub(1);
                let element = below.zip(self.kind(Shape::Of(element)));
                let element = element
                    .map_or_else(String::new, |(depth, kind)| self.wanted_within(kind, depth));
                format!("an array, each element {element}")
            }
            Kind::Record(_) => "an object".to_string(),
            Kind::Extension(extension) => example(extension).to_string(),
        }
    }
}

/// What an extension type looks like.
pub(crate) const fn example(extension: Extension) -> &'static str {
    match extension {
        Extension::Decimal => "a decimal with 1 to 4 digits after the point, like \"12.34\"",
        Extension::Ip => "an IP address or range, like \"10.0.0.0/8\"",
        Extension::Datetime => "a datetime, like \"2026-01-31T09:30:00Z\"",
        Extension::Duration => "a duration, like \"1d2h30m\"",
    }
}

/// Whether a value that came out of an escape has the type; the rest was checked where it stands.
const fn fits(value: &Value<'_>, kind: Kind) -> bool {
    matches!(
        (value, kind),
        (Value::Bool(_), Kind::Bool)
            | (Value::Long(_), Kind::Long)
            | (Value::Str(_), Kind::Str)
            | (Value::Decimal(_), Kind::Extension(Extension::Decimal))
            | (Value::Ip(_), Kind::Extension(Extension::Ip))
            | (Value::Datetime(_), Kind::Extension(Extension::Datetime))
            | (Value::Duration(_), Kind::Extension(Extension::Duration))
    )
}

/// A name from outside, for a line that administrators read.
pub(super) fn lossy(text: &[u8]) -> String {
    foreign_name(core::str::from_utf8(text).unwrap_or(UNREADABLE))
}

/// Stands for bytes that are no text. Nothing that was read or verified has any.
pub(super) const UNREADABLE: &str = "\u{fffd}";
