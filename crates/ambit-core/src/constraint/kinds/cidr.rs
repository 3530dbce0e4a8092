//! `cidr`: a network address in a range.

use alloc::format;
use alloc::string::String;

use super::host;
use crate::Steps;
use crate::address::{parse_v4, parse_v6, v4_text, v6_text};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;
use crate::json::Json;

pub(crate) use super::fits as misfit;

/// The longest text of an address: eight groups of four digits, or six and an IPv4 address.
const LONGEST: usize = 45;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    let text = asked.text();
    text.is_some_and(|text| is_in(spec, text, asked.steps))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.say(Phrase::Network);
    words.names(spec.first());
}

/// The first address of each range.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    for range in spec.list().filter_map(Json::as_str) {
        let address = range.split_once('/').map_or(range, |(address, _)| address);
        found.string(address);
    }
}

/// Whether a constraint may list `range`: `address/length` in the one form that RFC 5952 section 4
/// and RFC 4632 write, without host bits.
pub(crate) fn is_range(range: &str) -> bool {
    Range::parse(range).is_some()
}

/// Whether `text` is a bare address in a range of its own family.
fn is_in(spec: Spec<'_>, text: &str, steps: &Steps) -> bool {
    if !steps.take(text.len().min(LONGEST)) {
        return false;
    }
    let Some(address) = address(text) else {
        return false;
    };
    spec.list().filter_map(Json::as_str).any(|range| {
        steps.take(range.len()) && Range::parse(range).is_some_and(|range| range.holds(address))
    })
}

/// Prefixes of IPv6 whose addresses carry an IPv4 one: network and length.
const CARRIERS: [(u128, u32); 7] = [
    // Mapped and compatible (RFC 4291 section 2.5.5), translated (RFC 2765 section 2.1).
    (0xffff << 32, 96),
    (0, 96),
    (0xffff << 48, 96),
    // NAT64 (RFC 6052 section 2.1, RFC 8215).
    (0x64_ff9b << 96, 96),
    (0x64_ff9b_0001 << 80, 48),
    // 6to4 (RFC 3056 section 2) and Teredo (RFC 4380 section 2.6).
    (0x2002 << 112, 16),
    (0x2001 << 112, 32),
];

/// The upper half of an interface identifier of ISATAP (RFC 5214 section 6.1), whose two bits "ug" say
/// what the IPv4 address below it is.
const ISATAP: u128 = 0x5efe;
const ISATAP_BITS: u128 = 0xfcff_ffff;

/// How long the prefix of a range must be to say that it means the IPv4 address which `address`
/// carries: packets end there, not at an address of the wider range.
fn carried(address: u128) -> u32 {
    // Unspecified and loopback are addresses of IPv6 itself.
    if address <= 1 {
        return 0;
    }
    let isatap = address.wrapping_shr(32) & ISATAP_BITS == ISATAP;
    let of = |(network, length): (u128, u32)| {
        let same = (address ^ network).leading_zeros() >= length;
        if same { length } else { 0 }
    };
    let prefix = CARRIERS.into_iter().map(of).max().unwrap_or_default();
    prefix.max(if isatap { 96 } else { 0 })
}

/// An address and its family's number of bits, as one number. Leading zeros, missing parts and zones are
/// refused.
fn address(text: &str) -> Option<(u128, u32)> {
    if text.len() > LONGEST {
        return None;
    }
    if text.as_bytes().contains(&b':') {
        Some((parse_v6(text)?, 128))
    } else {
        Some((parse_v4(text)?.into(), 32))
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
        let normal = family == 32 || is_canonical(text, network);
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
        let length = self.family.saturating_sub(self.host_bits);
        family == self.family
            && self.network_of(address) == self.network
            && (family == 32 || length >= carried(address))
    }
}

/// Whether `text` is how RFC 5952 writes `address`; the mapped ones in either of its two forms.
fn is_canonical(text: &str, address: u128) -> bool {
    let carried = match (address >> 32, u32::try_from(address & 0xffff_ffff)) {
        (0xffff, Ok(carried)) => format!("::ffff:{}", v4_text(carried)),
        _ => String::new(),
    };
    text == v6_text(address) || text == carried
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
            "::ffff:10.1.0.0/112",
            "::ffff:a01:0/112",
            "::ffff:0:0/96",
            "64:ff9b::/96",
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
            "::ffff:10.1.0.1/112",
            "::ffff:10.1.0.0/16",
            "::ffff:0a01:0/112",
            "::10.1.0.0/112",
            "fe80::%eth0/10",
            "",
            "/",
            "::/",
        ] {
            assert!(!is_range(bad), "{bad}");
        }
    }
}
