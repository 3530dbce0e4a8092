//! `exact`: one value.

use crate::constraint::declared::{Declared, Misfit};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    spec.first().is_some_and(|bound| asked.is(bound))
}

pub(crate) fn misfit(spec: Spec<'_>, declared: Declared<'_>) -> Option<Misfit> {
    spec.unless(spec.first().is_some_and(|value| declared.admits(value)))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    spec.first()
        .into_iter()
        .for_each(|value| words.exactly(value));
}

pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    spec.first().into_iter().for_each(|value| found.json(value));
}
