//! Consent texts: what people are shown before a token is made, in the words of the vocabulary.

mod choices;
mod compose;
mod details;
mod difference;
mod page;
mod question;
mod time;
mod words;

use alloc::string::String;

use ambit_core::describe::{Fault, Locale, Phrase, entry};
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_policy::Bundle;

pub(crate) use page::RENDERER;
pub(crate) use question::Clock;
use question::Question;
use words::Words;

/// Why there is no consent text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoText {
    /// Stable, for example `describe.no_text`.
    pub code: &'static str,
    /// Where in the request, for example `authorization_details[1].constraints.to`.
    pub at: String,
    /// What is wrong, and what to do about it.
    pub detail: String,
}

impl NoText {
    fn of(list: &str, index: usize, fault: Fault) -> Self {
        let mut at = alloc::format!("{list}[{index}]");
        if !fault.member.is_empty() {
            at.push('.');
            at.push_str(&fault.member);
        }
        Self {
            code: fault.code,
            at,
            detail: fault.detail,
        }
    }

    fn request(at: &str, detail: &str) -> Self {
        Self {
            code: "describe.request",
            at: at.into(),
            detail: detail.into(),
        }
    }
}

/// Says in words what capabilities allow, as people are asked to consent to it.
///
/// `request` is `{"authorization_details": […], …}` or `{"claims": {…}, …}`, with `granted`, `locale`,
/// `now`, `utc_offset` and `choices` where there are any (`pkg/abi.md`); the answer is the text, its hash, the
/// narrower grants that a person may choose instead, and the page as a structure, or `{"error": {"code", "at", "admin"}}`: what has no text cannot be approved.
#[must_use]
pub fn describe(bundle: &Bundle<'_>, request: &[u8]) -> String {
    let answer = document(bundle, request).and_then(|document| {
        let question = Question::read(document.root())?;
        choices::answer(bundle, &question, document.root().get("choices"))
    });
    answer.unwrap_or_else(|no_text| {
        let mut out = Writer::default();
        out.object(|out| {
            out.name("error").object(|out| {
                out.name("code").string(no_text.code);
                out.name("at").string(&no_text.at);
                out.name("admin").string(&no_text.detail);
            });
        });
        out.finish()
    })
}

fn document<'r>(bundle: &Bundle<'_>, request: &'r [u8]) -> Result<Document<'r>, NoText> {
    let most = bundle.limits().request_bytes;
    if request.len() > most {
        let detail = alloc::format!("larger than {most} bytes");
        return Err(NoText::request("", &detail));
    }
    Document::parse(request, Profile::Signed)
        .map_err(|error| NoText::request("", &alloc::format!("{error}")))
}

/// One capability in one line of English, for looking at what there is: names stand for what has no
/// label. Not what people consent to.
#[must_use]
pub fn capability_line(bundle: &Bundle<'_>, capability: Json<'_>) -> String {
    match bundle.contradiction(capability) {
        Some(_) => Phrase::Malformed.text(Locale::En).into(),
        None => entry(capability, &Words(bundle)),
    }
}

/// The consent text of a grant, and what a receipt for it names.
pub(crate) struct Shown {
    pub(crate) text: String,
    pub(crate) tier: &'static str,
}

/// The text for claims, in the language with this tag and by this clock, against what was `granted`
/// before.
pub(crate) fn shown(
    bundle: &Bundle<'_>,
    claims: Json<'_>,
    granted: Option<Json<'_>>,
    locale: &str,
    clock: Clock,
) -> Result<Shown, NoText> {
    let question = Question::of_claims(claims, granted, Some(locale), clock)?;
    let page = compose::page(bundle, &question)?;
    Ok(Shown {
        text: page.text()?,
        tier: page.tier.name(),
    })
}
