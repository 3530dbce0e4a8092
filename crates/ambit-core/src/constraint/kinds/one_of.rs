//! `one_of`: one of several values.

use crate::constraint::declared::{Declared, Misfit};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    spec.first().is_some_and(|values| asked.is_among(values))
}

pub(crate) fn misfit(spec: Spec<'_>, declared: Declared<'_>) -> Option<Misfit> {
    spec.unless(spec.list().any(|value| declared.admits(value)))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    let mut values = spec.list();
    match (values.next(), values.next()) {
        (Some(only), None) => words.exactly(only),
        _ => {
            words.say(Phrase::OneOf);
            words.values(spec, Phrase::Comma);
        }
    }
}

pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    spec.list().for_each(|value| found.json(value));
}
