//! JSON from elsewhere.

use ambit_compiler::conceal;
use ambit_core::json::{Document, Profile};
use ambit_token::base64url;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::ImportError;

/// The value of a text. What two readers could read in two ways (a member twice) is refused.
pub(super) fn read(bytes: &[u8], help: &'static str) -> Result<Value, ImportError> {
    let no_json = |error: &dyn core::fmt::Display, what: &str| {
        ImportError::new("import.json", format!("{what}: {error}"), help)
    };
    Document::parse(bytes, Profile::Request)
        .map_err(|error| no_json(&error, "this is not strict JSON"))?;
    serde_json::from_slice(bytes).map_err(|error| no_json(&error, "this is not JSON"))
}

/// The same value with secrets starred; a member that looks like one is refused.
pub(super) fn shown(value: &Value) -> Result<Value, ImportError> {
    let shown = serde_json::from_str(&conceal(&value.to_string())).ok();
    shown
        .filter(|shown| same_members(value, shown))
        .ok_or_else(secret)
}

/// What is refused because it looks like a secret in the place of a name.
pub(super) fn secret() -> ImportError {
    ImportError::new(
        "import.secret",
        "a name in this file looks like a secret",
        "look at the file: a key must not become part of a policy",
    )
}

/// Whether no name of a member was starred.
fn same_members(value: &Value, shown: &Value) -> bool {
    match (value, shown) {
        (Value::Object(value), Value::Object(shown)) => {
            let same = |(left, right): (&String, &String)| left == right;
            value.len() == shown.len()
                && value.keys().zip(shown.keys()).all(same)
                && value
                    .values()
                    .zip(shown.values())
                    .all(|(value, shown)| same_members(value, shown))
        }
        (Value::Array(value), Value::Array(shown)) => {
            value.len() == shown.len()
                && value
                    .iter()
                    .zip(shown)
                    .all(|(value, shown)| same_members(value, shown))
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        _ => true,
    }
}

/// The pin of a tool (`@mcp_s256`): SHA-256, in base64url, of the RFC 8785 form of the object with which the
/// server describes it in `tools/list`, `_meta` left out. Numbers that are no integers stay as they are
/// written, so that nothing goes through floating point.
///
/// ```
/// let tool = serde_json::json!({"name": "t", "description": "d", "_meta": {"seen": 1}});
/// let same = serde_json::json!({"description": "d", "name": "t"});
/// let pin = ambit_workbench::import::tool_digest;
/// assert_eq!(pin(&tool), pin(&same));
/// let changed = serde_json::json!({"description": "d.", "name": "t"});
/// assert_ne!(pin(&tool), pin(&changed));
/// ```
#[must_use]
pub fn tool_digest(tool: &Value) -> String {
    let mut tool = tool.clone();
    if let Some(object) = tool.as_object_mut() {
        object.remove("_meta");
    }
    let mut text = String::new();
    canonical(&tool, &mut text);
    base64url::encode(&Sha256::digest(text.as_bytes()))
}

fn canonical(value: &Value, out: &mut String) {
    let join = |out: &mut String, at: usize| out.push_str(if at > 0 { "," } else { "" });
    match value {
        Value::Array(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                join(out, at);
                canonical(element, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                join(out, at);
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(member, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}
