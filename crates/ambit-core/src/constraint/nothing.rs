//! Bounds whose `except` leaves nothing of what they list.

use super::kinds::{cidr, host, url};
use super::spec::Spec;
use super::table::Kind;
use crate::json::Json;

/// Whether the constraint, or one inside it, leaves out all that it lists, so that no value matches. For whoever
/// signs: evaluators need no such rule, for them it never matches.
///
/// ```
/// use ambit_core::{constraint, json::{Document, Profile}};
/// let spec = br#"{"constraint_type":"host","hosts":["a.example.com"],"except":["*.example.com"]}"#;
/// let spec = Document::parse(spec, Profile::Signed)?;
/// assert!(constraint::leaves_nothing(spec.root()));
/// # Ok::<(), ambit_core::json::JsonError>(())
/// ```
#[must_use]
pub fn leaves_nothing(spec: Json<'_>) -> bool {
    let Some(read) = Spec::read(spec) else {
        return false;
    };
    match read.kind {
        Kind::Host => host::leaves_nothing(read),
        Kind::Url => url::leaves_nothing(read),
        Kind::Cidr => cidr::leaves_nothing(read),
        kind if kind.has_constraints() => {
            read.first().is_some_and(leaves_nothing) || read.list().any(leaves_nothing)
        }
        _ => false,
    }
}
