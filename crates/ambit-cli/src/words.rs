//! Capabilities and types in words.

use ambit_core::describe::{PlainVocabulary, entry};
use ambit_core::json::Json;
use ambit_policy::Bundle;

/// One capability in words: those of the policy, where one is at hand, by the code with which the
/// policy's hosts show it.
pub(crate) fn capability(bundle: Option<&Bundle<'_>>, capability: Json<'_>) -> String {
    match bundle {
        Some(bundle) => ambit_advice::capability_line(bundle, capability),
        None => entry(capability, &PlainVocabulary),
    }
}

/// An argument's type, as the schema would write it.
pub(crate) fn type_text(of: Option<Json<'_>>) -> String {
    let Some(of) = of else {
        return "?".to_owned();
    };
    let name = |member: &str| {
        of.get(member)
            .and_then(Json::as_str)
            .unwrap_or("?")
            .to_owned()
    };
    match of.get("t").and_then(Json::as_str) {
        Some("string") => match of.get("of").and_then(Json::as_str) {
            Some(form) => format!("@format(\"{form}\") String"),
            None => "String".to_owned(),
        },
        Some("long") => "Long".to_owned(),
        Some("bool") => "Bool".to_owned(),
        Some("json") => "any JSON".to_owned(),
        Some("number") => "number".to_owned(),
        Some("set") => format!("Set<{}>", type_text(of.get("of"))),
        Some("entity" | "ext") => name("of"),
        Some("record") => record_text(of),
        _ => "?".to_owned(),
    }
}

fn record_text(of: Json<'_>) -> String {
    let attributes = of.get("attrs").map(Json::members).into_iter().flatten();
    let attributes: Vec<String> = attributes
        .map(|(name, attribute)| {
            format!(
                "{name}{}: {}",
                mark(attribute),
                type_text(attribute.get("type"))
            )
        })
        .collect();
    format!("{{{}}}", attributes.join(", "))
}

/// `?` behind what may be left out.
pub(crate) fn mark(argument: Json<'_>) -> &'static str {
    if argument.get("required").and_then(Json::as_bool) == Some(false) {
        "?"
    } else {
        ""
    }
}

/// The strings of an array, joined.
pub(crate) fn list(array: Option<Json<'_>>) -> String {
    let elements = array.map(Json::elements).into_iter().flatten();
    elements
        .filter_map(Json::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use ambit_core::json::{Document, Profile};

    use super::*;

    #[test]
    fn types_are_shown_as_the_schema_writes_them() {
        let text = br#"{"t":"record","attrs":{"to":{"required":true,"type":{"t":"set","of":{"t":"string"}}},
            "when":{"required":false,"type":{"t":"ext","of":"datetime"}}}}"#;
        let document = Document::parse(text, Profile::Signed).unwrap();
        assert_eq!(
            type_text(Some(document.root())),
            "{to: Set<String>, when?: datetime}"
        );
    }
}
