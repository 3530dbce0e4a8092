//! The address of a server.

use super::super::config::wrong;
use crate::fault::Fault;

/// An address of `http` or `https`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_tls: bool,
    /// Host, and the port where it was named.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
}

impl Url {
    pub(super) fn parse(url: &str) -> Result<Self, Fault> {
        let no = || {
            wrong(format!(
                "`{url}` is no address of a server: `http://127.0.0.1:3000/mcp`"
            ))
        };
        let (rest, is_tls) = match url.strip_prefix("https://") {
            Some(rest) => (rest, true),
            None => (url.strip_prefix("http://").ok_or_else(no)?, false),
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains(['#', '@', '\\']) {
            return Err(no());
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| no())?),
            _ => (authority, if is_tls { 443 } else { 80 }),
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
        if host.is_empty() || !host.bytes().all(plain) || (bare.is_none() && host.contains(':')) {
            return Err(no());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            is_tls,
            authority: authority.to_owned(),
            path: match path.starts_with('/') {
                true => path.to_owned(),
                false => format!("/{path}"),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let parse = |url| Url::parse(url).map(|url| (url.host, url.port, url.authority, url.path));
        let parts = |host: &str, port, authority: &str, path: &str| {
            Ok((host.to_owned(), port, authority.to_owned(), path.to_owned()))
        };
        assert_eq!(
            parse("http://a.example/mcp"),
            parts("a.example", 80, "a.example", "/mcp")
        );
        assert_eq!(
            parse("http://[::1]:3000"),
            parts("::1", 3000, "[::1]:3000", "/")
        );
        assert_eq!(
            parse("https://a.example/mcp"),
            parts("a.example", 443, "a.example", "/mcp")
        );
        assert!(Url::parse("https://a.example:8443").is_ok_and(|url| url.is_tls));
        assert_eq!(parse("http://[::1]/x?y"), parts("::1", 80, "[::1]", "/x?y"));
        for wrong in [
            "https:///mcp",
            "https://u:p@a/",
            "HTTPS://a/mcp",
            "a/mcp",
            "http://",
            "http://u:p@a/",
            "http://a:x/",
            "http://a/#f",
            "http://::1/",
            "http://a b/",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
