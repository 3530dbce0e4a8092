//! IPv4 and IPv6 addresses as text. `core::net` reads and writes the same ones, in six times as much code;
//! `tests/addresses.rs` compares the two.

use alloc::format;
use alloc::string::String;

use crate::find::{place, split, split_once};

const GROUPS: usize = 8;

/// Reads four numbers of at most three digits, without leading zeros.
#[must_use]
pub fn parse_v4(text: &str) -> Option<u32> {
    let mut bits = 0_u32;
    let mut count = 0_u32;
    for part in split(text, b'.') {
        let normal = part.len() == 1 || !part.starts_with('0');
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        let number: u8 = part.parse().ok().filter(|_| normal && digits)?;
        bits = bits.wrapping_shl(8) | u32::from(number);
        count = count.saturating_add(1);
    }
    (count == 4).then_some(bits)
}

/// Reads eight groups of at most four hexadecimal digits, of which `::` stands for one or more that are
/// zero; the last two may be written as an IPv4 address. No zone.
#[must_use]
pub fn parse_v6(text: &str) -> Option<u128> {
    let Some((head, tail)) = split_once(text, "::") else {
        let (bits, count) = groups(text, true)?;
        return (count == GROUPS).then_some(bits);
    };
    let (high, before) = groups(head, false)?;
    let (low, behind) = groups(tail, true)?;
    if before.saturating_add(behind) >= GROUPS {
        return None;
    }
    // No shift by all bits: without a group before it there is nothing to shift.
    let free = GROUPS.saturating_sub(before).saturating_mul(16);
    let shifted = high.checked_shl(u32::try_from(free).ok()?);
    Some(shifted.unwrap_or_default() | low)
}

/// The bits of groups between colons, and how many there are; none in an empty text.
fn groups(text: &str, may_end_in_v4: bool) -> Option<(u128, usize)> {
    let mut bits = 0_u128;
    let mut count = 0_usize;
    let mut rest = Some(text).filter(|text| !text.is_empty());
    while let Some(list) = rest {
        let (group, further) = match split_once(list, ":") {
            Some((group, further)) => (group, Some(further)),
            None => (list, None),
        };
        rest = further;
        if rest.is_none() && may_end_in_v4 && place(group.as_bytes(), b'.').is_some() {
            bits = bits.wrapping_shl(32) | u128::from(parse_v4(group)?);
            count = count.saturating_add(2);
        } else {
            let digits = group.bytes().all(|byte| byte.is_ascii_hexdigit());
            let short = group.len() <= 4;
            let number = u16::from_str_radix(group, 16).ok();
            bits = bits.wrapping_shl(16) | u128::from(number.filter(|_| digits && short)?);
            count = count.saturating_add(1);
        }
        if count > GROUPS {
            return None;
        }
    }
    Some((bits, count))
}

/// An IPv4 address in the only form that [`parse_v4`] reads.
#[must_use]
pub fn v4_text(bits: u32) -> String {
    let [a, b, c, d] = bits.to_be_bytes();
    format!("{a}.{b}.{c}.{d}")
}

/// An IPv6 address as RFC 5952 section 4 writes it, never with an IPv4 address inside: the longest row of
/// groups that are zero, the first of two, is left out where it is more than one.
#[must_use]
pub fn v6_text(bits: u128) -> String {
    let group = |at: usize| {
        let behind = GROUPS
            .saturating_sub(at)
            .saturating_sub(1)
            .saturating_mul(16);
        bits.wrapping_shr(u32::try_from(behind).unwrap_or_default()) & 0xffff
    };
    let (mut from, mut most) = (0, 1);
    for start in 0..GROUPS {
        let zeros = (start..GROUPS).take_while(|at| group(*at) == 0).count();
        if zeros > most {
            (from, most) = (start, zeros);
        }
    }
    let left_out = if most > 1 {
        from..from.saturating_add(most)
    } else {
        0..0
    };
    let mut text = String::new();
    let mut at = 0;
    while at < GROUPS {
        if left_out.contains(&at) {
            text.push_str("::");
            at = left_out.end;
            continue;
        }
        if at > 0 && !text.ends_with(':') {
            text.push(':');
        }
        text = format!("{text}{:x}", group(at));
        at = at.saturating_add(1);
    }
    text
}
