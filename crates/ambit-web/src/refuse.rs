//! Denials of what never becomes a request.

use alloc::format;
use alloc::string::String;

use ambit_core::Reason;
use ambit_core::describe::plain;
use ambit_evaluator::refuse;

/// The denial of a value that JSON cannot say, or of a number that not every reader of it keeps.
pub(crate) fn unsayable(path: &str, what: &str, number: bool) -> String {
    let value = match path {
        "" => String::from("the request"),
        path => plain(path),
    };
    if number {
        return refuse(Reason::RequestNumber, &format!("{value} is {what}"));
    }
    let admin = format!("{value} is {what}, which JSON cannot say");
    refuse(Reason::RequestValue, &admin)
}

pub(crate) fn no_bundle() -> String {
    refuse(Reason::PolicyMalformed, "the bundle cannot be opened")
}
