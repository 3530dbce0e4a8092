//! Where agents reach the gateway, and what they are told of it without a token.

use ambit_core::json::Writer;
use ambit_host::http::Scheme;

use super::super::config::wrong;
use crate::fault::Fault;

/// RFC 9728, section 3: stands before the path of the resource.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The address of the endpoint, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mcp) struct Site {
    /// As tokens name it.
    pub(super) url: String,
    /// Scheme and host, with the port where there is one.
    origin: String,
    pub(super) path: String,
    /// Beside the agent: only by names of this machine, and from no page but its own.
    is_beside: bool,
}

/// The path of an endpoint that holds the token itself.
const BESIDE: &str = "/mcp";

impl Site {
    /// An endpoint beside the agent. Tokens name the audience as they do elsewhere.
    pub(super) fn beside(audience: &str) -> Self {
        Self {
            url: audience.to_owned(),
            origin: String::new(),
            path: BESIDE.to_owned(),
            is_beside: true,
        }
    }

    pub(in crate::mcp) fn of(url: &str) -> Result<Self, Fault> {
        let rest = url.strip_prefix("https://");
        let rest = rest.or_else(|| url.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
        let plain = |c: u8| c.is_ascii_alphanumeric() || b".-:[]".contains(&c);
        let in_path = |c: u8| c.is_ascii_alphanumeric() || b"/-._~".contains(&c);
        let (Some(rest), Some(host)) = (rest, host) else {
            let why = "`audience` must be the address of the endpoint: `https://notes.example/mcp`";
            return Err(wrong(why));
        };
        let path = rest.get(host.len()..).unwrap_or_default();
        let is_sound = !host.is_empty() && host.bytes().all(plain) && path.bytes().all(in_path);
        if !is_sound || path.contains("//") || path.starts_with(WELL_KNOWN) {
            let why = format!("`{url}` is no plain address of an endpoint: scheme, host and path");
            return Err(wrong(why));
        }
        Ok(Self {
            url: url.to_owned(),
            origin: url
                .get(..url.len() - path.len())
                .unwrap_or_default()
                .to_owned(),
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
            is_beside: false,
        })
    }

    /// Whether this is where its metadata is: under its own path, and for clients that know the host alone.
    pub(super) fn is_metadata(&self, path: &str) -> bool {
        match path.strip_prefix(WELL_KNOWN) {
            Some(rest) => !self.is_beside && (rest.is_empty() || rest == self.path),
            None => false,
        }
    }

    /// The address of its metadata.
    fn metadata_url(&self) -> String {
        let path = if self.path == "/" { "" } else { &self.path };
        format!("{}{WELL_KNOWN}{path}", self.origin)
    }

    /// A challenge with the place where a client learns who makes tokens (RFC 9728, section 5.1).
    pub(super) fn challenge(&self, header: &str) -> String {
        format!("{header}, resource_metadata=\"{}\"", self.metadata_url())
    }

    /// RFC 9728, section 2.
    pub(super) fn metadata(&self, servers: &[String], name: &str, scheme: Scheme) -> String {
        let mut out = Writer::default();
        out.object(|out| {
            out.name("resource").string(&self.url);
            out.name("authorization_servers").array(|out| {
                for server in servers {
                    out.string(server);
                }
            });
            out.name("bearer_methods_supported").array(|out| {
                out.string("header");
            });
            out.name("resource_name").string(name);
            out.name("authorization_details_types_supported")
                .array(|out| {
                    out.string("ambit_capability");
                });
            out.name("dpop_signing_alg_values_supported").array(|out| {
                out.string("Ed25519");
                out.string("ES256");
            });
            out.name("dpop_bound_access_tokens_required")
                .boolean(scheme == Scheme::Dpop);
        });
        out.finish()
    }

    /// Whether a request is for this endpoint, and not for another name that leads here: a page can give one to an
    /// address of this machine (DNS rebinding).
    pub(super) fn is_called(&self, host: &str) -> bool {
        let own = self.origin.split_once("://").map_or("", |(_, own)| own);
        let name = without_port(host);
        let address = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let address = address.unwrap_or(name).parse::<std::net::IpAddr>();
        (!self.is_beside && without_port(own).eq_ignore_ascii_case(name))
            || name.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.is_loopback())
    }

    /// Whether a page of this origin may call: only the endpoint's own, by the name under which it is called.
    pub(super) fn is_own(&self, origin: &str, host: &str) -> bool {
        match self.is_beside {
            true => origin
                .strip_prefix("http://")
                .is_some_and(|own| own.eq_ignore_ascii_case(host)),
            false => self.origin.eq_ignore_ascii_case(origin),
        }
    }
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
        .map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_stands_before_the_path() {
        let site = Site::of("https://notes.example:8443/a/mcp").unwrap();
        assert_eq!(
            site.challenge("Bearer realm=\"ambit\""),
            "Bearer realm=\"ambit\", resource_metadata=\"https://notes.example:8443/.well-known/oauth-protected-resource/a/mcp\""
        );
        assert!(site.is_metadata("/.well-known/oauth-protected-resource/a/mcp"));
        assert!(site.is_metadata("/.well-known/oauth-protected-resource"));
        assert!(!site.is_metadata("/.well-known/oauth-protected-resource/other"));
        assert!(!site.is_metadata("/a/mcp"));
        assert_eq!(Site::of("https://notes.example").unwrap().path, "/");
        for wrong in [
            "urn:x",
            "https://",
            "https:///mcp",
            "https://a/b?c",
            "https://u@a/b",
            "https://a//b",
            "https://a/b#c",
        ] {
            assert!(Site::of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_its_own_name_and_this_machines_lead_to_it() {
        let site = Site::of("https://notes.example/mcp").unwrap();
        for own in [
            "notes.example",
            "NOTES.example:443",
            "localhost:8383",
            "127.0.0.1",
            "[::1]:80",
        ] {
            assert!(site.is_called(own), "{own}");
        }
        for other in [
            "evil.example",
            "notes.example.evil",
            "",
            "127.0.0.1.evil:80",
            "10.0.0.1",
        ] {
            assert!(!site.is_called(other), "{other}");
        }
        assert!(
            site.is_own("https://notes.example", "") && !site.is_own("http://notes.example", "")
        );
    }

    #[test]
    fn beside_an_agent_only_names_of_this_machine_lead_to_it() {
        let site = Site::beside("urn:notes");
        assert!(site.is_called("127.0.0.1:8383") && site.is_called("localhost"));
        assert!(!site.is_called("") && !site.is_called("evil.example:8383"));
        assert!(site.is_own("http://127.0.0.1:8383", "127.0.0.1:8383"));
        assert!(!site.is_own("http://localhost:3000", "127.0.0.1:8383"));
        assert!(!site.is_own("https://127.0.0.1:8383", "127.0.0.1:8383"));
        assert!(!site.is_metadata("/.well-known/oauth-protected-resource"));
    }
}
