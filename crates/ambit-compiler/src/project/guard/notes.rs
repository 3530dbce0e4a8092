//! What is said about policies to people.

use core::ops::Range;

use ambit_core::describe::is_seen;

use crate::cedar::Source;
use crate::reader::File;

/// Characters of a `@reason` or `@advice`: two or three sentences.
const LONGEST: usize = 400;

/// Texts for people hold nothing that could imitate what stands around them.
pub(super) fn check(file: File<'_>, source: &Source, place: &Range<usize>) {
    let notes = &source.notes;
    for (name, text) in [
        ("id", Some(&source.id)),
        ("reason", notes.reason.as_ref()),
        ("advice", notes.advice.as_ref()),
    ] {
        let Some(text) = text else { continue };
        let empty = text.trim().is_empty();
        let long = text.chars().count() > LONGEST;
        if empty || long || !text.chars().all(is_seen) {
            file.error(
                "project.annotation_value",
                place.clone(),
                format!(
                    "`@{name}` must be a visible text of at most {LONGEST} characters, on one line"
                ),
                "write a plain sentence",
            );
        }
    }
}
