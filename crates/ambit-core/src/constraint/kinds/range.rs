//! `range`: a number between two ends.

use crate::Number;
use crate::constraint::Unit;
use crate::constraint::declared::{Declared, Misfit};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;
use crate::json::Json;

/// Steps for reading three numbers.
const READ: usize = 2;

/// An end that is an integer is for integers alone, unless the argument is declared to be a number: what was signed
/// before there were others matches nothing else. Ends that are texts are for what is declared.
pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    let value = if asked.is_number() || !spec.has_integer_end() {
        asked.value.as_number()
    } else {
        asked.value.as_int().map(Number::integer)
    };
    let value = value.filter(|_| asked.is_declared() || spec.has_whole_ends());
    asked.steps.take(READ) && value.is_some_and(|value| spec.within(value))
}

/// Integers are bounded by integers.
pub(crate) fn misfit(spec: Spec<'_>, declared: Declared<'_>) -> Option<Misfit> {
    spec.unless(spec.has_whole_ends() || !declared.is_integer())
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    // Beside a text, nobody would see that an integer is for integers alone.
    let mixed = spec.has_integer_end() && !spec.has_whole_ends();
    if mixed && !matches!(words.unit, Unit::Number(_)) {
        words.say(Phrase::Whole);
    }
    words.range(spec.numbers(), words.unit);
}

/// The end that was passed comes first: it is the nearest to what was asked.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    let [min, max] = spec.numbers();
    let above = found.asked.and_then(Json::as_number) >= max;
    let ends = if above { [max, min] } else { [min, max] };
    ends.into_iter()
        .flatten()
        .for_each(|end| found.push(Some(end.text())));
}
