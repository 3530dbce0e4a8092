//! RFC 8785, for the values that our signed data and digests may hold.

use alloc::vec::Vec;

use super::tape::{Json, Kind};
use super::write::Writer;

/// Writes `value` in RFC 8785 form: members sorted by the UTF-16 code units of their names.
///
/// Numbers must be integers within +-(2^53 - 1): others have no place in digested data, and without
/// floating point there is no second way to write a number. `false` when one is not; what was
/// written so far is then of no use.
#[must_use]
pub fn canonical(value: Json<'_>, out: &mut Writer) -> bool {
    match value.kind() {
        Kind::Number => {
            let Some(integer) = value.as_int() else {
                return false;
            };
            out.integer(integer);
            true
        }
        Kind::Array => {
            let mut whole = true;
            out.array(|out| {
                for element in value.elements() {
                    whole = whole && canonical(element, out);
                }
            });
            whole
        }
        Kind::Object => {
            let mut members: Vec<(&str, Json<'_>)> = value.members().collect();
            members.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
            let mut whole = true;
            out.object(|out| {
                for (name, member) in members {
                    out.name(name);
                    whole = whole && canonical(member, out);
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
