//! Where a policy lies.

use std::fmt;

use crate::error::StoreError;

/// Bytes of an address.
const LONGEST: usize = 2048;
/// Bytes of a name in a registry, and of a tag (OCI distribution specification 1.1, "Pulling manifests").
const NAME: usize = 255;
const TAG: usize = 128;

/// Where a policy lies: a file behind `https://`, or an artefact of a registry, `oci://HOST/NAME:TAG` or
/// `oci://HOST/NAME@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(pub(crate) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Http {
        /// The whole address.
        url: String,
        origin: Origin,
    },
    Oci {
        authority: String,
        name: String,
        reference: Reference,
    },
}

/// Which artefact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Tag(String),
    /// `sha256:` and 64 hexadecimal digits.
    Digest(String),
}

/// A server: answers of one do not speak for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) is_tls: bool,
    /// Host and port, the port only where it was named.
    pub(crate) authority: String,
}

impl Address {
    /// Whether a text is meant as an address, and not as the path of a file.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        ["http://", "https://", "oci://"]
            .iter()
            .any(|scheme| starts_with(text, scheme))
    }

    /// Reads an address.
    ///
    /// # Errors
    ///
    /// `store.address`
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        if starts_with(text, "oci://") {
            return Self::oci(text);
        }
        let (origin, path) = split(text)?;
        if path.len() < 2 || path.contains('?') || path.ends_with('/') {
            return Err(wrong(
                text,
                "it names a file: `https://host/policy.wasm`, without a query",
            ));
        }
        Ok(Self(Kind::Http {
            url: text.to_owned(),
            origin,
        }))
    }

    fn oci(text: &str) -> Result<Self, StoreError> {
        let rest = text.get("oci://".len()..).unwrap_or_default();
        let form = "an artefact is `oci://host/name:tag` or `oci://host/name@sha256:…`";
        let (authority, rest) = rest.split_once('/').ok_or_else(|| wrong(text, form))?;
        if !is_authority(authority) {
            return Err(wrong(text, form));
        }
        let (name, reference) = if let Some((name, digest)) = rest.split_once('@') {
            if !is_digest(digest) {
                return Err(wrong(
                    text,
                    "a digest is `sha256:` and 64 small hexadecimal digits",
                ));
            }
            (name, Reference::Digest(digest.to_owned()))
        } else {
            let found = rest.rsplit_once(':');
            let (name, tag) = found.ok_or_else(|| wrong(text, "it has no tag and no digest"))?;
            if !is_tag(tag) {
                return Err(wrong(text, "this is no tag"));
            }
            (name, Reference::Tag(tag.to_owned()))
        };
        if !is_name(name) {
            let why = "the name has small letters and digits, with `.`, `_`, `-` and `/` between";
            return Err(wrong(text, why));
        }
        Ok(Self(Kind::Oci {
            authority: authority.to_owned(),
            name: name.to_owned(),
            reference,
        }))
    }

    /// Whether what lies there can never be another.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        matches!(
            self.0,
            Kind::Oci {
                reference: Reference::Digest(_),
                ..
            }
        )
    }

    /// Whether it is an artefact of a registry.
    #[must_use]
    pub const fn is_oci(&self) -> bool {
        matches!(self.0, Kind::Oci { .. })
    }

    /// The same artefact, by this digest.
    #[must_use]
    pub(crate) fn at_digest(&self, digest: &str) -> String {
        match &self.0 {
            Kind::Http { url, .. } => url.clone(),
            Kind::Oci {
                authority, name, ..
            } => format!("oci://{authority}/{name}@{digest}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Http { url, .. } => f.write_str(url),
            Kind::Oci {
                authority,
                name,
                reference,
            } => match reference {
                Reference::Tag(tag) => write!(f, "oci://{authority}/{name}:{tag}"),
                Reference::Digest(digest) => write!(f, "oci://{authority}/{name}@{digest}"),
            },
        }
    }
}

impl Origin {
    /// Without the port.
    pub(crate) fn host(&self) -> &str {
        host(&self.authority)
    }

    /// Whether two addresses lead to one server.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_tls == other.is_tls
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port() == other.port()
    }

    fn port(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((_, port)) if !port.contains(']') => port,
            _ if self.is_tls => "443",
            _ => "80",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// Server and path of an `http` or `https` address.
pub(crate) fn split(text: &str) -> Result<(Origin, &str), StoreError> {
    let (is_tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        _ => {
            return Err(wrong(
                text,
                "an address begins with `https://` or `oci://`, in small letters",
            ));
        }
    };
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#@".contains(&byte);
    if text.len() > LONGEST || !text.bytes().all(plain) {
        return Err(wrong(
            text,
            "it is too long, or has characters that no address has here (`@`, `#`, spaces)",
        ));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !is_authority(authority) {
        return Err(wrong(text, "it names no host"));
    }
    let origin = Origin {
        is_tls,
        authority: authority.to_owned(),
    };
    Ok((origin, path))
}

/// Whether a host is this machine by its name or number.
pub(crate) fn is_own(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let number: Option<std::net::IpAddr> = bare.parse().ok();
    host.eq_ignore_ascii_case("localhost") || number.is_some_and(|number| number.is_loopback())
}

/// Without the port.
pub(crate) fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

fn is_authority(text: &str) -> bool {
    let host = host(text);
    let port = text.get(host.len()..).unwrap_or_default();
    let is_port = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }
        None => port.is_empty(),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
            !host.is_empty() && host.bytes().all(plain)
        }
    };
    is_host && is_port
}

fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let ends = part.bytes().next().is_some_and(small) && part.bytes().last().is_some_and(small);
        ends && part
            .bytes()
            .all(|byte| small(byte) || b"._-".contains(&byte))
            && !part.contains("..")
    };
    text.len() <= NAME && text.split('/').all(is_part)
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= TAG
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || b".-".contains(&byte))
}

pub(crate) fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64
        && hex
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn starts_with(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

fn wrong(text: &str, why: &str) -> StoreError {
    // What stands before an `@` may be a password.
    let shown = match text.split_once("://") {
        Some((scheme, rest)) if rest.split('/').next().is_some_and(|own| own.contains('@')) => {
            format!("{scheme}://…")
        }
        _ => text.chars().take(200).collect(),
    };
    StoreError::new(
        "store.address",
        format!("`{shown}` is no address of a policy: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_said_as_they_were_read() {
        let digest = "a".repeat(64);
        for text in [
            "https://a.example/p/policy.wasm",
            "http://127.0.0.1:80/policy.bundle",
            "https://[::1]:8443/policy.wasm",
            "oci://r.example/acme/agents:v8",
            "oci://localhost:5000/agents:latest",
            &format!("oci://r.example/acme/agents@sha256:{digest}"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert!(
            Address::parse(&format!("oci://r/a@sha256:{digest}"))
                .unwrap()
                .is_fixed()
        );
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_none() {
        let digest = "a".repeat(64);
        for text in [
            "https://a.example",
            "https://a.example/",
            "https://u:p@a.example/policy.wasm",
            "https://a.example/policy.wasm?v=1",
            "https://a.example/policy.wasm#x",
            "https://a.example:99999/policy.wasm",
            "https://a.example:/policy.wasm",
            "https://a.example\\@b/policy.wasm",
            "https:///policy.wasm",
            "HTTPS://a.example/policy.wasm",
            "https://a b/policy.wasm",
            "oci://r.example/agents",
            "oci://r.example/Agents:1",
            "oci://r.example/../agents:1",
            "oci://r.example/a/../b:1",
            "oci://r.example//a:1",
            "oci://r.example/a:../b",
            "oci://r.example/a:",
            "oci://u@r.example/a:1",
            "oci://r.example/a@sha256:12",
            &format!("oci://r.example/a:1@sha256:{digest}"),
            &format!("oci://r.example/a@sha256:{}", "A".repeat(64)),
            "ftp://a/b",
        ] {
            let error = Address::parse(text).expect_err(text);
            assert_eq!(error.code(), "store.address");
            assert!(!error.message().contains("u:p@"), "{error}");
        }
    }

    #[test]
    fn servers_are_told_apart_by_scheme_host_and_port() {
        let origin = |text| split(text).unwrap().0;
        assert!(origin("https://a/x").is_same(&origin("https://A:443/y")));
        for other in ["http://a/", "https://a:444/", "https://b/", "https://a.b/"] {
            assert!(!origin("https://a/x").is_same(&origin(other)), "{other}");
        }
        assert!(is_own("127.8.0.1") && is_own("[::1]") && is_own("LOCALHOST"));
        assert!(!is_own("localhost.example") && !is_own("10.0.0.1") && !is_own("127.0.0.1.nip.io"));
    }
}
