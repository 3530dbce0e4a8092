//! What the members of constraints hold.

use super::spec;
use crate::Number;
use crate::json::{Json, Kind as JsonKind};

/// A member of a constraint.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub needed: bool,
    /// What it holds.
    pub shape: Shape,
    /// Which change of it makes the constraint wider.
    pub wider: Wider,
}

/// What a member holds.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A value to compare with: neither `null` nor an empty list.
    Value,
    /// Such values.
    Values,
    /// Strings, integers or booleans, all of one type.
    Scalars,
    /// How many there are: an integer of at least this. The upper end is not below the lower one.
    End(i64),
    /// An end of a range: an integer, or the text of a number. The upper one is not below the lower one.
    Number,
    /// A text that passes.
    Text(fn(&str) -> bool),
    /// Texts that pass.
    Texts(fn(&str) -> bool),
    /// A constraint.
    Constraint,
    /// Constraints.
    Constraints,
}

/// Which change of a member makes its constraint match more, and the opposite change less. A member that
/// may be left out bounds nothing where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wider {
    /// None that could be told.
    Never,
    /// A longer list.
    More,
    /// A shorter list.
    Fewer,
    /// A lower number.
    Lower,
    /// A higher number.
    Higher,
    /// A wider constraint.
    Within,
}

pub(super) const fn needs(name: &'static str, shape: Shape, wider: Wider) -> Member {
    Member {
        name,
        needed: true,
        shape,
        wider,
    }
}

pub(super) const fn may(name: &'static str, shape: Shape, wider: Wider) -> Member {
    Member {
        name,
        needed: false,
        shape,
        wider,
    }
}

impl Shape {
    /// Whether a member may have this value.
    pub(super) fn holds(self, value: Json<'_>) -> bool {
        match self {
            Self::Value => is_value(value),
            Self::Values => is_list(value, &is_value),
            Self::Scalars => {
                let first = value.elements().next().map(Json::kind);
                is_list(value, &|value| {
                    is_scalar(value) && Some(value.kind()) == first
                })
            }
            Self::End(least) => value.as_int().is_some_and(|end| end >= least),
            Self::Number => match value.kind() {
                JsonKind::String => Number::of_bound(value).is_some(),
                _ => value.as_int().is_some(),
            },
            Self::Text(passes) => value.as_str().is_some_and(passes),
            Self::Texts(passes) => is_list(value, &|value| value.as_str().is_some_and(passes)),
            Self::Constraint => spec::well_formed(value),
            Self::Constraints => is_list(value, &spec::well_formed),
        }
    }
}

/// A non-empty array whose every element passes.
fn is_list(list: Json<'_>, passes: &dyn Fn(Json<'_>) -> bool) -> bool {
    list.kind() == JsonKind::Array && !list.is_empty() && list.elements().all(passes)
}

/// A value to compare with. "`[]` and `null` are malformed wherever a list or value is expected":
/// the value itself may be neither, but what stands inside an array or object is data.
fn is_value(value: Json<'_>) -> bool {
    let empty_array = value.kind() == JsonKind::Array && value.is_empty();
    !value.is_null() && !empty_array && is_exact(value)
}

/// Whether every number in it is an integer that all readers keep exactly.
fn is_exact(value: Json<'_>) -> bool {
    match value.kind() {
        JsonKind::Number => value.as_int().is_some(),
        JsonKind::Array => value.elements().all(is_exact),
        JsonKind::Object => value.members().all(|(_, member)| is_exact(member)),
        JsonKind::Null | JsonKind::Bool | JsonKind::String => true,
    }
}

/// A string, an integer or a boolean.
pub(super) fn is_scalar(value: Json<'_>) -> bool {
    match value.kind() {
        JsonKind::String | JsonKind::Bool => true,
        JsonKind::Number => value.as_int().is_some(),
        JsonKind::Null | JsonKind::Array | JsonKind::Object => false,
    }
}
