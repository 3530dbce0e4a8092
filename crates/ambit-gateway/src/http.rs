//! HTTP/1.1 with bounds, over TLS where there is a certificate.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ambit_token::base64url;
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::connections::{self, Bounds};
use crate::events::{Body, EVENT_STREAM, Later};
use crate::hurry::Readers;
use crate::tls::Tls;
use crate::upstream::{Lost, Upstream};

/// Bytes of a body: what the evaluator takes of one request.
const BODY: usize = 256 * 1024;
/// Bytes of a request's head: a token of 16 KiB and what stands beside it.
const HEAD: usize = 32 * 1024;
const HEADERS: usize = 64;
/// Connections at one time; a body's bound times the requests at one time is what bodies take.
const CONNECTIONS: usize = 1024;
/// Of more, those that are told so at one time, and for how long.
const LEAVING: usize = 64;
const LEAVE_TIME: Duration = Duration::from_secs(1);
pub(crate) const REQUESTS: usize = 128;
/// Decisions at one time: they wait for disks, and for little else.
const DECIDING: usize = 16;
/// Of these, by callers that are known only once their body was read.
const STRANGERS: usize = 64;
/// For a head, a body, an answer.
const HEAD_TIME: Duration = Duration::from_secs(5);
const BODY_TIME: Duration = Duration::from_secs(5);
/// For something to begin whose outcome the caller is still there to hear.
pub(crate) const BEGIN_TIME: Duration = Duration::from_secs(15);
const ANSWER_TIME: Duration = Duration::from_secs(20);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request, and the service behind that gets it.
pub type Onward = (Arc<Upstream>, Request<Full<Bytes>>);

/// What answers.
pub trait Service: Send + Sync + 'static {
    /// Whatever is refused before its body is read.
    fn refuse(&self, heard: &Heard) -> Option<Reply>;

    /// Whether what was not refused is from a caller that is known already.
    fn knows(&self, heard: &Heard) -> bool;

    /// Answers; it may block.
    fn answer(&self, heard: &Heard) -> Reply;

    /// Whether a body that comes slowly makes room for others where there is none: where nobody is known before it was read.
    fn hurries(&self) -> bool {
        false
    }

    /// Whether the answer to what was not refused needs the body. What is not needed is not read.
    fn reads(&self, _: &Heard) -> bool {
        true
    }

    /// Any reply as this service's callers understand it.
    fn seal(&self, reply: Reply) -> Reply {
        reply
    }

    /// Answers at one time.
    fn threads(&self) -> usize {
        DECIDING
    }

    /// The request that goes to the service behind, where the reply lets it [pass](Reply::passing).
    ///
    /// # Errors
    ///
    /// The reply where there is a service behind, and no request for it.
    fn onward(&self, _: Heard) -> Result<Option<Onward>, Reply> {
        Ok(None)
    }

    /// Tells the operator what no caller is told.
    fn tell(&self, _: &str) {}

    /// Looks at files that may have changed; called twice a second.
    fn refresh(&self);
}

/// A request that was read.
#[derive(Debug)]
pub struct Heard {
    /// Its method.
    pub method: String,
    /// Its path, as it came.
    pub path: String,
    /// Whether its address names a host as well.
    pub(crate) is_absolute: bool,
    /// What stands behind the question mark, as it came.
    pub query: String,
    /// The caller's `X-Request-ID`, or one of ours; for the log only if it is plain.
    pub id: String,
    pub(crate) headers: HeaderMap,
    /// Whether it came with a body.
    pub has_body: bool,
    /// Its body, if it was read.
    pub body: Bytes,
    /// Until when something may begin that the caller is to hear of.
    pub(crate) until: Instant,
}

impl Heard {
    /// A header. One that came twice could mean two things to two readers.
    ///
    /// # Errors
    ///
    /// The reply that refuses it.
    pub fn header(&self, name: &str) -> Result<Option<&str>, Reply> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next();
        let text = value.map(HeaderValue::to_str).transpose();
        match (text, values.next()) {
            (Ok(text), None) => Ok(text),
            _ => {
                let detail = format!("the header `{name}` must come once, in plain characters");
                Err(Reply::problem(400, "Bad Request", &detail))
            }
        }
    }
}

impl Heard {
    /// The names of its headers, in small letters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.keys().map(HeaderName::as_str)
    }

    /// All headers of a name; one that is not plain characters is empty.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap_or_default())
    }
}

/// What is answered.
#[derive(Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// What comes instead of the body.
    later: Option<Later>,
    passes: bool,
}

impl Reply {
    /// The request may pass. Whoever has a service behind sends it there.
    #[must_use]
    pub fn passing() -> Self {
        Self {
            passes: true,
            ..Self::of(200, "application/json", String::new())
        }
    }

    /// JSON.
    #[must_use]
    pub fn json(status: u16, body: String) -> Self {
        Self::of(status, "application/json", body)
    }

    /// A body of this media type, which nobody keeps.
    #[must_use]
    pub fn of(status: u16, media_type: &str, body: String) -> Self {
        let headers = vec![
            ("content-type", media_type.to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        Self {
            status,
            headers,
            body,
            later: None,
            passes: false,
        }
    }

    /// What comes when it comes.
    pub(crate) fn later(later: Later) -> Self {
        Self {
            later: Some(later),
            ..Self::json(200, String::new())
        }
    }

    /// Problem details (RFC 9457) with one sentence.
    #[must_use]
    pub fn problem(status: u16, title: &str, detail: &str) -> Self {
        let body = crate::pdp::problem(status, title, detail);
        Self::of(status, "application/problem+json", body)
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Its headers.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// Whether the request may pass.
    #[must_use]
    pub const fn passes(&self) -> bool {
        self.passes
    }

    /// The same with another status.
    #[must_use]
    pub const fn as_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With one more header; one of this name that is there is replaced.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// The response, whose body may come when it comes.
    async fn response(mut self) -> Response<Body> {
        let body = match self.later.take() {
            None => Body::from(std::mem::take(&mut self.body)),
            Some(later) => {
                let (media_type, status, body) = later.begin().await;
                self.status = status.unwrap_or(self.status);
                self = self.with("content-type", media_type);
                if media_type == EVENT_STREAM {
                    // Who stands between is not to gather events before it hands them on.
                    self = self.with("x-accel-buffering", "no");
                }
                body
            }
        };
        self.into_response().map(|_| body)
    }

    /// The same as a response of hyper, where nothing comes later.
    #[must_use]
    pub fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = hyper::StatusCode::from_u16(self.status)
            .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

fn busy() -> Reply {
    Reply::problem(
        503,
        "Service Unavailable",
        "too many requests at one time: try again",
    )
    .with("retry-after", "1")
}

/// Serves until `end`, and then lets what has begun come to its end.
pub(crate) async fn serve<S: Service>(
    listener: (TcpListener, Option<Arc<Tls>>),
    service: Arc<S>,
    end: impl Future<Output = ()>,
) {
    let leaving = Arc::new(Semaphore::new(LEAVING));
    let requests = Arc::new(Room::new());
    let asked = Arc::clone(&service);
    // Of more than these nobody hears why.
    let left = move |stream| {
        if let Ok(place) = Arc::clone(&leaving).try_acquire_owned() {
            let reply = asked.seal(busy());
            tokio::spawn(async move {
                drop(timeout(LEAVE_TIME, turn_away(stream, &reply)).await);
                drop(place);
            });
        }
    };
    // Heads and bodies have bounds of their own.
    let bounds = Bounds {
        most: CONNECTIONS,
        silence: None,
    };
    connections::serve(listener, bounds, end, left, move |stream| {
        let (service, requests) = (Arc::clone(&service), Arc::clone(&requests));
        let handle =
            service_fn(move |request| one(Arc::clone(&service), Arc::clone(&requests), request));
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(HEAD)
            .max_headers(HEADERS);
        builder.serve_connection(stream, handle)
    })
    .await;
}

/// The place of one request.
type Place = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

/// How many requests there may be at one time.
pub(crate) struct Room {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    readers: Readers,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(REQUESTS)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
            readers: Readers::default(),
        }
    }

    /// A place for one, which is free again when this is dropped.
    fn enter(&self, known: bool) -> Option<Place> {
        let stranger = match known {
            true => None,
            false => Some(Arc::clone(&self.strangers).try_acquire_owned().ok()?),
        };
        let all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some((all, stranger))
    }
}

/// Says in one write that there is no room, if the caller takes it. What the caller sends meanwhile is thrown away: a
/// connection that is closed before would take the answer with it.
async fn turn_away(stream: TcpStream, reply: &Reply) {
    let mut text = format!("HTTP/1.1 {} Busy\r\n", reply.status);
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("content-length: 0\r\nconnection: close\r\n\r\n");
    drop(stream.try_write(text.as_bytes()));
    let mut thrown = [0; 1024];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut thrown) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

async fn one<S: Service>(
    service: Arc<S>,
    requests: Arc<Room>,
    request: Request<Incoming>,
) -> Result<Response<Either<Body, Incoming>>, Infallible> {
    let (head, body) = request.into_parts();
    let given = head.headers.get(REQUEST_ID).cloned();
    let id = given.or_else(fresh_id);
    let heard = Heard {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        is_absolute: head.uri.authority().is_some(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        id: plain(
            id.as_ref()
                .and_then(|id| id.to_str().ok())
                .unwrap_or_default(),
        ),
        headers: head.headers,
        has_body: !body.is_end_stream(),
        body: Bytes::new(),
        until: Instant::now() + BEGIN_TIME,
    };
    let said = match reply(Arc::clone(&service), requests, heard, body).await {
        Said::Reply(reply) => Err(reply),
        Said::Passes(heard, place) => onward(&service, *heard, place).await,
    };
    let mut response = match said {
        Ok(response) => response.map(Either::Right),
        Err(reply) => service.seal(reply).response().await.map(Either::Left),
    };
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// What is answered, or that the request may pass.
enum Said {
    Reply(Reply),
    Passes(Box<Heard>, Place),
}

/// The answer of the service behind. The place is held until it begins, so that a service that hangs fills no memory.
async fn onward<S: Service>(
    service: &Arc<S>,
    heard: Heard,
    place: Place,
) -> Result<Response<Incoming>, Reply> {
    let id = heard.id.clone();
    let Some((upstream, request)) = service.onward(heard)? else {
        return Err(Reply::passing());
    };
    let answer = upstream.send(request).await;
    drop(place);
    answer.map_err(|lost| match lost {
        Lost::Broken(why) => {
            service.tell(&format!("{id}: the service behind: {why}"));
            Reply::problem(502, "Bad Gateway", "the service behind does not answer")
        }
        Lost::Slow(why) => {
            service.tell(&format!("{id}: the service behind is too slow: {why}"));
            Reply::problem(504, "Gateway Timeout", "the service behind is too slow")
        }
    })
}

async fn reply<S: Service>(
    service: Arc<S>,
    requests: Arc<Room>,
    mut heard: Heard,
    body: Incoming,
) -> Said {
    if let Some(reply) = service.refuse(&heard) {
        return Said::Reply(reply.with("connection", "close"));
    }
    // Held until there is an answer: it bounds what bodies take, and how many wait.
    let known = service.knows(&heard);
    let place = match requests.enter(known) {
        None if service.hurries() => requests.readers.make_room(|| requests.enter(known)).await,
        place => place,
    };
    let Some(place) = place else {
        return Said::Reply(busy().with("connection", "close"));
    };
    // What stays unread would be taken for the next request.
    let closes = heard.has_body && !service.reads(&heard);
    if !closes {
        let reader = requests.readers.begin();
        heard.body = match reader.read(read(body), || Err(late())).await {
            Ok(body) => body,
            Err(reply) => return Said::Reply(reply),
        };
    }
    match decide(service, heard, place).await {
        Said::Reply(reply) if closes => Said::Reply(reply.with("connection", "close")),
        // A proxy reads every body, so this is a yes for a server in front.
        Said::Passes(..) if closes => Said::Reply(Reply::passing().with("connection", "close")),
        said => said,
    }
}

/// The reply to a request that came with all of its body.
#[cfg(feature = "grpc")]
pub(crate) async fn whole<S: Service>(service: Arc<S>, requests: &Room, heard: Heard) -> Reply {
    if let Some(reply) = service.refuse(&heard) {
        return reply;
    }
    if heard.body.len() > BODY {
        let detail = format!("the body is larger than {BODY} bytes");
        return Reply::problem(413, "Content Too Large", &detail);
    }
    let Some(place) = requests.enter(service.knows(&heard)) else {
        return busy();
    };
    match decide(service, heard, place).await {
        Said::Reply(reply) => reply,
        Said::Passes(..) => Reply::passing(),
    }
}

/// The answer to a request whose body was read, in time or not at all.
async fn decide<S: Service>(service: Arc<S>, heard: Heard, place: Place) -> Said {
    let begun = Instant::now();
    let answer = tokio::task::spawn_blocking(move || {
        // Nobody waits any more for what has not begun by then.
        let reply = (begun.elapsed() < ANSWER_TIME).then(|| service.answer(&heard));
        (reply, heard, place)
    });
    Said::Reply(match timeout(ANSWER_TIME, answer).await {
        Ok(Ok((Some(reply), heard, place))) if reply.passes() => {
            return Said::Passes(Box::new(heard), place);
        }
        Ok(Ok((Some(reply), ..))) => reply,
        Ok(Ok((None, ..))) => busy(),
        // A panic, which has said what it is: nothing is allowed by it.
        Ok(Err(_)) => Reply::problem(500, "Internal Server Error", "the decision failed"),
        Err(_) => {
            let detail = "the decision took too long: what it used up stays used up";
            Reply::problem(504, "Gateway Timeout", detail)
        }
    })
}

/// All of a body, within its bounds.
async fn read(body: Incoming) -> Result<Bytes, Reply> {
    match timeout(BODY_TIME, Limited::new(body, BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => {
            let detail = format!("the body is larger than {BODY} bytes, or broke off");
            Err(Reply::problem(413, "Content Too Large", &detail).with("connection", "close"))
        }
        Err(_) => Err(late()),
    }
}

fn late() -> Reply {
    let detail = "the body took too long";
    Reply::problem(408, "Request Timeout", detail).with("connection", "close")
}

fn fresh_id() -> Option<HeaderValue> {
    let mut random = [0; 12];
    getrandom::fill(&mut random).ok()?;
    HeaderValue::from_str(&base64url::encode(&random)).ok()
}

/// What of an id may stand in a log line.
pub(crate) fn plain(id: &str) -> String {
    id.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.:".contains(*c))
        .take(64)
        .collect()
}
