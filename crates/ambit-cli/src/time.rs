//! Times on the command line and for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::failure::Failure;

/// Now, in seconds since 1970 (UTC). The only place of the command that reads the clock.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Reads `2026-02-25T09:00:00Z` or seconds since 1970. For clap.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return if seconds >= 0 {
            Ok(seconds)
        } else {
            Err("a time before 1970".to_owned())
        };
    }
    let time: Timestamp = text
        .parse()
        .map_err(|_| "wanted a time like 2026-02-25T09:00:00Z, or seconds since 1970".to_owned())?;
    Ok(time.as_second())
}

/// Reads `900`, `15m`, `2h` or `1d` as seconds. For clap.
pub(crate) fn parse_life(text: &str) -> Result<i64, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        Some((at, 'd')) => (&text[..at], 86400),
        _ => (text, 1),
    };
    let wanted = "wanted a duration like 900, 15m or 2h";
    let number: u32 = number.parse().map_err(|_| wanted.to_owned())?;
    if number == 0 {
        return Err("a life of nothing".to_owned());
    }
    Ok(i64::from(number) * unit)
}

/// `2026-02-25T09:00:00Z`; what no calendar holds, as the number.
pub(crate) fn show(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// `15 min`, `2 h 30 min`: at most two units.
pub(crate) fn show_life(seconds: i64) -> String {
    let units = [(86400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds.max(0);
    let mut parts = Vec::new();
    for (size, name) in units {
        if rest >= size && parts.len() < 2 {
            parts.push(format!("{} {name}", rest / size));
            rest %= size;
        }
    }
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// `SOURCE_DATE_EPOCH` (reproducible-builds.org), or today at 00:00 UTC: two builds on one day are
/// the same.
pub(crate) fn default_issued() -> Result<i64, Failure> {
    const DAY: i64 = 86_400;
    let Some(epoch) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(now() / DAY * DAY);
    };
    let seconds = epoch.to_str().and_then(|text| text.parse().ok());
    seconds.filter(|seconds| *seconds >= 0).ok_or_else(|| {
        Failure::unusable(
            "build.source_date_epoch",
            "SOURCE_DATE_EPOCH is not a number of seconds since 1970",
        )
        .help("unset it, or set it to an integer")
    })
}

/// The time, and how far from UTC the clocks here will be at `end`, which is what people are told.
pub(crate) fn clock(now: i64, end: i64) -> Vec<(&'static str, i64)> {
    let mut clock = vec![("now", now)];
    let then = Timestamp::from_second(end).map(|time| TimeZone::system().to_offset(time));
    if let Some(offset) = then.ok().filter(|offset| offset.seconds() % 60 == 0) {
        clock.push(("utc_offset", i64::from(offset.seconds() / 60)));
    }
    clock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        assert_eq!(parse("1772000400"), Ok(1_772_000_400));
        assert_eq!(parse("2026-02-25T06:20:00Z"), Ok(1_772_000_400));
        assert_eq!(parse("2026-02-25T07:20:00+01:00"), Ok(1_772_000_400));
        assert!(parse("tomorrow").is_err());
        assert!(parse("-5").is_err());
    }

    #[test]
    fn lives_are_read_and_shown() {
        assert_eq!(parse_life("900"), Ok(900));
        assert_eq!(parse_life("15m"), Ok(900));
        assert_eq!(parse_life("2h"), Ok(7200));
        assert!(parse_life("0").is_err());
        assert!(parse_life("").is_err());
        assert!(parse_life("1w").is_err());
        assert!(parse_life("é").is_err());
        assert_eq!(show_life(9000), "2 h 30 min");
        assert_eq!(show_life(900), "15 min");
    }
}
