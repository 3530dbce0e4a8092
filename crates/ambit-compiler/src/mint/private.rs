//! Private keys in claims: whoever reads a token, or its draft, would have them.

use serde_json::{Map, Value};

use crate::error::CompileError;
use crate::secret::{self, PRIVATE_MEMBERS};

/// What may stand in a public JWK: RFC 7517 section 4, and the coordinates. All else may be private
/// under a name that nobody knows.
const PUBLIC_MEMBERS: [&str; 13] = [
    "kty", "crv", "x", "y", "alg", "use", "kid", "key_ops", "ext", "x5u", "x5c", "x5t", "x5t#S256",
];

/// Refuses claims, or a part of them, that hold a private key anywhere, without repeating it.
///
/// Whatever signs, shows or stores claims asks this first.
///
/// # Errors
///
/// `mint.private_key`, and `mint.holder` for a holder's key with members that are no part of one.
pub fn refuse_private_keys(value: &Value) -> Result<(), CompileError> {
    match value {
        Value::Object(claims) => refuse(claims),
        other if holds_key(other) => Err(private_key()),
        _ => Ok(()),
    }
}

pub(super) fn refuse(claims: &Map<String, Value>) -> Result<(), CompileError> {
    let holder = claims.get("cnf").and_then(|cnf| cnf.get("jwk"));
    let holder = holder.and_then(Value::as_object);
    let private = |name: &String| PRIVATE_MEMBERS.contains(&name.as_str());
    let own = [
        Some(claims),
        claims.get("cnf").and_then(Value::as_object),
        holder,
    ];
    let named = |(name, value): (&String, &Value)| is_secret(name, value) || holds_key(value);
    if own.into_iter().flatten().any(|one| one.keys().any(private)) || claims.iter().any(named) {
        return Err(private_key());
    }
    let strange = holder.and_then(|jwk| jwk.keys().find(|name| !is_public(name)));
    match strange {
        Some(name) => Err(CompileError::new(
            "mint.holder",
            format!("`cnf.jwk` has a member `{name}`, which is no part of a public key"),
        )),
        None => Ok(()),
    }
}

fn private_key() -> CompileError {
    CompileError::new(
        "mint.private_key",
        "the claims hold a private key; write the public one (`kty`, `crv`, `x`, `y`), and replace the private key: whoever read the claims has it",
    )
}

fn is_public(name: &str) -> bool {
    PUBLIC_MEMBERS.contains(&name)
}

fn is_secret(name: &str, value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| secret::is_secret(name, text))
}

/// A private JWK, a PEM key, or what looks like a key under the name of a secret, at any depth.
fn holds_key(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let jwk = members.contains_key("kty") || members.contains_key("crv");
            let private = |name: &String| PRIVATE_MEMBERS.contains(&name.as_str());
            let named =
                |(name, value): (&String, &Value)| is_secret(name, value) || holds_key(value);
            jwk && members.keys().any(private) || members.iter().any(named)
        }
        Value::Array(list) => list.iter().any(holds_key),
        Value::String(text) => text.contains("PRIVATE KEY-----"),
        _ => false,
    }
}
