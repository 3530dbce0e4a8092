//! Labels: what things are called in the sentences that people read, and in which forms.
//!
//! `@label("order, plural: orders, any: any order")` is a name and its forms. A value that is not of this
//! shape is a name alone, whatever stands in it; people see it in quotes unless it is nothing but words.

use std::collections::BTreeMap;

use ambit_core::describe::{Form, is_label};
use ambit_core::{Power, Powers};

use super::alike;
use super::source::{Annotation, Item};
use crate::reader::File;

/// Labels in other languages than that of `@label`, by their tag.
pub(crate) type Labels = BTreeMap<String, String>;

/// What something is called, in every language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) label: Option<String>,
    pub(crate) labels: Labels,
    /// The forms by language.
    pub(crate) forms: BTreeMap<String, BTreeMap<&'static str, String>>,
}

/// What labels are made of.
const PLAIN: &str = "at most 60 letters, digits, single spaces and `-'/&+%`";

/// What stands before the forms.
const NAME: &str = "name";

/// The language of `@label`.
const ENGLISH: &str = "en";

/// What an argument is called: a name alone.
pub(super) fn names(file: File<'_>, item: &Item) -> Words {
    let mut words = Words::default();
    for (language, annotation) in given(item) {
        words.read(file, language, annotation, (&[], false));
    }
    words
}

/// The words for a kind of things.
pub(super) fn thing(file: File<'_>, item: &Item) -> Words {
    let mut words = Words::default();
    for (language, annotation) in given(item) {
        let forms = words.read(file, language, annotation, (&Form::OF_THINGS, false));
        let any = words
            .forms
            .get(language)
            .and_then(|forms| forms.get(Form::Any.name()));
        if let Some(any) = any {
            alike::check_any(file, annotation, any);
        }
        if language == "de" && forms.is_empty() {
            file.warning(
                "project.label_form",
                annotation.value_span.clone(),
                format!("people read this as `{} (beliebig)`", annotation.value),
                "say how it is called where any of them is meant: `@label_de(\"Auftrag, any: jeder Auftrag\")`",
            );
        }
    }
    words
}

/// The words for an action that has these powers.
pub(super) fn action(file: File<'_>, item: &Item, powers: Powers) -> Words {
    let mut words = Words::default();
    // There is a warning already, and the words are those of somebody else.
    let guessed = item.annotation("guessed").is_some();
    for (language, annotation) in given(item) {
        let forms = words.read(file, language, annotation, (&Form::OF_ACTIONS, guessed));
        // What is proposed is prepared until somebody approves it: in English that reads well.
        let drafts = [Power::Draft, Power::Propose];
        let drafts = drafts.into_iter().find(|power| {
            powers.contains(*power) && (*power == Power::Draft || language != ENGLISH)
        });
        let observes = Some(Power::Observe).filter(|power| powers.contains(*power));
        alike::check_powers(file, (language, annotation), &words, powers);
        let given = words.forms.get(language).into_iter();
        let given = given.flat_map(BTreeMap::values).map(String::as_str);
        for text in given.chain([words.named(language)]) {
            alike::check_action(file, annotation, text);
        }
        let (look, prepare) = match language {
            ENGLISH => ("look at: …", "prepare to …"),
            _ => ("ansehen: …", "vorbereiten: …"),
        };
        for (held, form, read) in [
            (observes, Power::Observe, look),
            (drafts, Power::Draft, prepare),
        ] {
            let lacks = powers.iter().count() > 1 && !forms.contains(&form.name());
            if let Some(power) = held.filter(|_| lacks) {
                let name = words.named(language);
                file.warning(
                    "project.label_form",
                    annotation.value_span.clone(),
                    format!(
                        "where only `{power}` is allowed people read `{}`",
                        read.replace('…', name)
                    ),
                    format!(
                        "give it words of its own: `@{}(\"…, {form}: …\")`",
                        annotation.name
                    ),
                );
            }
        }
    }
    words
}

/// `@label` and `@label_de`, with their language.
pub(super) fn given(item: &Item) -> impl Iterator<Item = (&str, &Annotation)> {
    item.annotations.iter().filter_map(|one| {
        let language = match one.name.as_str() {
            "label" => ENGLISH,
            name => name.strip_prefix("label_")?,
        };
        Some((language, one))
    })
}

impl Words {
    fn name(&mut self, language: &str, label: String) {
        match language {
            ENGLISH => self.label = Some(label),
            _ => drop(self.labels.insert(language.to_owned(), label)),
        }
    }

    /// The name in a language; empty where there is none.
    pub(super) fn named(&self, language: &str) -> &str {
        let label = match language {
            ENGLISH => self.label.as_ref(),
            _ => self.labels.get(language),
        };
        label.map_or("", String::as_str)
    }

    /// Takes a value apart; gives the names of the forms in it. With `quiet`, a label of more than words is no
    /// warning.
    fn read(
        &mut self,
        file: File<'_>,
        language: &str,
        annotation: &Annotation,
        (known, quiet): (&[Form], bool),
    ) -> Vec<&'static str> {
        let value = annotation.value.as_str();
        let Some((name, forms)) = parts(value, known) else {
            if !is_label(value) && !quiet {
                not_plain(file, annotation, known);
            }
            self.name(language, value.to_owned());
            return Vec::new();
        };
        let mut found: BTreeMap<&'static str, String> = BTreeMap::new();
        for (form, text) in forms {
            let twice = found.insert(form, text.to_owned()).is_some();
            if twice || !is_label(text) {
                wrong(file, annotation, form, twice);
            }
        }
        // Called by what it does, where it is not called anything else.
        let does = ["execute", "draft", "observe"];
        let does = does.iter().find_map(|form| found.get(form));
        let name = name.or_else(|| does.map(String::as_str));
        let fits = name.is_some_and(is_label);
        if !fits {
            wrong(file, annotation, NAME, false);
        }
        self.name(language, name.unwrap_or_default().to_owned());
        let names = found.keys().copied().collect();
        self.forms.insert(language.to_owned(), found);
        names
    }
}

/// The name and the forms of a value in which every part behind the first is `FORM: WORDS`.
type Parts<'v> = (Option<&'v str>, Vec<(&'static str, &'v str)>);

fn parts<'v>(value: &'v str, known: &[Form]) -> Option<Parts<'v>> {
    let form = |part: &'v str| {
        let (form, text) = part.split_once(':')?;
        let known = known.iter().find(|known| known.name() == form.trim())?;
        Some((known.name(), text.trim()))
    };
    let mut parts = value.split(',');
    let first = parts.next()?;
    let (name, first) = match form(first) {
        Some(first) => (None, Some(first)),
        None => (Some(first.trim()), None),
    };
    let rest: Vec<(&'static str, &str)> = parts.map(form).collect::<Option<_>>()?;
    let forms: Vec<(&'static str, &str)> = first.into_iter().chain(rest).collect();
    (!forms.is_empty()).then_some((name, forms))
}

fn list(known: &[Form]) -> String {
    let names: Vec<String> = known
        .iter()
        .map(|form| format!("`{}`", form.name()))
        .collect();
    names.join(", ")
}

fn not_plain(file: File<'_>, annotation: &Annotation, known: &[Form]) {
    file.warning(
        "project.label",
        annotation.value_span.clone(),
        "people see this label in quotes: it is more than words",
        match known {
            [] => format!("write {PLAIN}"),
            _ => format!(
                "write {PLAIN}; forms come behind a comma, each with its name before a colon: {}",
                list(known)
            ),
        },
    );
}

fn wrong(file: File<'_>, annotation: &Annotation, form: &str, twice: bool) {
    let message = match twice {
        true => format!("`{form}` is given twice"),
        false if form == NAME => "the name in this label is not made of words".to_owned(),
        false => format!("the form `{form}` of this label is not made of words"),
    };
    file.error(
        "project.label",
        annotation.value_span.clone(),
        message,
        format!("write a name and then its forms, each {PLAIN}: `@label(\"order, plural: orders, any: any order\")`"),
    );
}
