//! Who acts, and how the person logged in.

use ambit_compiler::reader::Reader;
use ambit_core::limits::INTEGER_MAX;
use serde_json::{Map, Value as Json, json};
use toml::de::DeValue;

use crate::cases::layers::Layers;
use crate::cases::value;

/// What the host attests of the agent. What is not said here is as the manifest wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentFacts {
    /// Whether it attests anything.
    pub attested: bool,
    /// `version`, `ai_model`, `env`, `instance_uid`, in the form that `facts.agent` has.
    pub members: Map<String, Json>,
    /// How old the attestation is, in seconds.
    pub age_seconds: i64,
}

impl Default for AgentFacts {
    fn default() -> Self {
        Self {
            attested: true,
            members: Map::new(),
            age_seconds: 0,
        }
    }
}

/// How and when the person logged in, as the token says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The class of the login.
    pub acr: Option<String>,
    /// Its methods (RFC 8176).
    pub amr: Vec<String>,
    /// When, in seconds since 1970.
    pub auth_time: Option<i64>,
}

pub(super) fn agent_facts(layers: &mut Layers<'_, '_>) -> AgentFacts {
    const EXAMPLE: &str =
        "agent_facts = { version = \"1.4.0\", ai_model = \"example-large\", env = \"prod\" }";
    let mut facts = AgentFacts::default();
    let file = layers.file;
    let given = layers.get("agent_facts");
    let Some((given, table)) =
        given.and_then(|given| Some((given, file.table(given, "agent_facts", EXAMPLE)?)))
    else {
        return facts;
    };
    let mut reader = Reader::new(file, table, "`agent_facts`", given.span());
    if let Some(value) = reader.get("attested") {
        match value.get_ref() {
            DeValue::Boolean(attested) => facts.attested = *attested,
            _ => file.error(
                "project.type",
                value.span(),
                "`attested` must be `true` or `false`",
                "write `attested = false` for an agent of which the host attests nothing",
            ),
        }
    }
    if let Some(age) = reader.optional_integer("age_seconds", 0..=INTEGER_MAX) {
        facts.age_seconds = age;
    }
    for key in ["version", "env", "instance_uid"] {
        let text = reader
            .get(key)
            .and_then(|value| file.string(value, key, EXAMPLE));
        if let Some(text) = text {
            facts.members.insert(key.to_owned(), text.text.into());
        }
    }
    if let Some(model) = reader.get("ai_model") {
        let model = match model.get_ref() {
            DeValue::Table(table) => value::table(file, table).map(Json::Object),
            _ => file
                .string(model, "ai_model", EXAMPLE)
                .map(|name| json!({"name": name.text})),
        };
        facts
            .members
            .extend(model.map(|model| ("ai_model".to_owned(), model)));
    }
    reader.finish();
    facts
}

pub(super) fn login(layers: &mut Layers<'_, '_>) -> Login {
    const EXAMPLE: &str =
        "login = { amr = [\"pwd\", \"mfa\"], auth_time = \"2026-03-02T08:59:00Z\" }";
    let file = layers.file;
    let given = layers.get("login");
    let table = given.and_then(|given| Some((given, file.table(given, "login", EXAMPLE)?)));
    let Some((given, table)) = table else {
        return Login::default();
    };
    let mut reader = Reader::new(file, table, "`login`", given.span());
    let acr = reader
        .get("acr")
        .and_then(|value| file.string(value, "acr", EXAMPLE));
    let amr = reader.optional_strings("amr", EXAMPLE).unwrap_or_default();
    let auth_time = reader
        .get("auth_time")
        .and_then(|given| value::time(file, given, "auth_time"));
    reader.finish();
    Login {
        acr: acr.map(|acr| acr.text.to_owned()),
        amr: amr.iter().map(|method| method.text.to_owned()).collect(),
        auth_time,
    }
}
