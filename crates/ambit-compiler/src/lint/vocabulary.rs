//! Actions that nobody can be granted, and what people could not be asked about.

use std::collections::BTreeSet;

use crate::diagnostics::Sink;
use crate::project::Manifest;
use crate::reader::File;
use crate::schema::{Action, Vocabulary};

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
