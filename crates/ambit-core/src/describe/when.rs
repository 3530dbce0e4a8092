//! When, and how often in a time.

use alloc::string::String;
use alloc::vec::Vec;

use super::Locale;
use super::phrases::Phrase;
use super::sentences::{Teller, text};
use crate::constraint::Unit;
use crate::hours::{DAYS, Hours, Opening};
use crate::json::Json;
use crate::split_once;

const WEEK: [Phrase; 7] = [
    Phrase::Monday,
    Phrase::Tuesday,
    Phrase::Wednesday,
    Phrase::Thursday,
    Phrase::Friday,
    Phrase::Saturday,
    Phrase::Sunday,
];
/// So many days in a row are told by the first and the last.
const ROW: usize = 3;

impl Teller<'_> {
    /// Adds the hours in which it holds.
    pub(super) fn hours(&self, out: &mut Vec<String>) {
        let Some(hours) = self.entry.hours.and_then(Hours::read) else {
            return;
        };
        let zone = self.name("hours", hours.zone);
        let [from, to] = hours.clock;
        let phrase = match hours.overnight() {
            true => Phrase::Overnight,
            false => Phrase::Hours,
        };
        let mut days = String::new();
        if !(0..DAYS.len()).all(|day| hours.has(day)) {
            days.push_str(Phrase::Only.text(self.style.locale));
        }
        days.push_str(&self.days(hours));
        out.push(self.filled(phrase, &[&days, from, to, &zone]));
    }

    /// Days in the order of the week, however they are listed.
    fn days(&self, hours: Hours<'_>) -> String {
        let named: Vec<usize> = (0..DAYS.len()).filter(|day| hours.has(*day)).collect();
        let day = |day: &usize| {
            let name = WEEK.get(*day).map(|day| day.text(self.style.locale));
            String::from(name.unwrap_or_default())
        };
        let (first, last) = (named.first(), named.last());
        let (Some(first), Some(last)) = (first, last) else {
            return String::new();
        };
        let in_a_row = last.saturating_sub(*first).saturating_add(1) == named.len();
        if named.len() == DAYS.len() {
            return Phrase::Daily.text(self.style.locale).into();
        }
        if in_a_row && named.len() >= ROW {
            return self.filled(Phrase::Days, &[&day(first), &day(last)]);
        }
        let names: Vec<String> = named.iter().map(day).collect();
        self.list("hours", &names, Phrase::And)
    }

    /// At most how often: altogether, or in each of so many seconds.
    pub(super) fn uses(&self, max: i64, seconds: Option<i64>) -> String {
        let often = self.number(max, Unit::None);
        match (max, seconds.map(|seconds| self.period(seconds))) {
            (1, None) => Phrase::Once.text(self.style.locale).into(),
            (_, None) => self.filled(Phrase::Times, &[&often]),
            (1, Some(period)) => self.filled(Phrase::RateOnce, &[&period]),
            (_, Some(period)) => self.filled(Phrase::Rate, &[&often, &period]),
        }
    }

    /// A time behind "per", in the largest unit that it is whole in.
    fn period(&self, seconds: i64) -> String {
        let span = self.span(seconds);
        match span.strip_prefix("1 ") {
            Some(one) => one.into(),
            None => span,
        }
    }

    /// A time in the largest unit that it is whole in.
    pub(super) fn span(&self, seconds: i64) -> String {
        let mut out = String::new();
        for (unit, phrase) in [
            (86_400, Phrase::Day),
            (3600, Phrase::Hour),
            (60, Phrase::Minute),
            (1, Phrase::Second),
        ] {
            // Nothing at all is whole in each of them: it is told in the smallest.
            if seconds.checked_rem(unit) != Some(0) || seconds == 0 && unit > 1 {
                continue;
            }
            let many = seconds.checked_div(unit).unwrap_or_default();
            let name = phrase.text(self.style.locale);
            let (one, ending) = split_once(name, " ").unwrap_or_default();
            out = self.number(many, Unit::None);
            out.push(' ');
            out.push_str(one);
            out.push_str(if many == 1 { "" } else { ending });
            break;
        }
        out
    }
}

/// When hours begin next, in English: `Monday 09:00, time in Europe/Berlin`.
#[must_use]
pub fn opening(hours: Json<'_>, opening: Opening) -> String {
    let day = WEEK.get(opening.day).map(|day| day.text(Locale::En));
    let mut out = String::from(day.unwrap_or_default());
    for part in [" ", text(hours, "from"), ", time in ", text(hours, "zone")] {
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{PlainVocabulary, consent_style};
    use super::*;
    use crate::capability::Entry;

    fn teller(locale: Locale) -> Teller<'static> {
        let style = consent_style(locale);
        Teller::new(Entry::default(), &[], &PlainVocabulary, style)
    }

    #[test]
    fn a_period_is_said_in_one_unit() {
        for (seconds, english, german) in [
            (86_400, "day", "Tag"),
            (3600, "hour", "Stunde"),
            (7200, "2 hours", "2 Stunden"),
            (5400, "90 minutes", "90 Minuten"),
            (61, "61 seconds", "61 Sekunden"),
            (3661, "3,661 seconds", "3.661 Sekunden"),
        ] {
            assert_eq!(teller(Locale::En).period(seconds), english);
            assert_eq!(teller(Locale::De).period(seconds), german);
        }
        assert_eq!(teller(Locale::En).span(3600), "1 hour");
        assert_eq!(teller(Locale::De).span(172_800), "2 Tage");
    }
}
