//! `url`: one absolute URL at a listed host.
//!
//! Clients and servers read unusual URLs differently, and every difference is a way past a bound.
//! So the form is narrow: what is unusual does not match.

use alloc::format;
use alloc::vec::Vec;

use super::host;
use crate::address::{parse_v4, parse_v6};
use crate::constraint::examples::Examples;
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;
use crate::json::Json;
use crate::{place, place_of_any, rsplit_once, split, split_once};

pub(crate) use super::fits as misfit;

/// The most schemes, and the most hosts, of which each pair is an example.
const PAIRS: usize = 4;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    let [schemes, hosts, prefix, except] = spec.members;
    let Some(text) = asked.text().filter(|text| asked.steps.take(text.len())) else {
        return false;
    };
    let Some(url) = Url::parse(text) else {
        return false;
    };
    // What is left out comes first: steps that end there match nothing after it.
    !asked.any_text(except, &|host| url.is_at(host, Ports::All))
        && asked.any_text(schemes, &|scheme| scheme.eq_ignore_ascii_case(url.scheme))
        && asked.any_text(hosts, &|host| url.is_at(host, Ports::Own))
        && prefix.is_none_or(|prefix| prefix.as_str().is_some_and(|prefix| url.under(prefix)))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    let [schemes, hosts, prefix, except] = spec.members;
    words.say(Phrase::Web);
    words.names(hosts);
    if let Some(prefix) = prefix.and_then(Json::as_str) {
        words.say(Phrase::Under);
        words.name(prefix);
    }
    words.except(except);
    words.speech.out.push_str(" (");
    words.names(schemes);
    words.speech.out.push(')');
}

/// Whether each listed host is left out with each scheme.
pub(crate) fn leaves_nothing(spec: Spec<'_>) -> bool {
    let [schemes, hosts, _, except] = spec.members;
    let is_out = |scheme: &str, listed: &str| {
        let mut except = except
            .unwrap_or_default()
            .elements()
            .filter_map(Json::as_str);
        except.any(|one| {
            let (Some((out, out_port)), Some((host, port))) = (split_port(one), split_port(listed))
            else {
                return false;
            };
            let ports =
                out_port.is_none() || port_beside(scheme, out_port) == port_beside(scheme, port);
            ports && host::stands_for(out, host)
        })
    };
    let schemes = schemes
        .unwrap_or_default()
        .elements()
        .filter_map(Json::as_str);
    let hosts = || {
        hosts
            .unwrap_or_default()
            .elements()
            .filter_map(Json::as_str)
    };
    let mut pairs = schemes.flat_map(|scheme| hosts().map(move |host| (scheme, host)));
    except.is_some() && pairs.all(|(scheme, host)| is_out(scheme, host))
}

pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    let [_, hosts, prefix, _] = spec.members;
    let path = prefix.and_then(Json::as_str).unwrap_or("/");
    for scheme in spec.list().filter_map(Json::as_str).take(PAIRS) {
        for host in hosts.unwrap_or_default().elements().take(PAIRS) {
            let host = host::example(host.as_str().unwrap_or_default());
            found.string(&format!("{scheme}://{host}{path}"));
        }
    }
}

/// RFC 3986 section 3.1.
pub(crate) fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Whether a constraint may list `host`: `host` or `host:port`, where `*.` may stand for labels before
/// it. A scheme's own port may stand there; it means what it means in a URL, nothing.
pub(crate) fn is_listed_host(host: &str) -> bool {
    split_port(host).is_some_and(|(host, _)| host::is_pattern(host))
}

/// Which ports a listed host without one stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ports {
    /// The scheme's own.
    Own,
    /// All.
    All,
}

/// Whether a constraint may ask for this prefix: a path from `/` that a URL could have.
pub(crate) fn is_prefix(prefix: &str) -> bool {
    prefix.starts_with('/')
        && is_visible(prefix)
        && place_of_any(prefix, b"?#").is_none()
        && is_clean_path(prefix)
}

struct Url<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
    path: &'a str,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = split_once(text, ":")?;
        let rest = rest.strip_prefix("//")?;
        let end = place_of_any(rest, b"/?#").unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end)?;
        let path = tail.get(..place_of_any(tail, b"?#").unwrap_or(tail.len()))?;
        let (host, port) = split_port(authority)?;
        // Query and fragment are allowed after a path only.
        let whole = tail.is_empty() || tail.starts_with('/');
        let sound = is_visible(text) && is_scheme(scheme) && is_host(host) && is_clean_path(path);
        (sound && whole).then_some(Self {
            scheme,
            host,
            port: port_beside(scheme, port),
            path,
        })
    }

    fn is_at(&self, listed: &str, without: Ports) -> bool {
        split_port(listed).is_some_and(|(host, port)| {
            let all = port.is_none() && without == Ports::All;
            let same = all || port_beside(self.scheme, port) == self.port;
            same && host::stands_for(host, self.host)
        })
    }

    /// By whole segments. A URL without a path asks for `/` (RFC 9110 section 4.2.3).
    fn under(&self, prefix: &str) -> bool {
        let path = if self.path.is_empty() { "/" } else { self.path };
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
    }
}

/// Visible ASCII without backslash: browsers read `\` as `/`, others do not.
fn is_visible(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, 0x21..=0x7e) && byte != b'\\')
}

/// The port that a scheme means when none is written (the special schemes of the URL standard).
fn own_port(scheme: &str) -> Option<u16> {
    const OWN: [(&str, u16); 5] = [
        ("https", 443),
        ("http", 80),
        ("wss", 443),
        ("ws", 80),
        ("ftp", 21),
    ];
    OWN.into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(scheme))
        .map(|(_, port)| port)
}

/// The port, unless it is the one that the scheme means anyway.
fn port_beside(scheme: &str, port: Option<u16>) -> Option<u16> {
    port.filter(|port| Some(*port) != own_port(scheme))
}

/// `host` or `host:port`, without an empty port. Whether the host is one is for the caller to see.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let colon = match authority.strip_prefix('[') {
        Some(literal) => place(literal.as_bytes(), b']')?.checked_add(2)?,
        None => place(authority.as_bytes(), b':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(colon)?;
    let port = match port.strip_prefix(':') {
        Some(port) => Some(host::decimal(port).filter(|port| *port != 0)?),
        None if port.is_empty() => None,
        None => return None,
    };
    Some((host, port))
}

/// Whether a host is a name or an address in the one form that all readers read alike.
pub(super) fn is_host(host: &str) -> bool {
    if let Some(literal) = host.strip_prefix('[') {
        let address = literal.strip_suffix(']');
        return address.is_some_and(|address| parse_v6(address).is_some());
    }
    // A name whose last label is a number is read as an IPv4 address by browsers, in octal and
    // hexadecimal too: only the plain form may stand.
    let last = rsplit_once(host, b'.').map_or(host, |(_, last)| last);
    let hexadecimal = last.starts_with("0x") || last.starts_with("0X");
    if hexadecimal || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())) {
        return parse_v4(host).is_some();
    }
    // Names inside an organisation do have underscores.
    host::is_name(host, |byte| byte == b'_')
}

/// No `.` or `..` segment, and escapes that are harmless.
fn is_clean_path(path: &str) -> bool {
    !split(path, b'/').any(is_dots) && has_harmless_escapes(path)
}

/// Whether some server reads a segment as `.` or `..`: there are those that cut `;parameters` off before
/// they read the dots, and file systems that drop the blanks of a name.
fn is_dots(segment: &str) -> bool {
    let name = split(segment, b';').next().unwrap_or_default();
    let dots = name.bytes().filter(|byte| *byte == b'.').count();
    let mut rest = name;
    while !rest.is_empty() {
        let Some(shorter) = rest.strip_prefix('.').or_else(|| rest.strip_prefix("%20")) else {
            return false;
        };
        rest = shorter;
    }
    dots == 1 || dots == 2
}

/// Whether the escapes are characters in UTF-8 (RFC 3629: shortest form) that have no meaning in a path,
/// neither now nor after being decoded once more.
fn has_harmless_escapes(path: &str) -> bool {
    let mut decoded = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            // Whatever stands for itself is judged elsewhere. Here it ends a character.
            decoded.push(b'a');
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let high = digit(rest.next());
        let Some((high, low)) = high.zip(digit(rest.next())) else {
            return false;
        };
        let Ok(byte) = u8::try_from(high.wrapping_shl(4) | low) else {
            return false;
        };
        decoded.push(byte);
    }
    core::str::from_utf8(&decoded).is_ok_and(|decoded| {
        !decoded.contains(|escaped: char| {
            escaped.is_control() || matches!(escaped, '/' | '\\' | '.' | '%' | ';')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::is_clean_path;

    #[test]
    fn no_segment_is_dots_for_any_server() {
        for good in [
            "",
            "/",
            "/v1/a%20b",
            "/v1/...",
            "/v1/a..",
            "/v1/.a",
            "/v1/%20",
            "/v1/..%20a",
        ] {
            assert!(is_clean_path(good), "{good}");
        }
        for bad in [
            "/v1/.",
            "/v1/../a",
            "/v1/..;x/a",
            "/v1/..%20/a",
            "/v1/%20../a",
            "/v1/.%20./a",
            "/v1/.%20",
            "/v1/..%20%20;x",
            "/v1/%2e%2e/a",
            "/v1/..%00",
        ] {
            assert!(!is_clean_path(bad), "{bad}");
        }
    }
}
