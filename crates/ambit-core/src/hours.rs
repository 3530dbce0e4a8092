//! The hours of a week in which a capability holds (docs/token.md, "Hours").
//!
//! Nothing here knows time zones: whoever asks says how far the zone is from UTC at that time.

use crate::json::Json;

/// The days as entries name them, in the order of the week.
pub const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTE_SECONDS: i64 = 60;
const DAY_SECONDS: i64 = 86_400;
/// Minutes of a day.
const DAY: i64 = 1440;
const WEEK: i64 = 7;
/// 1970-01-01 was a Thursday.
const FIRST_DAY: i64 = 3;

/// Hours of some days of the week, by the clocks of a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours<'a> {
    /// A bit for each day of [`DAYS`].
    days: u8,
    /// Minutes since the beginning of the day.
    from: i64,
    /// The same. What is not behind `from` belongs to the next day.
    to: i64,
    /// When they begin and end, `HH:MM`.
    pub clock: [&'a str; 2],
    /// The name of the zone.
    pub zone: &'a str,
}

/// When hours begin, by the clocks of their zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Seconds since 1970, UTC.
    pub at: i64,
    /// Where in [`DAYS`].
    pub day: usize,
}

impl<'a> Hours<'a> {
    /// Hours that have the form of [`crate::grammar::HOURS`], if they say which: an end that is the
    /// beginning could be no time at all or all day.
    pub(crate) fn read(hours: Json<'a>) -> Option<Self> {
        let text = |name| hours.get(name)?.as_str();
        let mut days = 0;
        for day in hours.get("days")?.elements() {
            let day = day.as_str()?;
            let at = DAYS.iter().position(|known| *known == day)?;
            days |= 1_u8.checked_shl(u32::try_from(at).ok()?)?;
        }
        let clock = [text("from")?, text("to")?];
        let (from, to) = (minutes(clock[0])?, minutes(clock[1])?);
        let read = Self {
            days,
            from,
            to,
            clock,
            zone: text("zone")?,
        };
        (days > 0 && from != to && from < DAY).then_some(read)
    }

    /// Whether this is one of the days.
    #[must_use]
    pub fn has(&self, day: usize) -> bool {
        let shift = u32::try_from(day).unwrap_or(u32::MAX);
        self.days.checked_shr(shift).unwrap_or_default() & 1 == 1
    }

    /// Whether they end on the day after the one that is named.
    #[must_use]
    pub const fn overnight(&self) -> bool {
        self.to < self.from
    }

    /// When they begin next, `now` where they hold already. `offset`: minutes between the clocks of the
    /// zone and UTC.
    #[must_use]
    pub fn opens(&self, now: i64, offset: i64) -> Opening {
        let ahead = offset.saturating_mul(MINUTE_SECONDS);
        let local = now.saturating_add(ahead);
        let today = local.div_euclid(DAY_SECONDS);
        let minute = local.rem_euclid(DAY_SECONDS).div_euclid(MINUTE_SECONDS);
        let named = |day: i64| self.has(weekday(day));
        let begun = minute >= self.from && named(today);
        let yesterday = self.overnight() && named(today.saturating_sub(1));
        let open =
            (begun && (self.overnight() || minute < self.to)) || (yesterday && minute < self.to);
        let mut day = today;
        let mut at = now;
        if !open {
            // Today's hours may be over; some day of the next seven is one of theirs.
            if minute >= self.from {
                day = day.saturating_add(1);
            }
            for _ in 0..WEEK {
                if !named(day) {
                    day = day.saturating_add(1);
                }
            }
            let begins = self
                .from
                .saturating_mul(MINUTE_SECONDS)
                .saturating_sub(ahead);
            at = day.saturating_mul(DAY_SECONDS).saturating_add(begins);
        }
        Opening {
            at,
            day: weekday(day),
        }
    }
}

fn weekday(day: i64) -> usize {
    let day = day.saturating_add(FIRST_DAY).rem_euclid(WEEK);
    usize::try_from(day).unwrap_or_default()
}

/// Minutes of `HH:MM`, up to `24:00`.
pub(crate) fn minutes(text: &str) -> Option<i64> {
    let [tens, hours, b':', more, minutes] = *text.as_bytes() else {
        return None;
    };
    let digit = |byte: u8| {
        byte.is_ascii_digit()
            .then(|| i64::from(byte.wrapping_sub(b'0')))
    };
    let two = |tens, ones| digit(tens)?.checked_mul(10)?.checked_add(digit(ones)?);
    let (hours, minutes) = (two(tens, hours)?, two(more, minutes)?);
    let all = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && all <= DAY).then_some(all)
}

/// Whether a text can be the name of a time zone: letters, digits and `+-_/`, as IANA's names have them.
pub(crate) fn is_zone(text: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'_' | b'/');
    text.len() <= crate::limits::ZONE_BYTES
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(sign)
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the same rule in plain sums, to compare with"
)]
mod tests {
    use super::*;
    use crate::json::{Document, Profile};
    use alloc::format;
    use alloc::vec::Vec;

    fn with<T>(days: &str, from: &str, to: &str, run: impl FnOnce(Option<Hours<'_>>) -> T) -> T {
        let days: Vec<_> = days.split(' ').map(|day| format!("\"{day}\"")).collect();
        let text = format!(
            r#"{{"days":[{}],"from":"{from}","to":"{to}","zone":"Europe/Berlin"}}"#,
            days.join(",")
        );
        let document = Document::parse(text.as_bytes(), Profile::Signed).unwrap();
        run(Hours::read(document.root()))
    }

    /// Minutes of a week, Monday 00:00 being 0, by a rule of its own.
    fn is_open(days: &str, from: i64, to: i64, minute: i64) -> bool {
        days.split(' ').any(|day| {
            let at = i64::try_from(DAYS.iter().position(|known| *known == day).unwrap()).unwrap();
            let length = (to - from).rem_euclid(1440);
            let length = if length == 0 { 1440 } else { length };
            (minute - at * 1440 - from).rem_euclid(7 * 1440) < length
        })
    }

    #[test]
    fn every_minute_of_a_week_is_judged() {
        // Monday, 2026-03-02, 00:00 UTC.
        const MONDAY: i64 = 1_772_409_600;
        for (days, from, to) in [
            ("mon tue wed thu fri", "09:00", "17:00"),
            ("sun", "22:00", "06:00"),
            ("mon sun", "00:00", "24:00"),
            ("wed", "23:59", "00:00"),
            ("sat", "00:01", "00:02"),
        ] {
            let (first, last) = (minutes(from).unwrap(), minutes(to).unwrap());
            with(days, from, to, |hours| {
                let hours = hours.unwrap();
                for offset in [-720, -90, 0, 60, 345, 840] {
                    for minute in 0..7 * 1440 {
                        let now = MONDAY + minute * 60 + 59;
                        let local = minute + offset;
                        let open = is_open(days, first, last, local);
                        let opening = hours.opens(now, offset);
                        assert_eq!(
                            opening.at == now,
                            open,
                            "{days} {from} {to} {offset} {minute}"
                        );
                        if !open {
                            let wait = (opening.at - MONDAY) / 60 + offset - local;
                            assert!((1..=7 * 1440).contains(&wait), "{wait}");
                            assert_eq!(opening.at % 60, 0);
                            let soonest =
                                (1..=wait).find(|it| is_open(days, first, last, local + it));
                            assert_eq!(soonest, Some(wait));
                            assert!(hours.has(opening.day));
                            assert!(hours.opens(opening.at, offset).at == opening.at);
                        }
                    }
                }
            });
        }
    }

    #[test]
    fn hours_that_say_nothing_are_none() {
        for (from, to) in [
            ("09:00", "09:00"),
            ("24:00", "06:00"),
            ("9:00", "17:00"),
            ("09:60", "17:00"),
            ("09:00", "24:01"),
            ("09:00", "1７:00"),
        ] {
            assert!(
                with("mon", from, to, |hours| hours.is_none()),
                "{from} {to}"
            );
        }
        assert!(with("mon mon", "00:00", "24:00", |hours| hours.is_some()));
        for zone in [
            "UTC",
            "America/Port-au-Prince",
            "Etc/GMT+5",
            "Europe/Isle_of_Man",
        ] {
            assert!(is_zone(zone));
        }
        for zone in ["", "Europe/Berlin or anywhere", "+01:00", "Zürich", "a\nb"] {
            assert!(!is_zone(zone));
        }
    }
}
