//! The page that people read, as its parts in the order in which they are read, and as the text that is
//! these parts joined.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::describe::{Kind, Locale, Part, Tier};
use ambit_core::json::Writer;
use ambit_core::limits::CONSENT_TEXT_BYTES;
use ambit_evaluator::s256;

use super::NoText;

/// The version of this form: another text for the same grant is another renderer.
pub(crate) const RENDERER: &str = "ambit-2";

/// Everything that is said about a grant.
pub(super) struct Page {
    pub(super) locale: Locale,
    /// The highest risk of all.
    pub(super) tier: Tier,
    pub(super) binding: Option<String>,
    pub(super) parts: Vec<Part>,
    /// The place in the grant of each item that tells of a capability.
    pub(super) places: Vec<i64>,
}

/// The name of a part in the answer, and what stands before and behind it in the text. One of a kind that
/// follows another of it directly stands behind the third.
const fn form(kind: Kind) -> [&'static str; 4] {
    match kind {
        Kind::Title => ["title", "", "", ""],
        Kind::Who => ["who", "\n", "", " · "],
        Kind::Group => ["group", "\n\n", "", "\n\n"],
        Kind::Item => ["item", "\n- ", "", "\n- "],
        Kind::Mark => ["mark", " [", "]", " ["],
        Kind::Line => ["line", "\n  ", "", "\n  "],
        Kind::Note => ["note", "\n\n", "", "\n"],
        Kind::Details => ["details", "\n\n", "", "\n\n"],
        Kind::Detail => ["detail", "\n- ", "", "\n- "],
    }
}

impl Page {
    /// The whole text. Every line begins with words of ours or a label, and no foreign text has a line
    /// end.
    pub(super) fn text(&self) -> Result<String, NoText> {
        let mut out = String::new();
        let mut last = None;
        for part in &self.parts {
            let [_, first, after, next] = form(part.kind);
            out.push_str(if last == Some(part.kind) { next } else { first });
            out.push_str(&part.text);
            out.push_str(after);
            last = Some(part.kind);
        }
        if out.len() > CONSENT_TEXT_BYTES {
            return Err(NoText {
                code: "describe.too_long",
                at: "authorization_details".into(),
                detail: "the text is longer than 32 KiB: split the grant".into(),
            });
        }
        Ok(out)
    }

    /// The answer: the text, what a receipt says of it, the narrower grants that there are, the claims where
    /// they are not those that were asked, and the text's parts.
    pub(super) fn answer(
        &self,
        choices: &[(&str, String)],
        claims: Option<&str>,
    ) -> Result<String, NoText> {
        let text = self.text()?;
        let mut out = Writer::default();
        out.object(|out| {
            for (name, value) in [
                ("text", text.as_str()),
                ("locale", self.locale.tag()),
                ("renderer", RENDERER),
                ("risk_tier", self.tier.name()),
                ("text_s256", &s256(text.as_bytes())),
            ] {
                out.name(name).string(value);
            }
            if let Some(binding) = &self.binding {
                out.name("binding_s256").string(binding);
            }
            out.name("choices").array(|out| {
                for (name, text) in choices {
                    out.object(|out| {
                        out.name("choice").string(name);
                        out.name("text").string(text);
                    });
                }
            });
            if let Some(claims) = claims {
                out.name("claims").raw(claims);
            }
            out.name("page").array(|out| {
                let mut places = self.places.iter();
                for part in &self.parts {
                    out.object(|out| {
                        let [kind, ..] = form(part.kind);
                        out.name("part").string(kind);
                        if part.kind == Kind::Item
                            && part.name == CAPABILITY
                            && let Some(at) = places.next()
                        {
                            out.name(CAPABILITY).integer(*at);
                        } else if !part.name.is_empty() {
                            out.name("name").string(part.name);
                        }
                        out.name("text").string(&part.text);
                    });
                }
            });
        });
        Ok(out.finish())
    }
}

/// The name of an item that tells of a capability.
pub(super) const CAPABILITY: &str = "capability";
