//! Actions that nobody can be granted, and what people could not be asked about.

use core::ops::Range;
use std::collections::BTreeSet;

use crate::diagnostics::Sink;
use crate::project::Manifest;
use crate::reader::File;
use crate::schema::{Action, Vocabulary, Words};

pub(super) fn check<'p>(
    sink: &Sink,
    vocabulary: &Vocabulary,
    manifests: impl Iterator<Item = &'p Manifest>,
) {
    let file = File {
        name: "schema.cedarschema",
        sink,
    };
    let entries: Vec<_> = manifests.flat_map(|one| &one.capabilities).collect();
    let actions = entries
        .iter()
        .filter_map(|entry| entry.get("actions")?.as_array());
    let granted: BTreeSet<&str> = actions.flatten().filter_map(|name| name.as_str()).collect();
    for (name, action) in &vocabulary.actions {
        // Without any entry there is a warning that says so.
        // Nor a second one where nobody has looked at the action yet.
        let confirmed = action.guessed.is_none();
        if confirmed && !entries.is_empty() && !granted.contains(name.as_str()) {
            file.warning(
                "check.ungranted",
                action.span.clone(),
                format!(
                    "no manifest has an entry for `{name}`, so no agent can ever be granted it"
                ),
                "add it to the `actions` of a `[[capabilities]]` in `agents/`, or remove it here",
            );
        }
        unlabelled(file, name, action);
        units(file, name, action);
    }
    for (name, resource) in &vocabulary.resources {
        if resource.words.label.is_none() && !resource.cedar.starts_with("Ambit::") {
            file.warning(
                "check.unlabelled",
                resource.span.clone(),
                format!(
                    "`{name}` has no `@label`, so nobody can be asked to consent to what reaches it"
                ),
                "write before it what people call it: `@label(\"…\")`",
            );
        }
    }
    for language in languages(vocabulary) {
        for (name, action) in &vocabulary.actions {
            untranslated(file, name, action, language);
        }
        for (name, resource) in &vocabulary.resources {
            if lacks(&resource.words, language) {
                let message = format!(
                    "`{name}` has no `@label_{language}`, as others have: who reads that language sees its \
                     name in an approval, and cannot be asked to consent to what reaches it"
                );
                warn_of_language(file, resource.span.clone(), message, language);
            }
        }
    }
}

/// The languages beside English in which something is called.
fn languages(vocabulary: &Vocabulary) -> BTreeSet<&str> {
    let actions = vocabulary.actions.values();
    let things = vocabulary.resources.values().map(|one| &one.words);
    let of_actions = actions.flat_map(|action| {
        let args = action.args.values();
        let args = args.map(|argument| &argument.attribute.words);
        args.chain([&action.words])
    });
    let all = of_actions
        .chain(things)
        .flat_map(|words| words.labels.keys());
    all.map(String::as_str).collect()
}

/// Whether something has a label, and none in this language. Without any there is a warning already.
fn lacks(words: &Words, language: &str) -> bool {
    words.label.is_some() && !words.labels.contains_key(language)
}

fn untranslated(file: File<'_>, name: &str, action: &Action, language: &str) {
    let args = action.args.iter();
    let args = args.filter(|(_, argument)| lacks(&argument.attribute.words, language));
    let args: Vec<String> = args.map(|(name, _)| format!("`{name}`")).collect();
    let lacking = lacks(&action.words, language);
    if !lacking && args.is_empty() {
        return;
    }
    let whole = match (lacking, args.is_empty()) {
        (true, true) => format!("`{name}` has"),
        (true, false) => format!(
            "`{name}` and its {} {} have",
            if args.len() == 1 {
                "argument"
            } else {
                "arguments"
            },
            args.join(", ")
        ),
        (false, _) if args.len() == 1 => {
            format!("of the arguments of `{name}`, {} has", args.join(", "))
        }
        (false, _) => format!("of the arguments of `{name}`, {} have", args.join(", ")),
    };
    let message = format!(
        "{whole} no `@label_{language}`, as others have: who reads that language sees names in an \
         approval, and cannot be asked to consent to a capability that needs them"
    );
    warn_of_language(file, action.span.clone(), message, language);
}

fn warn_of_language(file: File<'_>, span: Range<usize>, message: String, language: &str) {
    file.warning(
        "check.language",
        span,
        message,
        format!("write beside its `@label` what people call it there: `@label_{language}(\"…\")`"),
    );
}

/// Labels that say the unit, which stands behind each number anyway.
fn units(file: File<'_>, name: &str, action: &Action) {
    for (argument, of) in &action.args {
        let attribute = &of.attribute;
        let Some(unit) = attribute
            .unit
            .as_deref()
            .filter(|_| attribute.money.is_none())
        else {
            continue;
        };
        let english = attribute.words.label.iter();
        for label in english.chain(attribute.words.labels.values()) {
            let mut said = label.split([' ', '-', '/']);
            if said.any(|word| word.to_lowercase() == unit.to_lowercase()) {
                file.warning(
                    "check.unit",
                    action.span.clone(),
                    format!("of `{name}`, people read `{label}: 5 {unit}`: `{argument}` says its unit twice"),
                    "leave the unit out of the label, or take out `@unit`",
                );
                break;
            }
        }
    }
}

fn unlabelled(file: File<'_>, name: &str, action: &Action) {
    let args = action.args.iter();
    let args = args.filter(|(_, argument)| argument.attribute.words.label.is_none());
    let args: Vec<String> = args.map(|(name, _)| format!("`{name}`")).collect();
    let message = if action.words.label.is_none() {
        format!("`{name}` has no `@label`, so nobody can be asked to consent to it")
    } else if !args.is_empty() {
        format!(
            "of the arguments of `{name}`, {} {} no `@label`, so nobody can be asked to consent to a bound of {}",
            args.join(", "),
            if args.len() == 1 { "has" } else { "have" },
            if args.len() == 1 { "it" } else { "them" },
        )
    } else {
        return;
    };
    file.warning(
        "check.unlabelled",
        action.span.clone(),
        message,
        "write before it what people call it: `@label(\"…\")`",
    );
}
