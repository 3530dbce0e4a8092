//! What was imported, as the text of a schema.

use core::fmt::Write as _;

use super::json_schema::Argument;
use super::text::{self, name, quoted};
use super::{Guess, Imported};

/// A resource type that imported actions apply to.
#[derive(Clone, Debug)]
pub(super) struct Entity {
    pub(super) name: String,
    pub(super) datatype: Option<String>,
    pub(super) label: String,
}

/// An action to be written.
#[derive(Clone, Debug)]
pub(super) struct Action {
    pub(super) imported: Imported,
    pub(super) label: String,
    pub(super) doc: Option<String>,
    pub(super) entity: String,
    /// `@oauth` or `@mcp` and `@mcp_s256`, with their values.
    pub(super) origin: Vec<(&'static str, String)>,
    pub(super) arguments: Vec<Argument>,
}

/// The text: a head of comments, the resource types, the actions.
pub(super) fn text(head: &[String], entities: &[Entity], actions: &[Action]) -> String {
    let mut out = String::new();
    for line in head {
        let _ = writeln!(out, "// {line}");
    }
    for entity in entities {
        let _ = write!(out, "\n@label({})\n", quoted(&entity.label));
        if let Some(datatype) = &entity.datatype {
            let _ = writeln!(out, "@datatype({})", quoted(datatype));
        }
        let _ = writeln!(out, "entity {};", entity.name);
    }
    for action in actions {
        write(&mut out, action);
    }
    out
}

fn write(out: &mut String, action: &Action) {
    let Imported { guess, .. } = &action.imported;
    out.push('\n');
    for look in &action.imported.looks {
        let _ = writeln!(out, "// Look: {look}.");
    }
    for said in action
        .imported
        .said
        .iter()
        .filter(|said| said.argument.is_none())
    {
        let _ = writeln!(out, "// Not represented: {said}.");
    }
    let _ = writeln!(out, "@guessed({})", quoted(&guess.because));
    let _ = writeln!(out, "@label({})", quoted(&action.label));
    if let Some(doc) = &action.doc {
        let _ = writeln!(out, "@doc({})", quoted(doc));
    }
    let _ = writeln!(out, "@powers({})", quoted(&guess.powers()));
    effects(out, guess);
    for (annotation, value) in &action.origin {
        let _ = writeln!(out, "@{annotation}({})", quoted(value));
    }
    let _ = write!(
        out,
        "action {} appliesTo {{ principal: Ambit::Agent, resource: {}",
        name(&action.imported.action),
        action.entity
    );
    if action.arguments.is_empty() {
        out.push_str(" };\n");
        return;
    }
    out.push_str(", context: {\n");
    for argument in &action.arguments {
        write_argument(out, argument);
    }
    out.push_str("} };\n");
}

fn effects(out: &mut String, guess: &Guess) {
    for (holds, annotation) in [
        (guess.irreversible, "irreversible"),
        (guess.external, "external"),
    ] {
        if holds {
            let _ = writeln!(out, "@{annotation}");
        }
    }
}

fn write_argument(out: &mut String, argument: &Argument) {
    for said in &argument.said {
        let _ = writeln!(out, "  // Not represented: {said}.");
    }
    if let Some(bound) = &argument.bound {
        let _ = writeln!(out, "  // {bound}");
    }
    let _ = writeln!(out, "  @label({})", quoted(&argument.label));
    if let Some(doc) = &argument.doc {
        let _ = writeln!(out, "  @doc({})", quoted(doc));
    }
    if let Some(tool_name) = &argument.tool_name {
        let _ = writeln!(out, "  @mcp({})", quoted(tool_name));
    }
    if let Some(format) = argument.kind.format() {
        let _ = writeln!(out, "  @format(\"{format}\")");
    }
    let optional = if argument.required { "" } else { "?" };
    let _ = writeln!(
        out,
        "  {}{optional}: {},",
        name(&argument.name),
        argument.kind.cedar()
    );
}

/// A foreign text for a comment: it cannot end the line.
pub(super) fn comment(text: &str) -> String {
    text::shown(text)
}
