//! `not_one_of`: a string, integer or boolean other than these.

use alloc::format;
use alloc::string::String;

use crate::constraint::Unit;
use crate::constraint::declared::{Declared, Misfit};
use crate::constraint::examples::{Examples, OPEN};
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;
use crate::json::{Json, Kind};

/// Of the excluded values' type, and none of them.
pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    asked.is_scalar()
        && spec.list().all(|excluded| {
            // An empty budget makes `is` false, which here would mean a match: so the budget is asked
            // last, after the comparison that it paid for.
            asked.steps.take(1)
                && asked.is_of_kind(excluded)
                && !asked.is(excluded)
                && !asked.steps.exhausted()
        })
}

/// What is excluded must be a value, else it would exclude nothing.
pub(crate) fn misfit(spec: Spec<'_>, declared: Declared<'_>) -> Option<Misfit> {
    spec.unless(spec.list().all(|value| declared.admits(value)))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.say(match spec.list().next().map(Json::kind) {
        // The text of a number, where the argument is one.
        Some(Kind::String) if matches!(words.unit, Unit::Number(_)) => Phrase::OtherNumber,
        Some(Kind::String) => Phrase::OtherText,
        Some(Kind::Number) => Phrase::OtherNumber,
        Some(Kind::Bool | Kind::Null | Kind::Array | Kind::Object) | None => Phrase::OtherBool,
    });
    words.values(spec, Phrase::And);
}

/// Values of the same type that are none of them.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    match spec.list().next().map(Json::kind) {
        Some(Kind::Bool) => {
            found.push(Some("true".into()));
            found.push(Some("false".into()));
        }
        Some(Kind::Number) => {
            let (mut least, mut most) = (i64::MAX, i64::MIN);
            for one in spec.list().filter_map(Json::as_int) {
                least = least.min(one);
                most = most.max(one);
            }
            for beside in [most.saturating_add(1), least.saturating_sub(1)] {
                found.push(Some(format!("{beside}")));
            }
        }
        Some(Kind::String) => {
            let mut text = String::from(OPEN);
            while spec.list().any(|one| one.as_str() == Some(text.as_str())) {
                text.push_str(OPEN);
            }
            found.string(&text);
        }
        Some(Kind::Null | Kind::Array | Kind::Object) | None => {}
    }
}
