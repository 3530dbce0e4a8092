//! The layer.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use ambit_gateway::http::Reply;
use ambit_gateway::passing::Shown;
use ambit_gateway::{Fault, Place, Point, Say};
use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tower_layer::Layer;
use tower_service::Service;

use crate::asked::{Asked, Seen, Unasked};
use crate::files::Files;

/// Bytes of a body: what the evaluator takes of one request.
const BODY: usize = 256 * 1024;
const BODY_TIME: Duration = Duration::from_secs(5);
/// Requests that are read or decided at one time, which bounds what their bodies take.
const REQUESTS: usize = 128;
/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The body of an answer: of the guard, or of the service.
pub type GuardedBody<B> = Either<Full<Bytes>, B>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Says = dyn Fn(&Seen<'_>) -> Result<Asked, Unasked> + Send + Sync;

/// A layer that lets a request pass to its handler when the policy allows it.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    point: Point,
    url: String,
    asked: Box<Says>,
    proposes: bool,
    say: Say,
    room: Arc<Semaphore>,
}

impl Guard {
    /// A guard by these files, of a service that agents reach at `url` (`https://host`) and for which tokens are made.
    /// `asked` says what each request is in the policy.
    ///
    /// # Errors
    ///
    /// [`Fault`]: without a policy that a trusted key signed, and a ledger, nothing starts.
    pub fn open(
        files: Files,
        url: &str,
        asked: impl Fn(&Seen<'_>) -> Result<Asked, Unasked> + Send + Sync + 'static,
    ) -> Result<Self, Fault> {
        let place = Place {
            audience: url.to_owned(),
            location: None,
            tenant: None,
        };
        let proposes = files.proposals.is_some();
        let say: Say = Arc::new(|text| eprintln!("ambit: {text}"));
        let point = files.point(place)?;
        point.tell_zones(&say);
        Ok(Self::new(point, url, proposes, say, asked))
    }

    /// A guard that decides by a point of the service's own. `proposes`: what lacks only a person's yes is put before
    /// people; `say` tells the operator what no caller is told.
    #[must_use]
    pub fn new(
        point: Point,
        url: &str,
        proposes: bool,
        say: Say,
        asked: impl Fn(&Seen<'_>) -> Result<Asked, Unasked> + Send + Sync + 'static,
    ) -> Self {
        let inner = Arc::new(Inner {
            point,
            url: url.trim_end_matches('/').to_owned(),
            asked: Box::new(asked),
            proposes,
            say,
            room: Arc::new(Semaphore::new(REQUESTS)),
        });
        let looking = Arc::downgrade(&inner);
        // Ends with the last of the guards.
        thread::spawn(move || {
            while let Some(inner) = looking.upgrade() {
                let _ = inner.point.refresh(&inner.say);
                drop(inner);
                thread::sleep(LOOK);
            }
        });
        Self(inner)
    }
}

impl Inner {
    /// As what a request may pass. Blocks: it writes to disks.
    fn judge(&self, head: &Parts, body: &[u8]) -> Result<Asked, Reply> {
        let shown = Shown::read(&head.headers)
            .map_err(|words| Unasked::malformed("forward.header", words).reply())?;
        let asked = (self.asked)(&Seen { head, body }).map_err(|unasked| unasked.reply())?;
        let url = format!("{}{}", self.url, head.uri.path());
        let http = (head.method.as_str(), url.as_str());
        let passed = self.point.pass(&asked.wish(), &shown, http, self.proposes);
        passed.map_err(|denied| {
            if let Some(words) = denied.failed() {
                (self.say)(&words);
            }
            denied.reply(self.point.policy.scheme())
        })?;
        Ok(asked)
    }

    /// The request with its whole body, if it may pass.
    async fn admit<B>(self: Arc<Self>, request: Request<B>) -> Result<Request<Full<Bytes>>, Reply>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            return Err(busy());
        };
        let (mut head, body) = request.into_parts();
        // No body is read for nobody.
        if let Ok(shown) = Shown::read(&head.headers)
            && let Some(denied) = self.point.without_token(&shown)
        {
            return Err(denied.reply(self.point.policy.scheme()));
        }
        let body = read(body).await?;
        let deciding = spawn_blocking(move || {
            let passed = self.judge(&head, &body);
            drop(place);
            passed.map(|asked| {
                head.extensions.insert(asked);
                Request::from_parts(head, Full::new(body))
            })
        });
        match deciding.await {
            Ok(passed) => passed,
            // A panic, which has said what it is: nothing is allowed by it.
            Err(_) => Err(Reply::problem(
                500,
                "Internal Server Error",
                "the decision failed",
            )),
        }
    }
}

/// All of a body, within its bounds.
async fn read<B>(body: B) -> Result<Bytes, Reply>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    match timeout(BODY_TIME, Limited::new(body, BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("the body is larger than {BODY} bytes");
            Err(Reply::problem(413, "Content Too Large", &detail))
        }
        Ok(Err(_)) => Err(Reply::problem(400, "Bad Request", "the body broke off")),
        Err(_) => Err(Reply::problem(
            408,
            "Request Timeout",
            "the body took too long",
        )),
    }
}

fn busy() -> Reply {
    let detail = "too many requests at one time: try again";
    Reply::problem(503, "Service Unavailable", detail).with("retry-after", "1")
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            guard: self.clone(),
        }
    }
}

/// A service behind a [`Guard`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    guard: Guard,
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<GuardedBody<R>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that said that it is ready; a copy of it may not be.
        let copy = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, copy);
        let guard = Arc::clone(&self.guard.0);
        Box::pin(async move {
            match guard.admit(request).await {
                Ok(request) => inner
                    .call(request)
                    .await
                    .map(|said| said.map(Either::Right)),
                Err(reply) => Ok(reply.into_response().map(Either::Left)),
            }
        })
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("point", &self.0.point)
            .finish_non_exhaustive()
    }
}
