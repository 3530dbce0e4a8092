//! A time as people read it.

use alloc::format;
use alloc::string::String;

use ambit_core::describe::Locale;

const DAY: i64 = 86_400;

/// Seconds since 1970 as date and time, to the second.
pub(super) fn show(time: i64, locale: Locale) -> String {
    let (year, month, day) = date(time.div_euclid(DAY));
    let second = time.rem_euclid(DAY);
    let (hours, minutes, seconds) = (
        second.div_euclid(3600),
        second.rem_euclid(3600).div_euclid(60),
        second.rem_euclid(60),
    );
    let clock = format!("{hours:02}:{minutes:02}:{seconds:02} UTC");
    match locale {
        Locale::En => format!("{year:04}-{month:02}-{day:02}, {clock}"),
        Locale::De => format!("{day:02}.{month:02}.{year:04}, {clock}"),
    }
}

/// The date of a day since 1970, by counting years and months: at most 8,000 steps.
fn date(mut days: i64) -> (i64, i64, i64) {
    let mut year = 1970_i64;
    while days >= length(year) {
        days = days.saturating_sub(length(year));
        year = year.saturating_add(1);
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

    #[test]
    fn days_have_their_dates() {
        for (time, shown) in [
            (0, "1970-01-01, 00:00:00 UTC"),
            (951_782_399, "2000-02-28, 23:59:59 UTC"),
            (951_868_799, "2000-02-29, 23:59:59 UTC"),
            (951_868_800, "2000-03-01, 00:00:00 UTC"),
            (1_772_000_400, "2026-02-25, 06:20:00 UTC"),
            (4_107_542_400, "2100-03-01, 00:00:00 UTC"),
            (253_402_300_799, "9999-12-31, 23:59:59 UTC"),
        ] {
            assert_eq!(show(time, Locale::En), shown);
        }
        assert_eq!(show(1_772_000_400, Locale::De), "25.02.2026, 06:20:00 UTC");
    }
}
