//! `all`: what every one of these matches.

use crate::constraint::declared::{Declared, Misfit};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    spec.list().all(|constraint| asked.meets(constraint))
}

pub(crate) fn misfit(spec: Spec<'_>, declared: Declared<'_>) -> Option<Misfit> {
    let mut specs = spec.list().filter_map(Spec::read);
    specs.find_map(|spec| declared.misfit_of(spec))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.joined(spec, Phrase::And);
}

pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    found.add_each(spec);
}
