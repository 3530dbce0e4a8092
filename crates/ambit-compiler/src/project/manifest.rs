//! `agents/*.toml`: what an agent class may ever be granted.

use std::collections::BTreeMap;

use ambit_core::describe::is_label;
use ambit_core::{Power, limits};
use ambit_token::ROLE;
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::capability;
use crate::reader::{File, Reader, Text, line};
use crate::schema::Vocabulary;

/// One manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) label: Option<String>,
    pub(crate) label_de: Option<String>,
    pub(crate) models: Option<Vec<String>>,
    pub(crate) environments: Option<Vec<String>>,
    pub(crate) versions: Option<Vec<String>>,
    pub(crate) max_life_seconds: Option<i64>,
    /// How old the attestation of the agent may be; none is asked for where absent.
    pub(crate) attestation_max_age_seconds: Option<i64>,
    /// The powers of an agent that no longer runs as it was granted.
    pub(crate) drift_powers: Option<Vec<String>>,
    pub(crate) max_depth: i64,
    /// In the token's entry form, with `consent`.
    pub(crate) capabilities: Vec<Json>,
    /// Where each of them stands.
    pub(crate) places: Vec<EntryPlace>,
}

/// Where a capability of a manifest stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryPlace {
    /// The file, relative to the project.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// The lines of its parts, by their names: `purpose`, `constraints.amount`, `limits.0`.
    pub parts: BTreeMap<String, usize>,
}

/// A manifest with the name of its agent class and the place of that name.
pub(super) struct Named {
    pub(super) agent: String,
    pub(super) span: core::ops::Range<usize>,
    pub(super) manifest: Manifest,
}

pub(super) fn read(file: File<'_>, text: &str, vocabulary: Option<&Vocabulary>) -> Option<Named> {
    let document = file.parse(text)?;
    let mut reader = Reader::new(file, document.get_ref(), "a manifest", 0..0);
    let agent = reader.required_string("agent", "agent = \"renewal-bot\"");
    let agent = agent.and_then(|text| agent_uid(file, text));
    let [label, label_de] = ["label", "label_de"].map(|key| label(&mut reader, key));
    let models = reader.optional_strings("models", "models = [\"example-large\"]");
    let environments = reader.optional_strings("environments", "environments = [\"prod\"]");
    let versions = reader.optional_strings("versions", "versions = [\"1.4.0\"]");
    let life = reader.optional_integer("max_life_seconds", 1..=limits::ROOT_LIFE_SECONDS);
    let depth = reader.optional_integer("max_depth", 0..=limits::DELEGATION_DEPTH);
    let attestation =
        reader.optional_integer("attestation_max_age_seconds", 1..=limits::ROOT_LIFE_SECONDS);
    let drift = drift(&mut reader);
    let (capabilities, places) = capabilities(&mut reader, text, vocabulary);
    reader.finish();
    let agent = agent?;
    Some(Named {
        agent: agent.text.to_owned(),
        span: agent.span,
        manifest: Manifest {
            label,
            label_de,
            models: owned(models),
            environments: owned(environments),
            versions: owned(versions),
            max_life_seconds: life,
            attestation_max_age_seconds: attestation,
            drift_powers: drift,
            max_depth: depth.unwrap_or(0),
            capabilities,
            places,
        },
    })
}

/// What people read as the agent's name.
fn label(reader: &mut Reader<'_, '_>, key: &'static str) -> Option<String> {
    let value = reader.get(key)?;
    let text = reader
        .file
        .string(value, key, "label = \"Renewal assistant\"")?;
    if !is_label(text.text) {
        reader.file.warning(
            "project.label",
            text.span,
            "people see this name in quotes: it is more than words",
            "write at most 60 letters, digits, single spaces and `-'/&+%`",
        );
    }
    Some(text.text.to_owned())
}

/// `[drift] powers`: what an agent may still do whose model, version or environment changed since
/// its token was made.
fn drift(reader: &mut Reader<'_, '_>) -> Option<Vec<String>> {
    let value = reader.get("drift")?;
    let table = reader.file.table(value, "drift", "[drift]")?;
    let mut drift = Reader::new(reader.file, table, "`[drift]`", value.span());
    let powers = drift.optional_strings("powers", "powers = [\"observe\", \"draft\"]");
    for power in powers.iter().flatten() {
        if Power::from_name(power.text).is_none() {
            drift.file.error(
                "project.value",
                power.span.clone(),
                format!("`{}` is no power", power.text),
                "write `observe`, `draft`, `propose` or `execute`",
            );
        }
    }
    drift.finish();
    owned(powers)
}

fn owned(texts: Option<Vec<Text<'_>>>) -> Option<Vec<String>> {
    texts.map(|texts| texts.iter().map(|text| text.text.to_owned()).collect())
}

fn agent_uid<'a>(file: File<'_>, agent: Text<'a>) -> Option<Text<'a>> {
    let visible = agent.text.chars().all(|c| c.is_ascii_graphic());
    if visible && agent.text.len() <= 256 {
        return Some(agent);
    }
    file.error(
        "project.agent",
        agent.span,
        "the name of an agent class is visible ASCII without spaces, at most 256 characters",
        "write for example `agent = \"renewal-bot\"`; put words for people in `label`",
    );
    None
}

fn capabilities(
    reader: &mut Reader<'_, '_>,
    text: &str,
    vocabulary: Option<&Vocabulary>,
) -> (Vec<Json>, Vec<EntryPlace>) {
    const EXAMPLE: &str = "[[capabilities]]";
    let file = reader.file;
    let Some(value) = reader.require("capabilities", EXAMPLE) else {
        return Default::default();
    };
    let tables = file
        .tables(value, "capabilities", EXAMPLE)
        .unwrap_or_default();
    if tables.len() > limits::CAPABILITIES {
        file.error(
            "project.bounds",
            tables
                .get(limits::CAPABILITIES)
                .map(|(_, span)| span.clone()),
            format!("more than {} capabilities", limits::CAPABILITIES),
            "join those that differ only in their actions or datatypes",
        );
    }
    tables
        .into_iter()
        .filter_map(|(table, span)| {
            let place = place(file, text, table, span.start);
            let reader = Reader::new(file, table, "`[[capabilities]]`", span);
            Some((capability::read(reader, table, vocabulary)?, place))
        })
        .unzip()
}

fn place(file: File<'_>, text: &str, table: &DeTable<'_>, start: usize) -> EntryPlace {
    let mut parts = BTreeMap::new();
    for (key, value) in table {
        let name = key.get_ref();
        parts.insert(name.to_string(), line(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => parts.extend(inner.iter().map(|(key, _)| {
                let name = format!("{name}.{}", key.get_ref());
                (name, line(text, key.span().start))
            })),
            DeValue::Array(elements) => parts.extend(elements.iter().zip(0..).map(|(one, at)| {
                let name = format!("{name}.{at}");
                (name, line(text, one.span().start))
            })),
            _ => {}
        }
    }
    EntryPlace {
        file: file.name.to_owned(),
        line: line(text, start),
        parts,
    }
}

impl Manifest {
    /// The roles in which people are asked.
    pub(super) fn roles(&self) -> Vec<&str> {
        let demands = self.capabilities.iter().flat_map(|entry| {
            let names = ["/requires/approval/approvers", "/consent/approvers"];
            names.into_iter().filter_map(|name| entry.pointer(name))
        });
        let people = demands.filter_map(Json::as_array).flatten();
        let roles = people.filter_map(|one| one.as_str()?.strip_prefix(ROLE));
        roles.collect()
    }
}
