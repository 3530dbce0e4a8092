//! `cidr`: a network address in a range.

use core::fmt::{self, Write as _};
use core::net::{IpAddr, Ipv6Addr};

use super::host;
use crate::Steps;
use crate::json::Json;

/// The longest text of an address: eight groups of four digits, or six and an IPv4 address.
const LONGEST: usize = 45;

/// Whether a constraint may list `range`: `address/length` in the one form that RFC 5952 section 4
/// and RFC 4632 write, without host bits.
pub(super) fn is_range(range: &str) -> bool {
    Range::parse(range).is_some()
}

/// Whether `text` is a bare address in a range of its own family.
pub(super) fn in_ranges(ranges: Json<'_>, text: &str, steps: &Steps) -> bool {
    let Some(address) = address(text) else {
        return false;
    };
    ranges.elements().filter_map(Json::as_str).any(|range| {
        steps.take(range.len()) && Range::parse(range).is_some_and(|range| range.holds(address))
    })
}

/// An address and its family's number of bits, as one number. IPv4-mapped ones are none: whoever
/// connects to one reaches the IPv4 address, which a range of the other family does not bound.
/// `core::net` refuses leading zeros, missing parts and zones.
fn address(text: &str) -> Option<(u128, u32)> {
    if text.len() > LONGEST {
        return None;
    }
    match text.parse().ok()? {
        IpAddr::V4(address) => Some((u128::from(address.to_bits()), 32)),
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => None,
        IpAddr::V6(address) => Some((address.to_bits(), 128)),
    }
}

struct Range {
    network: u128,
    family: u32,
    host_bits: u32,
}

impl Range {
    fn parse(range: &str) -> Option<Self> {
        let (text, length) = range.split_once('/')?;
        let (network, family) = address(text)?;
        let range = Self {
            network,
            family,
            host_bits: family.checked_sub(u32::from(host::decimal(length)?))?,
        };
        let normal = family == 32 || is_canonical(text, Ipv6Addr::from_bits(network));
        (normal && range.network_of(network) == network).then_some(range)
    }

    const fn network_of(&self, address: u128) -> u128 {
        // A shift by all 128 bits leaves nothing: `::/0`.
        match u128::MAX.checked_shl(self.host_bits) {
            Some(mask) => address & mask,
            None => 0,
        }
    }

    fn holds(&self, (address, family): (u128, u32)) -> bool {
        family == self.family && self.network_of(address) == self.network
    }
}

/// Whether `text` is how RFC 5952 writes `address`.
fn is_canonical(text: &str, address: Ipv6Addr) -> bool {
    let mut left = Expect(text);
    write!(left, "{address}").is_ok() && left.0.is_empty()
}

/// Compares what is written with a text, without a buffer.
struct Expect<'a>(&'a str);

impl fmt::Write for Expect<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(piece).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::is_range;

    #[test]
    fn ranges_have_one_form() {
        for good in [
            "0.0.0.0/0",
            "10.1.2.3/32",
            "192.168.128.0/17",
            "::/0",
            "::1/128",
            "2001:db8::/32",
            "fe80::/10",
            "2001:db8:0:1::/64",
        ] {
            assert!(is_range(good), "{good}");
        }
        for bad in [
            "10.1.2.3",
            "10.1.2.3/33",
            "10.1.2.3/16",
            "10.1.0.0/016",
            "10.1.0.0/+16",
            "10.1.0.0/",
            "10.1.0.0/16/16",
            "10.1/16",
            "010.1.0.0/16",
            "2001:DB8::/32",
            "2001:0db8::/32",
            "2001:db8:0:0::/32",
            "2001:db8::1/32",
            "2001:db8::/129",
            "::ffff:10.1.0.0/112",
            "::ffff:a01:0/112",
            "fe80::%eth0/10",
            "",
            "/",
            "::/",
        ] {
            assert!(!is_range(bad), "{bad}");
        }
    }
}
