//! Times as people read them.

use alloc::string::String;

use ambit_core::describe::{Locale, Phrase, count, sentence};

use super::question::Clock;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// When something ends.
pub(super) struct End {
    /// For a question: the time of the same day, else how long it is until then, else the whole date.
    pub(super) brief: String,
    /// How long, and until when; `None` where [`Self::brief`] says it already.
    pub(super) whole: Option<String>,
}

/// An end, seen from the clock of who reads it.
pub(super) fn end(at: i64, clock: Clock, locale: Locale) -> End {
    let phrase = |phrase, text: &str| sentence(phrase, locale, &[text]);
    let offset = clock.utc_offset.unwrap_or_default().saturating_mul(MINUTE);
    let local = at.saturating_add(offset);
    let day = |time: i64| time.div_euclid(DAY);
    let mut whole = String::new();
    date(&mut whole, local, locale);
    hour(&mut whole, local);
    if clock.utc_offset.is_some() {
        whole.push_str(" (");
        if day(local) != day(at) {
            date(&mut whole, at, locale);
        }
        hour(&mut whole, at);
    }
    whole.push_str(" UTC");
    if clock.utc_offset.is_some() {
        whole.push(')');
    }
    let Some(now) = clock.now.filter(|now| *now < at) else {
        return End {
            brief: phrase(Phrase::By, &whole),
            whole: None,
        };
    };
    let life = span(at.saturating_sub(now), locale);
    let brief = if day(local) == day(now.saturating_add(offset)) {
        let mut time = String::new();
        hour(&mut time, local);
        if clock.utc_offset.is_none() {
            time.push_str(" UTC");
        }
        phrase(Phrase::By, &time)
    } else {
        phrase(Phrase::Within, &life)
    };
    let mut long = life;
    long.push_str(Phrase::Comma.text(locale));
    long.push_str(&phrase(Phrase::Until, &whole));
    End {
        brief,
        whole: Some(long),
    }
}

/// A number of seconds in its two largest units.
pub(super) fn span(seconds: i64, locale: Locale) -> String {
    let mut out = String::new();
    let mut left = seconds;
    let mut parts = 0_u8;
    for (unit, phrase) in [
        (DAY, Phrase::Day),
        (HOUR, Phrase::Hour),
        (MINUTE, Phrase::Minute),
        (1, Phrase::Second),
    ] {
        let many = left.div_euclid(unit);
        left = left.rem_euclid(unit);
        if many > 0 && parts < 2 {
            out.push_str(if parts > 0 { " " } else { "" });
            out.push_str(&self::many(many, phrase, locale));
        }
        parts = parts.saturating_add(u8::from(many > 0 || parts > 0));
    }
    out
}

/// So many of something.
pub(super) fn many(count: i64, of: Phrase, locale: Locale) -> String {
    let (one, ending) = of.text(locale).split_once(' ').unwrap_or_default();
    let mut out = String::new();
    number(&mut out, count, 1);
    out.push(' ');
    out.push_str(one);
    out.push_str(if count > 1 { ending } else { "" });
    out
}

/// The time of day, with seconds where there are any.
fn hour(out: &mut String, time: i64) {
    let second = time.rem_euclid(DAY);
    number(out, second.div_euclid(HOUR), 2);
    out.push(':');
    number(out, second.rem_euclid(HOUR).div_euclid(MINUTE), 2);
    let seconds = second.rem_euclid(MINUTE);
    if seconds > 0 {
        out.push(':');
        number(out, seconds, 2);
    }
}

/// The date, and what stands before the time.
fn date(out: &mut String, time: i64, locale: Locale) {
    let (year, month, day) = calendar(time.div_euclid(DAY));
    let (parts, between) = match locale {
        Locale::En => ([(year, 4), (month, 2), (day, 2)], "-"),
        Locale::De => ([(day, 2), (month, 2), (year, 4)], "."),
    };
    for (at, (part, width)) in parts.into_iter().enumerate() {
        out.push_str(if at > 0 { between } else { "" });
        number(out, part, width);
    }
    out.push_str(Phrase::Comma.text(locale));
}

/// A number, with zeros before it to this width.
fn number(out: &mut String, number: i64, width: usize) {
    let digits = count(usize::try_from(number).unwrap_or_default());
    (digits.len()..width).for_each(|_| out.push('0'));
    out.push_str(&digits);
}

/// The date of a day since 1970, by counting years and months: at most 8,000 steps.
fn calendar(mut days: i64) -> (i64, i64, i64) {
    let mut year = 1970_i64;
    while days >= length(year) {
        days = days.saturating_sub(length(year));
        year = year.saturating_add(1);
    }
    // A day before 1970 is the evening of another clock.
    if days < 0 {
        return (1969, 12, days.saturating_add(32));
    }
    let february = length(year).saturating_sub(337);
    let mut month = 1_i64;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days = days.saturating_sub(length);
        month = month.saturating_add(1);
    }
    (year, month, days.saturating_add(1))
}

const fn length(year: i64) -> i64 {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(at: i64, now: Option<i64>, utc_offset: Option<i64>, locale: Locale) -> String {
        end(at, Clock { now, utc_offset }, locale).brief
    }

    #[test]
    fn days_have_their_dates() {
        for (time, shown) in [
            (0, " by 1970-01-01, 00:00 UTC"),
            (951_782_399, " by 2000-02-28, 23:59:59 UTC"),
            (951_868_799, " by 2000-02-29, 23:59:59 UTC"),
            (951_868_800, " by 2000-03-01, 00:00 UTC"),
            (1_772_000_400, " by 2026-02-25, 06:20 UTC"),
            (4_107_542_400, " by 2100-03-01, 00:00 UTC"),
            (253_402_300_799, " by 9999-12-31, 23:59:59 UTC"),
        ] {
            assert_eq!(brief(time, None, None, Locale::En), shown);
        }
        let german = brief(1_772_000_400, None, None, Locale::De);
        assert_eq!(german, " bis 25.02.2026, 06:20 UTC");
    }

    #[test]
    fn a_clock_shows_the_time_of_its_place() {
        let at = 1_772_470_800;
        let now = Some(at - 8 * HOUR);
        assert_eq!(brief(at, now, None, Locale::En), " by 17:00 UTC");
        assert_eq!(brief(at, now, Some(60), Locale::En), " by 18:00");
        // The next day there.
        assert_eq!(brief(at, now, Some(420), Locale::En), " for 8 hours");
        let whole = |offset| {
            let clock = Clock {
                now,
                utc_offset: offset,
            };
            end(at, clock, Locale::En).whole.unwrap_or_default()
        };
        assert_eq!(whole(None), "8 hours, until 2026-03-02, 17:00 UTC");
        assert_eq!(
            whole(Some(60)),
            "8 hours, until 2026-03-02, 18:00 (17:00 UTC)"
        );
        assert_eq!(
            whole(Some(420)),
            "8 hours, until 2026-03-03, 00:00 (2026-03-02, 17:00 UTC)"
        );
        assert_eq!(
            brief(0, None, Some(-60), Locale::En),
            " by 1969-12-31, 23:00 (1970-01-01, 00:00 UTC)"
        );
        // What has ended is said with its date.
        assert_eq!(
            brief(at, Some(at), None, Locale::En),
            " by 2026-03-02, 17:00 UTC"
        );
    }

    #[test]
    fn a_span_has_its_two_largest_units() {
        for (seconds, english, german) in [
            (1, "1 second", "1 Sekunde"),
            (900, "15 minutes", "15 Minuten"),
            (5400, "1 hour 30 minutes", "1 Stunde 30 Minuten"),
            (90_061, "1 day 1 hour", "1 Tag 1 Stunde"),
            (86_401, "1 day", "1 Tag"),
            (2_592_000, "30 days", "30 Tage"),
        ] {
            assert_eq!(
                (
                    span(seconds, Locale::En).as_str(),
                    span(seconds, Locale::De).as_str()
                ),
                (english, german)
            );
        }
    }
}
