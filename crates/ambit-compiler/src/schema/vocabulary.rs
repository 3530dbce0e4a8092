//! The vocabulary: the actions of the schema, what they apply to, their arguments.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use ambit_core::Powers;
use cedar_policy::Schema;
use serde_json::Value;

use super::alike::Called;
use super::annotations::{self, COMMENT};
use super::context::STANDARD;
use super::labels::{self, Words};
use super::source::{Annotation, Item, Key, Source, What};
use super::tables::{self, Table, Write};
use super::types::{Argument, Types};
use crate::reader::File;
use crate::suggest;

/// What the schema says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vocabulary {
    pub(crate) actions: BTreeMap<String, Action>,
    /// The resource types that some action applies to, by datatype.
    pub(crate) resources: BTreeMap<String, Resource>,
    /// The tables of a database that have rows of a type, by datatype.
    pub(crate) tables: BTreeMap<String, Table>,
    /// The schema as policies see it; `None` if it has faults.
    pub(crate) cedar: Option<Schema>,
    /// Whether the schema has faults: what it seems to lack may then be only misspelt.
    pub(crate) faulty: bool,
}

/// A type of resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) words: Words,
    /// The full name of the entity type.
    pub(crate) cedar: String,
    /// Where its name stands in the schema.
    pub(crate) span: Range<usize>,
}

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    /// The full name of the entity type of the action.
    pub(crate) cedar: String,
    /// Where its name stands in the schema.
    pub(crate) span: Range<usize>,
    pub(crate) words: Words,
    pub(crate) powers: Powers,
    pub(crate) risk: BTreeMap<&'static str, &'static str>,
    pub(crate) irreversible: bool,
    pub(crate) external: bool,
    pub(crate) financial: bool,
    pub(crate) oauth: Vec<String>,
    pub(crate) mcp: Vec<String>,
    /// Digests of what the tools of `mcp` said, in the same order; none where nothing is pinned.
    pub(crate) mcp_s256: Vec<String>,
    /// What was guessed, until somebody confirms it.
    pub(crate) guessed: Option<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) args: BTreeMap<String, Argument>,
    /// What its statements may do to rows besides reading them.
    pub(crate) writes: Vec<Write>,
}

const AGENT: &str = "Ambit::Agent";

pub(super) fn read(file: File<'_>, source: &Source, json: &Value, sound: bool) -> Vocabulary {
    let mut builder = Builder {
        file,
        source,
        types: Types::new(file, source, json, sound),
        found: Vocabulary::default(),
        called: Called::default(),
    };
    let before = file.sink.errors();
    for (namespace, content) in json.as_object().into_iter().flatten() {
        let actions = content.get("actions").and_then(Value::as_object);
        for (name, action) in actions.into_iter().flatten() {
            builder.action(namespace, name, action);
        }
    }
    if builder.found.actions.is_empty() && sound && file.sink.errors() == before {
        file.error(
            "project.no_action",
            None::<Range<usize>>,
            "the schema declares no action that an agent could take",
            "declare for example `@powers(\"draft, execute\") action email appliesTo { principal: Ambit::Agent, resource: Contact, context: { to: String } };`",
        );
    }
    builder.found.tables = tables::read(file, source, &builder.found);
    builder.found
}

struct Builder<'a> {
    file: File<'a>,
    source: &'a Source,
    types: Types<'a>,
    found: Vocabulary,
    called: Called,
}

impl Builder<'_> {
    fn action(&mut self, namespace: &str, name: &str, json: &Value) {
        let key: Key = (What::Action, namespace.to_owned(), name.to_owned());
        let item = self
            .source
            .declarations
            .get(&key)
            .cloned()
            .unwrap_or_default();
        let applies = json.get("appliesTo");
        let list = |member: &str| -> Vec<&str> {
            let list = applies.and_then(|applies| applies.get(member));
            let list = list.and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).collect()
        };
        let resources = list("resourceTypes");
        if resources.is_empty() {
            self.group(name, &item);
            return;
        }
        self.check_name(name, &item);
        self.check_principals(namespace, &key, &list("principalTypes"));
        let args = applies
            .and_then(|applies| applies.get("context"))
            .map(|context| self.types.arguments(namespace, &key, context))
            .unwrap_or_default();
        self.check_arguments(&key, &args);
        let resources = self.resources(namespace, &key, &resources);
        let notes = annotations::action(self.file, &key, &item);
        let holds = |note: &str| item.annotation(note).is_some();
        let action = Action {
            cedar: super::types::qualified(namespace, "Action"),
            span: item.span.clone(),
            words: labels::action(self.file, &item, notes.powers),
            powers: notes.powers,
            risk: notes.risk,
            irreversible: holds("irreversible"),
            external: holds("external"),
            financial: holds("financial"),
            oauth: notes.oauth,
            mcp: notes.mcp,
            mcp_s256: notes.mcp_s256,
            guessed: notes.guessed,
            resources,
            args: args
                .into_iter()
                .map(|(name, (argument, _))| (name, argument))
                .collect(),
            writes: tables::writes(self.file, &item),
        };
        self.called.check(self.file, name, &item, &action.words);
        if self.found.actions.insert(name.to_owned(), action).is_some() {
            self.file.error(
                "project.duplicate",
                item.span,
                format!("two namespaces declare the action `{name}`"),
                "give one of them another name: tokens name actions without a namespace",
            );
        }
    }

    /// An action without `appliesTo` only groups others: it can have a name, and nothing else.
    fn group(&self, name: &str, item: &Item) {
        let named = |one: &&Annotation| one.name == COMMENT || one.name.starts_with("label");
        for annotation in item.annotations.iter().filter(|one| !named(one)) {
            self.file.error(
                "project.applies_to",
                annotation.name_span.clone(),
                format!(
                    "the action `{name}` has `@{}`, but applies to nothing",
                    annotation.name
                ),
                format!(
                    "add `appliesTo {{ principal: Ambit::Agent, resource: … }}`, or remove `@{}`",
                    annotation.name
                ),
            );
        }
    }

    fn check_name(&self, name: &str, item: &Item) {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            self.file.error(
                "project.action_name",
                item.span.clone(),
                "the name of an action must have visible characters and no control characters",
                "write for example `action \"send mail\"`",
            );
        }
    }

    fn check_principals(&self, namespace: &str, key: &Key, principals: &[&str]) {
        // People may be principals of it too; Ambit judges what agents do.
        if principals.contains(&AGENT) {
            return;
        }
        let place = (key.clone(), vec!["principal".to_owned()]);
        let place = self.source.attributes.get(&place);
        let span = place.map_or_else(|| self.source.declared(key), |item| item.span.clone());
        for principal in principals {
            if self.types.entity(namespace, principal).is_some() {
                self.file.error(
                    "project.principal",
                    span.clone(),
                    format!("`{principal}` alone cannot be the principal of an action: agents act"),
                    format!("write `principal: {AGENT}`, or add it to the list"),
                );
            }
        }
    }

    fn check_arguments(&self, key: &Key, args: &BTreeMap<String, (Argument, Item)>) {
        for (name, (_, item)) in args {
            if STANDARD.contains(&name.as_str()) {
                self.file.error(
                    "project.standard_argument",
                    item.span.clone(),
                    format!("`{name}` is added to the context of every action by the compiler"),
                    format!(
                        "remove it, or give the argument of `{}` another name",
                        key.2
                    ),
                );
            }
            if name == "*" {
                self.file.error(
                    "project.argument_name",
                    item.span.clone(),
                    "an argument cannot be called `*`: in constraints that means all others",
                    "give it another name",
                );
            }
        }
    }

    /// The datatypes of an action's resource types.
    fn resources(&mut self, namespace: &str, key: &Key, types: &[&str]) -> Vec<String> {
        let mut names = Vec::new();
        for name in types {
            // An undeclared type has been reported by Cedar.
            let Some(entity) = self.types.entity(namespace, name) else {
                continue;
            };
            let item = self.source.declarations.get(&entity).cloned();
            let item = item.unwrap_or_default();
            let cedar = super::types::qualified(&entity.1, &entity.2);
            let datatype = item
                .annotation("datatype")
                .map_or_else(|| cedar.clone(), |note| note.value.clone());
            let resource = Resource {
                words: labels::thing(self.file, &item),
                cedar: cedar.clone(),
                span: item.span.clone(),
            };
            let other = self.found.resources.insert(datatype.clone(), resource);
            if other.is_some_and(|other| other.cedar != cedar) {
                let span = item
                    .annotation("datatype")
                    .map(|one| one.value_span.clone());
                self.file.error(
                    "project.duplicate",
                    span.unwrap_or_else(|| self.source.declared(key)),
                    format!("two entity types have the datatype `{datatype}`"),
                    "give each a datatype of its own",
                );
            }
            if !names.contains(&datatype) {
                names.push(datatype);
            }
        }
        names.sort();
        names
    }
}

impl Vocabulary {
    /// The names of arguments that policies do not see.
    pub(crate) fn unseen(&self) -> BTreeSet<&str> {
        let args = self.actions.values().flat_map(|action| &action.args);
        let unseen = args.filter(|(_, argument)| argument.attribute.kind.is_unseen());
        unseen.map(|(name, _)| name.as_str()).collect()
    }

    /// Whether some action has an argument of this name that policies see.
    pub(crate) fn sees(&self, name: &str) -> bool {
        let mut actions = self.actions.values();
        actions.any(|action| {
            let argument = action.args.get(name);
            argument.is_some_and(|argument| !argument.attribute.kind.is_unseen())
        })
    }

    /// "did you mean" for the name of an action.
    pub(crate) fn help_action(&self, name: &str) -> String {
        suggest::help(name, self.actions.keys().map(String::as_str))
    }
}
