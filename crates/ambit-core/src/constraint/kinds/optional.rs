//! `optional`: absent, `null`, or what the constraint inside matches.

use crate::constraint::declared::{Declared, Misfit};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    asked.value.is_null() || spec.first().is_some_and(|inner| asked.meets(inner))
}

pub(crate) fn misfit(spec: Spec<'_>, declared: Declared<'_>) -> Option<Misfit> {
    declared.misfit_of(spec.inner()?)
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.say(Phrase::Optional);
    words.inner(spec);
}

pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    found.push(None);
    spec.inner().into_iter().for_each(|inner| found.add(inner));
}
