//! `subset`: a list of nothing but these values.

use alloc::vec::Vec;

use crate::constraint::declared::{Declared, Misfit};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    asked.is_list()
        && spec.first().is_some_and(|values| {
            let mut elements = asked.elements_of(asked.value);
            elements.all(|element| element.steps.take(1) && element.is_among(values))
        })
}

pub(crate) fn misfit(spec: Spec<'_>, declared: Declared<'_>) -> Option<Misfit> {
    let element = declared.element();
    spec.unless(spec.list().any(|value| element.admits(value)))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.say(match words.speech.style.strict {
        true => Phrase::Only,
        false => Phrase::Subset,
    });
    words.values(spec, Phrase::And);
}

/// Those of the values that were asked, all, none.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    let asked = found.asked_elements();
    let kept = asked.filter(|value| found.is_listed(spec.first(), *value));
    found.list(kept.collect());
    found.list(spec.list().collect());
    found.list(Vec::new());
}
