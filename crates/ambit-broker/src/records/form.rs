//! The form of a decision record (`docs/decision.md`, section 3): these members and no others, so that no token and no
//! argument comes with them.

use ambit_core::json::{Json, Kind, Writer, canonical};

/// Bytes of one record, and of a text in it; elements of a list.
const BYTES: usize = 16 * 1024;
const TEXT: usize = 4096;
const ELEMENTS: usize = 256;

/// What a member is.
enum Form {
    /// A text, or `null`.
    Text,
    /// An integer, or `null`.
    Integer,
    Texts,
    /// An object with exactly these members.
    Whole(&'static [Member]),
    /// An object with some of these, or `null`.
    Part(&'static [Member]),
    /// A list of objects with exactly these.
    Each(&'static [Member]),
}

type Member = (&'static str, Form);

const RECORD: Form = Form::Whole(&[
    ("action", Form::Text),
    (
        "actor",
        Form::Whole(&[("iss", Form::Text), ("sub", Form::Text)]),
    ),
    (
        "agent",
        Form::Part(&[
            ("uid", Form::Text),
            ("instance_uid", Form::Text),
            ("version", Form::Text),
            (
                "ai_model",
                Form::Part(&[
                    ("ai_provider", Form::Text),
                    ("name", Form::Text),
                    ("version", Form::Text),
                ]),
            ),
            ("env", Form::Text),
        ]),
    ),
    ("args_s256", Form::Text),
    ("audience", Form::Text),
    (
        "cedar",
        Form::Part(&[
            ("decision", Form::Text),
            ("determining", Form::Texts),
            ("erring", Form::Texts),
        ]),
    ),
    ("charges", Form::Texts),
    (
        "epochs",
        Form::Each(&[("iss", Form::Text), ("version", Form::Integer)]),
    ),
    ("input_s256", Form::Text),
    ("now", Form::Integer),
    (
        "policy",
        Form::Whole(&[
            ("s256", Form::Text),
            ("uid", Form::Text),
            ("version", Form::Integer),
        ]),
    ),
    ("power", Form::Text),
    (
        "proof",
        Form::Whole(&[("jkt", Form::Text), ("jti", Form::Text)]),
    ),
    ("purpose", Form::Text),
    ("reason", Form::Text),
    (
        "receipts",
        Form::Each(&[
            ("iss", Form::Text),
            ("jti", Form::Text),
            ("sub", Form::Text),
        ]),
    ),
    (
        "resource",
        Form::Whole(&[("id", Form::Text), ("type", Form::Text)]),
    ),
    ("subject", Form::Text),
    ("tenant", Form::Text),
    ("tokens", Form::Texts),
    ("v", Form::Text),
    ("verdict", Form::Text),
]);

/// A record in its RFC 8785 form, if it is one.
pub(super) fn checked(record: Json<'_>) -> Result<String, String> {
    fits(record, &RECORD, "record")?;
    if record.get_str("v") != Some("ambit-record-1") {
        return Err("`record.v` is not `ambit-record-1`".to_owned());
    }
    let reason = record.get_str("reason").unwrap_or_default();
    if !is_code(reason) {
        return Err("`record.reason` is no code".to_owned());
    }
    let verdict = if reason == "allowed" { "allow" } else { "deny" };
    if record.get_str("verdict") != Some(verdict) {
        return Err(format!(
            "`record.verdict` is not `{verdict}`, as its reason is"
        ));
    }
    let mut text = Writer::default();
    if !canonical(record, &mut text) {
        return Err("`record` has no RFC 8785 form".to_owned());
    }
    let text = text.finish();
    if text.len() > BYTES {
        return Err(format!("`record` has more than {BYTES} bytes"));
    }
    Ok(text)
}

/// Whether a text is a reason's code.
pub(super) fn is_code(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._".contains(&c);
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

fn fits(value: Json<'_>, form: &Form, at: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("`{at}` is not {what}"));
    match form {
        Form::Text if value.is_null() => Ok(()),
        Form::Text => match value.as_str() {
            Some(text) if text.len() > TEXT => Err(format!("`{at}` has more than {TEXT} bytes")),
            Some(text) if has_token(text) => Err(format!(
                "`{at}` has a token in it: records tell of tokens by their `jti`"
            )),
            Some(_) => Ok(()),
            None => wrong("a string or null"),
        },
        Form::Integer if value.is_null() || value.as_int().is_some() => Ok(()),
        Form::Integer => wrong("an integer or null"),
        Form::Texts | Form::Each(_) => {
            if value.kind() != Kind::Array || value.len() > ELEMENTS {
                return wrong(&format!("a list of up to {ELEMENTS}"));
            }
            let form = match form {
                Form::Each(members) => &Form::Whole(members),
                _ => &Form::Text,
            };
            value.elements().try_for_each(|one| fits(one, form, at))
        }
        Form::Part(_) if value.is_null() => Ok(()),
        Form::Whole(members) | Form::Part(members) => {
            if value.kind() != Kind::Object {
                return wrong("an object");
            }
            for (name, one) in value.members() {
                let known = members.iter().find(|(known, _)| *known == name);
                let Some((known, form)) = known else {
                    return Err(format!(
                        "`{at}` has a member that no decision record has: send neither tokens nor arguments"
                    ));
                };
                fits(one, form, &format!("{at}.{known}"))?;
            }
            let lacks = |(name, _): &&Member| value.get(name).is_none();
            match members.iter().find(lacks) {
                Some((name, _)) if matches!(form, Form::Whole(_)) => {
                    Err(format!("`{at}.{name}` is missing"))
                }
                _ => Ok(()),
            }
        }
    }
}

/// Whether a JWS or a JWE in compact form stands in a text: each begins with the base64url of `{"`.
fn has_token(text: &str) -> bool {
    text.match_indices("eyJ").any(|(at, _)| {
        let plain = |c: &u8| c.is_ascii_alphanumeric() || b"-_.".contains(c);
        let word = text.as_bytes().iter().skip(at).take_while(|c| plain(c));
        word.filter(|c| **c == b'.').count() >= 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        for text in [
            "eyJhbGciOiJFZERTQSJ9.e30.AA",
            "x: eyJh.e30.AA",
            "aeyJh.eyJ.A~",
        ] {
            assert!(has_token(text), "{text}");
        }
        for text in ["eyJhbGciOiJFZERTQSJ9", "mail.acme.example", "eyJ9.x", ""] {
            assert!(!has_token(text), "{text}");
        }
    }
}
