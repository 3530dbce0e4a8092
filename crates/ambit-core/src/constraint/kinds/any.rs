//! `any`: what at least one of these matches.

use crate::constraint::declared::{Declared, Misfit};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;

/// One that fits and matches: a `not_one_of` of what are no values of the type matches all of them.
pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    spec.list()
        .any(|constraint| asked.meets_fitting(constraint))
}

/// One that can hold is enough.
pub(crate) fn misfit(spec: Spec<'_>, declared: Declared<'_>) -> Option<Misfit> {
    let specs = spec.list().filter_map(Spec::read);
    let mut misfits = specs.map(|spec| declared.misfit_of(spec));
    let first = misfits.next().flatten()?;
    misfits.all(|misfit| misfit.is_some()).then_some(first)
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.joined(spec, Phrase::Or);
}

pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    found.add_each(spec);
}
