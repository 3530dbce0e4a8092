//! Numbers with a fraction, exactly: decimals that every reader of JSON keeps, whatever it holds numbers in.
//!
//! A decimal of at most 15 significant digits comes back from a double as it was, so its RFC 8785 form
//! (ECMAScript's number-to-string) is made from the digits alone, and nothing goes through floating point.

use alloc::string::{String, ToString};
use core::cmp::Ordering;

use crate::json::Json;
use crate::limits::{INTEGER_MAX, NUMBER_BYTES, NUMBER_EXPONENT};

/// Digits that are kept: 16, for an integer up to 2^53 - 1 has as many.
const DIGITS: u32 = 16;
/// The smallest significand other than zero.
const LEAST: u64 = 1_000_000_000_000_000;
/// Digits before the point up to which ECMAScript writes no exponent.
const WHOLE: i64 = 21;
/// Zeros behind the point up to which it does not.
const ZEROS: i64 = -5;

/// A number of at most 15 significant digits whose first digit counts at most `10^300` and at least
/// `10^-300`, or an integer within ±(2^53 - 1). Equal numbers are equal, however they were written.
///
/// ```
/// use ambit_core::Number;
/// let number = Number::parse("15e-1").unwrap();
/// assert_eq!(number, Number::parse("1.50").unwrap());
/// assert!(number < Number::parse("1.50000000000001").unwrap());
/// assert_eq!(number.text(), "1.5");
/// assert_eq!(Number::parse("0.30000000000000004"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    negative: bool,
    /// Zero, or [`DIGITS`] digits of which the first is none.
    significand: u64,
    /// Where the point stands: the value is `0.significand * 10^point`.
    point: i64,
}

impl Number {
    const ZERO: Self = Self {
        negative: false,
        significand: 0,
        point: i64::MIN,
    };

    /// Reads a number as JSON writes it; `None` for another text, and for a number that has too many digits
    /// or is too large or too small. Nothing is rounded.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = signed(text.as_bytes());
        let (whole, rest) = digits(rest)?;
        if whole.len() > 1 && whole.first() == Some(&b'0') {
            return None;
        }
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => digits(rest)?,
            rest => (&[][..], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => exponent(rest)?,
            _ => return None,
        };
        let mut point = i64::try_from(whole.len()).ok()?.saturating_add(exponent);
        let (mut significand, mut count) = (0_u64, 0_u32);
        for byte in whole.iter().chain(fraction) {
            let digit = u64::from(byte.wrapping_sub(b'0'));
            match (significand, digit) {
                (0, 0) => point = point.saturating_sub(1),
                (_, 0) if count >= DIGITS => {}
                _ => {
                    significand = significand.checked_mul(10)?.checked_add(digit)?;
                    count = count.checked_add(1).filter(|count| *count <= DIGITS)?;
                }
            }
        }
        if significand == 0 {
            return Some(Self::ZERO);
        }
        let number = Self {
            negative,
            significand: filled(significand),
            point,
        };
        number.is_exact().then_some(number)
    }

    /// A number of JSON, or one that a text in JSON says: bounds say theirs so, for a reader of JSON may change
    /// a number and does not change a text. A bound is read for each value, so it is not long.
    #[must_use]
    pub fn of_bound(json: Json<'_>) -> Option<Self> {
        let text = json.number_text().or_else(|| json.as_str())?;
        Self::parse(Some(text).filter(|text| text.len() <= NUMBER_BYTES)?)
    }

    /// An integer; one beyond ±(2^53 - 1) becomes that.
    #[must_use]
    pub fn integer(value: i64) -> Self {
        let value = value.clamp(-INTEGER_MAX, INTEGER_MAX);
        let significand = value.unsigned_abs();
        let Some(log) = significand.checked_ilog10() else {
            return Self::ZERO;
        };
        Self {
            negative: value < 0,
            significand: filled(significand),
            point: i64::from(log).saturating_add(1),
        }
    }

    /// Whether every reader keeps it.
    fn is_exact(self) -> bool {
        let range = 1_i64.saturating_sub(NUMBER_EXPONENT)..=1_i64.saturating_add(NUMBER_EXPONENT);
        let whole =
            self.point == i64::from(DIGITS) && self.significand <= INTEGER_MAX.unsigned_abs();
        range.contains(&self.point) && (whole || self.significand.is_multiple_of(10))
    }

    /// The integer, if it is one within ±(2^53 - 1).
    #[must_use]
    pub fn as_int(self) -> Option<i64> {
        let integer = self.units(0)?;
        (-INTEGER_MAX..=INTEGER_MAX)
            .contains(&integer)
            .then_some(integer)
    }

    /// How often `10^-places` goes into it, if that is exact and within 64 bits.
    #[must_use]
    pub fn units(self, places: u32) -> Option<i64> {
        if self.significand == 0 {
            return Some(0);
        }
        let shift = self.point.checked_add(i64::from(places))?;
        let shift = shift.checked_sub(i64::from(DIGITS))?;
        let factor = 10_u64.checked_pow(u32::try_from(shift.unsigned_abs()).ok()?)?;
        let units = if shift < 0 {
            let whole = self.significand.checked_div(factor)?;
            (whole.checked_mul(factor)? == self.significand).then_some(whole)?
        } else {
            self.significand.checked_mul(factor)?
        };
        let units = i64::try_from(units).ok()?;
        Some(if self.negative {
            units.checked_neg()?
        } else {
            units
        })
    }

    /// Its RFC 8785 form: the one text that all spellings of it have.
    #[must_use]
    pub fn text(self) -> String {
        let written = self.significand.to_string();
        let digits = written.trim_end_matches('0');
        let mut out = String::from(if self.negative { "-" } else { "" });
        if digits.is_empty() {
            out.push('0');
            return out;
        }
        let size = |point: i64| usize::try_from(point.unsigned_abs()).unwrap_or_default();
        let zeros = |out: &mut String, count: usize| (0..count).for_each(|_| out.push('0'));
        let split = |at: usize| digits.split_at_checked(at).unwrap_or((digits, ""));
        if (1..=WHOLE).contains(&self.point) {
            let before = size(self.point);
            let (whole, fraction) = split(before);
            out.push_str(whole);
            zeros(&mut out, before.saturating_sub(digits.len()));
            behind(&mut out, fraction);
        } else if (ZEROS..=0).contains(&self.point) {
            out.push_str("0.");
            zeros(&mut out, size(self.point));
            out.push_str(digits);
        } else {
            let (first, fraction) = split(1);
            out.push_str(first);
            behind(&mut out, fraction);
            let exponent = self.point.saturating_sub(1);
            out.push_str(if exponent < 0 { "e" } else { "e+" });
            out.push_str(&exponent.to_string());
        }
        out
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = (self.point, self.significand).cmp(&(other.point, other.significand));
        match (self.negative, other.negative) {
            (false, false) => size,
            (true, true) => size.reverse(),
            (negative, _) => {
                if negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn behind(out: &mut String, fraction: &str) {
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
}

/// The same digits, as many as are kept.
fn filled(significand: u64) -> u64 {
    let mut filled = significand;
    while filled < LEAST && filled > 0 {
        filled = filled.saturating_mul(10);
    }
    filled
}

const fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    }
}

/// The digits at the beginning, of which there is one at least, and what follows.
fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    let parts = text.split_at_checked(end.unwrap_or(text.len()))?;
    (!parts.0.is_empty()).then_some(parts)
}

/// An exponent that is too large for a number stays so.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, rest) = match text {
        [b'+', rest @ ..] => (false, rest),
        text => signed(text),
    };
    let (digits, rest) = digits(rest)?;
    let value = digits.iter().fold(0_i64, |value, byte| {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        value.saturating_mul(10).saturating_add(digit)
    });
    let signed = if negative {
        value.saturating_neg()
    } else {
        value
    };
    rest.is_empty().then_some(signed)
}
