//! `range`: an integer between two ends.

use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::json::Json;

pub(crate) use super::fits as misfit;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    asked.value.as_int().is_some_and(|value| spec.within(value))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.range(spec.ends(), words.unit);
}

/// The end that was passed comes first: it is the nearest to what was asked.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    let [min, max, ..] = spec.members;
    let above = found.asked.and_then(Json::as_int) >= max.and_then(Json::as_int);
    let ends = if above { [max, min] } else { [min, max] };
    ends.into_iter().flatten().for_each(|end| found.json(end));
}
