//! Words put together: phrases of a language, and foreign texts between them.

use alloc::string::String;

use super::phrases::{Locale, Phrase};
use crate::constraint::{Unit, text};
use crate::json::{Json, Kind, Writer};
use crate::limits::{CONSENT_LIST, CONSENT_VALUE_CHARS};

/// How foreign texts are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// In which language.
    pub(crate) locale: Locale,
    /// Between which quotes strings stand.
    pub(crate) quote: char,
    /// For consent: everything foreign in quotes, nothing shortened, every bracket written. Two
    /// texts are then the same only if what they say is.
    pub(crate) strict: bool,
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

    /// A value: integers in their unit, strings in quotes, arrays and objects as JSON.
    pub(crate) fn value(&mut self, value: Json<'_>, unit: Unit<'_>) {
        match (value.kind(), value.as_int()) {
            (_, Some(integer)) => self.integer(integer, unit),
            (Kind::String, _) => self.quoted(value.as_str().unwrap_or_default()),
            (Kind::Array, _) if matches!(unit, Unit::Money { .. }) => self.amounts(value, unit),
            (Kind::Array | Kind::Object, _) => {
                let mut json = Writer::default();
                json.json(value);
                self.between(json.as_str(), '`');
            }
            _ => text::value(&mut self.out, value, unit, self.style.quote),
        }
    }

    /// A list of amounts, each in its unit: as JSON it would show minor units.
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

    /// An integer in its unit, with the language's sign for the decimal point.
    pub(crate) fn integer(&mut self, value: i64, unit: Unit<'_>) {
        let before = self.out.len();
        match unit {
            Unit::Named(name) if self.style.strict => {
                text::integer(&mut self.out, value, Unit::None);
                self.out.push(' ');
                self.quoted(name);
            }
            unit => text::integer(&mut self.out, value, unit),
        }
        if self.style.locale == Locale::De && matches!(unit, Unit::Money { .. }) {
            let number = self.out.split_off(before);
            let sign = |digit: char| if digit == '.' { ',' } else { digit };
            self.out.extend(number.chars().map(sign));
        }
    }

    /// Everything that `one` shows of the items, at most `most` of them; of more, the number is
    /// said, or for consent they are too long.
    pub(crate) fn listed<T>(
        &mut self,
        items: impl Iterator<Item = T> + Clone,
        last: Phrase,
        most: usize,
        mut one: impl FnMut(&mut Self, T),
    ) {
        let most = if self.style.strict {
            CONSENT_LIST
        } else {
            most
        };
        let total = items.clone().count();
        let more = total.saturating_sub(most);
        for (at, item) in items.take(most).enumerate() {
            if at > 0 {
                let is_last = at.saturating_add(1) == total;
                self.say(if is_last { last } else { Phrase::Comma });
            }
            one(self, item);
        }
        if more > 0 {
            self.cut = true;
            let number = decimal(more);
            self.fill(Phrase::More, &[("count", &number)]);
        }
    }

    /// A sentence with its holes filled. What is filled in is not looked at again.
    pub(crate) fn fill(&mut self, phrase: Phrase, holes: &[(&str, &str)]) {
        fill(&mut self.out, phrase.text(self.style.locale), holes);
    }
}

fn fill(out: &mut String, template: &str, holes: &[(&str, &str)]) {
    let mut parts = template.split('{');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        let filled = holes.iter().find(|(hole, _)| *hole == name);
        out.push_str(filled.map_or("", |(_, text)| text));
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
        })
    }

    #[test]
    fn what_fills_a_hole_is_not_filled_again() {
        let mut out = String::new();
        fill(&mut out, "{a} or {b}.", &[("a", "{b}"), ("b", "x")]);
        assert_eq!(out, "{b} or x.");
    }

    #[test]
    fn numbers_follow_the_language() {
        let mut german = speech(Locale::De);
        german.integer(-1_234_567, Unit::Money { decimals: 2 });
        german.integer(5, Unit::Named("G.B"));
        assert_eq!(german.out, "-12345,675 \"G.B\"");
    }

    #[test]
    fn what_does_not_fit_is_noticed() {
        let mut english = speech(Locale::En);
        english.quoted(&"x".repeat(CONSENT_VALUE_CHARS - 2));
        assert!(!english.cut);
        english.quoted(&"x".repeat(CONSENT_VALUE_CHARS - 1));
        assert!(english.cut);
        let mut english = speech(Locale::En);
        english.listed(0..=CONSENT_LIST, Phrase::And, 1, |speech, _| {
            speech.out.push('x');
        });
        assert!(english.cut && english.out.ends_with("x and 1 more"));
    }
}
