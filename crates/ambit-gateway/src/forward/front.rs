//! The servers in front, and how each tells the request that it asks about.

use ambit_core::json::{Document, Json, Kind, Profile, Writer};

use super::Refusal;
use crate::http::{Heard, Reply};
use crate::upstream::ambiguous;

/// Where the servers ask.
pub(super) const CHECK: &str = "/check";
/// Bytes of the header that tells a denial: nginx reads all headers of an answer into 4 KiB.
const PROBLEM: usize = 2048;

/// The server in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// `auth_request`.
    Nginx,
    /// `forward_auth`.
    Caddy,
    /// `ext_authz`, over HTTP or gRPC.
    Envoy,
    /// Nobody: the gateway passes requests on itself.
    Proxy,
}

/// The request that is asked about, as the server in front got it.
#[derive(Debug)]
pub(super) struct Original<'a> {
    pub(super) method: &'a str,
    /// Path and query, as they came.
    pub(super) target: String,
    pub(super) length: Length,
}

/// What is known of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// There is none.
    None,
    /// There is one, or there may be.
    Some,
    /// The protocol lets one follow without saying so before.
    Untold,
}

impl Front {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "nginx" => Some(Self::Nginx),
            "caddy" => Some(Self::Caddy),
            "envoy" => Some(Self::Envoy),
            "proxy" => Some(Self::Proxy),
            _ => None,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx (`auth_request`)",
            Self::Caddy => "Caddy (`forward_auth`)",
            Self::Envoy => "Envoy (`ext_authz`)",
            Self::Proxy => "the proxy",
        }
    }

    /// Whether the check gets the body as well.
    pub(super) const fn has_body(self) -> bool {
        matches!(self, Self::Envoy | Self::Proxy)
    }

    /// The request that is asked about.
    pub(super) fn original(self, heard: &Heard) -> Result<Original<'_>, Refusal> {
        let header = |name: &'static str| {
            let value = heard.header(name).ok().flatten();
            let value = value.filter(|value| !value.is_empty());
            value.ok_or_else(|| {
                Refusal::of_front(format!(
                    "the server in front does not set `{name}`, or sets it twice"
                ))
            })
        };
        let (method, uri) = match self {
            Self::Envoy => return envoy(heard),
            Self::Proxy => return proxied(heard),
            Self::Nginx => ("x-original-method", "x-original-uri"),
            Self::Caddy => ("x-forwarded-method", "x-forwarded-uri"),
        };
        // Caddy leaves the query of the request at the address that it asks.
        if heard.path != CHECK || (self == Self::Nginx && !heard.query.is_empty()) {
            return Err(Refusal::of_front(format!(
                "the server in front asks at another address than `{CHECK}`"
            )));
        }
        Ok(Original {
            method: header(method)?,
            target: header(uri)?.to_owned(),
            length: self.length(header("x-original-body")?),
        })
    }

    /// `HTTP/1.1 17`, `HTTP/1.1 chunked`, `HTTP/2.0 `: protocol, and the length or the coding.
    fn length(self, told: &str) -> Length {
        let (protocol, length) = told.split_once(' ').unwrap_or((told, ""));
        match length.trim() {
            "0" => Length::None,
            // A body of HTTP/1 has one or the other, and nginx tells both.
            "" if self == Self::Nginx
                && matches!(protocol, "HTTP/1.0" | "HTTP/1.1" | "HTTP/0.9") =>
            {
                Length::None
            }
            "" => Length::Untold,
            _ => Length::Some,
        }
    }

    /// An answer as the server in front passes it on. nginx knows yes, 401 and 403, of which it passes the headers that it
    /// is told to, and no body; it turns all else into 500.
    pub(super) fn seal(self, reply: Reply) -> Reply {
        if self != Self::Nginx || reply.status() == 200 {
            return reply;
        }
        let problem = header(reply.body());
        let reply = match reply.status() {
            401 => reply,
            _ => reply.as_status(403),
        };
        reply.with("ambit-problem", problem)
    }
}

/// Method and target are the request's own, which goes on as it is read here.
fn proxied(heard: &Heard) -> Result<Original<'_>, Refusal> {
    if heard.is_absolute {
        let words = "the path does not begin with `/`, which servers read differently";
        return Err(Refusal::new(400, "forward.path", words));
    }
    if let Some(words) = ambiguous(&heard.headers) {
        return Err(Refusal::new(400, "forward.header", words));
    }
    Ok(Original {
        method: &heard.method,
        target: target(&heard.path, &heard.query),
        length: length(heard),
    })
}

fn target(path: &str, query: &str) -> String {
    match query {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

const fn length(heard: &Heard) -> Length {
    match heard.has_body {
        true => Length::Some,
        false => Length::None,
    }
}

/// Method and target are the request's own, behind a prefix.
fn envoy(heard: &Heard) -> Result<Original<'_>, Refusal> {
    let path = heard
        .path
        .strip_prefix(CHECK)
        .filter(|path| path.starts_with('/'));
    let path =
        path.ok_or_else(|| Refusal::of_front(format!("`path_prefix` of Envoy is not `{CHECK}`")))?;
    let is_partial = match heard.header("x-envoy-auth-partial-body") {
        Ok(None | Some("false")) => false,
        Ok(Some(_)) | Err(_) => true,
    };
    if is_partial {
        return Err(Refusal::new(
            413,
            "forward.body",
            "only a part of the body could be checked: send a shorter one",
        ));
    }
    Ok(Original {
        method: &heard.method,
        target: target(path, &heard.query),
        length: length(heard),
    })
}

/// The problem as one header of ASCII: without the text of an approval, or without the remedy, where it would be too
/// long.
fn header(problem: &str) -> String {
    let document = Document::parse(problem.as_bytes(), Profile::Request);
    let problem = document.as_ref().map_or(Json::null(), Document::root);
    for level in 0..3 {
        let mut out = Writer::with_capacity(512);
        out.object(|out| {
            for (name, value) in problem.members() {
                match name {
                    "type" | "title" | "status" => {}
                    "remedy" if level == 2 => {}
                    "remedy" if level == 1 && value.kind() == Kind::Object => {
                        out.name(name).object(|out| {
                            for (name, value) in
                                value.members().filter(|(name, _)| *name != "display")
                            {
                                out.name(name).json(value);
                            }
                        });
                    }
                    _ => drop(out.name(name).json(value)),
                }
            }
        });
        let text = ascii(&out.finish());
        if text.len() <= PROBLEM {
            return text;
        }
    }
    "{}".to_owned()
}

fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_fits_into_a_header() {
        let long = "\u{1f600}".repeat(2000);
        let problem = format!(
            r#"{{"type":"about:blank","status":403,"code":"a","remedy":{{"binding_s256":"b","display":{{"text":"{long}"}}}}}}"#
        );
        assert_eq!(
            header(&problem),
            r#"{"code":"a","remedy":{"binding_s256":"b"}}"#
        );
        let problem = problem.replace("display", "other");
        assert_eq!(header(&problem), r#"{"code":"a"}"#);
        assert_eq!(
            header(r#"{"detail":"ä😀"}"#),
            r#"{"detail":"\u00e4\ud83d\ude00"}"#
        );
        assert_eq!(header("no json"), "{}");
    }

    #[test]
    fn a_body_is_known_or_not() {
        for (front, told, length) in [
            (Front::Nginx, "HTTP/1.1", Length::None),
            (Front::Nginx, "HTTP/1.1 0", Length::None),
            (Front::Nginx, "HTTP/1.1 5", Length::Some),
            (Front::Nginx, "HTTP/1.1 chunked", Length::Some),
            (Front::Nginx, "HTTP/2.0", Length::Untold),
            (Front::Nginx, "HTTP/2.0 0", Length::None),
            (Front::Caddy, "HTTP/1.1", Length::Untold),
            (Front::Caddy, "HTTP/1.1 0", Length::None),
            (Front::Caddy, "HTTP/1.1 7", Length::Some),
        ] {
            assert_eq!(front.length(told), length, "{told}");
        }
    }
}
