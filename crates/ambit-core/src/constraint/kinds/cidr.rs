//! `cidr`: a network address in a range.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::host;
use crate::address::{parse_v4, parse_v6, v4_text, v6_text};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;
use crate::json::Json;
use crate::{place, split_once};

pub(crate) use super::fits as misfit;

/// The longest text of an address: eight groups of four digits, or six and an IPv4 address.
const LONGEST: usize = 45;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    let [ranges, except, ..] = spec.members;
    let paid = |text: &&str| asked.steps.take(text.len().min(LONGEST));
    asked
        .text()
        .filter(paid)
        .and_then(address)
        .is_some_and(|address| {
            let left_out =
                |range: &str| Range::parse(range).is_some_and(|one| one.may_hold(address));
            let listed = |range: &str| match range {
                PUBLIC => is_public(address),
                range => Range::parse(range).is_some_and(|range| range.holds(address)),
            };
            // What is left out comes first: steps that end there match nothing after it.
            !asked.any_text(except, &left_out) && asked.any_text(ranges, &listed)
        })
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    let [ranges, except, ..] = spec.members;
    words.say(Phrase::Network);
    words.speech.listed(
        ranges,
        Phrase::Or,
        &mut |speech, range| match range.as_str() {
            Some(PUBLIC) => speech.say(Phrase::Public),
            range => speech.name(range.unwrap_or_default()),
        },
    );
    words.except(except);
}

/// Whether the ranges that are left out cover each listed one, alone or together.
pub(crate) fn leaves_nothing(spec: Spec<'_>) -> bool {
    let [_, except, ..] = spec.members;
    let out: Vec<Range> = except
        .unwrap_or_default()
        .elements()
        .filter_map(|range| Range::parse(range.as_str()?))
        .collect();
    let is_out = |listed: &str| match listed {
        PUBLIC => is_covered(&PUBLIC_4, &out) && is_covered(&PUBLIC_6, &out),
        listed => Range::parse(listed).is_some_and(|listed| {
            // Any range of IPv4 that is left out takes all along that carry an address of IPv4.
            let carries = listed.family == 128
                && carried(listed.network) > 0
                && carried(listed.network) <= listed.family.saturating_sub(listed.host_bits);
            let ipv4 = out.iter().any(|one| one.family == 32);
            carries && ipv4 || is_covered(&listed, &out)
        }),
    };
    let mut listed = spec.list().filter_map(Json::as_str);
    !out.is_empty() && listed.all(is_out)
}

/// What all public addresses lie within.
const PUBLIC_4: Range = Range {
    network: 0,
    family: 32,
    host_bits: 32,
};
const PUBLIC_6: Range = Range {
    network: 0x2000 << 112,
    family: 128,
    host_bits: 125,
};

/// Whether each address of a range is in one of these.
fn is_covered(range: &Range, by: &[Range]) -> bool {
    let last = range.last();
    let mut at = range.network;
    loop {
        let here =
            |one: &&Range| one.family == range.family && one.network <= at && at <= one.last();
        let Some(end) = by.iter().filter(here).map(Range::last).max() else {
            return false;
        };
        match end.checked_add(1) {
            Some(next) if end < last => at = next,
            _ => return true,
        }
    }
}

/// The first address of each range.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    for range in spec.list().filter_map(Json::as_str) {
        let address = split_once(range, "/").map_or(ANY, |(address, _)| address);
        found.string(address);
    }
}

/// The name of all public addresses, and one of them.
const PUBLIC: &str = "public";
const ANY: &str = "8.8.8.8";

/// Whether a constraint may list `range`: one that it may leave out, or [`PUBLIC`].
pub(crate) fn is_listed(range: &str) -> bool {
    range == PUBLIC || is_range(range)
}

/// Whether a constraint may leave out `range`: `address/length` in the one form that RFC 5952 section 4
/// and RFC 4632 write, without host bits.
pub(crate) fn is_range(range: &str) -> bool {
    Range::parse(range).is_some()
}

/// Networks of IPv4, with their lengths, that are not reachable from everywhere (the IANA IPv4
/// Special-Purpose Address Registry, RFC 6890; multicast and reserved: RFC 1112 section 4).
const NOT_PUBLIC_4: [(u32, u32); 14] = [
    (0, 8),
    (0x0a00_0000, 8),
    (0x6440_0000, 10),
    (0x7f00_0000, 8),
    (0xa9fe_0000, 16),
    (0xac10_0000, 12),
    (0xc000_0000, 24),
    (0xc000_0200, 24),
    (0xc058_6300, 24),
    (0xc0a8_0000, 16),
    (0xc612_0000, 15),
    (0xc633_6400, 24),
    (0xcb00_7100, 24),
    (0xe000_0000, 3),
];

/// The same of the first 32 bits of IPv6: what is not global unicast (RFC 4291 section 2.4), protocol
/// assignments with Teredo, documentation, 6to4, documentation (RFC 9637).
const NOT_PUBLIC_6: [(u32, u32); 7] = [
    (0, 3),
    (0x4000_0000, 2),
    (0x8000_0000, 1),
    (0x2001_0000, 23),
    (0x2001_0db8, 32),
    (0x2002_0000, 16),
    (0x3fff_0000, 20),
];

/// Whether an address is reachable from everywhere. One that carries an IPv4 address is not: whom it
/// reaches depends on who forwards it.
fn is_public((address, family): (u128, u32)) -> bool {
    let (networks, bits) = match family {
        32 => (&NOT_PUBLIC_4[..], address),
        _ if carried(address) > 0 => return false,
        _ => (&NOT_PUBLIC_6[..], address >> 96),
    };
    let Ok(bits) = u32::try_from(bits) else {
        return false;
    };
    let within = |one: &(u32, u32)| (bits ^ one.0).leading_zeros() >= one.1;
    !networks.iter().any(within)
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
    if place(text.as_bytes(), b':').is_some() {
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
        let (text, length) = split_once(range, "/")?;
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

    /// Its last address.
    const fn last(&self) -> u128 {
        match u128::MAX.checked_shl(self.host_bits) {
            Some(mask) => self.network | !mask,
            None => u128::MAX,
        }
    }

    /// Whether a packet to the address may end in the range: an IPv6 address that carries an IPv4 one may
    /// end in any range of IPv4.
    fn may_hold(&self, (address, family): (u128, u32)) -> bool {
        match family == self.family {
            true => self.network_of(address) == self.network,
            false => family == 128 && carried(address) > 0,
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
