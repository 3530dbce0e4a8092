//! Labels that people could take for each other, or for the contrary of what is meant.

use std::collections::BTreeMap;

use ambit_core::describe::is_label;
use ambit_core::{Power, Powers};

use super::labels::{Words, given};
use super::source::{Annotation, Item};
use crate::reader::File;

const CODE: &str = "project.same_label";

/// What begins with one of these denies, in whatever language it stands.
const DENYING: [&str; 21] = [
    "never",
    "no",
    "nobody",
    "none",
    "not",
    "nothing",
    "without",
    "kein",
    "keine",
    "keinem",
    "keinen",
    "keiner",
    "keinerlei",
    "keines",
    "nicht",
    "nichts",
    "nie",
    "niemals",
    "niemand",
    "ohne",
    "null",
];

/// What the actions are called, by language and words: the first action that is called so.
#[derive(Default)]
pub(super) struct Called(BTreeMap<(String, String), String>);

impl Called {
    /// Reports the name and the forms of an action's labels that another action has. What was guessed has a
    /// warning already, and its words are those of somebody else.
    pub(super) fn check(&mut self, file: File<'_>, name: &str, item: &Item, words: &Words) {
        if item.annotation("guessed").is_some() {
            return;
        }
        for (language, annotation) in given(item) {
            let forms = words
                .forms
                .get(language)
                .into_iter()
                .flat_map(BTreeMap::values);
            let mut reported = false;
            for text in forms.map(String::as_str).chain([words.named(language)]) {
                let key = (language.to_owned(), read(text));
                let other = self.0.entry(key).or_insert_with(|| name.to_owned());
                if other != name && !reported {
                    reported = true;
                    // Consent to either is refused; who asks nobody may live with it.
                    file.warning(
                        CODE,
                        annotation.value_span.clone(),
                        format!("people read `{text}` for `{name}` and for `{other}`"),
                        format!(
                            "say in `@{}(\"…\")` what only one of the two does",
                            annotation.name
                        ),
                    );
                }
            }
        }
    }
}

/// What is only looked at or prepared must not read like what is carried out, where an action has both.
pub(super) fn check_powers(
    file: File<'_>,
    (language, annotation): (&str, &Annotation),
    words: &Words,
    powers: Powers,
) {
    let holds = |any: &[Power]| any.iter().any(|power| powers.contains(*power));
    if !holds(&[Power::Execute, Power::Propose]) {
        return;
    }
    let form = |power: Power| {
        words
            .forms
            .get(language)?
            .get(power.name())
            .map(String::as_str)
    };
    let name = words.named(language);
    let carried_out = form(Power::Execute).unwrap_or(name);
    // Without a form of its own it is the name that people read behind "prepare to".
    let prepares = holds(&[Power::Draft, Power::Propose]) && form(Power::Execute).is_some();
    let draft = form(Power::Draft).or_else(|| prepares.then_some(name));
    let observe = form(Power::Observe).filter(|_| holds(&[Power::Observe]));
    for (power, text, done) in [
        (Power::Observe, observe, "looked at"),
        (Power::Draft, draft, "prepared"),
    ] {
        let alike = |text: &&str| is_label(text) && read(text) == read(carried_out);
        if let Some(text) = text.filter(alike) {
            file.error(
                CODE,
                annotation.value_span.clone(),
                format!("people read `{text}` for what is only {done} and for what is carried out"),
                format!(
                    "say what is {done} in other words: `@{}(\"…, {power}: …\")`",
                    annotation.name
                ),
            );
        }
    }
}

/// The words for any of a kind of things must not read as if none were meant.
pub(super) fn check_any(file: File<'_>, annotation: &Annotation, any: &str) {
    if let Some(first) = denying(any) {
        file.error(
            "project.label_form",
            annotation.value_span.clone(),
            format!("people read `{any}` where every one is meant: `{first}` denies it"),
            "say that any of them is meant: `@label(\"order, any: any order\")`, \
             `@label_de(\"Auftrag, any: jeder Auftrag\")`",
        );
    }
}

/// What is allowed must not read as if it were not.
pub(super) fn check_action(file: File<'_>, annotation: &Annotation, text: &str) {
    if let Some(first) = denying(text) {
        file.error(
            "project.label_form",
            annotation.value_span.clone(),
            format!("people read `{text}` where the action is allowed: `{first}` denies it"),
            "say what is done: `@label(\"send letters\")`",
        );
    }
}

/// The first word, where it denies.
fn denying(text: &str) -> Option<&'static str> {
    let text = read(text);
    let first = text.split(' ').next()?;
    DENYING.into_iter().find(|word| *word == first)
}

/// A text as people read it: without regard to case and blanks.
fn read(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}
