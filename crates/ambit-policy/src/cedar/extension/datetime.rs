//! `datetime` and `duration`: signed 64-bit milliseconds.

use alloc::format;
use alloc::string::String;

/// Milliseconds of a day.
pub(super) const DAY: i64 = 86_400_000;

/// Midnight (UTC) of the same day; `None` when it lies before the first datetime.
pub(super) const fn to_date(datetime: i64) -> Option<i64> {
    datetime.checked_sub(datetime.rem_euclid(DAY))
}

/// The time since midnight (UTC).
pub(super) const fn to_time(datetime: i64) -> i64 {
    datetime.rem_euclid(DAY)
}

/// Takes things off the front of a text.
struct Cursor<'t>(&'t [u8]);

impl Cursor<'_> {
    fn accept(&mut self, prefix: &[u8]) -> bool {
        let rest = self.0.strip_prefix(prefix);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        number(digits)
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        value.checked_mul(10)?.checked_add(i64::from(digit))
    })
}

/// Reads `YYYY-MM-DD`, alone or with `THH:MM:SS`, then `Z` or `±hhmm`, before which `.SSS` may
/// stand.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let mut text = Cursor(text);
    let year = text.digits(4)?;
    let month = text.accept(b"-").then(|| text.digits(2))??;
    let day = text.accept(b"-").then(|| text.digits(2))??;
    let midnight = days(year, month, day)?.checked_mul(DAY)?;
    if text.0.is_empty() {
        return Some(midnight);
    }
    let hour = text.accept(b"T").then(|| text.digits(2))??;
    let minute = text.accept(b":").then(|| text.digits(2))??;
    let second = text.accept(b":").then(|| text.digits(2))??;
    let millisecond = if text.accept(b".") {
        text.digits(3)?
    } else {
        0
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let time = milliseconds(hour, minute, second)?.checked_add(millisecond)?;
    midnight.checked_add(time)?.checked_sub(offset(&mut text)?)
}

/// `Z` or `±hhmm` at the end of the text.
fn offset(text: &mut Cursor<'_>) -> Option<i64> {
    let sign = if text.accept(b"Z") {
        return text.0.is_empty().then_some(0);
    } else if text.accept(b"+") {
        1
    } else {
        text.accept(b"-").then_some(-1)?
    };
    let (hours, minutes) = (text.digits(2)?, text.digits(2)?);
    if hours > 23 || minutes > 59 || !text.0.is_empty() {
        return None;
    }
    milliseconds(hours, minutes, 0)?.checked_mul(sign)
}

fn milliseconds(hours: i64, minutes: i64, seconds: i64) -> Option<i64> {
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    minutes
        .checked_mul(60)?
        .checked_add(seconds)?
        .checked_mul(1000)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, years 0 to 9999 (Hinnant,
/// "chrono-compatible low-level date algorithms": years start in March, so that the leap day is the
/// last).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let month = month.checked_add(9)?.rem_euclid(12);
    let of_year = month
        .checked_mul(153)?
        .checked_add(2)?
        .div_euclid(5)
        .checked_add(day)?
        .checked_sub(1)?;
    let leaps = of_era.div_euclid(4).checked_sub(of_era.div_euclid(100))?;
    let of_era = of_era
        .checked_mul(365)?
        .checked_add(leaps)?
        .checked_add(of_year)?;
    // 719,468 days lie between 0000-03-01 and 1970-01-01; an era has 146,097.
    era.checked_mul(146_097)?
        .checked_add(of_era)?
        .checked_sub(719_468)
}

/// The first and the last midnight that [`parse`] reads without an offset.
const FIRST: i64 = -719_528 * DAY;
const LAST: i64 = 2_932_896 * DAY;
/// The largest offset, in minutes.
const OFFSET: i64 = 23 * 60 + 59;

/// The one text of a datetime: in UTC, with milliseconds where there are any. The day before the year 0
/// and the day after 9999, which an offset reaches, are written with the largest offset. `None` beyond.
pub(super) fn text(datetime: i64) -> Option<String> {
    let offset = OFFSET.checked_mul(60_000)?;
    let (local, zone) = if datetime < FIRST {
        (datetime.checked_add(offset)?, "+2359")
    } else if datetime >= LAST.checked_add(DAY)? {
        (datetime.checked_sub(offset)?, "-2359")
    } else {
        (datetime, "Z")
    };
    let days = local.div_euclid(DAY);
    let (year, month, day) = date(days)?;
    let time = local.rem_euclid(DAY);
    let part = |unit: i64| time.div_euclid(unit).rem_euclid(60);
    let (hour, minute, second) = (time.div_euclid(3_600_000), part(60_000), part(1000));
    let millisecond = match time.rem_euclid(1000) {
        0 => String::new(),
        rest => format!(".{rest:03}"),
    };
    (0..=9999).contains(&year).then(|| {
        format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{millisecond}{zone}"
        )
    })
}

/// The date of a day counted from 1970-01-01: [`days`] the other way round (Hinnant,
/// "chrono-compatible low-level date algorithms").
fn date(days: i64) -> Option<(i64, i64, i64)> {
    let days = days.checked_add(719_468)?;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leaps = of_era
        .div_euclid(1460)
        .checked_sub(of_era.div_euclid(36_524))?
        .checked_add(of_era.div_euclid(146_096))?;
    let full = of_era.checked_sub(leaps)?.div_euclid(365);
    let before = full
        .checked_mul(365)?
        .checked_add(full.div_euclid(4))?
        .checked_sub(full.div_euclid(100))?;
    let of_year = of_era.checked_sub(before)?;
    let march = of_year.checked_mul(5)?.checked_add(2)?.div_euclid(153);
    let first = march.checked_mul(153)?.checked_add(2)?.div_euclid(5);
    let day = of_year.checked_sub(first)?.checked_add(1)?;
    let month = march.checked_add(2)?.rem_euclid(12).checked_add(1)?;
    let year = era
        .checked_mul(400)?
        .checked_add(full)?
        .checked_add(i64::from(month <= 2))?;
    Some((year, month, day))
}

/// The one text of a duration: days, hours, minutes, seconds and milliseconds, none of them 0.
pub(super) fn duration_text(duration: i64) -> String {
    let sign = if duration < 0 { "-" } else { "" };
    let mut rest = duration.unsigned_abs();
    let mut out = String::from(sign);
    for (name, unit) in UNITS {
        let unit = unit.unsigned_abs();
        let count = rest.checked_div(unit).unwrap_or_default();
        rest = rest.checked_rem(unit).unwrap_or_default();
        if count > 0 || (duration == 0 && unit == 1) {
            out.push_str(&format!("{count}{name}"));
        }
    }
    out
}

/// The units of a duration, in the order in which they are written.
const UNITS: [(&str, i64); 5] = [
    ("d", DAY),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Reads `-?(Nd)?(Nh)?(Nm)?(Ns)?(Nms)?` with at least one part.
pub(super) fn parse_duration(text: &[u8]) -> Option<i64> {
    let mut text = Cursor(text);
    let sign = if text.accept(b"-") { -1 } else { 1 };
    if text.0.is_empty() {
        return None;
    }
    let mut units = UNITS.iter();
    // The sum in 128 bits: Cedar adds from the smallest unit on, and a sum of numbers of one sign
    // fits 64 bits at the end exactly when it does so all along.
    let mut total = 0_i128;
    while !text.0.is_empty() {
        let count = text.0.iter().take_while(|byte| byte.is_ascii_digit());
        let (digits, rest) = text.0.split_at_checked(count.count())?;
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic());
        let (unit, rest) = rest.split_at_checked(letters.count())?;
        text.0 = rest;
        if digits.is_empty() {
            return None;
        }
        let (_, scale) = units.find(|(name, _)| name.as_bytes() == unit)?;
        // Written one after another a minus sign or a larger number overflows on its own.
        let part = quantity(digits, sign)?.checked_mul(*scale)?;
        total = total.checked_add(i128::from(part))?;
    }
    i64::try_from(total).ok()
}

/// The digits with the sign: the smallest number has no positive counterpart.
fn quantity(digits: &[u8], sign: i64) -> Option<i64> {
    digits.iter().try_fold(0_i64, |value, byte| {
        let digit = i64::from(byte.checked_sub(b'0')?);
        value.checked_mul(10)?.checked_add(digit.checked_mul(sign)?)
    })
}

#[cfg(test)]
mod tests {
    use super::{DAY, duration_text, parse, parse_duration, text, to_date, to_time};

    #[test]
    fn a_value_has_one_text() {
        let datetimes = [
            ("2026-12-24", "2026-12-24T00:00:00Z"),
            ("2026-12-24T01:00:00+0100", "2026-12-24T00:00:00Z"),
            ("2026-12-23T23:59:59.999-0000", "2026-12-23T23:59:59.999Z"),
            ("2024-02-29T12:30:15.070Z", "2024-02-29T12:30:15.070Z"),
            ("0000-01-01T00:00:00+0001", "0000-01-01T23:58:00+2359"),
            ("0000-01-01T00:00:00+2359", "0000-01-01T00:00:00+2359"),
            (
                "9999-12-31T23:59:59.999-2359",
                "9999-12-31T23:59:59.999-2359",
            ),
            ("9999-12-31T23:59:00-0001", "9999-12-31T00:01:00-2359"),
        ];
        for (spelling, wanted) in datetimes {
            let value = parse(spelling.as_bytes()).unwrap();
            assert_eq!(text(value).as_deref(), Some(wanted), "{spelling}");
            assert_eq!(parse(wanted.as_bytes()), Some(value), "{wanted}");
        }
        let durations = [
            ("90m", "1h30m"),
            ("1d2h3m4s5ms", "1d2h3m4s5ms"),
            ("0d", "0ms"),
            ("-0s", "0ms"),
            ("-24h", "-1d"),
            ("-9223372036854775808ms", "-106751991167d7h12m55s808ms"),
        ];
        for (spelling, wanted) in durations {
            let value = parse_duration(spelling.as_bytes()).unwrap();
            assert_eq!(duration_text(value), wanted, "{spelling}");
            assert_eq!(parse_duration(wanted.as_bytes()), Some(value), "{wanted}");
        }
    }

    /// Through all of the calendar, beyond both its ends, and by steps that are no multiple of a day.
    #[test]
    fn what_is_written_is_read_as_the_same() {
        let mut value = -719_530 * DAY;
        while value < 2_932_899 * DAY {
            if let Some(text) = text(value) {
                assert_eq!(parse(text.as_bytes()), Some(value), "{text}");
            }
            value += DAY * 3 + 7_654_321;
        }
        assert_eq!((text(i64::MIN), text(i64::MAX)), (None, None));
    }

    #[test]
    fn what_is_a_datetime() {
        let good = [
            ("1970-01-01", 0),
            ("2024-02-29", 19_782 * DAY),
            ("0000-01-01", -719_528 * DAY),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.001+0000", 1),
            ("1970-01-01T01:00:00+0100", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("1970-01-01T00:00:00-2359", 86_340_000),
        ];
        for (text, value) in good {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text}");
        }
        let bad = [
            "",
            "1970",
            "1970-1-1",
            "1970-01-01T",
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00Z",
            "1970-00-01",
            "1970-13-01",
            "1970-01-00",
            "1970-01-32",
            "2023-02-29",
            "1900-02-29",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00.1Z",
            "1970-01-01T00:00:00.0001Z",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00+2400",
            "1970-01-01T00:00:00+0060",
            "1970-01-01T00:00:00Zx",
            "1970-01-01T00:00:00z",
            "-970-01-01",
            "1970-01-01Z",
            "197٠-01-01",
            "1970-01-0:",
            "1970-01-0/",
        ];
        for text in bad {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    /// A day follows the one before it, through all of the calendar; what comes after a month's last
    /// day is none.
    #[test]
    fn days_are_counted_one_after_another() {
        let mut expected = -719_528;
        for year in 0_i64..=9999 {
            for month in 1_i64..=12 {
                let mut day = 1_i64;
                while let Some(midnight) =
                    parse(alloc::format!("{year:04}-{month:02}-{day:02}").as_bytes())
                {
                    assert_eq!(midnight, expected * DAY, "{year}-{month}-{day}");
                    (day, expected) = (day + 1, expected + 1);
                }
                let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
                let lengths = [
                    31,
                    28 + i64::from(leap),
                    31,
                    30,
                    31,
                    30,
                    31,
                    31,
                    30,
                    31,
                    30,
                    31,
                ];
                let length = lengths[usize::try_from(month - 1).unwrap()];
                assert_eq!(day - 1, length, "{year}-{month}");
            }
        }
        assert_eq!(expected, 2_932_897);
    }

    #[test]
    fn what_is_a_duration() {
        let good = [
            ("0ms", 0),
            ("1d2h3m4s5ms", 93_784_005),
            ("-1d", -DAY),
            ("9223372036854775807ms", i64::MAX),
            ("-9223372036854775808ms", i64::MIN),
            ("106751991167d", 106_751_991_167 * DAY),
            ("5m5ms", 300_005),
            ("000001s", 1000),
        ];
        for (text, value) in good {
            assert_eq!(parse_duration(text.as_bytes()), Some(value), "{text}");
        }
        let bad = [
            "",
            "-",
            "1",
            "d",
            "1h1d",
            "1d1d",
            "1ms1s",
            "1 d",
            "+1d",
            "--1d",
            "1d-1h",
            "1D",
            "9223372036854775808ms",
            "-9223372036854775809ms",
            "106751991168d",
            "99999999999999999999s",
            "1md",
        ];
        for text in bad {
            assert_eq!(parse_duration(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn dates_and_times_before_1970() {
        assert_eq!((to_date(-1), to_time(-1)), (Some(-DAY), DAY - 1));
        assert_eq!((to_date(DAY), to_time(DAY)), (Some(DAY), 0));
        assert_eq!(to_date(i64::MIN), None);
        assert_eq!(to_time(i64::MIN), i64::MIN.rem_euclid(DAY));
    }
}
