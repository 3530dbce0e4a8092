//! The schema as policies see it: what the author declares, and what the compiler adds.

use cedar_policy::{Schema, SchemaFragment, schema_str_to_json_with_resolved_types};
use serde_json::{Map, Value as Json, json};

/// Context attributes that the compiler adds to every action of an agent.
pub(super) const STANDARD: &[&str] = &["power", "purpose", "now", "approvals", "login", "posture"];

/// What the compiler adds to every schema.
pub(super) const AMBIT: &str = "
namespace Ambit {
  entity User = { tenant?: __cedar::String };
  entity AgentClass;
  entity Agent in [AgentClass] = {
    user: User,
    version?: __cedar::String,
    model?: __cedar::String,
    environment?: __cedar::String,
    tenant?: __cedar::String
  };
}
";

/// The types of [`STANDARD`]: how far the agent goes, why, when; who approved exactly this call; how
/// the person logged in; what the host attests of the agent.
fn standard() -> Map<String, Json> {
    let text = json!({"type": "String"});
    let optional = |kind: Json| {
        let mut kind = kind;
        kind["required"] = Json::Bool(false);
        kind
    };
    let extension = |name: &str| json!({"type": "Extension", "name": name});
    let record = |attributes: Json| json!({"type": "Record", "attributes": attributes});
    let texts = json!({"type": "Set", "element": text});
    let types = [
        text.clone(),
        text.clone(),
        extension("datetime"),
        json!({"type": "Set", "element": {"type": "Entity", "name": "Ambit::User"}}),
        record(json!({
            "acr": optional(text.clone()),
            "amr": texts,
            "auth_time": optional(extension("datetime")),
        })),
        record(json!({
            "attested": {"type": "Boolean"},
            "age": optional(extension("duration")),
            "version": optional(text.clone()),
            "model": optional(text.clone()),
            "environment": optional(text),
        })),
    ];
    STANDARD
        .iter()
        .map(|name| (*name).to_owned())
        .zip(types)
        .collect()
}

/// The schema with the standard attributes in the context of every action of an agent, and without the arguments
/// of an action that policies do not see (`unseen`).
///
/// # Errors
///
/// Cedar's words. The author's text alone is sound; with what is added it is too, unless a name that
/// the compiler uses is taken.
pub(super) fn complete(text: &str, unseen: &dyn Fn(&str, &str) -> bool) -> Result<Schema, String> {
    let whole = format!("{text}\n{AMBIT}");
    let (mut json, _) =
        schema_str_to_json_with_resolved_types(&whole).map_err(|error| error.to_string())?;
    let before = json.clone();
    for (_, namespace) in json.as_object_mut().into_iter().flatten() {
        let actions = namespace.get_mut("actions").and_then(Json::as_object_mut);
        for (name, action) in actions.into_iter().flatten() {
            if let Some(applies) = action.get_mut("appliesTo") {
                add(applies, &before, &|argument| unseen(name, argument));
            }
        }
    }
    let fragment = SchemaFragment::from_json_value(json).map_err(|error| error.to_string())?;
    Schema::from_schema_fragments([fragment]).map_err(|error| error.to_string())
}

fn add(applies: &mut Json, schema: &Json, unseen: &dyn Fn(&str) -> bool) {
    let principals = applies.get("principalTypes").and_then(Json::as_array);
    let agents =
        principals.is_some_and(|list| list.iter().any(|one| one.as_str() == Some("Ambit::Agent")));
    if !agents {
        return;
    }
    let declared = applies
        .get("context")
        .map(|context| attributes(context, schema, 0));
    let mut all = declared.flatten().unwrap_or_default();
    all.retain(|name, _| !unseen(name));
    all.extend(standard());
    applies["context"] = json!({"type": "Record", "attributes": all});
}

/// The attributes of a record type, common types followed. Their names are fully qualified, so that
/// they mean the same everywhere.
fn attributes(json: &Json, schema: &Json, followed: usize) -> Option<Map<String, Json>> {
    // Cedar refuses cycles of common types; this is for the reader of this code.
    const LINKS: usize = 64;
    if let Some(attributes) = json.get("attributes").and_then(Json::as_object) {
        return Some(attributes.clone());
    }
    let name = json.get("name").or_else(|| json.get("type"))?.as_str()?;
    let (namespace, base) = name.rsplit_once("::").unwrap_or(("", name));
    let inner = schema.get(namespace)?.get("commonTypes")?.get(base)?;
    (followed < LINKS)
        .then(|| attributes(inner, schema, followed + 1))
        .flatten()
}
