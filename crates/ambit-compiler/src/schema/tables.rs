//! Where the rows of a type lie in a database, and what bounds them: `@table`, `@columns`, `@column`, `@writes`.
//!
//! Only `ambit build --sql` uses it; no bundle has it.

use std::collections::BTreeMap;

use super::annotations::split;
use super::source::{Annotation, Item, Source, What};
use super::types::{Column, qualified};
use super::vocabulary::Vocabulary;
use crate::reader::File;
use crate::suggest;

/// The bytes of a name that PostgreSQL keeps. It cuts longer ones without a word, so two could become one.
const NAME_BYTES: usize = 63;

/// A table whose rows are resources, or parts of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// The tenant whose row it is.
    pub(crate) tenant: Option<String>,
    /// The person whose row it is.
    pub(crate) subject: Option<String>,
    /// The purpose that the row may be used for, or all of them.
    pub(crate) purpose: Option<String>,
    /// By type of resource, its own among them: the column with the id of the resource that a row belongs to.
    pub(crate) within: BTreeMap<String, String>,
}

/// What a statement may do to rows besides reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Write {
    Insert,
    Update,
    Delete,
}

impl Write {
    pub(crate) const ALL: [Self; 3] = [Self::Insert, Self::Update, Self::Delete];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The tables of all entity types, by datatype.
pub(super) fn read(
    file: File<'_>,
    source: &Source,
    vocabulary: &Vocabulary,
) -> BTreeMap<String, Table> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for ((what, namespace, name), item) in &source.declarations {
        if *what != What::Entity {
            continue;
        }
        let own = item.annotation("datatype").map_or_else(
            || qualified(namespace, name),
            |datatype| datatype.value.clone(),
        );
        let columns = item.annotation("columns");
        let Some(note) = item.annotation("table") else {
            if let Some(columns) = columns {
                let help = "write before it `@table(\"orders\")`, or remove `@columns`";
                fault(file, columns, "these are columns of no table", help);
            }
            continue;
        };
        let Some(columns) = columns else {
            let help =
                "write for example `@columns(\"id: id, tenant: tenant, in Customer: customer\")`";
            fault(file, note, "the table's columns are not named", help);
            continue;
        };
        let named = named(file, note).zip(self::columns(file, columns, &own, vocabulary));
        let Some(((schema, name), mut table)) = named else {
            continue;
        };
        let taken = tables
            .values()
            .any(|other| (&other.schema, &other.name) == (&schema, &name));
        if taken {
            let help = "a table has the rows of one type: give each type a table of its own";
            fault(file, note, "another type has its rows in this table", help);
            continue;
        }
        table.schema = schema;
        table.name = name;
        tables.insert(own, table);
    }
    check_reached(file, source, vocabulary, &tables);
    tables
}

/// `SCHEMA.TABLE`, or a table of the schema `public`.
fn named(file: File<'_>, note: &Annotation) -> Option<(String, String)> {
    let value = note.value.trim();
    let (schema, name) = value.split_once('.').unwrap_or(("public", value));
    let (schema, name) = (schema.trim(), name.trim());
    if !is_name(schema) || !is_name(name) || name.contains('.') {
        let help = "write `@table(\"orders\")` or, with its schema, `@table(\"shop.orders\")`, as PostgreSQL keeps the names";
        fault(file, note, "this names no table", help);
        return None;
    }
    Some((schema.to_owned(), name.to_owned()))
}

/// Something that PostgreSQL can call a table or a column, as it is written.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES && !name.contains('\0')
}

fn columns(file: File<'_>, note: &Annotation, own: &str, vocabulary: &Vocabulary) -> Option<Table> {
    let mut table = Table::default();
    for part in note.value.split(',') {
        let (role, column) = part.rsplit_once(':').unwrap_or((part, ""));
        let (role, column) = (role.trim(), column.trim());
        let help = "write `id`, `tenant`, `subject`, `purpose` or `in TYPE`, a colon and the column: `@columns(\"id: id, tenant: tenant, in Customer: customer\")`";
        if !is_name(column) {
            let message = format!("`{}` names no column", part.trim());
            fault(file, note, &message, help);
            return None;
        }
        let column = column.to_owned();
        let within = role.strip_prefix("in ").map(str::trim);
        let twice = match (role, within) {
            ("id", _) => table.within.insert(own.to_owned(), column),
            ("tenant", _) => table.tenant.replace(column),
            ("subject", _) => table.subject.replace(column),
            ("purpose", _) => table.purpose.replace(column),
            (_, Some(kind)) if vocabulary.resources.contains_key(kind) => {
                table.within.insert(kind.to_owned(), column)
            }
            (_, Some(kind)) => {
                let message = format!("no action applies to `{kind}`");
                let known = vocabulary.resources.keys().map(String::as_str);
                fault(file, note, &message, &suggest::help(kind, known));
                return None;
            }
            _ => {
                fault(
                    file,
                    note,
                    &format!("`{role}` is no role of a column"),
                    help,
                );
                return None;
            }
        };
        if twice.is_some() {
            let message = format!("`{role}` is said twice");
            fault(file, note, &message, "remove one of the two");
            return None;
        }
    }
    Some(table)
}

/// What an argument bounds: a column of every table that its action reaches, or `TYPE: column` for some of them.
pub(super) fn column(file: File<'_>, item: &Item) -> Vec<Column> {
    let Some(note) = item.annotation("column") else {
        return Vec::new();
    };
    let mut columns: Vec<Column> = Vec::new();
    for part in note.value.split(',') {
        let (of, name) = match part.rsplit_once(':') {
            Some((of, name)) => (Some(of.trim().to_owned()), name.trim()),
            None => (None, part.trim()),
        };
        let twice = columns.iter().any(|other| other.of == of);
        if !is_name(name) || of.as_deref() == Some("") || twice {
            let help = "write the column, or several by the type whose rows they are of: `@column(\"Order: region, Line: order_region\")`";
            fault(file, note, "this does not name one column a table", help);
            return Vec::new();
        }
        columns.push(Column {
            of,
            name: name.to_owned(),
        });
    }
    columns
}

/// What the statements of an action may do besides reading.
pub(super) fn writes(file: File<'_>, item: &Item) -> Vec<Write> {
    let Some(note) = item.annotation("writes") else {
        return Vec::new();
    };
    let mut writes = Vec::new();
    for word in split(&note.value) {
        match Write::ALL.into_iter().find(|one| one.name() == word) {
            Some(write) => writes.push(write),
            None => {
                let known = Write::ALL.iter().map(|one| one.name());
                let message = format!("`{word}` is nothing that is done to rows");
                fault(file, note, &message, &suggest::help(word, known));
            }
        }
    }
    writes.sort_unstable();
    writes.dedup();
    writes
}

/// What is said of tables must have an effect.
fn check_reached(
    file: File<'_>,
    source: &Source,
    vocabulary: &Vocabulary,
    tables: &BTreeMap<String, Table>,
) {
    let reaches = |table: &Table, resources: &[String]| {
        resources.iter().any(|one| table.within.contains_key(one))
    };
    for ((what, namespace, name), item) in &source.declarations {
        if *what != What::Entity {
            continue;
        }
        let Some(note) = item.annotation("table") else {
            continue;
        };
        let datatype = item.annotation("datatype");
        let own = datatype.map_or_else(|| qualified(namespace, name), |one| one.value.clone());
        let mut actions = vocabulary.actions.values();
        let table = tables.get(&own);
        if table.is_some_and(|table| !actions.any(|action| reaches(table, &action.resources))) {
            let help = "name in `@columns` the column with the id of a resource that an action applies to: `id`, or `in TYPE`";
            fault(
                file,
                note,
                "no action reaches this table, so nobody would see a row",
                help,
            );
        }
    }
    for (name, action) in &vocabulary.actions {
        let reached = |of: Option<&str>| {
            let mut all = tables.iter();
            all.any(|(kind, table)| {
                of.is_none_or(|of| of == kind) && reaches(table, &action.resources)
            })
        };
        let fault = |message: String| {
            file.error(
                "project.column",
                action.span.clone(),
                message,
                "declare the table of a type with `@table` and `@columns`, or remove the annotation",
            );
        };
        if !action.writes.is_empty() && !reached(None) {
            fault(format!(
                "`@writes` of the action `{name}` is about no table"
            ));
        }
        for (argument, column) in action
            .args
            .iter()
            .flat_map(|(name, argument)| argument.columns.iter().map(move |one| (name, one)))
        {
            if !reached(column.of.as_deref()) {
                fault(format!(
                    "`@column` of the argument `{argument}` of `{name}` is about no table that the action reaches"
                ));
            }
        }
    }
}

fn fault(file: File<'_>, note: &Annotation, message: &str, help: &str) {
    let code = match note.name.as_str() {
        "table" | "columns" => "project.table",
        _ => "project.column",
    };
    file.error(code, note.value_span.clone(), message, help);
}
