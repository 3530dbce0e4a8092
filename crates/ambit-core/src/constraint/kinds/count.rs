//! `count`: a list by its length.

use crate::Number;
use crate::constraint::Unit;
use crate::constraint::examples::{Examples, OPEN, PART};
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;
use crate::json::Writer;

pub(crate) use super::fits as misfit;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    asked
        .length()
        .is_some_and(|length| spec.within(Number::integer(length)))
}

/// How many elements there are has no unit of the argument's.
pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    if !words.speech.style.strict {
        words.say(Phrase::Count);
    }
    let ends = spec.ends();
    match ends {
        (Some(min), Some(max)) if min != max => {
            words.speech.integer(min, Unit::None);
            words.say(Phrase::To);
            words.speech.integer(max, Unit::None);
        }
        _ => words.range(spec.numbers(), Unit::None),
    }
    let one = ends.1.or(ends.0) == Some(1);
    words.say(if one {
        Phrase::Element
    } else {
        Phrase::Elements
    });
}

/// What was asked, cut to the length, or filled with its last element or with text.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    let (min, max) = spec.ends();
    let size = |end: Option<i64>| usize::try_from(end?).ok();
    let asked = || found.asked_elements();
    let lacking = size(min).unwrap_or(0).saturating_sub(asked().count());
    let mut out = Writer::default();
    out.array(|out| {
        for value in asked().take(size(max).unwrap_or(usize::MAX)) {
            out.json(value);
        }
        for _ in 0..lacking.min(PART) {
            match asked().last() {
                Some(value) => out.json(value),
                None => out.string(OPEN),
            };
        }
    });
    found.push(Some(out.finish()));
}
