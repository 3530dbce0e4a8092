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

#[cfg(test)]
mod tests {
    use super::leaves_nothing;
    use crate::json::{Document, Profile};

    fn nothing(spec: &str) -> bool {
        let spec = Document::parse(spec.as_bytes(), Profile::Signed).expect("JSON");
        leaves_nothing(spec.root())
    }

    #[test]
    fn all_that_is_listed_is_left_out() {
        for spec in [
            r#"{"constraint_type":"host","hosts":["A.example.com"],"except":["a.example.com"]}"#,
            r#"{"constraint_type":"host","hosts":["*.a.example.com","b.example.com"],"except":["*.example.com"]}"#,
            r#"{"constraint_type":"host","hosts":["*.example.com"],"except":["*.example.com"]}"#,
            r#"{"constraint_type":"url","schemes":["https"],"hosts":["a.example.com:8443"],"except":["a.example.com"]}"#,
            r#"{"constraint_type":"url","schemes":["https"],"hosts":["a.example.com"],"except":["a.example.com:443"]}"#,
            r#"{"constraint_type":"cidr","ranges":["10.1.0.0/16"],"except":["10.0.0.0/8"]}"#,
            r#"{"constraint_type":"cidr","ranges":["10.0.0.0/8"],"except":["10.128.0.0/9","10.0.0.0/9"]}"#,
            r#"{"constraint_type":"cidr","ranges":["public"],"except":["0.0.0.0/0","2000::/3"]}"#,
            r#"{"constraint_type":"cidr","ranges":["64:ff9b::/96"],"except":["10.0.0.0/8"]}"#,
            r#"{"constraint_type":"optional","constraint":{"constraint_type":"each","constraint":{"constraint_type":"cidr","ranges":["::1/128"],"except":["::/0"]}}}"#,
            r#"{"constraint_type":"any","constraints":[{"constraint_type":"wildcard"},{"constraint_type":"cidr","ranges":["::/0"],"except":["::/0"]}]}"#,
        ] {
            assert!(nothing(spec), "{spec}");
        }
    }

    #[test]
    fn something_is_left() {
        for spec in [
            r#"{"constraint_type":"host","hosts":["a.example.com"]}"#,
            r#"{"constraint_type":"host","hosts":["example.com"],"except":["*.example.com"]}"#,
            r#"{"constraint_type":"host","hosts":["*.example.com"],"except":["*.a.example.com"]}"#,
            r#"{"constraint_type":"host","hosts":["*.example.com"],"except":["example.com"]}"#,
            r#"{"constraint_type":"url","schemes":["https"],"hosts":["a.example.com"],"except":["a.example.com:8443"]}"#,
            r#"{"constraint_type":"url","schemes":["https","http"],"hosts":["a.example.com"],"except":["a.example.com:443"]}"#,
            r#"{"constraint_type":"cidr","ranges":["10.0.0.0/8"],"except":["10.128.0.0/9","10.0.0.0/10"]}"#,
            r#"{"constraint_type":"cidr","ranges":["0.0.0.0/0"],"except":["::/0"]}"#,
            r#"{"constraint_type":"cidr","ranges":["::/0"],"except":["10.0.0.0/8"]}"#,
            r#"{"constraint_type":"cidr","ranges":["public"],"except":["0.0.0.0/0"]}"#,
            r#"{"constraint_type":"wildcard"}"#,
        ] {
            assert!(!nothing(spec), "{spec}");
        }
    }
}
