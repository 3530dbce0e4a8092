//! Numbers with a fraction, beside doubles as this platform has them: a test may, the evaluator does not.

use ambit_core::Number;
use ambit_core::json::{Document, Profile, Writer, canonical_value};
use proptest::prelude::*;

/// ECMAScript's number-to-string, made from Rust's shortest digits.
fn ecmascript(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let written = format!("{value:e}");
    let (sign, written) = written
        .strip_prefix('-')
        .map_or(("", written.as_str()), |rest| ("-", rest));
    let (digits, exponent) = written.split_once('e').unwrap();
    let digits = digits.replace('.', "");
    let point = exponent.parse::<i32>().unwrap() + 1;
    let count = i32::try_from(digits.len()).unwrap();
    let at = |place: i32| digits.split_at(usize::try_from(place).unwrap());
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap());
    let text = match point {
        1..=21 if count <= point => format!("{digits}{}", zeros(point - count)),
        1..=21 => format!("{}.{}", at(point).0, at(point).1),
        -5..=0 => format!("0.{}{digits}", zeros(-point)),
        _ => {
            let (first, rest) = at(1);
            let rest = if rest.is_empty() {
                String::new()
            } else {
                format!(".{rest}")
            };
            format!(
                "{first}{rest}e{}{}",
                if point > 0 { "+" } else { "" },
                point - 1
            )
        }
    };
    format!("{sign}{text}")
}

fn text(number: &str) -> Option<String> {
    Number::parse(number).map(Number::text)
}

/// What a double says of a decimal.
fn native(number: &str) -> String {
    ecmascript(number.parse().unwrap())
}

/// Decimals of at most 15 digits in every spelling of JSON: digits, the point somewhere, an exponent.
fn decimals() -> impl Strategy<Value = (String, i32)> {
    let digits = (1..=15_u32).prop_flat_map(|count| 0..10_u64.pow(count));
    (any::<bool>(), digits, -315..=315_i32).prop_map(|(negative, digits, exponent)| {
        let sign = if negative { "-" } else { "" };
        let count = i32::try_from(digits.to_string().len()).unwrap();
        (format!("{sign}{digits}e{exponent}"), exponent + count - 1)
    })
}

/// The same number, spelled otherwise: by so many places the point is moved, and so many zeros follow.
fn spelled(number: &str, places: usize, zeros: usize) -> String {
    let (digits, exponent) = number.split_once('e').unwrap();
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |rest| ("-", rest));
    let exponent: i32 = exponent.parse().unwrap();
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let exponent = exponent + i32::try_from(places).unwrap();
    let fraction = format!("{fraction}{}", "0".repeat(zeros));
    let point = if fraction.is_empty() { "" } else { "." };
    let exponent = match exponent {
        0 => String::new(),
        _ => format!("E{exponent:+}"),
    };
    format!("{sign}{whole}{point}{fraction}{exponent}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn the_text_is_the_one_of_a_double((number, first) in decimals(), places in 0..20_usize, zeros in 0..20_usize) {
        let zero = number.contains("-0e") || number.starts_with("0e");
        let other = spelled(&number, places, zeros);
        let wanted = (zero || (-300..=300).contains(&first)).then(|| native(&number));
        prop_assert_eq!(&text(&number), &wanted);
        prop_assert_eq!(&text(&other), &wanted, "{} is {}", number, other);
        if let Some(wanted) = wanted {
            prop_assert_eq!(Number::parse(&wanted), Number::parse(&number));
        }
    }

    #[test]
    fn the_order_is_that_of_the_values((one, a) in decimals(), (two, b) in decimals()) {
        let near = [(one.clone(), a), (two, b), spread(&one)];
        for (left, a) in &near {
            for (right, b) in &near {
                if let (Some(left_number), Some(right_number)) = (Number::parse(left), Number::parse(right)) {
                    let doubles: [f64; 2] = [left.parse().unwrap(), right.parse().unwrap()];
                    prop_assert_eq!(Some(left_number.cmp(&right_number)), doubles[0].partial_cmp(&doubles[1]), "{} {} {} {}", left, right, a, b);
                }
            }
        }
    }

    #[test]
    fn every_integer_is_itself(value in -9_007_199_254_740_991_i64..=9_007_199_254_740_991) {
        let number = Number::parse(&value.to_string()).unwrap();
        prop_assert_eq!(number.text(), value.to_string());
        prop_assert_eq!(number, Number::integer(value));
        prop_assert_eq!(number.as_int(), Some(value));
    }

    #[test]
    fn a_decimal_of_policies_is_exact(units in -999_999_999_999_999_i64..=999_999_999_999_999) {
        let text = ambit_core::decimal_text(units, 4);
        let number = Number::parse(&text).unwrap();
        prop_assert_eq!(number.units(4), Some(units));
        prop_assert_eq!(number.units(3), (units % 10 == 0).then_some(units / 10));
    }
}

/// The number beside it in the last of 15 digits.
fn spread(number: &str) -> (String, i32) {
    let (digits, exponent) = number.split_once('e').unwrap();
    let digits: i64 = digits.parse().unwrap();
    (
        format!(
            "{}e{exponent}",
            (digits + 1).clamp(-999_999_999_999_999, 999_999_999_999_999)
        ),
        0,
    )
}

/// `PROPTEST_CASES` asks for more; a release build does millions in a minute.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(20_000)
}

#[test]
fn what_no_double_keeps_is_refused() {
    for (number, wanted) in [
        ("1.5", Some("1.5")),
        ("1.50", Some("1.5")),
        ("15e-1", Some("1.5")),
        ("0.15E+1", Some("1.5")),
        ("1.0", Some("1")),
        ("-0", Some("0")),
        ("-0.0e-999999999999999999999", Some("0")),
        ("0e999999999999999999999", Some("0")),
        ("1e20", Some("100000000000000000000")),
        ("1e21", Some("1e+21")),
        ("123456789012345e7", Some("1.23456789012345e+21")),
        ("0.000001", Some("0.000001")),
        ("0.0000001", Some("1e-7")),
        ("-1.5e-7", Some("-1.5e-7")),
        ("9007199254740991", Some("9007199254740991")),
        ("9.007199254740991e15", Some("9007199254740991")),
        ("9007199254740992", None),
        ("9007199254740990", Some("9007199254740990")),
        ("900719925474099.1", None),
        ("90071992547409910", None),
        ("0.30000000000000004", None),
        ("0.300000000000000000000000000000000", Some("0.3")),
        ("0.300000000000000000000000000000001", None),
        ("123456789.012345", Some("123456789.012345")),
        ("1234567890.123456", None),
        ("1e300", Some("1e+300")),
        ("9.99999999999999e300", Some("9.99999999999999e+300")),
        ("1e301", None),
        ("10e300", None),
        ("1e-300", Some("1e-300")),
        ("0.1e-299", Some("1e-300")),
        ("9.99999999999999e-301", None),
        ("1e9223372036854775807", None),
        ("1e-9223372036854775808", None),
        ("1e99999999999999999999999", None),
        ("", None),
        ("-", None),
        ("+1", None),
        ("--1", None),
        ("01", None),
        ("00", None),
        ("1.", None),
        (".5", None),
        ("1e", None),
        ("1e+", None),
        ("1e5.5", None),
        ("1.5.5", None),
        ("1,5", None),
        (" 1", None),
        ("1 ", None),
        ("0x10", None),
        ("1_000", None),
        ("Infinity", None),
        ("NaN", None),
        ("\u{0661}", None),
    ] {
        assert_eq!(text(number).as_deref(), wanted, "{number}");
    }
}

/// The examples of RFC 8785 (section 3.2.2.3 and appendix B) that have at most 15 digits; the others are refused.
#[test]
fn examples_of_rfc_8785() {
    for (number, wanted) in [
        ("333333333.33333329", None),
        ("1E30", Some("1e+30")),
        ("4.50", Some("4.5")),
        ("2e-3", Some("0.002")),
        ("0.000000000000000000000000001", Some("1e-27")),
        ("5e-324", None),
        ("1.7976931348623157e308", None),
        ("9007199254740992", None),
        ("295147905179352830000", None),
        ("9.999999999999997e22", None),
        ("1e23", Some("1e+23")),
        ("1.0000000000000001e23", None),
        ("999999999999999700000", None),
        ("999999999999999900000", None),
        ("1e21", Some("1e+21")),
        ("9.999999999999997e-7", None),
        ("0.000001", Some("0.000001")),
        ("333333333.3333332", None),
        ("333333333.333333", Some("333333333.333333")),
        ("1424953923781206.2", None),
    ] {
        assert_eq!(text(number).as_deref(), wanted, "{number}");
    }
}

/// Of the vectors of others, what has few enough digits.
#[test]
fn vectors_of_others() {
    let Some(folder) = std::env::var_os("AMBIT_EXTERNAL") else {
        println!("skipped: AMBIT_EXTERNAL names no folder");
        return;
    };
    let folder = std::path::Path::new(&folder).join("vectors/jcs-rfc8785");
    let read = |kind: &str, name: &std::ffi::OsStr| {
        std::fs::read_to_string(folder.join(kind).join(name)).unwrap()
    };
    let (mut whole, mut seen) = (0, 0);
    for file in std::fs::read_dir(folder.join("input")).unwrap() {
        let name = file.unwrap().file_name();
        let (input, output) = (read("input", &name), read("output", &name));
        // One number in them has 17 digits.
        let (long, short) = ("333333333.33333329", "333333333.333333");
        let input = input.replace(long, short);
        let output = output.replace("333333333.3333333,", &format!("{short},"));
        let document = Document::parse(input.as_bytes(), Profile::Request).unwrap();
        let mut out = Writer::default();
        assert!(canonical_value(document.root(), &mut out), "{name:?}");
        assert_eq!(out.finish(), output, "{name:?}");
        whole += 1;
        seen += usize::from(output.contains("1e+30"));
    }
    assert!(whole >= 6 && seen >= 1, "{whole} {seen}");
}
