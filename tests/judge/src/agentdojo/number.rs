//! JSON numbers as exact decimals, from their text alone.
//!
//! The suites were written by Python, which prints `1e-05` where a person writes `0.00001`. Requests
//! may not carry exponents, so the harness rewrites them, digit by digit.

use serde_json::{Number, Value};

/// Zeros that an exponent may add; beyond it a number is not worth writing out.
const EXPONENT_MOST: i64 = 400;

/// The shortest plain decimal of a number: no exponent, no zeros that say nothing, no `-0`.
/// `None` when its exponent is out of all proportion.
pub(crate) fn plain(text: &str) -> Option<String> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if exponent.abs() > EXPONENT_MOST {
        return None;
    }
    // The value is `digits` with the point `point` places from the left.
    let point = i64::try_from(whole.len()).ok()? + exponent;
    let digits = format!("{whole}{fraction}");
    let left = usize::try_from(point.max(0)).ok()?;
    let zeros = usize::try_from((-point).max(0)).ok()?;
    let padded = format!("{}{digits:0<left$}", "0".repeat(zeros));
    let (whole, fraction) = padded.split_at(left);
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let sign = if negative && !(whole.is_empty() && fraction.is_empty()) {
        "-"
    } else {
        ""
    };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

/// Digits after the point of a plain decimal.
pub(crate) fn decimals(plain: &str) -> usize {
    plain
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len())
}

/// A value with every number in it as a plain decimal. A number that has none stays as it is.
pub(crate) fn plain_value(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let plain = plain(&number.to_string()).map(Number::from_string_unchecked);
            Value::Number(plain.unwrap_or_else(|| number.clone()))
        }
        Value::Array(elements) => elements.iter().map(plain_value).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), plain_value(member)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{decimals, plain, plain_value};

    #[test]
    fn numbers_become_plain_decimals() {
        let cases = [
            ("98.7", "98.7"),
            ("98.70", "98.7"),
            ("4.0", "4"),
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0e5", "0"),
            ("1e-05", "0.00001"),
            ("1.5E3", "1500"),
            ("1.25e1", "12.5"),
            ("-2.50e+2", "-250"),
            ("123e-2", "1.23"),
            ("9007199254740993", "9007199254740993"),
            (
                "0.1000000000000000055511151231257827",
                "0.1000000000000000055511151231257827",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(plain("1e99999"), None);
        assert_eq!(plain("1e99999999999999999999"), None);
    }

    #[test]
    fn values_keep_every_digit() {
        let text = r#"{"a":[1e2,9007199254740993],"b":"1e2"}"#;
        let value = serde_json::from_str(text).expect("JSON");
        let plain = plain_value(&value).to_string();
        assert_eq!(plain, r#"{"a":[100,9007199254740993],"b":"1e2"}"#);
        assert_eq!(decimals("0.125"), 3);
        assert_eq!(decimals("7"), 0);
    }
}
