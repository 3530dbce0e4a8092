//! Text put together, and found.

use alloc::string::String;

use ambit_core::json::Json;

/// The value at a path of members.
pub(crate) fn value_at<'a>(value: Json<'a>, path: &[&str]) -> Option<Json<'a>> {
    path.iter()
        .try_fold(value, |value, member| value.get(member))
}

/// The string at a path of members.
pub(crate) fn text_at<'a>(value: Json<'a>, path: &[&str]) -> Option<&'a str> {
    value_at(value, path).and_then(Json::as_str)
}

/// The parts with the separator between them. One function for all kinds of lists: `join` of
/// `slice` is there once for each, a kilobyte each in wasm.
#[must_use]
pub fn joined(parts: &mut dyn Iterator<Item = &str>, separator: &str) -> String {
    let mut out = String::new();
    for (at, part) in parts.enumerate() {
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(part);
    }
    out
}
