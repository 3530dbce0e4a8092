//! Guard rails: `policies/*.cedar`, their templates linked by `policies/*.toml`, and `entities.json`.

mod clauses;
mod entities;
mod links;
mod lost;
mod notes;
mod statements;
mod step_up;

use core::ops::Range;
use std::collections::BTreeSet;
use std::path::Path;

use cedar_policy::{
    Policy, PolicySet, Schema, Template, ValidationMode, ValidationWarning, Validator,
};
use serde_json::Value as Json;

use super::{file, files};
use crate::cedar::{Expr, OwnEntity, Slots, Source, Var};
use crate::diagnostics::Sink;
use crate::reader::{File, Lines};
use crate::schema::{Vocabulary, report, syntax_errors, without_number};

/// What decides beside capabilities and manifests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    /// Policies in the order of their files and of their places.
    pub(crate) policies: Vec<Source>,
    /// The entities of the policy itself.
    pub(crate) entities: Vec<OwnEntity>,
    /// The files, as Cedar read them.
    pub(crate) sheets: Vec<Sheet>,
}

/// One file of policies.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Templates are linked.
    pub(crate) set: PolicySet,
}

/// Reads the guard rails; whatever is wrong is reported. Without a sound schema only syntax can be
/// judged.
pub(super) fn read(dir: &Path, sink: &Sink, vocabulary: Option<&Vocabulary>) -> Guard {
    let schema = vocabulary.and_then(|vocabulary| vocabulary.cedar.as_ref());
    let unseen = vocabulary.map(Vocabulary::unseen).unwrap_or_default();
    let mut sheets = sheets(dir, sink);
    files::refuse_others(dir, "policies", &["cedar", "toml"], sink);
    let links = files::list(dir, "policies", "toml", sink)
        .into_iter()
        .flat_map(|name| links::read(dir, &name, sink))
        .collect();
    links::apply(links, &mut sheets, sink);
    if sheets.is_empty() && sink.errors() == 0 {
        no_policy(sink);
    }
    let mut guard = Guard::default();
    for sheet in &sheets {
        let file = file(&sheet.name, sink);
        statements::check(file, sheet);
        refuse_unlinked(file, sheet);
        if let Some(schema) = schema {
            validate(file, sheet, schema, &unseen);
        }
        let policies = sources(file, sheet);
        refuse_unseen(file, &policies, &unseen, vocabulary);
        guard.policies.extend(policies);
    }
    unique(&guard.policies, &sheets, sink);
    if !guard.policies.is_empty() && guard.policies.iter().all(|policy| policy.forbids) {
        no_permit(sink);
    }
    if let Some(schema) = schema {
        guard.entities = entities::read(dir, sink, schema);
    }
    guard.sheets = sheets;
    guard
}

/// The files of policies that Cedar can read.
pub(crate) fn sheets(dir: &Path, sink: &Sink) -> Vec<Sheet> {
    let names = files::list(dir, "policies", "cedar", sink).into_iter();
    names.filter_map(|name| sheet(dir, name, sink)).collect()
}

fn no_policy(sink: &Sink) {
    file("policies", sink).error(
        "project.guard_rails",
        None,
        "there is no policy, so nothing would ever be allowed",
        "write `policies/base.cedar` with `permit(principal, action, resource);` and forbid from there, or say `guard_rails = \"none\"` in `ambit.toml`: capabilities and manifests alone then decide",
    );
}

fn no_permit(sink: &Sink) {
    file("policies", sink).warning(
        "project.no_permit",
        None,
        "no policy permits, so nothing is ever allowed",
        "add `permit(principal, action, resource);` if capabilities bound everything already",
    );
}

fn sheet(dir: &Path, name: String, sink: &Sink) -> Option<Sheet> {
    let text = files::text(dir, &name, sink)?;
    let file = file(&name, sink);
    if let Some(place) = crate::schema::policy_too_deep(&text) {
        let message = "brackets stand too deep in each other";
        let help = "split the condition into several policies";
        file.error("project.nesting", place, message, help);
        return None;
    }
    if !statements::check_length(file, &text) {
        return None;
    }
    match text.parse::<PolicySet>() {
        Ok(set) => Some(Sheet { name, text, set }),
        Err(error) => {
            syntax_errors(file, &text, &error);
            None
        }
    }
}

/// A template is no policy before a link fills its slots: a `forbid` of this form forbids nothing.
fn refuse_unlinked(file: File<'_>, sheet: &Sheet) {
    for template in sheet.set.templates() {
        let links = |policy: &Policy| policy.template_id() == Some(template.id());
        if sheet.set.policies().any(links) {
            continue;
        }
        let name = template.annotation("id");
        let location = AsRef::<cedar_policy_core::ast::Template>::as_ref(template).loc();
        let offset = location.map_or(0, |location| location.span.offset());
        file.error(
            "project.unlinked",
            statement(&sheet.text, offset),
            "this is a template (it has a slot, `?principal` or `?resource`), and no link fills it: it would be no rule at all",
            format!(
                "fill it in a file `policies/NAME.toml`: `[[links]]`, `template = \"{0}\"`, `id = \"{0}-1\"`, and the slots{1}; or write the entity in the place of the slot",
                name.unwrap_or("NAME"),
                if name.is_some() { "" } else { ", with `@id(\"NAME\")` before the template" },
            ),
        );
    }
}

fn validate(file: File<'_>, sheet: &Sheet, schema: &Schema, unseen: &BTreeSet<&str>) {
    let validator = Validator::new(schema.clone());
    let result = validator.validate(&sheet.set, ValidationMode::Strict);
    for error in result.validation_errors() {
        let said = error.to_string();
        let names = |name: &&&str| said.contains(&format!("attribute `{name}` in context"));
        match unseen.iter().find(names) {
            Some(name) => report_unseen(file, name, error),
            None => report(file, &sheet.text, error),
        }
    }
    let warnings: Vec<&ValidationWarning> = result.validation_warnings().collect();
    for warning in &warnings {
        // A scope that nothing matches is the reason why the whole is impossible.
        let explained = matches!(warning, ValidationWarning::ImpossiblePolicy(_))
            && warnings.iter().any(|other| {
                matches!(other, ValidationWarning::InvalidActionApplication(_))
                    && other.policy_id() == warning.policy_id()
            });
        if !explained {
            warn(file, sheet, warning);
        }
    }
}

/// Cedar takes `context has x` for false where it knows no `x`: of an argument that is there, and that policies do not
/// see, no policy may ask that.
fn refuse_unseen(
    file: File<'_>,
    policies: &[Source],
    unseen: &BTreeSet<&str>,
    vocabulary: Option<&Vocabulary>,
) {
    let seen = |name: &&str| vocabulary.is_some_and(|vocabulary| vocabulary.sees(name));
    for policy in policies {
        let mut open: Vec<&Expr> = policy.conditions.iter().collect();
        let mut asked = BTreeSet::new();
        while let Some(expr) = open.pop() {
            open.extend(expr.children());
            if let Expr::Has(of, path) = expr
                && **of == Expr::Var(Var::Context)
            {
                asked.extend(path.first().map(String::as_str));
            }
        }
        for name in asked.intersection(unseen).filter(|name| !seen(name)) {
            let span = policy.notes.span.clone();
            report_at(file, name, Some(span));
        }
    }
}

/// An argument that is there, but not for policies.
fn report_unseen(file: File<'_>, name: &str, error: &dyn miette::Diagnostic) {
    let label = error.labels().and_then(Iterator::last);
    let span = label.map(|label| label.offset()..label.offset() + label.len());
    report_at(file, name, span);
}

fn report_at(file: File<'_>, name: &str, span: Option<Range<usize>>) {
    file.error(
        "project.policy",
        span,
        format!("policies do not see `{name}`: as a String, a number may have more places than a `decimal`"),
        format!("bound it in `agents/`; or, if four digits after the decimal point are enough, declare it as `@format(\"number\") {name}: decimal`"),
    );
}

fn warn(file: File<'_>, sheet: &Sheet, warning: &ValidationWarning) {
    let label = miette::Diagnostic::labels(warning).and_then(Iterator::last);
    let span = label.map(|label| label.offset()..label.offset() + label.len());
    let at = span.as_ref().map(|span| statement(&sheet.text, span.start));
    let (code, span, message, help) = match warning {
        ValidationWarning::ImpossiblePolicy(_) => (
            "check.never_matches",
            at,
            "this policy can never match: by the types of the schema, its conditions are never all true".to_owned(),
            "correct or remove it",
        ),
        ValidationWarning::InvalidActionApplication(_) => (
            "check.never_matches",
            at,
            "this policy can never match: no action applies to the principal and resource of its scope".to_owned(),
            "compare the scope with `appliesTo` in the schema",
        ),
        other => (
            "project.policy",
            span,
            without_number(&other.to_string()).to_owned(),
            "write it in plain characters, so that a reader sees what Cedar reads",
        ),
    };
    file.warning(code, span, message, help);
}

/// A policy or template with its place in the file.
enum Found<'s> {
    Static(&'s Policy),
    Linked(&'s Policy, &'s Template),
}

impl Found<'_> {
    fn offset(&self) -> usize {
        let location = match self {
            Self::Static(policy) => AsRef::<cedar_policy_core::ast::Policy>::as_ref(*policy).loc(),
            Self::Linked(_, template) => {
                AsRef::<cedar_policy_core::ast::Template>::as_ref(*template).loc()
            }
        };
        location.map_or(0, |location| location.span.offset())
    }
}

/// The policies of a file in the order of their places; links in the order of their names.
fn sources(file: File<'_>, sheet: &Sheet) -> Vec<Source> {
    let mut found: Vec<(usize, String, Found<'_>)> = sheet
        .set
        .policies()
        .filter_map(|policy| {
            let one = match policy.template_id() {
                Some(template) => Found::Linked(policy, sheet.set.template(template)?),
                None => Found::Static(policy),
            };
            Some((one.offset(), policy.id().to_string(), one))
        })
        .collect();
    found.sort_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));
    let stem = sheet.name.trim_start_matches("policies/");
    let stem = stem.trim_end_matches(".cedar");
    let lines = Lines::of(&sheet.text);
    let mut sources = Vec::new();
    for (number, (offset, id, one)) in found.into_iter().enumerate() {
        let unnamed = format!("{stem}-{}", number + 1);
        let read = match one {
            Found::Static(policy) => read_static(policy, &unnamed),
            Found::Linked(policy, template) => read_linked(policy, template, &id),
        };
        let read = read.and_then(|source| crate::cedar::check(&source).map(|()| source));
        match read {
            Ok(mut source) => {
                source.notes.file = Some(sheet.name.clone());
                source.notes.line = u32::try_from(lines.line(offset)).unwrap_or(u32::MAX);
                let span = statement(&sheet.text, offset);
                source.notes.span = span.clone();
                notes::check(file, &source, &span);
                step_up::check(file, &source, &span);
                source.clauses = clauses::find(&sheet.text, &lines, offset, &source);
                sources.push(source);
            }
            Err(error) => {
                let span = statement(&sheet.text, offset);
                let help = match error.code {
                    "cedar.depth" => "split the condition into several policies",
                    _ => "please report this with the policy",
                };
                file.error("project.policy", span, error.message, help);
            }
        }
    }
    sources
}

fn read_static(policy: &Policy, unnamed: &str) -> Result<Source, crate::CompileError> {
    let id = policy.annotation("id").unwrap_or(unnamed);
    Source::read(id, &json(policy.to_json())?, &Slots::new())
}

fn read_linked(
    policy: &Policy,
    template: &Template,
    id: &str,
) -> Result<Source, crate::CompileError> {
    let slots = policy.template_links().unwrap_or_default();
    let slots = slots
        .into_iter()
        .map(|(slot, uid)| (slot.to_string(), crate::cedar::uid_of(uid.as_ref())));
    Source::read(id, &json(template.to_json())?, &slots.collect())
}

fn json<E: std::fmt::Display>(json: Result<Json, E>) -> Result<Json, crate::CompileError> {
    json.map_err(|error| crate::CompileError::new("cedar.form", error.to_string()))
}

/// The first line of the statement at an offset.
fn statement(text: &str, offset: usize) -> Range<usize> {
    let rest = text.get(offset..).unwrap_or_default();
    offset..offset + rest.lines().next().unwrap_or_default().len()
}

/// Every policy is told apart by its name.
fn unique(policies: &[Source], sheets: &[Sheet], sink: &Sink) {
    let mut seen = std::collections::BTreeMap::new();
    for policy in policies {
        let Some(other) = seen.insert(&policy.id, policy) else {
            continue;
        };
        let name = policy.notes.file.as_deref().unwrap_or_default();
        let sheet = sheets.iter().find(|sheet| sheet.name == name);
        let span = sheet.map(|sheet| {
            let lines = sheet.text.split_inclusive('\n');
            let before = usize::try_from(policy.notes.line).unwrap_or(1) - 1;
            let start: usize = lines.take(before).map(str::len).sum();
            statement(&sheet.text, start)
        });
        file(name, sink).error(
            "project.duplicate",
            span,
            format!(
                "`{}` is already the name of the policy in `{}` line {}",
                policy.id,
                other.notes.file.as_deref().unwrap_or_default(),
                other.notes.line
            ),
            "give one of them another `@id`",
        );
    }
}

/// An error of Cedar with what lies behind it.
pub(crate) fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
