//! A capability in words, from the same bytes that are enforced.
//!
//! Names and values come from tokens and requests, which may be hostile: each stands in quotes (for
//! remedies and inspection: unless it is one plain word), what cannot be seen is shown as an escape, by
//! its Unicode category, and long texts are cut, or refused for consent and for the approval of a call,
//! so that none can pass for a sentence of ours. Labels of a vocabulary stand as they are where they are
//! nothing but words ([`is_label`]), else in quotes too.
//!
//! [`capability`] is for consent: what has no label in the person's language, or does not fit, is
//! a [`Fault`] and no text. [`entry`] is for looking at what there is: it always has words.

mod bounds;
mod people;
pub(crate) mod phrases;
mod sentences;
pub(crate) mod speech;
mod vocabulary;
mod when;

use alloc::string::String;
use alloc::vec::Vec;

use crate::capability::{Entry, Place};
use crate::constraint::text;
use crate::json::Json;
pub use phrases::{Locale, Phrase};
use sentences::Teller;
use speech::{Speech, Style};
pub use vocabulary::{Effect, Form, PlainVocabulary, Term, Tier, Vocabulary};
pub use when::opening;

/// The quotes around foreign texts in sentences.
const QUOTE: char = '"';

/// What a text is on a page that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The question.
    Title,
    /// For whom, where, what for, until when.
    Who,
    /// What stands above a group of items.
    Group,
    /// Something that the agent may do, or may not.
    Item,
    /// What carrying an item out does, and how it differs from what was granted before.
    Mark,
    /// A bound of an item, or what asks a person again.
    Line,
    /// How to end it, and that rules may refuse more.
    Note,
    /// What stands above the details.
    Details,
    /// An identifier, a digest, a claim to the letter.
    Detail,
}

/// One text of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: Kind,
    /// Which group or mark it is.
    pub name: &'static str,
    /// What people read.
    pub text: String,
}

impl Part {
    /// A text that needs no name.
    #[must_use]
    pub const fn new(kind: Kind, text: String) -> Self {
        Self {
            kind,
            name: "",
            text,
        }
    }
}

/// What an agent does of what it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What it does without a person.
    Own,
    /// What it prepares, for a person to carry out or to approve.
    Person,
    /// What a derived block leaves of what was granted before.
    Narrows,
}

impl Group {
    /// What people read above it.
    #[must_use]
    pub const fn title(self) -> Phrase {
        match self {
            Self::Own => Phrase::Own,
            Self::Person => Phrase::Person,
            Self::Narrows => Phrase::Narrows,
        }
    }
}

/// How much money can be moved without asking a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Money {
    /// None.
    #[default]
    None,
    /// Some, with no one bound over all of it.
    Free,
    /// So much altogether.
    UpTo {
        /// In minor units.
        max: i64,
        /// Digits after the point.
        decimals: u32,
        /// The currency.
        currency: String,
    },
}

/// What the worst of it does, the least first: what people are asked about first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// It looks.
    #[default]
    Reads,
    /// It changes or prepares something.
    Writes,
    /// It reaches people outside.
    Outside,
    /// It moves money.
    Money,
    /// It cannot be undone.
    Final,
}

impl Risk {
    /// All of them, from the least.
    pub const ALL: [Self; 5] = [
        Self::Reads,
        Self::Writes,
        Self::Outside,
        Self::Money,
        Self::Final,
    ];
}

/// What a capability allows in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it stands.
    pub group: Group,
    /// What the worst of it does.
    pub risk: Risk,
    /// The item with its marks and lines.
    pub parts: Vec<Part>,
}

/// What may be said of an action in a question: "let it …".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// What it does.
    pub risk: Risk,
    /// Its label.
    pub text: String,
    /// Whether it moves money without asking, of which a sum tells.
    pub pays: bool,
}

/// One capability as people read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The highest risk of what it allows.
    pub tier: Tier,
    /// What it allows, for each group that it has a part in.
    pub items: Vec<Item>,
    /// What may be said of its actions in a question.
    pub titles: Vec<Title>,
    /// What for, in words.
    pub purpose: String,
    /// How much money it moves.
    pub money: Money,
    /// Names of the actions that can come to be carried out.
    pub reached: Vec<String>,
    /// Names of the actions that cannot, though others may carry them out, with their labels.
    pub withheld: Vec<(String, String)>,
}

impl Told {
    /// All in one line.
    #[must_use]
    pub fn line(&self, locale: Locale) -> String {
        let mut out = String::new();
        for Item { group, parts, .. } in &self.items {
            out.push_str(if out.is_empty() { "" } else { ". " });
            out.push_str(group.title().text(locale));
            let mut before = ": ";
            let purpose = Some(&self.purpose).filter(|purpose| !purpose.is_empty());
            for text in parts.iter().map(|part| &part.text).chain(purpose) {
                out.push_str(before);
                out.push_str(text);
                before = "; ";
            }
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
/// places where it is well-formed. `known` are the manifest's entries that some call could select
/// together with it: what they ask of people is said too.
///
/// # Errors
///
/// [`Fault`] for a capability that could never match, and for an action, thing or argument without
/// a label in this language, with one that another has too, or too long to be shown whole.
pub fn capability(
    entry: Json<'_>,
    places: &[Place],
    known: &[Json<'_>],
    vocabulary: &dyn Vocabulary,
    locale: Locale,
) -> Result<Told, Fault> {
    let read = |place: &Place| Entry::read(entry, *place);
    let entry = places.iter().find_map(read).ok_or_else(|| Fault {
        code: "describe.capability",
        member: String::new(),
        detail: "malformed, so it would never match: look at its members, at its constraints, and \
                 for empty lists"
            .into(),
    })?;
    Teller::new(entry, known, vocabulary, consent_style(locale)).tell()
}

const fn consent_style(locale: Locale) -> Style {
    Style {
        locale,
        quote: QUOTE,
        strict: true,
        number: speech::number_of_language,
    }
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
///     "Prepares, a person decides: Email: any customer-contact; to: an address at \
///      customer.example; each only after an approval; \
///      purpose: renewal"
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

/// Whether a character is drawn onto the one before it, so that no line may begin with it.
#[must_use]
pub fn is_mark(character: char) -> bool {
    text::is_mark(character)
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

/// Adds a foreign text of several lines as a block: each line behind `before` and `| `, with which no line
/// of ours begins. Whether all of `out` has at most `most` bytes then. Where every line ends with CR LF,
/// as in e-mail, that is said once, and no CR is shown.
///
/// ```
/// use ambit_core::describe::{Locale, add_block};
/// let mut out = String::from("text:");
/// assert!(add_block(&mut out, "Dear Ann,\n\nRisk: low", "  ", Locale::En, 100));
/// assert_eq!(out, "text:\n  | Dear Ann,\n  |\n  | Risk: low");
/// ```
#[must_use]
pub fn add_block(out: &mut String, text: &str, before: &str, locale: Locale, most: usize) -> bool {
    let windows = text::has_windows_lines(text);
    if windows {
        out.push_str(Phrase::WindowsLines.text(locale));
    }
    text::block(out, text, before, windows, most)
}

/// A number in its unit, or one of the three words of JSON, as the language writes numbers.
#[must_use]
pub fn scalar(value: Json<'_>, unit: crate::constraint::Unit<'_>, locale: Locale) -> String {
    let mut speech = Speech::new(consent_style(locale));
    speech.value(value, unit);
    speech.out
}

/// Adds the label of something to a text: as it is where it is nothing but words, else in quotes.
/// Whether it could be shown whole.
#[must_use]
pub fn add_label(out: &mut String, label: &str) -> bool {
    text::label(out, label, QUOTE, crate::limits::CONSENT_VALUE_CHARS)
}

/// Whether a label is nothing but words: letters of Latin script, digits, single spaces between, and
/// `-'/&+%`. So nothing in it can end a sentence of ours, and it needs no quotes.
///
/// ```
/// use ambit_core::describe::is_label;
/// assert!(is_label("send e-mail") && is_label("Aufträge & Käufe"));
/// assert!(!is_label("send, and pay") && !is_label("a: b") && !is_label(" a"));
/// ```
#[must_use]
pub fn is_label(text: &str) -> bool {
    text::is_label(text)
}

/// An amount of money, with its currency behind it.
#[must_use]
pub fn amount(units: i64, decimals: u32, currency: &str, locale: Locale) -> String {
    let mut speech = Speech::new(consent_style(locale));
    speech.integer(units, crate::constraint::Unit::Money { decimals });
    speech.out.push(' ');
    speech.currency_code(currency);
    speech.out
}

/// A number in decimal.
#[must_use]
pub fn count(number: usize) -> String {
    speech::decimal(number)
}

/// Makes the first letter a capital one, where it is one of English or German, as labels are.
pub fn capitalise(text: &mut String) {
    for (small, large) in [("ä", "Ä"), ("ö", "Ö"), ("ü", "Ü")] {
        if let Some(rest) = text.strip_prefix(small) {
            *text = [large, rest].concat();
        }
    }
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
}

/// A sentence of the frame with its holes filled; foreign texts go through [`whole`] first.
#[must_use]
pub fn sentence(phrase: Phrase, locale: Locale, holes: &[&str]) -> String {
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
        number: speech::plain_number,
    };
    let tell = |entry| Teller::new(entry, &[], vocabulary, style).tell().ok();
    let told = Entry::read(entry, place).and_then(tell);
    let line = told.map(|told| told.line(Locale::En));
    line.filter(|line| !line.is_empty())
        .unwrap_or_else(|| Phrase::Malformed.text(Locale::En).into())
}
