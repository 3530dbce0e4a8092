//! The text that a person is shown before approving one call.
//!
//! It says everything that the action digest covers, whole, in one form for each language: two calls
//! that differ have texts that differ, beside the digest at the end. A call whose text is longer than
//! [`CALL_TEXT_BYTES`] has no text in that language, and nobody can approve it there.
//!
//! It is a function of the digested values, of the bundle's words and of the language, so that the core
//! can say at the execution whether it is what the person saw. `facts.locale` says in which language a
//! call is put before people; which one they read is said by the receipt.

mod page;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::describe::Locale;
use ambit_core::limits::CALL_TEXT_BYTES;
use ambit_core::{Power, Reason};

use crate::case::Case;
use crate::denial::Denial;
use crate::digest::{self, Content, s256};
use crate::facts;
use crate::remedy::Shown;

/// The version of this form: another text for the same call is another renderer.
pub const RENDERER: &str = "ambit-2";

/// The action digest, made once.
pub(crate) fn call<'c>(case: &Case<'c>) -> &'c str {
    case.displays.digest.get_or_init(|| digest::action(case))
}

/// What people approve: the action digest, with what the arguments refer to.
///
/// # Errors
///
/// The denial of a call of which the host does not say what an argument refers to.
pub(crate) fn binding(case: &Case<'_>) -> Result<String, Denial> {
    Ok(bound(case, &contents(case)?))
}

fn bound(case: &Case<'_>, contents: &[Content<'_>]) -> String {
    if contents.is_empty() {
        return String::from(call(case));
    }
    digest::with_content(case, contents)
}

/// What each argument refers to, as the host says.
fn contents<'a>(case: &Case<'a>) -> Result<Vec<Content<'a>>, Denial> {
    let mut contents = Vec::new();
    for (name, content) in case.contents() {
        match content {
            Some(content) => contents.push((name, content)),
            None => return Err(facts::missing(&format!("content.{name}"))),
        }
    }
    Ok(contents)
}

/// What is put before those who may approve the call, in the language that the host says.
///
/// # Errors
///
/// The denial of a call that is too long to be shown whole, or of which the host does not say what an
/// argument refers to.
pub(crate) fn shown<'c>(case: &Case<'c>) -> Result<&'c Shown, Denial> {
    shown_in(case, case.request.facts.locale)
}

/// The same in this language.
///
/// # Errors
///
/// Those of [`shown`].
pub(crate) fn shown_in<'c>(case: &Case<'c>, locale: Locale) -> Result<&'c Shown, Denial> {
    let contents = contents(case)?;
    let [en, de] = &case.displays.texts;
    let cell = match locale {
        Locale::En => en,
        Locale::De => de,
    };
    let shown = cell.get_or_init(|| make(case, &contents, locale));
    shown.as_ref().ok_or_else(|| {
        let admin = format!("the text of this call has more than {CALL_TEXT_BYTES} bytes");
        Denial::new(Reason::ApprovalDisplaySize, admin)
    })
}

/// `None` for a call that is too long.
fn make(case: &Case<'_>, contents: &[Content<'_>], locale: Locale) -> Option<Shown> {
    let binding_s256 = bound(case, contents);
    let text = page::text(case, contents, &binding_s256, locale)?;
    Some(Shown {
        binding_s256,
        risk_tier: String::from(risk(case)),
        text_s256: s256(text.as_bytes()),
        text,
        locale: locale.tag(),
        renderer: RENDERER,
    })
}

/// The risk of doing it, which a receipt must name.
pub(crate) fn risk<'a>(case: &Case<'a>) -> &'a str {
    let action = case.bundle.action(case.request.action);
    action.map_or("critical", |action| action.risk(Power::Execute))
}
