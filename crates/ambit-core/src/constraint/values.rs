//! Kinds that compare whole JSON values.

use super::declared::{self, Declared};
use crate::Steps;
use crate::json::{Json, Kind, same_value};

pub(super) fn same(bound: Json<'_>, value: Json<'_>, steps: &Steps) -> bool {
    same_value(bound, value, steps)
}

/// `one_of`: one of the list is the same value.
pub(super) fn listed(
    values: Json<'_>,
    value: Json<'_>,
    declared: Option<Declared<'_>>,
    steps: &Steps,
) -> bool {
    values
        .elements()
        .any(|listed| steps.take(1) && declared::same(declared, listed, value, steps))
}

/// `not_one_of`: of the excluded values' type, and none of them.
pub(super) fn not_listed(
    excluded: Json<'_>,
    value: Json<'_>,
    declared: Option<Declared<'_>>,
    steps: &Steps,
) -> bool {
    is_scalar(value)
        && excluded.elements().all(|excluded| {
            // An empty budget makes `same` false, which here would mean a match: so the budget is
            // asked last, after the comparison that it paid for.
            steps.take(1)
                && excluded.kind() == value.kind()
                && !declared::same(declared, excluded, value, steps)
                && !steps.exhausted()
        })
}

/// `subset`: every element is listed.
pub(super) fn subset(
    values: Json<'_>,
    value: Json<'_>,
    declared: Option<Declared<'_>>,
    steps: &Steps,
) -> bool {
    let declared = declared.map(Declared::element);
    value.kind() == Kind::Array
        && value
            .elements()
            .all(|element| steps.take(1) && listed(values, element, declared, steps))
}

/// `contains`: every listed value occurs.
pub(super) fn contains(
    values: Json<'_>,
    value: Json<'_>,
    declared: Option<Declared<'_>>,
    steps: &Steps,
) -> bool {
    let declared = declared.map(Declared::element);
    value.kind() == Kind::Array
        && values
            .elements()
            .all(|wanted| steps.take(1) && listed(value, wanted, declared, steps))
}

/// A string, an integer or a boolean.
pub(super) fn is_scalar(value: Json<'_>) -> bool {
    match value.kind() {
        Kind::String | Kind::Bool => true,
        Kind::Number => value.as_int().is_some(),
        Kind::Null | Kind::Array | Kind::Object => false,
    }
}
