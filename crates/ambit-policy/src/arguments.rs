//! Arguments against the vocabulary: declared, of the right type, money in minor units.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use ambit_core::json::{Json, Kind, Writer, canonical_value, sorted_members};
use ambit_core::limits::DECIMAL_PLACES;
use ambit_core::{Number, Steps, foreign_name, minor_units};

use crate::cedar::{Extension, canonical_text, example};
use crate::vocabulary::{Action, Argument};

/// What is wrong with the arguments of a request, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentFault {
    /// Which rule is broken.
    pub kind: FaultKind,
    /// The path of the offending value, for example `args.lines[2].amount`.
    pub path: String,
    /// What is wanted there, in words.
    pub wanted: String,
}

impl ArgumentFault {
    /// The same fault of what stands at `place`: a path is put together when something is wrong, not
    /// for every value.
    fn within(mut self: Box<Self>, place: &str) -> Box<Self> {
        self.path.insert_str(0, place);
        self
    }
}

/// The rules that arguments can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The schema does not declare it.
    Unknown,
    /// The schema requires it.
    Missing,
    /// It has another type.
    Type,
    /// A number cannot be read exactly.
    Number,
}

/// Writes the arguments in RFC 8785 form, money as minor units, values of extension types in the one
/// spelling that each has: what constraints see, what the action digest covers, what policies judge. An
/// absent argument stays absent, a `null` stays `null`. Looking members and identifiers up among those
/// that are declared is paid for in steps; all else is done once for each byte.
///
/// # Errors
///
/// The first [`ArgumentFault`] in the order of the names. Where the steps end it says nothing.
pub fn normalise(
    arguments: Json<'_>,
    action: Action<'_>,
    out: &mut Writer,
    steps: &Steps,
) -> Result<(), Box<ArgumentFault>> {
    for (name, argument) in action.arguments() {
        if argument.required() && arguments.get(name).is_none() {
            return Err(fault(
                FaultKind::Missing,
                &format!("args.{name}"),
                &wanted(argument.type_of(), argument.money()),
            ));
        }
    }
    let written = write_members(arguments, &mut |name| action.argument(name), out, steps);
    written.map_err(|fault| fault.within("args"))
}

type Attributes<'f, 'a> = &'f mut dyn FnMut(&str) -> Option<Argument<'a>>;

fn write_members(
    object: Json<'_>,
    declared: Attributes<'_, '_>,
    out: &mut Writer,
    steps: &Steps,
) -> Result<(), Box<ArgumentFault>> {
    let mut result = Ok(());
    out.object(|out| {
        for (name, value) in sorted_members(object) {
            result = match declared(name) {
                Some(attribute) => write_argument(value, attribute, out.name(name), steps),
                None => Err(fault(
                    FaultKind::Unknown,
                    "",
                    "nothing: the schema does not declare it",
                )),
            }
            .map_err(|fault| fault.within(&format!(".{}", foreign_name(name))));
            if result.is_err() {
                return;
            }
        }
    });
    result
}

fn write_argument(
    value: Json<'_>,
    argument: Argument<'_>,
    out: &mut Writer,
    steps: &Steps,
) -> Result<(), Box<ArgumentFault>> {
    if value.is_null() && !argument.required() {
        out.null();
        return Ok(());
    }
    write_typed(value, argument.type_of(), argument.money(), out, steps)
}

fn write_typed(
    value: Json<'_>,
    type_of: Option<Json<'_>>,
    money: Option<u32>,
    out: &mut Writer,
    steps: &Steps,
) -> Result<(), Box<ArgumentFault>> {
    let wrong = || fault(FaultKind::Type, "", &wanted(type_of, money));
    if !steps.take(lookups(type_of, value)) {
        return Err(fault(FaultKind::Type, "", ""));
    }
    let number = || fault(FaultKind::Number, "", &wanted(type_of, money));
    let tag = tag(type_of);
    match (tag, value.kind()) {
        ("long", Kind::Number) => {
            let integer = match money {
                Some(decimals) => value
                    .number_text()
                    .and_then(|text| minor_units(text, decimals)),
                None => value.as_int(),
            };
            out.integer(integer.ok_or_else(number)?);
            Ok(())
        }
        ("number", Kind::Number) => {
            let found = value
                .as_number()
                .filter(|found| !is_decimal(type_of) || found.units(DECIMAL_PLACES).is_some());
            out.raw(&found.map(Number::text).ok_or_else(number)?);
            Ok(())
        }
        ("bool", Kind::Bool) | ("string", Kind::String) => {
            out.json(value);
            Ok(())
        }
        ("ext", Kind::String) => {
            let name = extension(type_of).map(Extension::name);
            let text = name.zip(value.as_str());
            let text = text.and_then(|(name, text)| canonical_text(name, text));
            out.string(&text.ok_or_else(wrong)?);
            Ok(())
        }
        ("entity", Kind::String) if is_one_of(type_of, value) => {
            out.json(value);
            Ok(())
        }
        ("json", _) => write_free(value, out),
        ("set", Kind::Array) => {
            let element_type = type_of.and_then(|set| set.get("of"));
            let mut result = Ok(());
            out.array(|out| {
                for (at, element) in value.elements().enumerate() {
                    let written = write_typed(element, element_type, money, out, steps);
                    if let Err(fault) = written {
                        result = Err(fault.within(&format!("[{at}]")));
                        return;
                    }
                }
            });
            result
        }
        ("record", Kind::Object) => write_record(value, type_of, out, steps),
        _ => Err(wrong()),
    }
}

/// Any JSON value.
fn write_free(value: Json<'_>, out: &mut Writer) -> Result<(), Box<ArgumentFault>> {
    if canonical_value(value, out) {
        return Ok(());
    }
    let mut path = String::new();
    inexact(value, &mut path);
    Err(fault(FaultKind::Number, &path, FREE))
}

/// Whether a number in a value cannot be read exactly, and then the path to the first one.
fn inexact(value: Json<'_>, path: &mut String) -> bool {
    let length = path.len();
    let within = |step: String, inner: Json<'_>, path: &mut String| {
        path.push_str(&step);
        let found = inexact(inner, path);
        if !found {
            path.truncate(length);
        }
        found
    };
    match value.kind() {
        Kind::Number => value.as_number().is_none(),
        Kind::Array => {
            for (at, element) in value.elements().enumerate() {
                if within(format!("[{at}]"), element, path) {
                    return true;
                }
            }
            false
        }
        Kind::Object => {
            for (name, member) in sorted_members(value) {
                if within(format!(".{}", foreign_name(name)), member, path) {
                    return true;
                }
            }
            false
        }
        Kind::Null | Kind::Bool | Kind::String => false,
    }
}

fn write_record(
    value: Json<'_>,
    type_of: Option<Json<'_>>,
    out: &mut Writer,
    steps: &Steps,
) -> Result<(), Box<ArgumentFault>> {
    let attributes = type_of.and_then(|record| record.get("attrs"));
    for (name, attribute) in attributes.unwrap_or_default().members() {
        if Argument(attribute).required() && value.get(name).is_none() {
            return Err(fault(
                FaultKind::Missing,
                &format!(".{name}"),
                &wanted(attribute.get("type"), Argument(attribute).money()),
            ));
        }
    }
    let declared = &mut |name: &str| attributes?.get(name).map(Argument);
    write_members(value, declared, out, steps)
}

/// Steps for looking each member up among those that are declared, and the other way round, and an
/// identifier among those of an enumeration. Everything else of a value is looked at once.
fn lookups(type_of: Option<Json<'_>>, value: Json<'_>) -> usize {
    let has = |member| type_of.and_then(|one| one.get(member)).map_or(0, Json::len);
    match tag(type_of) {
        "record" => has("attrs").saturating_mul(value.len()),
        "entity" => has("ids") / 8,
        _ => 0,
    }
}

/// Whether a string is an entity that an enumeration has, where the type is one.
fn is_one_of(type_of: Option<Json<'_>>, value: Json<'_>) -> bool {
    let ids = type_of.and_then(|type_of| type_of.get("ids"));
    ids.is_none_or(|ids| ids.elements().any(|id| id.as_str() == value.as_str()))
}

fn extension(type_of: Option<Json<'_>>) -> Option<Extension> {
    if tag(type_of) != "ext" {
        return None;
    }
    Extension::from_name(type_of?.get("of")?.as_str()?)
}

fn tag(type_of: Option<Json<'_>>) -> &str {
    type_of
        .and_then(|type_of| type_of.get("t"))
        .and_then(Json::as_str)
        .unwrap_or_default()
}

/// Whether policies see the number.
fn is_decimal(type_of: Option<Json<'_>>) -> bool {
    type_of.is_some_and(|type_of| type_of.get("of").is_some())
}

/// What free JSON may hold.
const FREE: &str =
    "a number of at most 15 digits from 1e-300 to below 1e301, or an integer within 2^53 - 1";

fn wanted(type_of: Option<Json<'_>>, money: Option<u32>) -> String {
    match (tag(type_of), money) {
        ("long", Some(decimals)) => {
            format!("a number with at most {decimals} digits after the point, without exponent")
        }
        ("long", None) => "an integer within 2^53 - 1".to_string(),
        ("bool", _) => "true or false".to_string(),
        ("string", _) => "a string".to_string(),
        ("entity", _) => match type_of.and_then(|type_of| type_of.get("ids")) {
            Some(ids) => choices(ids),
            None => "the identifier of an entity, a string".to_string(),
        },
        ("ext", _) => extension(type_of)
            .map_or("a type that this version knows", example)
            .to_string(),
        ("number", _) if is_decimal(type_of) => {
            "a number of at most 15 digits, at most four of them after the decimal point, within 922337203685477"
                .to_string()
        }
        ("number" | "json", _) => FREE.to_string(),
        ("set", _) => {
            let element = wanted(type_of.and_then(|set| set.get("of")), money);
            format!("an array, each element {element}")
        }
        ("record", _) => "an object".to_string(),
        _ => "a type that this version knows".to_string(),
    }
}

/// The first few identifiers of an enumeration.
fn choices(ids: Json<'_>) -> String {
    const SHOWN: usize = 8;
    let mut text = String::from("one of");
    for id in ids.elements().take(SHOWN).filter_map(Json::as_str) {
        text = format!("{text} \"{id}\",");
    }
    if ids.len() > SHOWN {
        return format!("{text} …");
    }
    text.pop();
    text
}

fn fault(kind: FaultKind, path: &str, wanted: &str) -> Box<ArgumentFault> {
    Box::new(ArgumentFault {
        kind,
        path: path.to_string(),
        wanted: wanted.to_string(),
    })
}
