//! `schema.cedarschema`: read and checked by Cedar, its annotations read as the vocabulary.

mod alike;
mod annotations;
mod context;
mod labels;
mod source;
mod tables;
mod token;
mod types;
mod vocabulary;

use core::ops::Range;
use std::collections::BTreeMap;

use cedar_policy::{Schema, SchemaFragment};

use crate::reader::File;
use crate::suggest;
pub(crate) use annotations::UNCONFIRMED;
use context::AMBIT;
pub(crate) use labels::Words;
use source::Source;
pub(crate) use tables::{Table, Write};
pub(crate) use token::{Kind, Token, comments, tokens, words};
use types::Types;
pub(crate) use types::{Argument, Attribute, Form, Type};
pub(crate) use vocabulary::{Action, Resource, Vocabulary};

/// The vocabulary of a schema; `None` when Cedar cannot read it, with its errors reported.
pub(crate) fn read(file: File<'_>, text: &str) -> Option<Vocabulary> {
    if let Some(place) = too_deep(text, SCHEMA) {
        file.error(
            "project.nesting",
            place,
            format!("brackets may stand at most {BRACKETS} deep in each other"),
            "declare what lies deeper as `@format(\"json\") name: String`",
        );
        return None;
    }
    let source = Source::read(text);
    if let Some(place) = too_many_links(&source, text) {
        file.error(
            "project.nesting",
            place,
            format!("a common type may lead through at most {TYPES} others, and not to itself"),
            "write the types out, or declare the argument as `@format(\"json\") name: String`",
        );
        return None;
    }
    let fragment = match SchemaFragment::from_cedarschema_str(text) {
        Ok((fragment, _)) => fragment,
        Err(error) => {
            syntax_errors(file, text, &error);
            return None;
        }
    };
    let json = fragment.to_json_string().ok()?;
    let json = serde_json::from_str(&json).ok()?;
    let before = file.sink.errors();
    check_declarations(file, &source);
    let sound = file.sink.errors() == before && cedar_accepts(file, text, &source, &json, fragment);
    annotations::check(file, &source);
    let mut vocabulary = vocabulary::read(file, &source, &json, sound);
    vocabulary.faulty = file.sink.errors() > before;
    if !vocabulary.faulty {
        vocabulary.cedar = completed(file, text, &vocabulary);
    }
    Some(vocabulary)
}

fn completed(file: File<'_>, text: &str, vocabulary: &Vocabulary) -> Option<Schema> {
    let unseen = |action: &str, argument: &str| {
        let action = vocabulary.actions.get(action);
        let argument = action.and_then(|action| action.args.get(argument));
        argument.is_some_and(|argument| argument.attribute.kind.is_unseen())
    };
    let completed = context::complete(text, &unseen);
    let report = |message: String| {
        file.error(
            "project.schema",
            None::<Range<usize>>,
            message,
            "rename what collides with the names that the compiler adds",
        );
    };
    completed.map_err(report).ok()
}

/// Common types that lead to each other. Cedar's resolver and what reads the schema after it recurse.
const TYPES: usize = 32;

/// The longest way from one common type to another by names, if it is too long. Names count without
/// their namespaces, which can only make a way longer; a cycle is Cedar's to refuse.
fn too_many_links(source: &Source, text: &str) -> Option<Range<usize>> {
    let types = source.type_links(text);
    // Round by round: a type's length is that of the longest type that it names, and one.
    let mut lengths: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..=TYPES {
        let mut grown = false;
        for (name, (_, named)) in &types {
            let inner = named.iter().filter(|inner| types.contains_key(*inner));
            let inner = inner.map(|inner| lengths.get(inner.as_str()).copied().unwrap_or(1));
            let length = inner.max().unwrap_or(0) + 1;
            grown |= lengths.insert(name, length) != Some(length);
        }
        if !grown {
            return None;
        }
    }
    let (name, _) = lengths.into_iter().max_by_key(|(_, length)| *length)?;
    types.get(name).map(|(span, _)| span.clone())
}

/// Brackets within each other. Cedar's parser recurses into each, and thousands overflow its stack.
const BRACKETS: usize = 64;

/// Opening and closing brackets. In a policy, `<` and `>` are none.
type Brackets = [[&'static str; 4]; 2];
const SCHEMA: Brackets = [["{", "[", "(", "<"], ["}", "]", ")", ">"]];

/// The first bracket of a policy that stands too deep.
pub(crate) fn policy_too_deep(text: &str) -> Option<Range<usize>> {
    too_deep(text, [["{", "[", "(", "("], ["}", "]", ")", ")"]])
}

fn too_deep(text: &str, [opening, closing]: Brackets) -> Option<Range<usize>> {
    let mut open = 0_usize;
    let deep = tokens(text).into_iter().find(|word| {
        let sign = |signs: &[&str]| signs.iter().any(|sign| word.is(sign));
        if sign(&opening) {
            open += 1;
        } else if sign(&closing) {
            open = open.saturating_sub(1);
        }
        open > BRACKETS
    })?;
    Some(deep.span)
}

fn check_declarations(file: File<'_>, source: &Source) {
    for (name, span) in &source.namespaces {
        if name == "Ambit" || name.starts_with("Ambit::") {
            file.error(
                "project.namespace",
                span.clone(),
                "the namespace `Ambit` is added by the compiler",
                "use another name; `Ambit::User`, `Ambit::Agent` and `Ambit::AgentClass` are already there",
            );
        }
    }
    for (name, span) in &source.twice {
        file.error(
            "project.duplicate",
            span.clone(),
            format!("`{name}` is declared twice in this record"),
            "remove one of the two, or rename it",
        );
    }
}

fn cedar_accepts(
    file: File<'_>,
    text: &str,
    source: &Source,
    json: &serde_json::Value,
    fragment: SchemaFragment,
) -> bool {
    let Ok((ambit, _)) = SchemaFragment::from_cedarschema_str(AMBIT) else {
        return false;
    };
    match Schema::from_schema_fragments([fragment, ambit]) {
        Ok(_) => true,
        Err(error) => {
            let message = error.to_string();
            match unresolved(&message) {
                Some(mut names) => {
                    let more = Types::new(file, source, json, false).undeclared();
                    names.extend(more.iter().map(String::as_str));
                    undeclared(file, text, source, &names);
                }
                None => report(file, text, &error),
            }
            false
        }
    }
}

/// The names that Cedar could not resolve. It labels only the first of them.
fn unresolved(message: &str) -> Option<Vec<&str>> {
    let names = message
        .strip_prefix("failed to resolve type: ")
        .or_else(|| message.strip_prefix("failed to resolve types: "))?;
    Some(names.split(", ").collect())
}

fn undeclared(file: File<'_>, text: &str, source: &Source, names: &[&str]) {
    const BUILT_IN: &[&str] = &[
        "String",
        "Long",
        "Bool",
        "ipaddr",
        "decimal",
        "datetime",
        "duration",
        "Ambit::User",
        "Ambit::Agent",
        "Ambit::AgentClass",
    ];
    let declared: Vec<String> = source
        .declarations
        .keys()
        .filter(|(what, ..)| *what != source::What::Action)
        .map(|(_, namespace, name)| types::qualified(namespace, name))
        .collect();
    let known = declared
        .iter()
        .map(String::as_str)
        .chain(BUILT_IN.iter().copied());
    for name in names {
        let likely = suggest::closest(name, known.clone());
        let help = likely.map_or_else(
            || format!("declare it: `entity {name};` or `type {name} = …;`"),
            |likely| format!("did you mean `{likely}`?"),
        );
        file.error(
            "project.schema",
            find_name(text, name),
            format!("the type `{name}` is not declared"),
            help,
        );
    }
}

/// The first place where a name, with its namespaces, stands as a word, and not as an attribute's.
fn find_name(text: &str, name: &str) -> Option<Range<usize>> {
    let attribute = |end: usize| text[end..].trim_start().starts_with([':', '?']);
    let words = tokens(text);
    let wanted: Vec<String> = tokens(name).into_iter().map(|one| one.text).collect();
    let found = words.windows(wanted.len().max(1)).find(|window| {
        let same = window
            .iter()
            .zip(&wanted)
            .all(|(word, wanted)| word.text == *wanted);
        let end = window.last().map_or(0, |word| word.span.end);
        same && !attribute(end) && window.iter().all(|word| word.kind != Kind::Text)
    })?;
    Some(found.first()?.span.start..found.last()?.span.end)
}

/// Every error of Cedar's parser, each at its label.
pub(crate) fn syntax_errors(file: File<'_>, text: &str, error: &dyn miette::Diagnostic) {
    report(file, text, error);
    for related in error.related().into_iter().flatten() {
        report(file, text, related);
    }
}

/// The code and, where Cedar has no advice, the page to read, by the kind of file.
fn kind_of(file: File<'_>) -> (&'static str, &'static str) {
    if file.name.starts_with("policies/") {
        let page = "see https://docs.cedarpolicy.com/policies/syntax-policy.html";
        ("project.policy", page)
    } else {
        let page = "see https://docs.cedarpolicy.com/schema/human-readable-schema.html";
        ("project.schema", page)
    }
}

/// Cedar numbers the policies of a text; here the place says which one is meant.
pub(crate) fn without_number(message: &str) -> &str {
    let rest = message.strip_prefix("for policy `policy");
    let rest = rest.and_then(|rest| rest.split_once("`, "));
    rest.map_or(message, |(_, rest)| rest)
}

/// Where the first thing stands that a message quotes: some of Cedar's errors have no place.
pub(crate) fn quoted(text: &str, message: &str) -> Option<Range<usize>> {
    let words = tokens(text);
    let mut pieces = message.split(['`', '"']).filter(|piece| !piece.is_empty());
    let found = pieces.find_map(|piece| words.iter().find(|word| word.text == piece))?;
    Some(found.span.clone())
}

pub(crate) fn report(file: File<'_>, text: &str, error: &dyn miette::Diagnostic) {
    // The last label is the offending one: a duplicate declaration has its first place before it.
    let label = error.labels().and_then(Iterator::last);
    let span = label
        .as_ref()
        .map(|label| label.offset()..label.offset() + label.len());
    let expected = label.as_ref().and_then(|label| label.label());
    let help = error.help().map(|help| help.to_string());
    let said = error.to_string();
    let message = without_number(said.strip_prefix("error parsing schema: ").unwrap_or(&said));
    let (code, page) = kind_of(file);
    let twice = message.contains("declared twice") || message.contains("duplicate");
    file.error(
        code,
        span.or_else(|| quoted(text, message)),
        message,
        help.or_else(|| expected.map(str::to_owned))
            .or_else(|| twice.then(|| "remove one of the two, or rename it".to_owned()))
            .unwrap_or_else(|| page.to_owned()),
    );
}
