//! `decimal`: a signed 64-bit number of ten-thousandths.

use alloc::format;
use alloc::string::String;

/// Digits after the point.
const DIGITS: usize = 4;

/// Reads `-?[0-9]+\.[0-9]{1,4}`; `None` for anything else, and beyond 64 bits.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let point = text.iter().position(|byte| *byte == b'.')?;
    let (whole, fraction) = text.split_at_checked(point)?;
    let fraction = fraction.get(1..)?;
    let (negative, whole) = match whole.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, whole),
    };
    if whole.is_empty() || fraction.is_empty() || fraction.len() > DIGITS {
        return None;
    }
    let mut value = 0_i64;
    for at in 0..whole.len().saturating_add(DIGITS) {
        // Zeros stand for the digits that are not written.
        let byte = match at.checked_sub(whole.len()) {
            None => whole.get(at),
            Some(at) => fraction.get(at),
        };
        let digit = byte.unwrap_or(&b'0').checked_sub(b'0');
        let digit = i64::from(digit.filter(|digit| *digit <= 9)?);
        // Counted downwards when negative: the smallest number has no positive counterpart.
        let digit = if negative {
            digit.checked_neg()?
        } else {
            digit
        };
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(value)
}

/// The one text of a decimal: no zeros that say nothing, one digit after the point at least.
pub(super) fn text(decimal: i64) -> String {
    let units = decimal.unsigned_abs();
    let (whole, fraction) = (units / 10_000, units % 10_000);
    let sign = if decimal < 0 { "-" } else { "" };
    let mut text = format!("{sign}{whole}.{fraction:04}");
    while text.ends_with('0') && !text.ends_with(".0") {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{parse, text};

    #[test]
    fn a_value_has_one_text() {
        for (spelling, wanted) in [
            ("1.00", "1.0"),
            ("001.2500", "1.25"),
            ("-0.0", "0.0"),
            ("-0.5", "-0.5"),
            ("100.0", "100.0"),
            ("-922337203685477.5808", "-922337203685477.5808"),
        ] {
            let value = parse(spelling.as_bytes()).unwrap();
            assert_eq!(text(value), wanted, "{spelling}");
            assert_eq!(parse(wanted.as_bytes()), Some(value), "{wanted}");
        }
    }

    #[test]
    fn what_is_a_decimal() {
        let good = [
            ("0.0", 0),
            ("-0.5", -5000),
            ("1.2345", 12345),
            ("00012.10", 121_000),
            ("922337203685477.5807", i64::MAX),
            ("-922337203685477.5808", i64::MIN),
        ];
        for (text, value) in good {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text}");
        }
        let bad = [
            "",
            ".",
            "1",
            "1.",
            ".1",
            "-.1",
            "+1.0",
            "1.23456",
            "1.0.0",
            "1,0",
            " 1.0",
            "1.0 ",
            "--1.0",
            "922337203685477.5808",
            "-922337203685477.5809",
            "٣.٠",
            "1.-1",
            ":.0",
            "1.:",
            "/.0",
        ];
        for text in bad {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
