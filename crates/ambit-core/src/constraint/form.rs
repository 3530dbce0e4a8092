//! Which constraints are well-formed.

use super::kind::Kind;
use super::spec::Spec;
use super::{cidr, email, like, subpath, url, values};
use crate::json::{Json, Kind as JsonKind};

pub(super) fn well_formed(json: Json<'_>) -> bool {
    Spec::read(json).is_some_and(of_kind)
}

fn of_kind(spec: Spec<'_>) -> bool {
    let [first, second, third] = spec.members;
    match spec.kind {
        Kind::Exact => first.is_some_and(is_value),
        Kind::OneOf | Kind::Subset | Kind::Contains => list(first, is_value),
        Kind::NotOneOf => one_type(first),
        Kind::Range => ends(first, second, i64::MIN),
        Kind::Count => ends(first, second, 0),
        Kind::Like => text(first, like::well_formed),
        Kind::EmailDomain => list(first, |value| text(Some(value), email::is_domain)),
        Kind::Url => {
            list(first, |value| text(Some(value), url::is_scheme))
                && list(second, |value| text(Some(value), url::is_listed_host))
                && third.is_none_or(|prefix| text(Some(prefix), url::is_prefix))
        }
        Kind::Subpath => text(first, subpath::is_root),
        Kind::Cidr => list(first, |value| text(Some(value), cidr::is_range)),
        Kind::Each | Kind::Optional => first.is_some_and(well_formed),
        Kind::All | Kind::Any => list(first, well_formed),
        Kind::Wildcard => true,
    }
}

/// A non-empty array whose every element passes.
fn list<'a>(value: Option<Json<'a>>, element: impl Fn(Json<'a>) -> bool) -> bool {
    value.is_some_and(|list| {
        list.kind() == JsonKind::Array && !list.is_empty() && list.elements().all(element)
    })
}

fn text(value: Option<Json<'_>>, test: fn(&str) -> bool) -> bool {
    value.and_then(Json::as_str).is_some_and(test)
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

/// Strings, integers or booleans, all of one type.
fn one_type(excluded: Option<Json<'_>>) -> bool {
    let first = excluded.and_then(|list| list.elements().next());
    first.is_some_and(|first| {
        list(excluded, |value| {
            values::is_scalar(value) && value.kind() == first.kind()
        })
    })
}

/// At least one end, each an integer not below `least`, in order.
fn ends(min: Option<Json<'_>>, max: Option<Json<'_>>, least: i64) -> bool {
    let integer = |end: Option<Json<'_>>| match end {
        None => Some(None),
        Some(end) => end.as_int().filter(|end| *end >= least).map(Some),
    };
    match (integer(min), integer(max)) {
        (Some(Some(min)), Some(Some(max))) => min <= max,
        (Some(min), Some(max)) => min.or(max).is_some(),
        _ => false,
    }
}
