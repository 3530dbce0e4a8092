//! Forward authentication: a server in front asks about each request before it passes it on. `docs/forward.md`.

mod config;
mod front;
#[cfg(feature = "grpc")]
pub(crate) mod grpc;
mod pattern;
mod route;
mod rows;
mod source;
mod target;

use std::sync::{Arc, PoisonError, RwLock};

use ambit_core::json::{Document, Writer};

use http_body_util::Full;
use hyper::http::uri::InvalidUri;
use hyper::{Method, Request};

use crate::fault::Fault;
use crate::http::{Heard, Onward, Reply, Service};
use crate::passing::{self, Shown, Wish};
use crate::point::{Point, Say};
use crate::upstream::{self, Upstream};
pub use config::Config;
use config::Spellings;
use front::Original;
use route::Asked;

/// Headers by which some services act otherwise than by method and path.
const OVERRIDES: [&str; 5] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// Answers whether a request may pass. It decides by its [`Point`].
pub struct Forward {
    point: Point,
    config: Config,
    spellings: RwLock<Arc<Spellings>>,
    proposes: bool,
    say: Say,
    upstream: Option<Arc<Upstream>>,
}

/// Why a request is refused before the policy is asked.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: &'static str,
    words: String,
    /// What only the operator is told.
    admin: Option<String>,
}

impl Refusal {
    fn new(status: u16, code: &'static str, words: impl Into<String>) -> Self {
        Self {
            status,
            code,
            words: words.into(),
            admin: None,
        }
    }

    /// The server in front does not say what it must.
    fn of_front(admin: String) -> Self {
        Self {
            admin: Some(admin),
            ..Self::new(500, "forward.front", "the check is not set up")
        }
    }

    fn reply(&self) -> Reply {
        let title = match self.status {
            400 => "Bad Request",
            413 => "Content Too Large",
            500 => "Internal Server Error",
            _ => "Forbidden",
        };
        let mut out = Writer::default();
        out.object(|out| {
            out.name("type").string("about:blank");
            out.name("title").string(title);
            out.name("status").integer(i64::from(self.status));
            out.name("detail").string(&self.words);
            if self.admin.is_none() {
                out.name("code").string(self.code);
            }
        });
        Reply::of(self.status, "application/problem+json", out.finish())
    }
}

impl Forward {
    /// A check of what the file describes. `proposes`: what lacks only a person's yes is put before people.
    ///
    /// # Errors
    ///
    /// [`Fault`] where the policy does not know what the file speaks of.
    pub fn new(point: Point, config: Config, proposes: bool, say: Say) -> Result<Self, Fault> {
        config.stands(false)?;
        Self::with(point, config, proposes, say, None)
    }

    /// A proxy by the same file: what may pass goes to the service behind, exactly as it was checked.
    ///
    /// # Errors
    ///
    /// [`Fault`], as those of [`Self::new`].
    pub fn proxy(
        point: Point,
        config: Config,
        proposes: bool,
        say: Say,
        upstream: Upstream,
    ) -> Result<Self, Fault> {
        config.stands(true)?;
        Self::with(point, config, proposes, say, Some(Arc::new(upstream)))
    }

    fn with(
        point: Point,
        config: Config,
        proposes: bool,
        say: Say,
        upstream: Option<Arc<Upstream>>,
    ) -> Result<Self, Fault> {
        let spellings = config.check(&point.policy)?;
        Ok(Self {
            point,
            config,
            spellings: RwLock::new(Arc::new(spellings)),
            proposes,
            say,
            upstream,
        })
    }

    /// Loads the policy and the revocations anew where their files have changed. A mapping that does not fit the new policy
    /// is said as well: what it maps is denied.
    fn follow(&self) {
        if !self.point.refresh(&self.say) {
            return;
        }
        match self.config.check(&self.point.policy) {
            Ok(spellings) => {
                let mut current = self
                    .spellings
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(spellings);
            }
            Err(fault) => (self.say)(&format!("the mapping does not fit this policy: {fault}")),
        }
    }

    /// The request that is asked about, in the one reading that it has, and what it is by the file.
    fn asked<'a>(&'a self, heard: &'a Heard) -> Result<(Original<'a>, Asked<'a>), Refusal> {
        let original = self.config.front.original(heard)?;
        if !self.is_called(heard) {
            let words = "this is not the name by which the service is called";
            return Err(Refusal::new(403, "forward.host", words));
        }
        // Some services take an underscore for a hyphen.
        let is_override = |name: &&str| OVERRIDES.contains(&name.replace('_', "-").as_str());
        if let Some(name) = heard.names().find(is_override) {
            let words = format!("the header `{name}` could make another request of it");
            return Err(Refusal::new(400, "forward.header", words));
        }
        let asked = Asked::find(&self.config, &original)?;
        Ok((original, asked))
    }

    /// Whether the request was for the service, and not for another name that leads here.
    fn is_called(&self, heard: &Heard) -> bool {
        let host = heard.header("host").ok().flatten();
        host.is_some_and(|host| name(host).eq_ignore_ascii_case(name(self.host())))
    }

    /// The name by which the service is called.
    fn host(&self) -> &str {
        self.config.url.split_once("://").map_or("", |(_, own)| own)
    }

    fn judge(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let (original, asked) = self.asked(heard)?;
        let shown = Shown::read(&heard.headers)
            .map_err(|words| Refusal::new(400, "forward.header", words))?;
        let body = match asked.reads() {
            false => None,
            true => Some(
                passing::arguments(&heard.headers, &heard.body)
                    .map_err(|words| Refusal::new(400, "forward.body", words))?,
            ),
        };
        let body = body.as_ref().map(Document::root);
        let spellings = Arc::clone(
            &self
                .spellings
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let understood = asked.understand(body, &spellings)?;
        let path = original.target.split('?').next().unwrap_or_default();
        let url = format!("{}{path}", self.config.url);
        let wish = Wish {
            action: &understood.route.action,
            power: understood.route.power,
            args: &understood.args,
            resource: (&understood.route.resource.0, &understood.resource),
            purpose: &understood.route.purpose,
        };
        let http = (original.method, url.as_str());
        match self.point.pass(&wish, &shown, http, self.proposes) {
            Ok(()) => Ok(Reply::passing()),
            Err(denied) => {
                // Which part failed no caller is told.
                if let Some(words) = denied.failed() {
                    (self.say)(&format!("{}: {words}", heard.id));
                }
                Ok(denied.reply(self.point.policy.scheme()))
            }
        }
    }

    /// Whether the token counts here, before the body was read.
    fn stands(&self, heard: &Heard) -> bool {
        let stands = || {
            let (original, asked) = self.asked(heard).ok()?;
            let shown = Shown::read(&heard.headers).ok()?;
            let route = asked.first()?;
            let path = original.target.split('?').next().unwrap_or_default();
            let wish = Wish {
                action: &route.action,
                power: route.power,
                args: "{}",
                resource: (&route.resource.0, "unread"),
                purpose: &route.purpose,
            };
            let url = format!("{}{path}", self.config.url);
            Some(self.point.stands(&wish, &shown, (original.method, &url)))
        };
        stands().unwrap_or_default()
    }

    fn refuses(&self, refusal: &Refusal, heard: &Heard) -> Reply {
        self.refuses_as(refusal, &heard.id)
    }

    fn refuses_as(&self, refusal: &Refusal, id: &str) -> Reply {
        if let Some(admin) = &refusal.admin {
            (self.say)(&format!("{id}: {}: {admin}", refusal.code));
        }
        refusal.reply()
    }

    /// Whether Envoy asks, which alone can do so over gRPC.
    #[must_use]
    pub fn is_for_envoy(&self) -> bool {
        self.config.front == front::Front::Envoy
    }
}

impl Service for Forward {
    fn refresh(&self) {
        self.follow();
    }

    fn refuse(&self, heard: &Heard) -> Option<Reply> {
        if let Err(refusal) = self.asked(heard) {
            return Some(self.refuses(&refusal, heard));
        }
        // No body is read for nobody.
        if self.upstream.is_none() || !heard.has_body {
            return None;
        }
        let shown = Shown::read(&heard.headers).ok()?;
        let denied = self.point.without_token(&shown)?;
        Some(denied.reply(self.point.policy.scheme()))
    }

    fn knows(&self, heard: &Heard) -> bool {
        // A server in front has bounds of its own, and what has no body takes no time.
        self.upstream.is_none() || !heard.has_body || self.stands(heard)
    }

    fn reads(&self, heard: &Heard) -> bool {
        // What goes on was read as a whole, also where nothing of it bounds anything.
        self.upstream.is_some() || self.asked(heard).is_ok_and(|(_, asked)| asked.reads())
    }

    fn onward(&self, heard: Heard) -> Result<Option<Onward>, Reply> {
        let Some(upstream) = self.upstream.clone() else {
            return Ok(None);
        };
        let broken =
            |_: String| Reply::problem(500, "Internal Server Error", "the request cannot go on");
        let target = self.config.front.original(&heard);
        let target = target
            .map_err(|refusal| self.refuses(&refusal, &heard))?
            .target;
        let mut request = Request::new(Full::new(heard.body.clone()));
        *request.method_mut() = Method::from_bytes(heard.method.as_bytes())
            .map_err(|error| broken(error.to_string()))?;
        *request.uri_mut() = target
            .parse()
            .map_err(|error: InvalidUri| broken(error.to_string()))?;
        *request.headers_mut() =
            upstream::onward(&heard.headers, self.host(), self.config.service_checks());
        Ok(Some((upstream, request)))
    }

    fn tell(&self, words: &str) {
        (self.say)(words);
    }

    fn answer(&self, heard: &Heard) -> Reply {
        self.judge(heard)
            .unwrap_or_else(|refusal| self.refuses(&refusal, heard))
    }

    fn seal(&self, reply: Reply) -> Reply {
        self.config.front.seal(reply)
    }
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forward")
            .field("point", &self.point)
            .finish_non_exhaustive()
    }
}

/// The segments of a path as it came, decoded, where all servers read it alike; a slash at its end is none.
///
/// # Errors
///
/// That servers read it differently, for the caller.
pub fn segments(path: &str) -> Result<Vec<String>, String> {
    match target::Target::read(path) {
        Ok(target) => Ok(target.segments),
        Err(ambiguous) => Err(ambiguous.words),
    }
}

/// A host without its port.
fn name(host: &str) -> &str {
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
        .map_or(host, |(name, _)| name)
}
