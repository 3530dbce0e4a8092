//! JSON from elsewhere.

use ambit_core::json::{Document, Profile};
use ambit_token::base64url;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::ImportError;

/// The value of a text. What two readers could read in two ways (a member twice) is refused.
pub(super) fn read(bytes: &[u8], help: &'static str) -> Result<Value, ImportError> {
    Document::parse(bytes, Profile::Request).map_err(|error| {
        ImportError::new(
            "import.json",
            format!("this is not strict JSON: {error}"),
            help,
        )
    })?;
    serde_json::from_slice(bytes).map_err(|error| {
        ImportError::new("import.json", format!("this is not JSON: {error}"), help)
    })
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
