//! Values at the edges, and those that a case draws from: few, so that equal and neighbouring ones
//! meet often.

use super::data::Val;
use super::dice::Dice;

const LONGS: [i64; 22] = [
    i64::MIN,
    i64::MIN + 1,
    i64::MAX,
    i64::MAX - 1,
    i64::MIN / 2,
    i64::MAX / 2 + 1,
    -1,
    0,
    1,
    2,
    3,
    7,
    10,
    -10,
    100,
    3_037_000_499,
    3_037_000_500,
    4_294_967_296,
    2_147_483_647,
    -2_147_483_648,
    9_007_199_254_740_993,
    86_400_000,
];

const STRINGS: [&str; 30] = [
    "",
    "a",
    "b",
    "ab",
    "A",
    "aa",
    "aaa",
    "aab",
    "abab",
    "a*b",
    "*",
    "**",
    "a\\b",
    "\\*",
    "\"",
    "'",
    "\n",
    "\u{0}",
    " ",
    "é",
    "e\u{301}",
    "ß",
    "𝒳",
    "👩‍👩‍👧",
    "1",
    "true",
    "1.0",
    "10.0.0.1",
    "principal",
    "User::\"a\"",
];

/// Decimals; those in a row are equal or neighbours.
const DECIMALS: [&str; 24] = [
    "0.0",
    "-0.0",
    "0.0000",
    "0.0001",
    "-0.0001",
    "-0.5",
    "0.5",
    "0.50",
    "-0.50",
    "-0.4999",
    "1.0",
    "1.00",
    "01.0",
    "0.9999",
    "1.0001",
    "-1.5",
    "-1.5001",
    "12.34",
    "922337203685477.5807",
    "922337203685477.5806",
    "-922337203685477.5808",
    "-922337203685477.5807",
    "-00.1",
    "922337203685477.0",
];

const IPS: [&str; 46] = [
    "0.0.0.0",
    "0.0.0.0/0",
    "255.255.255.255",
    "255.255.255.255/0",
    "10.0.0.1",
    "10.0.0.1/32",
    "10.0.0.0/8",
    "10.0.0.0/31",
    "10.0.0.1/24",
    "10.0.0.2/31",
    "127.0.0.1",
    "127.0.0.1/8",
    "127.0.0.0/7",
    "127.255.255.255",
    "128.0.0.0",
    "126.255.255.255",
    "224.0.0.0/4",
    "224.0.0.0/3",
    "239.255.255.255",
    "240.0.0.0",
    "223.255.255.255",
    "192.168.0.0/16",
    "192.168.255.255",
    "::",
    "::/0",
    "::1",
    "::1/128",
    "::1/127",
    "::2",
    "ff00::",
    "ff00::/8",
    "ff00::/7",
    "feff::",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
    "2001:db8::",
    "2001:db8::/32",
    "2001:0db8:0:0::0",
    "2001:DB8::1",
    "2001:db8::/64",
    "2001:db8:0:0:ffff::/65",
    "::ffff:a00:1",
    "::7f00:1",
    "1::8/120",
    "1:2:3:4:5:6:7::",
    "fe80::/10",
];

const DATETIMES: [&str; 44] = [
    "1970-01-01",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00.000Z",
    "1970-01-01T00:00:00.001Z",
    "1969-12-31T23:59:59.999Z",
    "1969-12-31",
    "1969-12-31T00:00:00.001Z",
    "1970-01-01T01:00:00+0100",
    "1969-12-31T23:00:00-0100",
    "0000-01-01",
    "0000-02-29",
    "0000-03-01",
    "0000-01-01T00:00:00+2359",
    "0001-01-01",
    "9999-12-31",
    "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59.999-2359",
    "2024-02-29",
    "2024-02-28T23:59:59.999Z",
    "2024-03-01",
    "2024-02-29T12:30:15Z",
    "2024-02-29T12:30:15.500+0530",
    "2000-02-29",
    "2000-02-28T23:59:59.999Z",
    "1900-02-28",
    "1900-03-01",
    "2100-03-01",
    "1600-02-29",
    "2023-12-31T23:59:59Z",
    "2024-01-01",
    "2024-01-01T00:00:00+0000",
    "2024-01-01T00:00:00-0000",
    "2024-12-31",
    "2024-12-30T23:00:00-0100",
    "2025-01-01T00:00:00.000+1400",
    "2038-01-19T03:14:08Z",
    "1901-12-13T20:45:51.999Z",
    "1582-10-15",
    "2024-06-30T23:59:59.999Z",
    "2024-07-01T00:00:00Z",
    "1970-01-02",
    "1969-12-30T00:00:00Z",
    "1969-12-30T23:59:59.999Z",
    "2016-12-31T23:59:59Z",
];

const DURATIONS: [&str; 34] = [
    "0ms",
    "-0ms",
    "0d",
    "1ms",
    "-1ms",
    "999ms",
    "1000ms",
    "1s",
    "-1s",
    "59s",
    "60s",
    "1m",
    "61s",
    "59m",
    "1h",
    "-1h",
    "3600s",
    "23h",
    "24h",
    "1d",
    "-1d",
    "25h",
    "86399999ms",
    "86400001ms",
    "1d2h3m4s5ms",
    "-1d2h3m4s5ms",
    "9223372036854775807ms",
    "-9223372036854775808ms",
    "-9223372036854775807ms",
    "106751991167d7h12m55s807ms",
    "-106751991167d7h12m55s808ms",
    "106751991167d",
    "007d",
    "1d0h0m0s0ms",
];

/// Texts that no constructor takes, or that another one does.
const NOT_VALUES: [&str; 62] = [
    "",
    "x",
    "1",
    "1.",
    ".1",
    "1.00000",
    "+1.0",
    "1.0 ",
    " 1.0",
    "1e3",
    "922337203685477.5808",
    "-922337203685477.5809",
    "922337203685478.0",
    "--1.0",
    "1,0",
    "1.-0",
    "99999999999999999999.0",
    "1٫0",
    "١.٠",
    "10.0.0",
    "10.0.0.1/33",
    "10.0.0.1/032",
    "10.0.0.1/",
    "/8",
    "10.0.0.01",
    "256.0.0.1",
    "::1/129",
    "::1/0128",
    ":::",
    "1::2::3",
    "::ffff:10.0.0.1",
    "10.0.0.1/8/8",
    "::1%eth0",
    "10.0.0.1/+8",
    "12345::",
    "::g",
    "2024-02-30",
    "2023-02-29",
    "1900-02-29",
    "2024-13-01",
    "2024-00-01",
    "2024-01-00",
    "2024-1-1",
    "2024-01-01T",
    "2024-01-01T00:00:00",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:60:00Z",
    "2024-01-01T23:59:60Z",
    "2024-01-01T00:00:00+2400",
    "2024-01-01T00:00:00+0060",
    "2024-01-01T00:00:00.1Z",
    "2024-01-01 00:00:00Z",
    "2024-01-01T00:00:00z",
    "10000-01-01",
    "-0001-01-01",
    "-",
    "1",
    "1d1d",
    "1h1d",
    "9223372036854775808ms",
    "-9223372036854775809ms",
    "1.5s",
];

/// Dates that have no text: the ends of the range, as an offset from the epoch.
const FAR: [&str; 8] = [
    "9223372036854775807ms",
    "-9223372036854775808ms",
    "-9223372036854775807ms",
    "-9223372036828800000ms",
    "-9223372036828799999ms",
    "-86400001ms",
    "-86400000ms",
    "-1ms",
];

/// What a case draws its values from.
#[derive(Debug)]
pub(crate) struct Pools {
    /// Integers, with some neighbours.
    pub longs: Vec<i64>,
    /// Texts.
    pub strings: Vec<String>,
    /// Texts of decimals that are decimals.
    pub decimals: Vec<&'static str>,
    /// Of addresses and ranges.
    pub ips: Vec<&'static str>,
    /// Of dates with time.
    pub datetimes: Vec<&'static str>,
    /// Of durations.
    pub durations: Vec<&'static str>,
}

impl Pools {
    /// A case's few values.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let mut longs = Vec::new();
        for _ in 0..dice.between(2, 3) {
            let base = match dice.below(10) {
                0 => dice.long(),
                1..3 => dice.small(),
                _ => dice.of(&LONGS),
            };
            longs.extend([base, base.saturating_add(1), base.saturating_sub(1)]);
        }
        let size = |dice: &mut Dice| dice.between(3, 6);
        let few = neighbours(dice, &STRINGS);
        let mut strings: Vec<String> = few.into_iter().map(str::to_owned).collect();
        if dice.chance(8) {
            // Longer than any short form of a string, twice with the difference at the end.
            let long = "é".repeat(dice.between(8, 200));
            strings.extend([format!("{long}a"), format!("{long}b")]);
        }
        Self {
            longs,
            strings,
            decimals: neighbours(dice, &DECIMALS),
            ips: neighbours(dice, &IPS),
            datetimes: (0..size(dice))
                .map(|_| dice.of(&DATETIMES))
                .chain(["1970-01-01"])
                .collect(),
            durations: neighbours(dice, &DURATIONS),
        }
    }
}

/// A few of the list, many of which stand side by side.
fn neighbours<T: Copy>(dice: &mut Dice, all: &[T]) -> Vec<T> {
    let mut few = Vec::new();
    for _ in 0..dice.between(2, 3) {
        let start = dice.below(all.len());
        let count = dice.between(1, 3);
        few.extend(all.iter().skip(start).take(count).copied());
    }
    few
}

/// A text that some constructor refuses.
pub(crate) fn no_value(dice: &mut Dice) -> &'static str {
    dice.of(&NOT_VALUES)
}

/// A date at the end of the range.
pub(crate) fn far_date(dice: &mut Dice) -> Val {
    let duration = Val::ext("duration", dice.of(&FAR));
    Val::Call("offset", vec![Val::ext("datetime", "1970-01-01"), duration])
}

/// An address near the edges of loopback and multicast: those are too many for the case's few.
pub(crate) fn edge_address(dice: &mut Dice) -> &'static str {
    const EDGES: [&str; 10] = [
        "126.", "127.", "128.", "223.", "224.", "239.", "240.", "::1", "::2", "f",
    ];
    let near = |text: &&&str| EDGES.iter().any(|start| text.starts_with(start));
    let edges: Vec<&str> = IPS.iter().filter(near).copied().collect();
    dice.of(&edges)
}
