//! Test files: `tests/*.toml` of a project, with cases to run and properties to prove.
//!
//! `docs/testing.md` describes the form. What is read here is complete: defaults are filled in from the
//! policy, names are known to it, and whatever is wrong has been reported with its place.

mod case;
mod layers;
mod property;
mod value;

use core::ops::Range;
use std::path::Path;

use ambit_compiler::reader::{File, Reader, line};
use ambit_compiler::{Sink, files};
use ambit_policy::Bundle;
use toml::de::{DeTable, DeValue};

pub use case::{AgentFacts, Case, Expect, Login, Resource, Scope, StepUp};
pub use property::{Claim, Expression, Property};

/// Everything that the test files of a project say.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    /// The cases, by file and place.
    pub cases: Vec<Case>,
    /// The properties, by file and place.
    pub properties: Vec<Property>,
}

/// Where something stands in a test file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The bytes of the file.
    pub span: Range<usize>,
}

/// The names of a project's test files, sorted: `tests/refunds.toml`.
pub fn list(dir: &Path, sink: &Sink) -> Vec<String> {
    files::list(dir, "tests", "toml", sink)
}

/// Reads test files of a project, whose policy is `bundle`. What is wrong goes to `sink`; a case or
/// property with a fault is left out.
pub fn read(dir: &Path, names: &[String], bundle: &Bundle<'_>, sink: &Sink) -> Suite {
    let mut suite = Suite::default();
    for name in names {
        if let Some(text) = files::text(dir, name, sink) {
            let file = File { name, sink };
            read_text(file, &text, dir, bundle, &mut suite);
        }
    }
    suite
}

/// What one file says: `text` is its content, and other files that it names lie in `dir`.
pub fn read_text(file: File<'_>, text: &str, dir: &Path, bundle: &Bundle<'_>, suite: &mut Suite) {
    let Some(document) = file.parse(text) else {
        return;
    };
    let mut reader = Reader::new(file, document.get_ref(), "a test file", 0..0);
    let defaults = reader
        .get("defaults")
        .and_then(|value| file.table(value, "defaults", "[defaults]"));
    if let Some(table) = defaults {
        case::check_defaults(file, table);
    }
    let context = Context {
        file,
        text,
        dir,
        bundle,
        defaults,
    };
    let cases = tables(&mut reader, "case", "[[case]]");
    let properties = tables(&mut reader, "property", "[[property]]");
    let misspelt = ["cases", "properties"].map(|key| reader.contains(key));
    let misspelt = misspelt.contains(&true)
        || ["case", "property"]
            .iter()
            .any(|key| reader.has_misspelt(key));
    if cases.is_empty() && properties.is_empty() && !misspelt {
        file.warning(
            "test.none",
            None,
            "no case and no property stands in this file",
            "write a `[[case]]` with `name`, `action`, `resource`, `args` and `expect`",
        );
    }
    refuse_plurals(&mut reader);
    reader.finish();
    for (table, span) in cases {
        suite.cases.extend(case::read(&context, table, span));
    }
    for (table, span) in properties {
        suite
            .properties
            .extend(property::read(&context, table, span));
    }
    refuse_repeated(&context, suite);
}

/// What everything in a file is read with.
struct Context<'a, 'i> {
    file: File<'a>,
    text: &'a str,
    dir: &'a Path,
    bundle: &'a Bundle<'a>,
    defaults: Option<&'a DeTable<'i>>,
}

impl Context<'_, '_> {
    fn spot(&self, span: Range<usize>) -> Spot {
        Spot {
            file: self.file.name.to_owned(),
            line: line(self.text, span.start),
            span,
        }
    }

    /// Names in the policy's document: agent classes, actions, resource types.
    fn names(&self, table: &str) -> Vec<&str> {
        let members = self.bundle.root().get(table).into_iter();
        members
            .flat_map(ambit_core::json::Json::members)
            .map(|(name, _)| name)
            .collect()
    }
}

type Table<'a, 'i> = (&'a DeTable<'i>, Range<usize>);

/// `[[what]]`, or a single `[what]`, which is one of them with a bracket forgotten.
fn tables<'a, 'i>(
    reader: &mut Reader<'a, 'i>,
    what: &'static str,
    example: &str,
) -> Vec<Table<'a, 'i>> {
    let Some(value) = reader.get(what) else {
        return Vec::new();
    };
    if matches!(value.get_ref(), DeValue::Table(_)) {
        reader.file.error(
            "project.type",
            value.span(),
            format!("`[{what}]` can stand only once, and there may be many"),
            format!("write two brackets: `{example}`"),
        );
        return Vec::new();
    }
    reader.file.tables(value, what, example).unwrap_or_default()
}

/// Beside a `[[case]]`, the reader would propose what is still free.
fn refuse_plurals(reader: &mut Reader<'_, '_>) {
    for (key, meant) in [("cases", "case"), ("properties", "property")] {
        if reader.contains(key)
            && let Some(value) = reader.get(key)
        {
            reader.file.error(
                "project.unknown_key",
                value.span(),
                format!("a test file has no key `{key}`"),
                format!("call it `[[{meant}]]`"),
            );
        }
    }
}

/// A name leads to one case: filters and reports go by it.
fn refuse_repeated(context: &Context<'_, '_>, suite: &Suite) {
    let cases = suite.cases.iter().map(|one| ("case", &one.name, &one.spot));
    let properties = suite.properties.iter();
    let properties = properties.map(|one| ("property", &one.name, &one.spot));
    let mut seen: Vec<(&str, &String, &Spot)> = Vec::new();
    for (what, name, spot) in cases.chain(properties) {
        if spot.file != context.file.name {
            continue;
        }
        match seen
            .iter()
            .find(|(kind, known, _)| (*kind, *known) == (what, name))
        {
            Some((_, _, other)) => context.file.error(
                "project.duplicate",
                spot.span.clone(),
                format!(
                    "the {what} in line {} is already called `{name}`",
                    other.line
                ),
                "give each its own name: it says what is tried",
            ),
            None => seen.push((what, name, spot)),
        }
    }
}
