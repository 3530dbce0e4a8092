//! Money and other scaled quantities: decimal text to minor units and back, without floating point.

use alloc::format;
use alloc::string::{String, ToString};

use crate::limits::{INTEGER_MAX, MONEY_DECIMALS};
use crate::split_once;

/// The minor units that a JSON number's *text* stands for, with `decimals` digits after the point.
///
/// `98.7`, `98.70` and `98.700` are 9870 with two decimals; `98.705`, `9.87e1` and anything beyond
/// +-(2^53 - 1) minor units are `None`.
///
/// ```
/// use ambit_core::minor_units;
/// assert_eq!(minor_units("98.7", 2), Some(9870));
/// assert_eq!(minor_units("98.705", 2), None);
/// assert_eq!(minor_units("9.87e1", 2), None);
/// ```
#[must_use]
pub fn minor_units(text: &str, decimals: u32) -> Option<i64> {
    let (negative, digits) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = split_once(digits, ".").unwrap_or((digits, "0"));
    if decimals > MONEY_DECIMALS || whole.is_empty() || fraction.is_empty() {
        return None;
    }
    let mut units = 0_i64;
    for digit in whole.chars() {
        units = push_digit(units, digit)?;
    }
    let mut fraction = fraction.chars();
    for _ in 0..decimals {
        units = push_digit(units, fraction.next().unwrap_or('0'))?;
    }
    if fraction.any(|digit| digit != '0') || units > INTEGER_MAX {
        return None;
    }
    Some(if negative {
        units.checked_neg()?
    } else {
        units
    })
}

fn push_digit(units: i64, digit: char) -> Option<i64> {
    let digit = i64::from(digit.to_digit(10)?);
    units.checked_mul(10)?.checked_add(digit)
}

/// Minor units as decimal text with all its digits: 9870 with two decimals is `98.70`.
#[must_use]
pub fn decimal_text(units: i64, decimals: u32) -> String {
    let digits = units.unsigned_abs().to_string();
    let width = usize::try_from(decimals).unwrap_or_default();
    if width == 0 {
        return units.to_string();
    }
    let digits = format!("{digits:0>width$}", width = width.saturating_add(1));
    let split = digits.len().saturating_sub(width);
    let sign = if units < 0 { "-" } else { "" };
    let whole = digits.get(..split).unwrap_or_default();
    let fraction = digits.get(split..).unwrap_or_default();
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::{decimal_text, minor_units};

    #[test]
    fn texts_become_minor_units() {
        let cases = [
            ("98.7", 2, Some(9870)),
            ("98.70", 2, Some(9870)),
            ("98.700", 2, Some(9870)),
            ("98", 2, Some(9800)),
            ("-0.01", 2, Some(-1)),
            ("0", 0, Some(0)),
            ("1.0", 0, Some(1)),
            ("98.705", 2, None),
            ("9.87e1", 2, None),
            ("1.5", 0, None),
            ("90071992547409.91", 2, Some(9_007_199_254_740_991)),
            ("90071992547409.92", 2, None),
            ("-90071992547409.92", 2, None),
            ("99999999999999999999", 2, None),
            ("", 2, None),
            ("-", 2, None),
            ("1.", 2, None),
            (".5", 2, None),
        ];
        for (text, decimals, expected) in cases {
            assert_eq!(minor_units(text, decimals), expected, "{text}");
        }
    }

    #[test]
    fn minor_units_are_written_with_all_digits() {
        assert_eq!(decimal_text(9870, 2), "98.70");
        assert_eq!(decimal_text(5, 2), "0.05");
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(7, 0), "7");
    }
}
