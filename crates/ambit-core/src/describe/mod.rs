//! A capability in words, from the same bytes that are enforced.
//!
//! Names and values come from tokens, requests and vocabularies, which may be hostile: each stands
//! in quotes (for remedies and inspection: unless it is one plain word), what cannot be seen is shown
//! as an escape, by its Unicode category, and long texts are cut, or refused for consent and for the
//! approval of a call, so that none can pass for a sentence of ours.
//!
//! [`capability`] is for consent: what has no label in the person's language, or does not fit, is
//! a [`Fault`] and no text; and two capabilities have the same text only if they mean the same.
//! [`entry`] is for looking at what there is: it always has words.

pub(crate) mod phrases;
mod sentences;
pub(crate) mod speech;
mod vocabulary;

use alloc::string::String;
use alloc::vec::Vec;

use crate::capability::{Entry, Place};
use crate::constraint::text;
use crate::json::Json;
pub use phrases::{Locale, Phrase};
use sentences::{Teller, consent_sentence};
use speech::{Speech, Style};
pub use vocabulary::{Effect, PlainVocabulary, Term, Tier, Vocabulary};

/// The quotes around foreign texts in sentences.
const QUOTE: char = '"';

/// What a sentence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// What may be done.
    May,
    /// What cannot be undone, reaches people outside, moves money.
    Effect,
    /// A bound on a detail.
    Bound,
    /// How much or how often at most.
    Limit,
    /// What asks a person again.
    Asks,
    /// Which powers are not held.
    MayNot,
}

impl About {
    /// The word in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::May => "may",
            Self::Effect => "effect",
            Self::Bound => "bound",
            Self::Limit => "limit",
            Self::Asks => "asks",
            Self::MayNot => "may_not",
        }
    }
}

/// One capability as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The highest risk of what it allows.
    pub tier: Tier,
    /// The sentences in their order.
    pub sentences: Vec<(About, String)>,
}

impl Told {
    /// All sentences in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let mut out = String::new();
        for (at, (_, sentence)) in self.sentences.iter().enumerate() {
            out.push_str(if at > 0 { " " } else { "" });
            out.push_str(sentence);
        }
        out
    }
}

/// Why a capability has no text that a person could approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Stable: `describe.capability`, `describe.no_text`, `describe.same_text`, `describe.too_long`. Whoever knows the
    /// vocabulary adds `describe.contradiction`.
    pub code: &'static str,
    /// Which member of the capability.
    pub member: String,
    /// What is wrong, and what to do about it.
    pub detail: String,
}

/// One capability in the words of the vocabulary, for consent, as it is read in the first of these
/// places where it is well-formed.
///
/// # Errors
///
/// [`Fault`] for a capability that could never match, and for an action, thing or argument without
/// a label in this language, with one that another has too, or too long to be shown whole.
pub fn capability(
    entry: Json<'_>,
    places: &[Place],
    vocabulary: &dyn Vocabulary,
    locale: Locale,
) -> Result<Told, Fault> {
    let read = |place: &Place| Some((Entry::read(entry, *place)?, *place));
    let (entry, place) = places.iter().find_map(read).ok_or_else(|| Fault {
        code: "describe.capability",
        member: String::new(),
        detail: "malformed, so it would never match: look at its members, at its constraints, and \
                 for empty lists"
            .into(),
    })?;
    Teller::new(entry, vocabulary, consent_style(locale)).tell(place)
}

const fn consent_style(locale: Locale) -> Style {
    Style {
        locale,
        quote: QUOTE,
        strict: true,
    }
}

/// What a manifest's `consent` asks of people, for consent.
///
/// # Errors
///
/// [`Fault`] when the approvers do not fit.
pub fn consent(consent: Json<'_>, locale: Locale) -> Result<String, Fault> {
    consent_sentence(consent_style(locale), consent)
}

/// One capability in words, wherever it may stand, in English.
///
/// ```
/// use ambit_core::describe::{PlainVocabulary, entry};
/// use ambit_core::json::{Document, Profile};
/// let document = Document::parse(
///     br#"{"type":"ambit_capability","actions":["email"],"privileges":["draft","propose"],
///          "datatypes":["customer-contact"],"purpose":"renewal",
///          "constraints":{"to":{"constraint_type":"email_domain","values":["customer.example"]}}}"#,
///     Profile::Signed,
/// )?;
/// assert_eq!(
///     entry(document.root(), &PlainVocabulary),
///     "The agent may prepare and propose \"email\" on customer-contact, for the purpose renewal. \
///      to must be an address at customer.example. No other details may be given. It is carried out \
///      only after a person approved exactly that call. It may not: look at, carry out."
/// );
/// # Ok::<(), ambit_core::json::JsonError>(())
/// ```
#[must_use]
pub fn entry(entry: Json<'_>, vocabulary: &dyn Vocabulary) -> String {
    let places = [Place::Root, Place::Manifest, Place::Derived];
    let place = places
        .into_iter()
        .find(|place| Entry::read(entry, *place).is_some());
    entry_at(entry, place.unwrap_or(Place::Root), vocabulary)
}

/// A foreign name or text inside a sentence: as it is when it is one plain word, else in quotes with
/// escapes, and cut when it is long, so that it cannot pass for a sentence of ours.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    text::name(&mut out, text, QUOTE);
    out
}

/// A foreign text in a consent text: always in quotes, always whole. `None` when it is too long.
#[must_use]
pub fn whole(text: &str) -> Option<String> {
    let mut out = String::new();
    text::whole(&mut out, text, QUOTE, crate::limits::CONSENT_VALUE_CHARS).then_some(out)
}

/// Whether a character can be seen and tells itself from a space: the rule for every text that people
/// read, by Unicode category.
///
/// ```
/// use ambit_core::describe::is_seen;
/// assert!(is_seen('ß') && is_seen(' ') && !is_seen('\u{202e}') && !is_seen('\u{a0}'));
/// ```
#[must_use]
pub fn is_seen(character: char) -> bool {
    text::is_seen(character)
}

/// Adds a foreign name to a text: as it is when it is one plain word, else in quotes, always whole.
/// Whether it has at most `most` characters.
#[must_use]
pub fn add_name(out: &mut String, name: &str, most: usize) -> bool {
    text::whole_name(out, name, QUOTE, most)
}

/// Adds a foreign name to a text: always in quotes, always whole. Whether it has at most `most`
/// characters.
#[must_use]
pub fn add_quoted(out: &mut String, name: &str, most: usize) -> bool {
    text::whole(out, name, QUOTE, most)
}

/// Adds a foreign text between `` ` ``, always whole. Whether it has at most `most` characters.
#[must_use]
pub fn add_text(out: &mut String, text: &str, most: usize) -> bool {
    text::whole(out, text, '`', most)
}

/// A sentence of the frame with its holes filled; foreign texts go through [`whole`] first.
#[must_use]
pub fn sentence(phrase: Phrase, locale: Locale, holes: &[(&str, &str)]) -> String {
    let mut speech = Speech::new(consent_style(locale));
    speech.fill(phrase, holes);
    speech.out
}

/// One capability in words, as it is read at this place: one that is malformed there allows
/// nothing, and is said to.
#[must_use]
pub fn entry_at(entry: Json<'_>, place: Place, vocabulary: &dyn Vocabulary) -> String {
    let style = Style {
        locale: Locale::En,
        quote: QUOTE,
        strict: false,
    };
    let told = Entry::read(entry, place)
        .and_then(|entry| Teller::new(entry, vocabulary, style).tell(place).ok());
    told.map_or_else(
        || Phrase::Malformed.text(Locale::En).into(),
        |told| told.line(),
    )
}
