//! Denials of what never becomes a request.

use ambit_core::Reason;
use ambit_core::describe::plain;
use ambit_evaluator::refuse;

/// The denial of a value that JSON cannot say.
pub(crate) fn unsayable(path: &str, what: &str) -> String {
    let value = match path {
        "" => String::from("the request"),
        path => plain(path),
    };
    let admin = format!("{value} is {what}, which JSON cannot say");
    refuse(Reason::RequestValue, &admin)
}

pub(crate) fn no_bundle() -> String {
    refuse(Reason::PolicyMalformed, "the bundle cannot be opened")
}
