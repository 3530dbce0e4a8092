//! Denials of what never becomes a request.

use alloc::format;
use alloc::string::String;

use ambit_core::Reason;
use ambit_core::describe::plain;
use ambit_core::json::{Document, Json, Profile};
use ambit_evaluator::refuse;

/// The denial of a value that JSON cannot say, which `plain.js` found: `{"path", "what"}`.
pub(crate) fn unsayable(fault: &[u8]) -> String {
    let document = Document::parse(fault, Profile::Signed).ok();
    let root = document.as_ref().map_or(Json::null(), Document::root);
    let text = |name| root.get(name).and_then(Json::as_str).unwrap_or_default();
    let value = match text("path") {
        "" => String::from("the request"),
        path => plain(path),
    };
    let admin = format!("{value} is {}, which JSON cannot say", text("what"));
    refuse(Reason::RequestValue, &admin)
}

pub(crate) fn no_bundle() -> String {
    refuse(Reason::PolicyMalformed, "the bundle cannot be opened")
}
