//! Row-level security for PostgreSQL, of the tables that a vocabulary names: `docs/rows.md`.
//!
//! Every name is quoted, every text is a literal, and what the call may see is asked of functions that read what the
//! service sealed. Where nothing is sealed they give NULL, and no row is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ambit_core::constraint::Kind;
use serde_json::Value;

use crate::Project;
use crate::schema::{Action, Table, Write};

/// What the policies ask.
const LIBRARY: &str = include_str!("library.sql");
/// The kinds of constraints that it can compare rows by.
const KINDS: [Kind; 13] = [
    Kind::Exact,
    Kind::OneOf,
    Kind::NotOneOf,
    Kind::Range,
    Kind::Like,
    Kind::Each,
    Kind::Subset,
    Kind::Contains,
    Kind::Count,
    Kind::All,
    Kind::Any,
    Kind::Optional,
    Kind::Wildcard,
];

/// The statements for a database, and what whoever runs them should know.
#[derive(Clone, Debug)]
pub struct Statements {
    /// One transaction, which may be run again.
    pub text: String,
    /// How many tables they guard.
    pub tables: usize,
    /// Bounds in the project's manifests that rows cannot be compared by: under such an entry no row is seen.
    pub notes: Vec<String>,
}

/// The row-level security of a project's tables; `None` where its vocabulary names no table.
#[must_use]
pub fn statements(project: &Project) -> Option<Statements> {
    let tables = &project.vocabulary.tables;
    if tables.is_empty() {
        return None;
    }
    let mut text = format!(
        "-- Row-level security by the policy {} version {}, made by `ambit build --sql`: docs/rows.md.\n\
         -- Run it as the owner of the tables, which no service connects as. It may be run again.\n\
         BEGIN;\n\
         SET LOCAL standard_conforming_strings = on;\n\
         SET LOCAL search_path = pg_catalog, pg_temp;\n\n",
        // Of letters, digits and a few signs, in one line.
        project.uid(),
        project.version(),
    );
    text.push_str(LIBRARY);
    let uid = literal(&format!("SELECT {}::text", literal(project.uid())));
    let _ = writeln!(
        text,
        "CREATE OR REPLACE FUNCTION ambit.policy() RETURNS text\n\
         LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS {uid};"
    );
    for (kind, table) in tables {
        guard(&mut text, project, kind, table);
    }
    text.push_str("\nCOMMIT;\n");
    Some(Statements {
        text,
        tables: tables.len(),
        notes: notes(project),
    })
}

/// Switches row-level security on, for owners too, and makes the policies anew.
fn guard(text: &mut String, project: &Project, kind: &str, table: &Table) {
    let name = format!("{}.{}", quoted(&table.schema), quoted(&table.name));
    let _ = write!(
        text,
        "\nALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\n\
         ALTER TABLE {name} FORCE ROW LEVEL SECURITY;\n\
         INSERT INTO ambit.guarded VALUES ({}::regclass);\n",
        literal(&name)
    );
    for command in ["select", "insert", "update", "delete"] {
        let _ = writeln!(text, "DROP POLICY IF EXISTS ambit_{command} ON {name};");
    }
    let mut policy = |command: &str, write: Option<Write>, clauses: &[&str]| {
        let Some(seen) = seen(project, kind, table, write) else {
            return;
        };
        let _ = write!(
            text,
            "CREATE POLICY ambit_{command} ON {name} AS PERMISSIVE FOR {} TO PUBLIC",
            command.to_uppercase()
        );
        for clause in clauses {
            let _ = write!(text, "\n  {clause} ({seen})");
        }
        text.push_str(";\n");
    };
    policy("select", None, &["USING"]);
    for write in Write::ALL {
        let clauses: &[&str] = match write {
            Write::Insert => &["WITH CHECK"],
            Write::Update => &["USING", "WITH CHECK"],
            Write::Delete => &["USING"],
        };
        policy(write.name(), Some(write), clauses);
    }
    // Of several permissive policies one is enough, so another would open what these close.
    let name = literal(&name);
    let alone = format!(
        "BEGIN IF EXISTS (SELECT FROM pg_policy WHERE polrelid = {name}::regclass AND polpermissive AND polname !~ '^ambit_') \
         THEN RAISE EXCEPTION 'the table % has a permissive policy of its own, which would show rows beyond these: drop it, or make it restrictive', {name}; \
         END IF; END"
    );
    let _ = writeln!(text, "DO {};", literal(&alone));
}

/// Which rows a statement may see, or write; `None` where no action does that.
fn seen(project: &Project, kind: &str, table: &Table, write: Option<Write>) -> Option<String> {
    let mut conditions = vec![match &table.tenant {
        Some(tenant) => format!("{} = (SELECT ambit.tenant())", text(tenant)),
        None => "(SELECT ambit.without_tenant())".to_owned(),
    }];
    if let Some(subject) = &table.subject {
        conditions.push(format!("{} = (SELECT ambit.subject())", text(subject)));
    }
    if let Some(purpose) = &table.purpose {
        // One purpose, or an array of them.
        conditions.push(format!(
            "to_jsonb({}) @> to_jsonb((SELECT ambit.purpose()))",
            quoted(purpose)
        ));
    }
    let mut ways: BTreeMap<(&str, &str, Vec<String>), BTreeSet<&str>> = BTreeMap::new();
    for (name, action) in &project.vocabulary.actions {
        if write.is_some_and(|write| !action.writes.contains(&write)) {
            continue;
        }
        let bounds = bounds(action, kind);
        for resource in &action.resources {
            if let Some(column) = table.within.get(resource) {
                let way = (resource.as_str(), column.as_str(), bounds.clone());
                ways.entry(way).or_default().insert(name);
            }
        }
    }
    let ways: Vec<String> = ways
        .into_iter()
        .map(|((resource, column, bounds), actions)| {
            let actions: Vec<String> = actions.into_iter().map(literal).collect();
            let mut all = vec![format!(
                "{} = (SELECT ambit.about({}, ARRAY[{}], {}))",
                text(column),
                literal(resource),
                actions.join(", "),
                write.is_some()
            )];
            all.extend(bounds);
            format!("({})", all.join("\n      AND "))
        })
        .collect();
    if ways.is_empty() {
        return None;
    }
    conditions.push(format!("({})", ways.join("\n    OR ")));
    Some(conditions.join("\n    AND "))
}

/// The columns of this table that arguments of an action bound.
fn bounds(action: &Action, kind: &str) -> Vec<String> {
    let mut bounds = Vec::new();
    for (name, argument) in &action.args {
        let own = |of: &Option<String>| of.as_deref() == Some(kind);
        let mut columns = argument.columns.iter();
        let column = columns
            .clone()
            .find(|column| own(&column.of))
            .or_else(|| columns.find(|column| column.of.is_none()));
        let Some(column) = column else { continue };
        let column = quoted(&column.name);
        let value = match argument.attribute.money {
            Some(decimals) => format!("ambit.minor({column}, {decimals})"),
            None => format!("to_jsonb({column})"),
        };
        bounds.push(format!(
            "ambit.within({value}, (SELECT ambit.bounds({})))",
            literal(name)
        ));
    }
    bounds
}

/// The bounds of manifests that rows cannot be compared by.
fn notes(project: &Project) -> Vec<String> {
    let mut notes = BTreeSet::new();
    for (agent, manifest) in &project.manifests {
        for entry in &manifest.capabilities {
            let constraints = entry.get("constraints").and_then(Value::as_object);
            for (argument, constraint) in constraints.into_iter().flatten() {
                let mut actions = project.vocabulary.actions.values();
                let is_column = actions.any(|action| {
                    let argument = action.args.get(argument);
                    argument.is_some_and(|argument| !argument.columns.is_empty())
                });
                if let Some(kind) = unknown(constraint).filter(|_| is_column) {
                    notes.insert(format!(
                        "the manifest of `{agent}` bounds `{argument}` by `{kind}`, which rows cannot be compared by: under it no row is seen"
                    ));
                }
            }
        }
    }
    notes.into_iter().collect()
}

/// The first kind in a constraint that the library does not know.
fn unknown(constraint: &Value) -> Option<&str> {
    let name = constraint.get("constraint_type").and_then(Value::as_str)?;
    if !KINDS.iter().any(|kind| kind.name() == name) {
        return Some(name);
    }
    let one = constraint.get("constraint").into_iter();
    let many = constraint.get("constraints").and_then(Value::as_array);
    one.chain(many.into_iter().flatten()).find_map(unknown)
}

/// The text in a column, compared byte by byte: a collation of its own may take `north` for `NORTH`.
fn text(column: &str) -> String {
    format!("{}::text COLLATE \"C\"", quoted(column))
}

/// A name, as it is.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        return format!(" E'{}'", doubled.replace('\\', "\\\\"));
    }
    format!("'{doubled}'")
}

#[cfg(test)]
mod tests {
    use super::{KINDS, LIBRARY, literal, quoted};

    #[test]
    fn names_and_texts_end_where_they_should() {
        assert_eq!(
            quoted(r#"a"; drop table b; --"#),
            r#""a""; drop table b; --""#
        );
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(
            literal(r"\'; drop table b; --"),
            r" E'\\''; drop table b; --'"
        );
    }

    #[test]
    fn the_library_has_every_kind_that_it_is_said_to_have() {
        for kind in KINDS {
            let asked = format!("kind = '{}'", kind.name());
            assert!(LIBRARY.contains(&asked), "{asked}");
        }
    }
}
