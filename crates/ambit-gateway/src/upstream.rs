//! The service behind a proxy: over HTTP/1.1 or TLS and HTTP/1.1, with bounds, and never a request twice.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::{HeaderMap, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use crate::fault::Fault;
use crate::names::Place;
use crate::passing::is_shown;
use crate::tls::{Client, Io};

const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Until the head of an answer, and between two pieces of its body.
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// For the service to take some of a request.
const WRITE_TIME: Duration = Duration::from_secs(20);
/// Connections that wait for the next request, and for how long: less than services keep them.
const IDLE: usize = 64;
const IDLE_TIME: Duration = Duration::from_secs(2);
/// Bytes and lines of an answer's head.
const HEAD: usize = 64 * 1024;
const HEADERS: usize = 128;

/// What concerns a connection alone (RFC 9110 section 7.6.1), and what some servers take for such.
const OF_CONNECTION: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// What a client may name in `Connection`: another name would take a header away that was checked.
const OPTIONS: [&str; 7] = [
    "close",
    "keep-alive",
    "te",
    "upgrade",
    "trailer",
    "trailers",
    "http2-settings",
];

/// The one service that a proxy stands in front of.
#[derive(Debug)]
pub struct Upstream {
    place: Place,
    tls: Option<Client>,
    idle: Mutex<Vec<(SendRequest<Full<Bytes>>, Instant)>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The service is not there, or broke off.
    Broken(String),
    /// It took too long.
    Slow(&'static str),
}

impl Upstream {
    /// The service at `http://HOST:PORT` or `https://HOST:PORT`. Its certificate is one of the authorities that this machine
    /// trusts, or of those in a file alone.
    ///
    /// # Errors
    ///
    /// [`Fault`] for what is no such address, and no such file.
    pub fn new(url: &str, authorities: Option<&Path>) -> Result<Self, Fault> {
        let wrong = || {
            let message = format!(
                "`{url}` is not the address of a service: `http://HOST:PORT` or `https://HOST:PORT`, without a path"
            );
            Fault::new("proxy.upstream", message)
        };
        let (rest, is_tls) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (rest, true),
            (_, Some(rest)) => (rest, false),
            _ => return Err(wrong()),
        };
        let address = rest.strip_suffix('/').unwrap_or(rest);
        let authority: hyper::http::uri::Authority = address.parse().map_err(|_| wrong())?;
        if authority.host().is_empty() || address.contains('@') {
            return Err(wrong());
        }
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.host() == address && is_tls => 443,
            None if authority.host() == address => 80,
            None => return Err(wrong()),
        };
        let host = authority.host();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if authorities.is_some() && !is_tls {
            let message = format!("`{url}` shows no certificate that authorities could stand for");
            return Err(Fault::new("proxy.upstream", message));
        }
        Ok(Self {
            place: Place::new(host, port),
            tls: is_tls.then(|| Client::new(host, authorities)).transpose()?,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Sends a request, once, and gives the answer's head; its body follows as it comes.
    pub(crate) async fn send(
        self: Arc<Self>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Lost> {
        while let Some(mut sender) = self.waiting() {
            match timeout(ANSWER_TIME, sender.try_send_request(request)).await {
                Ok(Ok(response)) => return self.answered(sender, response),
                Ok(Err(mut error)) => match error.take_message() {
                    // The connection was closed meanwhile, and nothing of the request was sent.
                    Some(unsent) => request = unsent,
                    None => return Err(Lost::Broken(error.into_error().to_string())),
                },
                Err(_) => return Err(Lost::Slow("no answer")),
            }
        }
        let mut sender = self.connect().await?;
        match timeout(ANSWER_TIME, sender.send_request(request)).await {
            Ok(Ok(response)) => self.answered(sender, response),
            Ok(Err(error)) => Err(Lost::Broken(error.to_string())),
            Err(_) => Err(Lost::Slow("no answer")),
        }
    }

    /// A connection that waits for a request.
    fn waiting(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < IDLE_TIME);
        idle.pop().map(|(sender, _)| sender)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Lost> {
        let stream = match timeout(CONNECT_TIME, self.place.connect()).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Lost::Broken(error.to_string())),
            Err(_) => return Err(Lost::Slow("no connection")),
        };
        // It only makes answers slower where it cannot be set.
        drop(stream.set_nodelay(true));
        let mut stream = Box::pin(TimeoutStream::new(stream));
        // Longer than anybody waits for a head, which is told apart.
        let read_time = ANSWER_TIME + IDLE_TIME + Duration::from_secs(1);
        stream.as_mut().set_read_timeout_pinned(Some(read_time));
        stream.as_mut().set_write_timeout_pinned(Some(WRITE_TIME));
        let stream: Box<dyn Io> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => match timeout(CONNECT_TIME, tls.connect(stream)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return Err(Lost::Broken(format!("TLS: {error}"))),
                Err(_) => return Err(Lost::Slow("no TLS")),
            },
        };
        let made = http1::Builder::new()
            .max_buf_size(HEAD)
            .max_headers(HEADERS)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = made.map_err(|error| Lost::Broken(error.to_string()))?;
        tokio::spawn(async move {
            // Whoever waits for an answer hears that it broke.
            drop(connection.await);
        });
        Ok(sender)
    }

    fn answered(
        self: Arc<Self>,
        mut sender: SendRequest<Full<Bytes>>,
        mut response: Response<Incoming>,
    ) -> Result<Response<Incoming>, Lost> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Lost::Broken("it changed the protocol unasked".to_owned()));
        }
        tokio::spawn(async move {
            // Once the body was read. A connection that ends before is none.
            if sender.ready().await.is_ok() {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < IDLE {
                    idle.push((sender, Instant::now()));
                }
            }
        });
        // That of this connection (RFC 9110 section 2.5).
        *response.version_mut() = Version::HTTP_11;
        let headers = response.headers_mut();
        if headers.contains_key(TRANSFER_ENCODING) {
            headers.remove(CONTENT_LENGTH);
        }
        let named: Vec<HeaderName> = options(headers)
            .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
            .collect();
        for name in named.iter().chain(&OF_CONNECTION) {
            headers.remove(name);
        }
        Ok(response)
    }
}

/// What `Connection` names, in small letters.
fn options(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let values = headers.get_all(CONNECTION).iter();
    values.flat_map(|value| {
        let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        let names = value.split(',').map(|name| name.trim().to_owned());
        names.filter(|name| !name.is_empty()).collect::<Vec<_>>()
    })
}

/// A request that two servers could take differently, in words that go behind "the request".
pub(crate) fn ambiguous(headers: &HeaderMap) -> Option<String> {
    let strange = options(headers).find(|name| !OPTIONS.contains(&name.as_str()))?;
    Some(format!(
        "`Connection` names `{strange}`, which would take that header away"
    ))
}

/// The headers that the service gets: those of the connection are left out, those that say where a request came from,
/// which nobody checked, those with an underscore, and unless the service checks as well the token and what belongs to
/// it.
pub(crate) fn onward(headers: &HeaderMap, host: &str, service_checks: bool) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let text = name.as_str();
        let is_left_out = OF_CONNECTION.contains(name)
            || [CONTENT_LENGTH, EXPECT, HOST].contains(name)
            || text == "http2-settings"
            || text == "forwarded"
            || text == "x-real-ip"
            || text.starts_with("x-forwarded-")
            || text.starts_with("proxy-")
            || text.contains('_')
            || (is_shown(text) && !service_checks);
        if !is_left_out {
            out.append(name.clone(), value.clone());
        }
    }
    if let Ok(host) = HeaderValue::from_str(host) {
        out.insert(HOST, host);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let authority = "../ambit-cli/tests/forward/tls/ca.pem";
        let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join(authority);
        for (url, place) in [
            ("http://127.0.0.1:3000/", "127.0.0.1:3000"),
            ("http://notes", "notes:80"),
            ("http://[::1]:80", "::1:80"),
            ("https://notes", "notes:443"),
            ("https://127.0.0.1:8443", "127.0.0.1:8443"),
        ] {
            let is_tls = url.starts_with("https");
            let authority = Some(&*authority).filter(|_| is_tls);
            let upstream = Upstream::new(url, authority).unwrap();
            assert_eq!(format!("{:?}", upstream.place), place, "{url}");
            assert_eq!(upstream.tls.is_some(), is_tls);
        }
        let file = Path::new("ca.pem");
        assert!(Upstream::new("http://notes", Some(file)).is_err());
        assert!(Upstream::new("https://notes", Some(file)).is_err());
        for wrong in [
            "ftp://a",
            "HTTPS://a",
            "https://",
            "https://a/b",
            "127.0.0.1:3000",
            "http://",
            "http://a/b",
            "http://u@a",
            "http://:80",
            "http://a?b",
            "http://a:99999",
            "http://a:",
        ] {
            assert_eq!(
                Upstream::new(wrong, None).unwrap_err().code(),
                "proxy.upstream",
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_the_service_gets_names_no_token_and_no_connection() {
        let mut headers = HeaderMap::new();
        for name in [
            "host",
            "authorization",
            "dpop",
            "ambit-approval",
            "ambit_approval",
            "connection",
            "te",
            "upgrade",
            "keep-alive",
            "transfer-encoding",
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "a_b",
            "expect",
            "proxy-authorization",
            "content-length",
            "accept",
            "content-type",
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        let names = |checks| {
            let out = onward(&headers, "notes.example", checks);
            let mut names: Vec<String> = out.keys().map(ToString::to_string).collect();
            names.sort();
            assert_eq!(out["host"], "notes.example");
            names.join(" ")
        };
        assert_eq!(names(false), "accept content-type host");
        assert_eq!(
            names(true),
            "accept ambit-approval authorization content-type dpop host"
        );
    }
}
