//! The kinds for addresses, beside readers that are written the other way round: they do not say what is
//! allowed, they do what mail programs, networks and servers do, several times over. Whatever a constraint
//! lets through must come out where it was meant to.

use std::net::{IpAddr, Ipv6Addr};

use ambit_core::json::{Document, Profile};
use ambit_core::{Steps, constraint};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn matches(spec: &Value, value: &str) -> bool {
    let (spec, value) = (spec.to_string(), json!(value).to_string());
    let spec = Document::parse(spec.as_bytes(), Profile::Signed).unwrap();
    let value = Document::parse(value.as_bytes(), Profile::Request).unwrap();
    assert!(constraint::well_formed(spec.root()));
    constraint::matches(spec.root(), Some(value.root()), &Steps::new())
}

/// Texts put together from pieces, so that what is nearly right is common.
fn pieces(list: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(select(list), 0..most).prop_map(|parts| parts.concat())
}

/// Where packets to an address go: to an IPv4 address where it carries one.
fn carriers(address: Ipv6Addr) -> Vec<(Ipv6Addr, u32)> {
    let [a, b, c, d, e, f, g, _] = address.segments();
    let cut =
        |length: u32| Ipv6Addr::from_bits(address.to_bits() >> (128 - length) << (128 - length));
    let mut found = Vec::new();
    let own = address.is_unspecified() || address.is_loopback();
    if [a, b, c, d, e, f] == [0; 6] && !own {
        found.push(96);
    }
    if [a, b, c, d, e, f] == [0, 0, 0, 0, 0, 0xffff]
        || [a, b, c, d, e, f] == [0, 0, 0, 0, 0xffff, 0]
    {
        found.push(96);
    }
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        found.push(96);
    }
    if [a, b, c] == [0x64, 0xff9b, 1] {
        found.push(48);
    }
    if a == 0x2002 {
        found.push(16);
    }
    if [a, b] == [0x2001, 0] {
        found.push(32);
    }
    if f == 0x5efe && [0, 0x100, 0x200, 0x300].contains(&e) && !own {
        found.push(96);
    }
    let _ = (d, g);
    found
        .into_iter()
        .map(|length| (cut(length), length))
        .collect()
}

fn holds(network: IpAddr, length: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (0..length).all(|bit| (network.to_bits() ^ address.to_bits()) << bit >> 31 == 0)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let inside = |network: Ipv6Addr, length: u32, address: Ipv6Addr| {
                (0..length).all(|bit| (network.to_bits() ^ address.to_bits()) << bit >> 127 == 0)
            };
            inside(network, length, address)
                && carriers(address)
                    .into_iter()
                    .all(|(prefix, most)| length >= most && inside(prefix, most, network))
        }
        _ => false,
    }
}

/// An address near the prefixes that matter.
fn address() -> impl Strategy<Value = Ipv6Addr> {
    let group = || {
        select(
            &[
                0_u16, 1, 0x64, 0x100, 0x200, 0x2001, 0x2002, 0x5efe, 0xfe80, 0xff9b, 0xffff, 0xa00,
            ][..],
        )
    };
    prop_oneof![
        4 => prop::array::uniform8(group()).prop_map(|groups| Ipv6Addr::from(groups).to_bits()),
        2 => (group(), group(), any::<u32>()).prop_map(|(a, b, low)| u128::from(a) << 112 | u128::from(b) << 96 | u128::from(low)),
        1 => any::<u128>(),
        1 => 0_u128..4,
    ]
    .prop_map(Ipv6Addr::from_bits)
}

/// What a mail program makes of encoded-words, roughly: what they hold.
fn decoded_words(text: &str) -> String {
    match text.split_once("=?") {
        Some((before, word)) => {
            format!("{before} {}", word.replace("=40", "@").replace("=3e", ">"))
        }
        None => text.to_owned(),
    }
}

/// Where a server ends that decodes so many times, reads a backslash as a slash and cuts parameters off:
/// the segments from the top, or `None` where it left the top.
fn walked(path: &str, times: usize) -> Option<Vec<String>> {
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..times {
        bytes = decoded_once(&bytes);
    }
    let text = bytes
        .iter()
        .map(|byte| char::from(*byte))
        .collect::<String>();
    let mut at = Vec::new();
    for segment in text.split(['/', '\\']) {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => {
                at.pop()?;
            }
            name => at.push(name.to_owned()),
        }
    }
    Some(at)
}

/// Escapes decoded, overlong forms of ASCII as well.
fn decoded_once(bytes: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let code =
            code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(code) => {
                out.push(code);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
        // 110000xx 10xxxxxx: a character that needs one byte, in two.
        if let [.., high @ (0xc0 | 0xc1), low @ 0x80..=0xbf] = out[..] {
            out.truncate(out.len() - 2);
            out.push((high & 1) << 6 | (low & 0x3f));
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn cidr_is_what_networks_do(address in address(), network in address(), own in any::<bool>(), length in 0_u32..=128) {
        // Half of the ranges are made of the address, else hardly any would hold it.
        let network = if own { address } else { network };
        let network = Ipv6Addr::from_bits(network.to_bits().checked_shr(128 - length).unwrap_or(0).checked_shl(128 - length).unwrap_or(0));
        let spec = json!({"constraint_type": "cidr", "ranges": [format!("{network}/{length}")]});
        let wanted = holds(network.into(), length, address.into());
        prop_assert_eq!(matches(&spec, &address.to_string()), wanted, "{} in {}/{}", address, network, length);
        // Whatever its spelling.
        let [a, b, c, d, e, f, g, h] = address.segments();
        let long = format!("{a:04X}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:04x}");
        prop_assert_eq!(matches(&spec, &long), wanted, "{}", long);
        // An IPv4 range never holds what an IPv6 address carries.
        let all = json!({"constraint_type": "cidr", "ranges": ["0.0.0.0/0"]});
        prop_assert!(!matches(&all, &address.to_string()));
    }

    #[test]
    fn an_address_is_read_by_nobody_as_another(text in pieces(&[
        "a", "ann", ".", "@", "customer.example", "evil.example", "=?", "?=", "=40", "=3e", "utf-8?q?", "\"", " ", ",", "<", ">", "(", ")", "[", "]", ":", ";", "\\", "%", "!", "+", "\r\n", "\0", "é",
    ], 7), tail in any::<bool>()) {
        let text = if tail { format!("{text}@customer.example") } else { text };
        let spec = json!({"constraint_type": "email_domain", "values": ["customer.example"]});
        if matches(&spec, &text) {
            let read = decoded_words(&text);
            prop_assert_eq!(&read, &text);
            let parts: Vec<&str> = read.split('@').collect();
            prop_assert_eq!(parts.len(), 2);
            prop_assert_eq!(parts[1], "customer.example");
            prop_assert!((1..=64).contains(&parts[0].len()));
            let plain = |c: char| c.is_ascii_graphic() && !"\"(),:;<>[\\]".contains(c);
            prop_assert!(parts[0].chars().all(plain), "{}", text);
        }
    }

    #[test]
    fn a_path_leads_where_it_says_however_often_it_is_decoded(tail in pieces(&[
        "a", "/", "..", ".", ";", "x=1", "%2e", "%2E", "%252e", "%2f", "%5c", "\\", "%25", "%3b", "%c0%ae", "%c0%af", "%e0%80%ae", "%00", "%0a", "%20", "%c3%a9", "%41", "%", "%u002e", "%c3", "//", "?", "#",
    ], 8)) {
        let spec = json!({"constraint_type": "url", "schemes": ["https"], "hosts": ["a.example"], "path_prefix": "/v1"});
        let url = format!("https://a.example/v1{tail}");
        if matches(&spec, &url) {
            let path = url["https://a.example".len()..].split(['?', '#']).next().unwrap();
            let first = walked(path, 1);
            for times in 0..4 {
                let walked = walked(path, times);
                let top = walked.as_ref().and_then(|at| at.first()).map(String::as_str);
                prop_assert_eq!(top, Some("v1"), "{} decoded {} times", path, times);
                prop_assert!(times == 0 || walked == first, "{} decoded {} times", path, times);
            }
        }
    }

    #[test]
    fn an_authority_has_one_host(authority in pieces(&[
        "a.example", "evil.example", "@", ":", "443", "0", "65536", "8443", ".", "%2e", "[", "]", "::1", "\\", "/", "?", "#", " ", "\t", "A.EXAMPLE", "-", "_",
    ], 6)) {
        let spec = json!({"constraint_type": "url", "schemes": ["https"], "hosts": ["a.example", "a.example:8443"]});
        let url = format!("https://{authority}/x");
        if matches(&spec, &url) {
            // The widest and the narrowest reading of where the authority ends agree.
            let rest = &url["https://".len()..];
            let narrow = rest.split(['/', '?', '#', '\\', '@', ':']).next().unwrap();
            let wide = rest.split('/').next().unwrap().rsplit('@').next().unwrap().split(':').next().unwrap();
            prop_assert!(narrow.eq_ignore_ascii_case("a.example"), "{}", url);
            prop_assert!(wide.eq_ignore_ascii_case("a.example"), "{}", url);
        }
    }
}
