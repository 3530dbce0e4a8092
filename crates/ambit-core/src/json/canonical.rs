//! RFC 8785, for the values that our signed data and digests may hold.

use alloc::vec::Vec;

use super::scan::order;
use super::value::{Json, Kind};
use super::write::Writer;
use crate::Number;
use crate::sort::sort_by;

/// Writes `value` in RFC 8785 form: members sorted by the UTF-16 code units of their names.
///
/// For signed data, whose numbers are integers within +-(2^53 - 1). `false` when one is not; what was
/// written so far is then of no use.
#[must_use]
pub fn canonical(value: Json<'_>, out: &mut Writer) -> bool {
    write(value, out, |number| Some(Number::integer(number.as_int()?)))
}

/// [`canonical`] for values of arguments, whose numbers may have a fraction ([`Number`]).
#[must_use]
pub fn canonical_value(value: Json<'_>, out: &mut Writer) -> bool {
    write(value, out, |number| number.as_number())
}

/// With numbers as they are read.
fn write(value: Json<'_>, out: &mut Writer, read: fn(Json<'_>) -> Option<Number>) -> bool {
    match value.kind() {
        Kind::Number => {
            let Some(number) = read(value) else {
                return false;
            };
            out.raw(&number.text());
            true
        }
        Kind::Array => {
            let mut whole = true;
            out.array(|out| {
                for element in value.elements() {
                    whole = whole && write(element, out, read);
                }
            });
            whole
        }
        Kind::Object => {
            let mut whole = true;
            out.object(|out| {
                for (name, member) in sorted_members(value) {
                    out.name(name);
                    whole = whole && write(member, out, read);
                }
            });
            whole
        }
        Kind::Null | Kind::Bool | Kind::String => {
            out.json(value);
            true
        }
    }
}

/// The members of an object in the order of RFC 8785 section 3.2.3: by the UTF-16 code units of
/// their names. None for everything else.
#[must_use]
pub fn sorted_members(object: Json<'_>) -> Vec<(&str, Json<'_>)> {
    let mut members: Vec<_> = object.members().collect();
    sort_by(&mut members, |(one, _), (other, _)| {
        order(one.as_bytes(), other.as_bytes()).is_lt()
    });
    members
}
