//! One request, with bounds: bytes, time, and where it may lead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::{Method, Request, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::address::{Origin, split};
use crate::error::StoreError;

/// For all that one fetch asks, and for a connection.
const TIME: Duration = Duration::from_secs(30);
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Answers in a row that lead on.
const HOPS: usize = 3;

/// Asks one server.
pub(super) struct Asker {
    agent: Agent,
    origin: Origin,
    via: Vec<String>,
}

/// Until when everything must have been answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: String,
    /// Only for the server itself: nobody that it leads on to gets them.
    pub(super) login: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: &'a [u8],
}

/// What came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: Response<()>,
    pub(super) body: Vec<u8>,
    /// Whether it is of the address itself, and not of where that led to.
    pub(super) own: bool,
}

impl Deadline {
    pub(super) fn new() -> Self {
        Self(Instant::now() + TIME)
    }

    fn left(self) -> Result<Duration, StoreError> {
        let left = self.0.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(reach(format!(
                "it took longer than {} seconds",
                TIME.as_secs()
            ))),
            false => Ok(left),
        }
    }
}

impl<'a> Ask<'a> {
    pub(super) fn get(url: impl Into<String>) -> Self {
        Self::of(Method::GET, url)
    }

    pub(super) fn of(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            login: None,
            headers: Vec::new(),
            body: &[],
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) const fn body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }
}

impl Answer {
    /// A header that came once.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.headers().get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }
}

impl Asker {
    pub(super) fn new(origin: Origin, via: Vec<String>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let mut config = Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIME))
            // Where an answer leads is judged here.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .https_only(origin.is_tls)
            .user_agent("ambit-store")
            .tls_config(tls);
        if !origin.is_tls {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().into(),
            origin,
            via,
        }
    }

    pub(super) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether an address is at the server itself, or where answers may lead.
    pub(super) fn may_lead(&self, url: &str) -> Result<bool, StoreError> {
        let (origin, _) = split(url)?;
        if self.origin.is_same(&origin) {
            return Ok(true);
        }
        let is_named = self
            .via
            .iter()
            .any(|host| host.eq_ignore_ascii_case(&origin.authority));
        match origin.is_tls && is_named {
            true => Ok(false),
            false => Err(led(&self.origin, &origin)),
        }
    }

    /// Asks, and goes where the answer leads, if it may. At most so many bytes are read.
    pub(super) fn ask(
        &self,
        mut ask: Ask<'_>,
        most: usize,
        deadline: Deadline,
    ) -> Result<Answer, StoreError> {
        for _ in 0..=HOPS {
            let own = self.may_lead(&ask.url)?;
            if !own {
                ask.login = None;
            }
            let mut answer = self.once(&ask, most, deadline)?;
            answer.own = own;
            let leads = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
            let is_read = [Method::GET, Method::HEAD].contains(&ask.method);
            if !leads {
                return Ok(answer);
            }
            let to = answer.header("location").filter(|_| is_read);
            let to = to.ok_or_else(|| {
                let message = format!("`{}` answered {}", shown(&ask.url), answer.status);
                StoreError::new("store.redirect", message)
            })?;
            ask.url = self.resolve(&ask.url, to)?;
        }
        let message = format!("`{}` leads on and on", self.origin);
        Err(StoreError::new("store.redirect", message))
    }

    /// Asks where nothing leads on.
    pub(super) fn ask_here(
        &self,
        ask: &Ask<'_>,
        most: usize,
        deadline: Deadline,
    ) -> Result<Answer, StoreError> {
        self.may_lead(&ask.url)?;
        self.once(ask, most, deadline)
    }

    /// The address that an answer names, seen from the one that was asked.
    pub(super) fn resolve(&self, from: &str, to: &str) -> Result<String, StoreError> {
        if to.starts_with('/') && !to.starts_with("//") {
            let (origin, _) = split(from)?;
            return Ok(format!("{origin}{to}"));
        }
        let unread = |_| {
            let message = format!("`{}` leads to what is no address here", self.origin);
            StoreError::new("store.redirect", message)
        };
        split(to).map_err(unread)?;
        Ok(to.to_owned())
    }

    fn run(
        &self,
        request: Request<impl ureq::AsSendBody>,
        left: Option<Duration>,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = self.agent.configure_request(request);
        self.agent.run(request.timeout_global(left).build())
    }

    fn once(&self, ask: &Ask<'_>, most: usize, deadline: Deadline) -> Result<Answer, StoreError> {
        let url = shown(&ask.url);
        let mut request = Request::builder().method(&ask.method).uri(&ask.url);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(login) = &ask.login {
            request = request.header("authorization", login);
        }
        let broken = |error: ureq::Error| unreached(url, &error);
        let left = Some(deadline.left()?);
        let malformed = |error: ureq::http::Error| broken(error.into());
        let sent = if [Method::POST, Method::PUT].contains(&ask.method) {
            self.run(request.body(ask.body).map_err(malformed)?, left)
        } else {
            self.run(request.body(()).map_err(malformed)?, left)
        };
        let (head, body) = sent.map_err(broken)?.into_parts();
        let body = read(body, head.status, most).map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => {
                let message = format!("the answer of `{url}` is larger than {most} bytes");
                StoreError::new("store.size", message)
            }
            error => broken(error),
        })?;
        Ok(Answer {
            status: head.status.as_u16(),
            head: Response::from_parts(head, ()),
            body,
            own: true,
        })
    }
}

/// Of an answer that is none, only a little is read, so that the connection may serve again.
fn read(mut body: Body, status: StatusCode, most: usize) -> Result<Vec<u8>, ureq::Error> {
    const IDLE: u64 = 64 * 1024;
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    if !status.is_success() {
        let rest = body.with_config().limit(IDLE).read_to_vec();
        return Ok(rest.unwrap_or_default());
    }
    // One more than fits, since the client calls a body of exactly its limit too large.
    let bytes = body
        .with_config()
        .limit(limit.saturating_add(1))
        .read_to_vec()?;
    match bytes.len() > most {
        true => Err(ureq::Error::BodyExceedsLimit(limit)),
        false => Ok(bytes),
    }
}

fn unreached(url: &str, error: &ureq::Error) -> StoreError {
    let why = error.to_string();
    let why = why
        .split(" (os error")
        .next()
        .unwrap_or_default()
        .to_lowercase();
    reach(format!("`{url}`: {why}"))
}

pub(super) fn reach(message: String) -> StoreError {
    StoreError::new("store.reach", message)
}

fn led(from: &Origin, to: &Origin) -> StoreError {
    let message = format!("`{from}` leads to `{to}`, and nobody said that it may");
    StoreError::new("store.redirect", message)
}

/// An answer that is neither the file nor a refusal that is known.
pub(super) fn refused(url: &str, status: u16) -> StoreError {
    let url = shown(url);
    match status {
        401 | 403 => StoreError::new("store.login", format!("`{url}` answered {status}")),
        404 | 410 => StoreError::new("store.missing", format!("`{url}` answered {status}")),
        _ => StoreError::new("store.answer", format!("`{url}` answered {status}")),
    }
}

/// An address without its query, which may be a secret of the storage behind.
fn shown(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}
