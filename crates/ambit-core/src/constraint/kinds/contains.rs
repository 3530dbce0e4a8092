//! `contains`: a list that has all of these values.

use crate::constraint::declared::{Declared, Misfit};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    asked.is_list()
        && spec.first().is_some_and(|values| {
            let mut values = asked.elements_of(values);
            values.all(|wanted| wanted.steps.take(1) && wanted.is_among(asked.value))
        })
}

pub(crate) fn misfit(spec: Spec<'_>, declared: Declared<'_>) -> Option<Misfit> {
    let element = declared.element();
    spec.unless(spec.list().all(|value| element.admits(value)))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.say(Phrase::Contains);
    words.values(spec, Phrase::And);
}

/// What was asked and what it lacks, the values alone.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    let lacking = spec
        .list()
        .filter(|value| !found.is_listed(found.asked, *value));
    found.list(found.asked_elements().chain(lacking).collect());
    found.list(spec.list().collect());
}
