//! JSON-RPC messages as they came. Nothing passes through typed models, which would drop what they do not know.

use ambit_core::json::{Document, Json, Kind, Profile, Writer};

/// What a line is.
#[derive(Clone, Copy)]
pub(super) enum Message<'a> {
    /// A request, with its id and parameters.
    Request {
        id: Json<'a>,
        method: &'a str,
        params: Json<'a>,
    },
    /// A notification.
    Notification { method: &'a str, params: Json<'a> },
    /// An answer to the request with this id.
    Answer { id: Json<'a> },
}

/// Reads a line, strictly: a member twice is refused, and a carriage return, at which others end a line and begin
/// another message.
pub(super) fn parse(line: &[u8]) -> Result<Document<'_>, String> {
    if line.contains(&b'\r') {
        return Err("a carriage return stands within the line".to_owned());
    }
    Document::parse(line, Profile::Request)
        .map_err(|error| format!("not JSON as it is wanted here: {error}"))
}

/// What a message is: an unknown member or a batch is none. An error is a sentence.
pub(super) fn read(root: Json<'_>) -> Result<Message<'_>, &'static str> {
    if root.kind() != Kind::Object {
        return Err("one message at a time, which is an object");
    }
    if root.get("jsonrpc").and_then(Json::as_str) != Some("2.0") {
        return Err("`jsonrpc` must be \"2.0\"");
    }
    let known = |allowed: &[&str]| root.members().all(|(name, _)| allowed.contains(&name));
    let id = root.get("id");
    if id.is_some_and(|id| !is_id(&id)) {
        return Err("`id` must be a string or an integer");
    }
    match (root.get("method").map(Json::as_str), id) {
        (Some(Some(method)), Some(id)) if known(&["jsonrpc", "id", "method", "params"]) => {
            let params = root.get("params").unwrap_or(Json::null());
            if !matches!(params.kind(), Kind::Object | Kind::Null) {
                return Err("`params` must be an object");
            }
            Ok(Message::Request { id, method, params })
        }
        (Some(Some(method)), None) if known(&["jsonrpc", "method", "params"]) => {
            let params = root.get("params").unwrap_or(Json::null());
            Ok(Message::Notification { method, params })
        }
        (None, Some(id))
            if known(&["jsonrpc", "id", "result", "error"])
                && root.get("result").is_some() != root.get("error").is_some() =>
        {
            Ok(Message::Answer { id })
        }
        _ => Err("neither a request, nor a notification, nor an answer"),
    }
}

/// Whether an answer asks for input instead of giving a result.
pub(super) fn wants_more(result: Json<'_>) -> bool {
    result.get("inputRequests").is_some()
        || result.get("resultType").and_then(Json::as_str) == Some("input_required")
}

/// Whether something is the id of a request.
pub(super) fn is_id(id: &Json<'_>) -> bool {
    id.as_str().is_some_and(|text| text.len() <= 256) || id.as_int().is_some()
}

/// A value as text: one form for each.
pub(super) fn text(value: Json<'_>) -> String {
    let mut out = Writer::default();
    out.json(value);
    out.finish()
}

/// An answer with a result.
pub(super) fn result(id: &str, write: impl FnOnce(&mut Writer)) -> String {
    let mut out = Writer::with_capacity(1024);
    out.object(|out| {
        out.name("jsonrpc").string("2.0");
        out.name("id").raw(id);
        out.name("result").object(write);
    });
    out.finish()
}

/// An answer that is an error.
pub(super) fn error(id: &str, code: i64, message: &str) -> String {
    let mut out = Writer::default();
    out.object(|out| {
        out.name("jsonrpc").string("2.0");
        out.name("id").raw(id);
        out.name("error").object(|out| {
            out.name("code").integer(code);
            out.name("message").string(message);
        });
    });
    out.finish()
}

/// The same, with data as JSON.
pub(super) fn error_with(id: &str, code: i64, message: &str, data: &str) -> String {
    let mut out = Writer::default();
    out.object(|out| {
        out.name("jsonrpc").string("2.0");
        out.name("id").raw(id);
        out.name("error").object(|out| {
            out.name("code").integer(code);
            out.name("message").string(message);
            out.name("data").raw(data);
        });
    });
    out.finish()
}

/// An object with some members replaced or taken out: `change` writes in its place, and says whether it did.
pub(super) fn rewrite(
    object: Json<'_>,
    out: &mut Writer,
    change: &mut dyn FnMut(&str, Json<'_>, &mut Writer) -> bool,
) {
    out.object(|out| {
        for (name, value) in object.members() {
            if !change(name, value, out) {
                out.name(name).json(value);
            }
        }
    });
}

/// An object with members of its `_meta` changed in the same way.
pub(super) fn within_meta(
    object: Json<'_>,
    out: &mut Writer,
    change: &mut dyn FnMut(&str, Json<'_>, &mut Writer) -> bool,
) {
    rewrite(object, out, &mut |name, meta, out| {
        if name != "_meta" || meta.kind() != Kind::Object {
            return false;
        }
        rewrite(meta, out.name(name), change);
        true
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(line: &str) -> bool {
        parse(line.as_bytes()).is_ok_and(|document| read(document.root()).is_ok())
    }

    #[test]
    fn only_whole_messages_are_read() {
        for sound in [
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t"}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#,
        ] {
            assert!(is_read(sound), "{sound}");
        }
        for wrong in [
            "[]",
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
            r#"{"jsonrpc":"2.0"}"#,
        ] {
            assert!(!is_read(wrong), "{wrong}");
        }
    }
}
