//! What can be built, and does not do what it seems to say.

pub(crate) mod allow;
mod levels;
mod logic;
mod manifests;
mod names;
mod policies;
mod scope;
mod vocabulary;

use core::ops::Range;
use std::collections::BTreeMap;

use crate::cedar::Source;
use crate::diagnostics::{Diagnostics, Sink};
use crate::project::{Guard, Project};
use crate::reader::File;
use crate::schema::{Kind, words};

/// Adds a warning for each of it.
pub(crate) fn check(project: &Project, found: &Diagnostics, sink: &Sink) {
    let texts = Texts(found.sources());
    vocabulary::check(sink, &project.vocabulary, project.manifests.values());
    manifests::check(sink, texts, &project.manifests);
    let (Some(guard), Some(schema)) = (&project.guard, &project.vocabulary.cedar) else {
        return;
    };
    let rules = Rules {
        guard,
        found,
        texts,
        sink,
    };
    names::check(&rules, project.manifests.iter());
    policies::check(&rules, schema, &project.vocabulary);
    levels::check(&rules, schema, project.checks.max_dereference_level);
}

/// The guard rails, and where to say what is wrong with them.
struct Rules<'p> {
    guard: &'p Guard,
    /// What reading the project found.
    found: &'p Diagnostics,
    texts: Texts<'p>,
    sink: &'p Sink,
}

impl Rules<'_> {
    /// Whether reading the project found this already.
    fn knows(&self, code: &str, policy: &Source) -> bool {
        self.found.list().iter().any(|one| {
            one.code == code
                && Some(&one.file) == policy.notes.file.as_ref()
                && one.span.as_ref() == Some(&policy.notes.span)
        })
    }

    /// Where a policy says this text, or where it begins.
    fn place(&self, policy: &Source, text: &str) -> Range<usize> {
        let start = policy.notes.span.start;
        let file = policy.notes.file.as_deref().unwrap_or_default();
        let source = self.texts.0.get(file).map_or("", String::as_str);
        let rest = source.get(start..).unwrap_or_default();
        // A policy ends with the first `;`; one inside a text is a part of that text.
        let mut words = words(rest).take_while(|word| !word.is(";"));
        let found = words.find(|word| word.kind == Kind::Text && word.text == text);
        found.map_or_else(
            || policy.notes.span.clone(),
            |word| start + word.span.start..start + word.span.end,
        )
    }
}

/// The files, to point into.
#[derive(Clone, Copy)]
struct Texts<'p>(&'p BTreeMap<String, String>);

impl Texts<'_> {
    /// A line of a file, from 1.
    fn line(self, file: &str, line: usize) -> Range<usize> {
        let text = self.0.get(file).map_or("", String::as_str);
        let mut lines = text.split_inclusive('\n');
        let start = lines
            .by_ref()
            .take(line.saturating_sub(1))
            .map(str::len)
            .sum();
        start..start + lines.next().unwrap_or_default().trim_end().len()
    }
}

fn file<'s>(policy: &'s Source, sink: &'s Sink) -> File<'s> {
    File {
        name: policy.notes.file.as_deref().unwrap_or_default(),
        sink,
    }
}
