//! `wildcard`: any value.

use alloc::string::String;

use crate::constraint::examples::{Examples, OPEN};
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;

pub(crate) use super::fits as misfit;

pub(crate) const fn holds(_: Spec<'_>, _: Asked<'_>) -> bool {
    true
}

pub(crate) fn say(_: Spec<'_>, words: &mut Words<'_, '_>) {
    words.say(Phrase::Anything);
}

pub(crate) fn examples(_: Spec<'_>, found: &mut Examples<'_, '_>) {
    found.string(OPEN);
    found.push(Some(String::from("1")));
}
