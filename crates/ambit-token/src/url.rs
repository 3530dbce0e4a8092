//! When two URLs are the same for a proof of possession: RFC 9449 section 4.3 compares them without
//! query and fragment, after the normalisation of RFC 3986 sections 6.2.2 and 6.2.3.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::{place, place_of_any, split, split_once};

/// Whether both are http or https URLs, and the same one.
#[must_use]
pub fn same(left: &str, right: &str) -> bool {
    let left = normal(left);
    left.is_some() && left == normal(right)
}

/// The URL as everybody would write it. `None` for what no client sends: another scheme, user-info, an
/// escape or a character that does not belong there.
fn normal(url: &str) -> Option<String> {
    let (scheme, rest) = split_once(
        url.get(..place_of_any(url, b"?#").unwrap_or(url.len()))?,
        "://",
    )?;
    let (authority, path) = match place(rest.as_bytes(), b'/') {
        Some(at) => rest.split_at_checked(at)?,
        None => (rest, "/"),
    };
    let scheme = scheme.to_ascii_lowercase();
    let own_port = match scheme.as_str() {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    let (host, port) = host_and_port(authority)?;
    let mut out = scheme;
    out.push_str("://");
    out.push_str(&host.to_ascii_lowercase());
    if !port.is_empty() && port != own_port {
        out.push(':');
        out.push_str(port);
    }
    push_path(&mut out, &decoded(path)?);
    Some(out)
}

/// A name or an address in brackets, and a port or nothing. User-info has no place here.
fn host_and_port(authority: &str) -> Option<(&str, &str)> {
    let end = place(authority.as_bytes(), b']').map_or(0, |at| at.saturating_add(1));
    let (host, port) = match authority.get(end..)?.bytes().rposition(|byte| byte == b':') {
        Some(at) => authority.split_at_checked(end.saturating_add(at))?,
        None => (authority, ""),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    let number = port.parse::<u16>().unwrap_or_default();
    let is_port = port.is_empty()
        || (number > 0 && port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0'));
    let inside = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match inside {
        Some(address) => address
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')),
        None => host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')),
    };
    (is_port && is_host && !inside.unwrap_or(host).is_empty()).then_some((host, port))
}

/// Escapes of unreserved characters stand for themselves, the others in capitals (section 6.2.2). An
/// escaped slash stays one: it is part of a segment.
fn decoded(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            let visible = byte.is_ascii_graphic() && byte != b'\\';
            out.push(visible.then_some(char::from(byte))?);
            continue;
        }
        let (high, low) = (char::from(bytes.next()?), char::from(bytes.next()?));
        let code = high.to_digit(16)?.checked_mul(16)?;
        let code = code.checked_add(low.to_digit(16)?)?;
        let one = char::from(u8::try_from(code).ok()?);
        if one.is_ascii_alphanumeric() || matches!(one, '-' | '.' | '_' | '~') {
            out.push(one);
        } else {
            out.push('%');
            out.push(high.to_ascii_uppercase());
            out.push(low.to_ascii_uppercase());
        }
    }
    Some(out)
}

/// The path without dot segments (sections 5.2.4 and 6.2.2.3): on both sides alike, so that a proof for
/// one resource is none for another.
fn push_path(out: &mut String, path: &str) {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_dots = false;
    for segment in split(path, b'/').skip(1) {
        ends_in_dots = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    if ends_in_dots {
        kept.push("");
    }
    for segment in kept {
        out.push('/');
        out.push_str(segment);
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    const URL: &str = "https://mail.example/v1/~ann/a%2Fb";

    #[test]
    fn equal_after_normalisation() {
        for url in [
            URL,
            "https://mail.example/v1/~ann/a%2Fb?x=1",
            "https://mail.example/v1/~ann/a%2Fb#top",
            "HTTPS://MAIL.example:443/v1/~ann/a%2Fb",
            "https://mail.example:/v1/~ann/a%2Fb",
            "https://mail.example/v1/%7Eann/a%2fb",
            "https://mail.example/%76%31/%7eann/a%2fb",
            "https://mail.example/v1/./x/../~ann/a%2Fb",
            "https://mail.example/v1/x/%2e%2E/~ann/a%2Fb",
        ] {
            assert!(same(url, URL) && same(URL, url), "{url}");
        }
        for (left, right) in [
            ("https://mail.example", "https://mail.example/"),
            ("http://mail.example:80?x", "http://mail.example/#y"),
            ("https://mail.example/a/..", "https://mail.example/"),
            ("https://mail.example/a/b/.", "https://mail.example/a/b/"),
            ("https://mail.example/../a", "https://mail.example/a"),
            ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]/"),
            ("http://mail.example:8443/", "http://MAIL.example:8443/"),
        ] {
            assert!(same(left, right), "{left} {right}");
        }
    }

    #[test]
    fn everything_else_is_another() {
        for url in [
            "http://mail.example/v1/~ann/a%2Fb",
            "https://mail.example:8443/v1/~ann/a%2Fb",
            "https://mail.example:80/v1/~ann/a%2Fb",
            "https://mail.example/v1/~ann/a%2Fb/",
            "https://mail.example/V1/~ann/a%2Fb",
            "https://mail.example/v1/~ann/a/b",
            "https://mail.example/v1/~ann/a%252Fb",
            "https://mail.example//v1/~ann/a%2Fb",
            "https://mail.example/v1/../~ann/a%2Fb",
            "https://mail.example./v1/~ann/a%2Fb",
            "https://mail.example.evil.example/v1/~ann/a%2Fb",
            "/v1/~ann/a%2Fb",
            "",
        ] {
            assert!(!same(url, URL) && !same(URL, url), "{url}");
        }
    }

    /// Not even the same as itself: two texts that are no URLs are not the same one.
    #[test]
    fn what_no_client_sends_is_no_url() {
        for url in [
            "",
            "/v1",
            "ftp://mail.example/",
            "https:///v1",
            "https://[]/",
            "https://ann@mail.example/",
            "https://ann:secret@mail.example/",
            "https://@mail.example/",
            "https://mail.example@evil.example/",
            "https://mail.example:0/",
            "https://mail.example:00/",
            "https://mail.example:0443/",
            "https://mail.example:+443/",
            "https://mail.example:65536/",
            "https://mail.example:44x/",
            "https://mail%2Eexample/",
            "https://m\u{e4}il.example/",
            "https://mail.example/\u{e4}",
            "https://mail.example/a b",
            "https://mail.example\\v1",
            "https://mail.example/\\v1",
            "https://mail.example/%",
            "https://mail.example/%4",
            "https://mail.example/%+1",
            "https://mail.example/%zz",
        ] {
            assert!(!same(url, url), "{url}");
        }
    }
}
