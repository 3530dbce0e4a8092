//! Words put together: phrases of a language, and foreign texts between them.

use alloc::string::String;

use super::phrases::{Locale, Phrase};
use crate::constraint::{Unit, text};
use crate::json::{Json, Kind, Writer};
use crate::limits::{CONSENT_LIST, CONSENT_VALUE_CHARS};
use crate::{Number, place_of_any, split};

/// Listed names that are shown where nothing need be whole.
const SHOWN: usize = 24;

/// How foreign texts are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// In which language.
    pub(crate) locale: Locale,
    /// Between which quotes strings stand.
    pub(crate) quote: char,
    /// For consent: everything foreign in quotes, nothing shortened, every bracket written. Two
    /// texts are then the same only if what they say is.
    pub(crate) strict: bool,
    /// How numbers are shown: [`plain_number`], for consent [`number_of_language`]. A file that only
    /// uses one does not have the other.
    pub(crate) number: fn(&mut Speech, Number, Unit<'_>),
}

/// Text under way.
pub(crate) struct Speech {
    pub(crate) out: String,
    pub(crate) style: Style,
    /// Whether something was too long for [`Style::strict`], which shows all or nothing.
    pub(crate) cut: bool,
}

impl Speech {
    pub(crate) const fn new(style: Style) -> Self {
        Self {
            out: String::new(),
            style,
            cut: false,
        }
    }

    pub(crate) fn say(&mut self, phrase: Phrase) {
        self.out.push_str(phrase.text(self.style.locale));
    }

    /// A name: bare where that is harmless, unless for consent.
    pub(crate) fn name(&mut self, name: &str) {
        if self.style.strict {
            self.quoted(name);
        } else {
            text::name(&mut self.out, name, self.style.quote);
        }
    }

    /// A label: bare where it is nothing but words.
    pub(crate) fn label(&mut self, label: &str) {
        if text::is_label(label) {
            self.out.push_str(label);
        } else {
            self.quoted(label);
        }
    }

    /// A currency that a bound names.
    pub(crate) fn currency(&mut self, value: Json<'_>) {
        match value.as_str() {
            Some(code) => self.currency_code(code),
            None => self.value(value, Unit::None),
        }
    }

    /// A currency: its code is three capital letters (ISO 4217), which say nothing else.
    pub(crate) fn currency_code(&mut self, code: &str) {
        if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.out.push_str(code);
        } else {
            self.quoted(code);
        }
    }

    /// A text in quotes.
    pub(crate) fn quoted(&mut self, text: &str) {
        self.between(text, self.style.quote);
    }

    fn between(&mut self, text: &str, quote: char) {
        if self.style.strict {
            self.cut |= !text::whole(&mut self.out, text, quote, CONSENT_VALUE_CHARS);
        } else {
            text::quoted(&mut self.out, text, quote);
        }
    }

    /// A value: numbers in their unit, strings in quotes, arrays and objects as JSON.
    pub(crate) fn value(&mut self, value: Json<'_>, unit: Unit<'_>) {
        let number = match (value.kind(), unit) {
            (Kind::String, Unit::Number(_)) => Number::of_bound(value),
            _ => value.as_number(),
        };
        match (value.kind(), number) {
            (_, Some(number)) => self.number(number, unit),
            (Kind::String, _) => self.quoted(value.as_str().unwrap_or_default()),
            (Kind::Array, _) if matches!(unit, Unit::Money { .. } | Unit::Number(_)) => {
                self.amounts(value, unit);
            }
            (Kind::Array | Kind::Object, _) => {
                let mut json = Writer::default();
                json.json(value);
                self.between(json.as_str(), '`');
            }
            _ => text::value(&mut self.out, value, unit, self.style.quote),
        }
    }

    /// A list of amounts, each in its unit: as JSON it would show minor units, or texts for numbers.
    fn amounts(&mut self, list: Json<'_>, unit: Unit<'_>) {
        self.out.push('[');
        for (at, value) in list.elements().take(CONSENT_LIST).enumerate() {
            self.out.push_str(if at > 0 { "; " } else { "" });
            self.value(value, unit);
        }
        if list.len() > CONSENT_LIST {
            self.cut = true;
            self.out.push('…');
        }
        self.out.push(']');
    }

    /// An integer in its unit.
    pub(crate) fn integer(&mut self, value: i64, unit: Unit<'_>) {
        self.number(Number::integer(value), unit);
    }

    /// A number in its unit.
    pub(crate) fn number(&mut self, value: Number, unit: Unit<'_>) {
        (self.style.number)(self, value, unit);
    }

    /// A number in decimal with the language's signs, thousands apart.
    fn digits(&mut self, number: &str) {
        let (apart, point) = match self.style.locale {
            Locale::En => (',', '.'),
            Locale::De => ('.', ','),
        };
        let whole = place_of_any(number, b".e").unwrap_or(number.len());
        for (at, digit) in number.char_indices() {
            let left = whole.saturating_sub(at);
            let before = number.get(..at).unwrap_or_default();
            if at < whole && left.checked_rem(3) == Some(0) && !matches!(before, "" | "-") {
                self.out.push(apart);
            }
            self.out.push(if digit == '.' { point } else { digit });
        }
    }

    /// Everything that `one` says of the elements of a list.
    pub(crate) fn listed(
        &mut self,
        list: Option<Json<'_>>,
        last: Phrase,
        one: &mut dyn FnMut(&mut Self, Json<'_>),
    ) {
        let total = list.map_or(0, Json::len);
        for (at, element) in list.unwrap_or_default().elements().enumerate() {
            if !self.apart(at, total, last) {
                return;
            }
            one(self, element);
        }
    }

    /// Words that are ready, listed.
    pub(crate) fn joined(&mut self, words: &[String], last: Phrase) {
        for (at, word) in words.iter().enumerate() {
            if !self.apart(at, words.len(), last) {
                return;
            }
            self.out.push_str(word);
        }
    }

    /// What stands before an item of a list, and whether it is still shown: of more than a few the number
    /// is said, and for consent of more than [`CONSENT_LIST`], which are then too long.
    fn apart(&mut self, at: usize, total: usize, last: Phrase) -> bool {
        let most = if self.style.strict {
            CONSENT_LIST
        } else {
            SHOWN
        };
        if at >= most {
            self.cut = true;
            let more = decimal(total.saturating_sub(most));
            self.fill(Phrase::More, &[&more]);
            return false;
        }
        if at > 0 {
            let is_last = at.saturating_add(1) == total;
            self.say(if is_last { last } else { Phrase::Comma });
        }
        true
    }

    /// A sentence with its holes filled. What is filled in is not looked at again.
    pub(crate) fn fill(&mut self, phrase: Phrase, holes: &[&str]) {
        fill(&mut self.out, phrase.text(self.style.locale), holes);
    }
}

/// A number in its unit, as remedies and inspection show it.
pub(crate) fn plain_number(speech: &mut Speech, value: Number, unit: Unit<'_>) {
    text::number(&mut speech.out, value, unit);
}

/// A number in its unit, as the language writes numbers.
pub(crate) fn number_of_language(speech: &mut Speech, value: Number, unit: Unit<'_>) {
    let mut number = String::new();
    let (bare, name) = match unit {
        Unit::Named(name) => (Unit::None, Some(name)),
        Unit::Number(name) => (Unit::None, name),
        unit => (unit, None),
    };
    text::number(&mut number, value, bare);
    speech.digits(&number);
    if let Some(name) = name {
        speech.out.push(' ');
        speech.label(name);
    }
}

/// Writes a template with the texts for its holes `{0}` to `{9}`.
fn fill(out: &mut String, template: &str, holes: &[&str]) {
    let mut parts = split(template, b'{');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (hole, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        let digit = hole.bytes().next().unwrap_or_default();
        let hole = holes.get(usize::from(digit.wrapping_sub(b'0')));
        out.push_str(hole.copied().unwrap_or_default());
        out.push_str(rest);
    }
}

/// A number in decimal.
pub(crate) fn decimal(number: usize) -> String {
    let mut out = String::new();
    text::write(&mut out, format_args!("{number}"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speech(locale: Locale) -> Speech {
        Speech::new(Style {
            locale,
            quote: '"',
            strict: true,
            number: number_of_language,
        })
    }

    #[test]
    fn what_fills_a_hole_is_not_filled_again() {
        let mut out = String::new();
        fill(&mut out, "{1} or {0}.", &["x", "{0}"]);
        assert_eq!(out, "{0} or x.");
    }

    #[test]
    fn numbers_follow_the_language() {
        let mut german = speech(Locale::De);
        german.integer(-1_234_567, Unit::Money { decimals: 2 });
        german.integer(5, Unit::Named("G.B"));
        assert_eq!(german.out, "-12.345,675 \"G.B\"");
        for (value, unit, english) in [
            (0, Unit::None, "0"),
            (999, Unit::None, "999"),
            (-999, Unit::None, "-999"),
            (1000, Unit::None, "1,000"),
            (-123_456, Unit::None, "-123,456"),
            (150_000, Unit::Money { decimals: 2 }, "1,500.00"),
            (5, Unit::Money { decimals: 3 }, "0.005"),
            (1_234_567, Unit::Named("kg"), "1,234,567 kg"),
        ] {
            let mut speech = speech(Locale::En);
            speech.integer(value, unit);
            assert_eq!(speech.out, english);
        }
    }

    #[test]
    fn what_does_not_fit_is_noticed() {
        let mut english = speech(Locale::En);
        english.quoted(&"x".repeat(CONSENT_VALUE_CHARS - 2));
        assert!(!english.cut);
        english.quoted(&"x".repeat(CONSENT_VALUE_CHARS - 1));
        assert!(english.cut);
        let mut english = speech(Locale::En);
        let words = alloc::vec![String::from("x"); CONSENT_LIST + 1];
        english.joined(&words, Phrase::And);
        assert!(english.cut && english.out.ends_with("x and 1 more"));
    }
}
