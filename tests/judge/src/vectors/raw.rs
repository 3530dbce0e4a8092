//! Reading vector files without losing anything: a value that a case hands to the code under test
//! stays the text it was, with its duplicate members, its depth and every digit of its numbers.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A member that may be absent, as its text. Unlike a plain `Option`, `null` is a value here.
pub(crate) fn present<'de, D>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error>
where
    D: Deserializer<'de>,
{
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What a case or group calls itself, or else its place in the file.
pub(crate) fn name(case: &RawValue, at: usize) -> String {
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    serde_json::from_str::<Name>(case.get())
        .map_or_else(|_| format!("case {at}"), |named| named.name)
}

/// A member that is a text.
pub(crate) fn text<'a>(object: &'a Value, member: &str) -> Result<&'a str, String> {
    let text = object[member].as_str();
    text.ok_or_else(|| format!("`{member}` is no text"))
}

/// A member that is a list.
pub(crate) fn list<'a>(object: &'a Value, member: &str) -> Result<&'a Vec<Value>, String> {
    let list = object[member].as_array();
    list.ok_or_else(|| format!("`{member}` is no list"))
}

/// Bytes from hexadecimal digits.
pub(crate) fn hex(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("`{text}` is not hexadecimal");
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return Err(wrong());
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong()))
        .collect()
}
