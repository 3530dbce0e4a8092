//! `ipaddr`: an IPv4 or IPv6 address with a prefix.

use alloc::format;
use alloc::string::String;

use ambit_core::address::{parse_v4, parse_v6, v4_text, v6_text};
use ambit_core::{place, split_once};

/// An address, or the range that its prefix makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ip {
    v6: bool,
    /// An IPv4 address stands in the low 32 bits.
    bits: u128,
    prefix: u32,
}

impl Ip {
    /// An address from its parts; `None` when they do not fit together.
    #[must_use]
    pub fn new(v6: bool, bits: u128, prefix: u32) -> Option<Self> {
        let fits = v6 || u32::try_from(bits).is_ok();
        (fits && prefix <= width(v6)).then_some(Self { v6, bits, prefix })
    }

    /// Whether it is an IPv6 address, its bits, and its prefix.
    #[must_use]
    pub const fn parts(self) -> (bool, u128, u32) {
        (self.v6, self.bits, self.prefix)
    }

    /// Reads an address, with or without `/prefix`. An IPv4 address inside an IPv6 one is refused.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        // The longest is a full IPv6 address with its prefix.
        const LONGEST: usize = 43;
        let text = core::str::from_utf8(text).ok()?;
        if text.len() > LONGEST
            || place(text.as_bytes(), b':').is_some() && place(text.as_bytes(), b'.').is_some()
        {
            return None;
        }
        let (address, prefix) = match split_once(text, "/") {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let v6 = place(address.as_bytes(), b':').is_some();
        let bits = if v6 {
            parse_v6(address)?
        } else {
            parse_v4(address)?.into()
        };
        let prefix = match prefix {
            Some(prefix) => read_prefix(prefix, v6)?,
            None => width(v6),
        };
        Self::new(v6, bits, prefix)
    }

    /// The one text that [`Self::parse`] reads as this: the form of RFC 5952, never with an IPv4 address
    /// inside; a prefix only where it is not the whole address.
    pub(super) fn text(self) -> String {
        let address = match (self.v6, u32::try_from(self.bits)) {
            (false, Ok(bits)) => v4_text(bits),
            _ => v6_text(self.bits),
        };
        if self.prefix == width(self.v6) {
            return address;
        }
        format!("{address}/{}", self.prefix)
    }

    pub(super) const fn is_v4(self) -> bool {
        !self.v6
    }

    pub(super) const fn is_loopback(self) -> bool {
        if self.v6 {
            self.bits == 1 && self.prefix >= 128
        } else {
            self.bits >> 24 == 127 && self.prefix >= 8
        }
    }

    pub(super) const fn is_multicast(self) -> bool {
        if self.v6 {
            self.bits >> 120 == 0xff && self.prefix >= 8
        } else {
            self.bits >> 28 == 0xe && self.prefix >= 4
        }
    }

    /// Whether all addresses of this range lie in the other.
    pub(super) fn is_in(self, other: Self) -> bool {
        let (low, high) = self.range();
        let (other_low, other_high) = other.range();
        self.v6 == other.v6 && other_low <= low && high <= other_high
    }

    /// The first and the last address.
    fn range(self) -> (u128, u128) {
        let free = width(self.v6).saturating_sub(self.prefix);
        let host = match 1_u128.checked_shl(free) {
            Some(size) => size.wrapping_sub(1),
            None => u128::MAX,
        };
        (self.bits & !host, self.bits | host)
    }
}

const fn width(v6: bool) -> u32 {
    if v6 { 128 } else { 32 }
}

/// Digits without leading zeros, within the width.
fn read_prefix(text: &str, v6: bool) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let normal = text == "0" || !text.starts_with('0');
    let prefix = text.parse().ok().filter(|_| digits && normal)?;
    (prefix <= width(v6)).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::Ip;

    fn ip(text: &str) -> Ip {
        Ip::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn what_is_an_address() {
        for text in [
            "0.0.0.0",
            "255.255.255.255/32",
            "10.0.0.1/0",
            "::",
            "::1/128",
            "ff00::/8",
        ] {
            ip(text);
        }
        let bad = [
            "",
            "1.2.3",
            "01.2.3.4",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/08",
            "1.2.3.4/+8",
            "::/129",
            "::ffff:1.2.3.4",
            "::1.2.3.4",
            "fe80::1%eth0",
            "[::1]",
            "1.2.3.4/8/8",
            " 1.2.3.4",
            "::/1234",
            "::/4294967296",
        ];
        for text in bad {
            assert_eq!(Ip::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_value_has_one_text() {
        for (spelling, wanted) in [
            ("10.0.0.1/32", "10.0.0.1"),
            ("10.0.0.1/8", "10.0.0.1/8"),
            ("2001:DB8:0:0::0001/128", "2001:db8::1"),
            ("0:0:0:0:0:ffff:a00:1", "::ffff:a00:1"),
            ("::a00:1", "::a00:1"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(ip(spelling).text(), wanted, "{spelling}");
            assert_eq!(ip(wanted), ip(spelling), "{wanted}");
        }
    }

    #[test]
    fn ranges() {
        assert!(ip("10.1.2.3").is_in(ip("10.0.0.0/8")));
        assert!(ip("10.0.0.0/8").is_in(ip("10.200.0.0/8")));
        assert!(!ip("10.0.0.0/8").is_in(ip("10.0.0.0/9")));
        assert!(ip("::1").is_in(ip("::/0")));
        assert!(!ip("1.2.3.4").is_in(ip("::/0")));
        assert!(ip("1.2.3.4").is_in(ip("0.0.0.0/0")));
        assert!(ip("127.0.0.1").is_loopback() && !ip("127.0.0.1/7").is_loopback());
        assert!(ip("::1").is_loopback() && !ip("::1/127").is_loopback());
        assert!(ip("224.0.0.1").is_multicast() && !ip("224.0.0.1/3").is_multicast());
        assert!(ip("ff00::").is_multicast() && !ip("ff00::/7").is_multicast());
    }

    #[test]
    fn a_range_is_of_a_kind_if_all_of_it_is() {
        let kinds = [
            ("127.0.0.0/8", true, false),
            ("126.0.0.0/7", false, false),
            ("127.0.0.0/7", false, false),
            ("224.0.0.0/4", false, true),
            ("224.0.0.0/3", false, false),
            ("::1", true, false),
            ("::1/127", false, false),
            ("ff00::/8", false, true),
            ("ff00::/7", false, false),
        ];
        for (text, loopback, multicast) in kinds {
            let ip = Ip::parse(text.as_bytes()).unwrap();
            assert_eq!(
                (ip.is_loopback(), ip.is_multicast()),
                (loopback, multicast),
                "{text}"
            );
        }
    }
}
