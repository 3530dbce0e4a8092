//! The forms of single claims. `[]`, `{}`, `null` and the empty string are malformed everywhere.

use ambit_core::json::{Json, Kind};
use ambit_core::limits::CAPABILITIES;

use crate::base64url;
use crate::key::PublicKey;

/// Whether a value has the form of a claim.
pub(super) type Shape = fn(Json<'_>) -> bool;

/// A string that is not empty.
pub(super) fn text(value: Json<'_>) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// An array, not empty, of such strings.
pub(super) fn texts(value: Json<'_>) -> bool {
    !value.is_empty() && value.kind() == Kind::Array && value.elements().all(text)
}

/// An integer within +-(2^53 - 1).
pub(super) fn integer(value: Json<'_>) -> bool {
    value.as_int().is_some()
}

/// A SHA-256 as base64url.
pub(super) fn digest(value: Json<'_>) -> bool {
    value
        .as_str()
        .and_then(|text| base64url::decode_array::<32>(text.as_bytes()))
        .is_some()
}

/// `act`: the agent instance, named by a SPIFFE identifier or URL.
pub(super) fn act(value: Json<'_>) -> bool {
    members(
        value,
        &["sub"],
        &[
            ("sub", address),
            ("iss", text),
            ("sub_profile", |profile| {
                profile.as_str() == Some("ai_agent")
            }),
        ],
    )
}

/// `agent`: class, instance, version, model, environment.
pub(super) fn agent(value: Json<'_>) -> bool {
    members(
        value,
        &["uid"],
        &[
            ("uid", text),
            ("instance_uid", text),
            ("version", text),
            ("ai_model", model),
            ("env", text),
        ],
    )
}

fn model(value: Json<'_>) -> bool {
    members(
        value,
        &[],
        &[("ai_provider", text), ("name", text), ("version", text)],
    )
}

/// `cnf`: exactly one public Ed25519 or P-256 key. Whether it is a usable point is asked with the signature,
/// because a chain seen before need not pay for it again.
pub(super) fn cnf(value: Json<'_>) -> bool {
    members(
        value,
        &["jwk"],
        &[("jwk", |key| PublicKey::from_jwk(key).is_some())],
    )
}

/// `authorization_details`: objects; what they hold is for the matcher, except that every number
/// can be read exactly.
pub(super) fn entries(value: Json<'_>) -> bool {
    value.kind() == Kind::Array
        && (1..=CAPABILITIES).contains(&value.len())
        && value
            .elements()
            .all(|entry| entry.kind() == Kind::Object && exact_numbers(entry))
}

/// Depth is bounded by the reader ([`ambit_core::limits::JSON_DEPTH`]).
fn exact_numbers(value: Json<'_>) -> bool {
    match value.kind() {
        Kind::Number => value.as_int().is_some(),
        Kind::Array => value.elements().all(exact_numbers),
        Kind::Object => value.members().all(|(_, member)| exact_numbers(member)),
        Kind::Null | Kind::Bool | Kind::String => true,
    }
}

/// `policy`: for which policy the token was made. `exact` without a digest would bind nothing.
pub(super) fn policy(value: Json<'_>) -> bool {
    let exact = value.get("exact").and_then(Json::as_bool) == Some(true);
    let needed: &[&str] = if exact {
        &["uid", "version", "s256"]
    } else {
        &["uid", "version"]
    };
    members(
        value,
        needed,
        &[
            ("uid", text),
            ("version", |version| {
                version.as_int().is_some_and(|at| at >= 1)
            }),
            ("s256", digest),
            ("exact", |exact| exact.kind() == Kind::Bool),
        ],
    )
}

/// `status`: a place in a Token Status List.
pub(super) fn status(value: Json<'_>) -> bool {
    members(value, &["status_list"], &[("status_list", status_list)])
}

fn status_list(value: Json<'_>) -> bool {
    members(
        value,
        &["idx", "uri"],
        &[
            ("idx", |index| index.as_int().is_some_and(|at| at >= 0)),
            ("uri", text),
        ],
    )
}

/// `approval`: where it came from. It satisfies nothing, so only its form matters.
pub(super) fn approval(value: Json<'_>) -> bool {
    members(
        value,
        &["id"],
        &[
            ("id", text),
            ("approved_at", text),
            ("approved_until", text),
            ("approver", text),
            ("receipt_s256", digest),
        ],
    )
}

/// An object, not empty, with no other members than `known`, each of its form, and all of `needed`.
fn members(value: Json<'_>, needed: &[&str], known: &[(&str, Shape)]) -> bool {
    let fits = |(name, member): (&str, Json<'_>)| {
        known
            .iter()
            .any(|(one, shape)| *one == name && shape(member))
    };
    value.kind() == Kind::Object
        && !value.is_empty()
        && value.members().all(fits)
        && needed.iter().all(|name| value.get(name).is_some())
}

/// `scheme://…` without spaces and controls.
fn address(value: Json<'_>) -> bool {
    let Some((scheme, rest)) = value.as_str().and_then(|text| text.split_once(':')) else {
        return false;
    };
    let Some(rest) = rest.strip_prefix("//") else {
        return false;
    };
    let scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(scheme_byte)
        && !rest.is_empty()
        && !rest.contains(|one: char| one.is_whitespace() || one.is_control())
}
