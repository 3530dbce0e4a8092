//! Who, what and where by their identifiers, and each claim that the grant digest covers, to the letter.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::constraint::{Unit, value_text};
use ambit_core::describe::{add_name, add_quoted, add_text};
use ambit_core::json::{Json, Kind, Writer, canonical, sorted_members};
use ambit_core::limits::{CONSENT_TEXT_BYTES, CONSENT_VALUE_CHARS};

use super::NoText;
use super::question::{OURS, Question};
use crate::digest::NOT_GRANTED;

/// What is granted, each in one line as it will stand in the token.
const GRANTED: &str = "authorization_details";

/// A line for each.
pub(super) fn details(question: &Question<'_>) -> Result<Vec<String>, NoText> {
    let mut lines = Vec::new();
    for (name, claim) in sorted_members(question.claims) {
        let known = if question.whole {
            &NOT_GRANTED[..]
        } else {
            &OURS
        };
        if known.contains(&name) {
            continue;
        }
        let mut place = String::new();
        let fits = add_name(&mut place, name, CONSENT_VALUE_CHARS);
        if !(fits && add(&mut lines, place, claim, name == GRANTED)) {
            return Err(NoText {
                code: "describe.too_long",
                at: name.into(),
                detail: "too long to be shown whole, so nobody can approve it".into(),
            });
        }
    }
    Ok(lines)
}

/// Adds what stands in a place. Whether it could be shown whole.
fn add(lines: &mut Vec<String>, place: String, value: Json<'_>, granted: bool) -> bool {
    match value.kind() {
        Kind::Object if granted => {
            let mut json = Writer::default();
            let mut line = format!("{place}: ");
            let fits = canonical(value, &mut json)
                && add_text(&mut line, json.as_str(), CONSENT_TEXT_BYTES);
            lines.push(line);
            fits
        }
        Kind::Object if !value.is_empty() => {
            sorted_members(value).into_iter().all(|(name, one)| {
                let mut place = format!("{place} > ");
                add_name(&mut place, name, CONSENT_VALUE_CHARS) && add(lines, place, one, false)
            })
        }
        Kind::Array if !value.is_empty() => value.elements().enumerate().all(|(at, one)| {
            add(
                lines,
                format!("{place} [{}]", at.saturating_add(1)),
                one,
                granted,
            )
        }),
        kind => {
            let mut line = format!("{place}: ");
            let fits = match kind {
                Kind::String => {
                    let text = value.as_str().unwrap_or_default();
                    add_quoted(&mut line, text, CONSENT_VALUE_CHARS)
                }
                _ => {
                    line.push_str(&value_text(Some(value), Unit::None));
                    true
                }
            };
            lines.push(line);
            fits
        }
    }
}
