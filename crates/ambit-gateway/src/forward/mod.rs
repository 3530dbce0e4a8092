//! Forward authentication: a server in front asks about each request before it passes it on. `docs/forward.md`.

mod config;
mod front;
mod pattern;
mod route;
mod rows;
mod source;
mod target;

use std::sync::{Arc, PoisonError, RwLock};

use ambit_core::Power;
use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_core::limits::{RECEIPT_BYTES, RECEIPTS};
use ambit_host::ask::Evaluation;
use ambit_host::http::{self, Scheme};

use crate::fault::Fault;
use crate::http::{Heard, Reply, Service};
use crate::mcp::wants_approval;
use crate::point::{Call, Outcome, Point, Possession, Say};
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
/// Receipts of people's yes, several with commas between them or in several headers.
const APPROVAL: &str = "ambit-approval";

/// Answers whether a request may pass. It decides by its [`Point`].
pub struct Forward {
    point: Point,
    config: Config,
    spellings: RwLock<Arc<Spellings>>,
    proposes: bool,
    say: Say,
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

/// What came with a request.
struct Shown<'a> {
    token: Option<&'a str>,
    proof: Option<&'a str>,
    approvals: Vec<String>,
}

impl Forward {
    /// A check of what the file describes. `proposes`: what lacks only a person's yes is put before people.
    ///
    /// # Errors
    ///
    /// [`Fault`] where the policy does not know what the file speaks of.
    pub fn new(point: Point, config: Config, proposes: bool, say: Say) -> Result<Self, Fault> {
        let spellings = config.check(&point.policy)?;
        Ok(Self {
            point,
            config,
            spellings: RwLock::new(Arc::new(spellings)),
            proposes,
            say,
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
        let own = self.config.url.split_once("://").map_or("", |(_, own)| own);
        let host = heard.header("host").ok().flatten();
        host.is_some_and(|host| name(host).eq_ignore_ascii_case(name(own)))
    }

    fn shown(heard: &Heard) -> Result<Shown<'_>, Refusal> {
        let twice = |_| {
            Refusal::new(
                400,
                "forward.header",
                "`Authorization` or `DPoP` came twice, or with strange characters",
            )
        };
        let authorization = heard
            .header("authorization")
            .map_err(twice)?
            .unwrap_or_default();
        let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
        let is_ours = scheme.eq_ignore_ascii_case("DPoP") || scheme.eq_ignore_ascii_case("Bearer");
        let mut approvals = Vec::new();
        for value in heard.headers(APPROVAL) {
            let receipts = value
                .split(',')
                .map(str::trim)
                .filter(|one| !one.is_empty());
            approvals.extend(receipts.map(str::to_owned));
        }
        if approvals.len() > RECEIPTS || approvals.iter().any(|one| one.len() > RECEIPT_BYTES) {
            let words = format!(
                "`Ambit-Approval` has more than {RECEIPTS} receipts, or one of more than {RECEIPT_BYTES} bytes"
            );
            return Err(Refusal::new(400, "forward.header", words));
        }
        Ok(Shown {
            token: Some(token.trim()).filter(|_| is_ours),
            proof: heard.header("dpop").map_err(twice)?,
            approvals,
        })
    }

    fn judge(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let (original, asked) = self.asked(heard)?;
        let shown = Self::shown(heard)?;
        let body = match asked.reads() {
            false => None,
            true => Some(json(heard)?),
        };
        let body = body.as_ref().map(Document::root);
        let spellings = Arc::clone(
            &self
                .spellings
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let understood = asked.understand(body, &spellings)?;
        let evaluation = |power: Power| {
            let evaluation = Evaluation {
                action: &understood.route.action,
                power: power.name(),
                args: &understood.args,
                resource: (&understood.route.resource.0, &understood.resource),
                purpose: &understood.route.purpose,
                subject: None,
            };
            evaluation.to_text()
        };
        let path = original.target.split('?').next().unwrap_or_default();
        let url = format!("{}{path}", self.config.url);
        let asking = evaluation(understood.route.power);
        let call = Call {
            evaluation: &asking,
            token: shown.token,
            possession: Possession::Theirs(shown.proof),
            approvals: &shown.approvals,
            http: Some((original.method, &url)),
            content: None,
        };
        let outcome = self.point.decide(&call);
        // A proposal is no yes: people were asked.
        if outcome.permitted && understood.route.power != Power::Propose {
            return Ok(Reply::of(200, "application/json", String::new()));
        }
        let mut held = outcome.permitted;
        if !held
            && self.proposes
            && understood.route.power == Power::Execute
            && wants_approval(&outcome.answer)
        {
            let proposing = evaluation(Power::Propose);
            let proposal = Call {
                evaluation: &proposing,
                approvals: &[],
                ..call
            };
            held = self.point.decide(&proposal).permitted;
        }
        self.tell(&outcome, heard);
        Ok(denied(&outcome, held, self.point.policy.scheme()))
    }

    /// Tells the operator which part failed, which no caller is told.
    fn tell(&self, outcome: &Outcome, heard: &Heard) {
        if let Some(words) = outcome.failed() {
            (self.say)(&format!("{}: {words}", heard.id));
        }
    }

    fn refuses(&self, refusal: &Refusal, heard: &Heard) -> Reply {
        if let Some(admin) = &refusal.admin {
            (self.say)(&format!("{}: {}: {admin}", heard.id, refusal.code));
        }
        refusal.reply()
    }
}

impl Service for Forward {
    fn refresh(&self) {
        self.follow();
    }

    fn refuse(&self, heard: &Heard) -> Option<Reply> {
        let refusal = self.asked(heard).map(drop).err()?;
        Some(self.refuses(&refusal, heard))
    }

    fn knows(&self, _: &Heard) -> bool {
        true
    }

    fn reads(&self, heard: &Heard) -> bool {
        self.asked(heard).is_ok_and(|(_, asked)| asked.reads())
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

/// The body, which must be one JSON object.
fn json(heard: &Heard) -> Result<Document<'_>, Refusal> {
    let wrong = |words: String| Refusal::new(400, "forward.body", words);
    let kind = heard
        .header("content-type")
        .ok()
        .flatten()
        .unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    if !is_json || !parts.all(|part| part.eq_ignore_ascii_case("charset=utf-8")) {
        return Err(wrong(
            "`Content-Type` must be `application/json`".to_owned(),
        ));
    }
    if heard.headers("content-encoding").next().is_some() {
        return Err(wrong(
            "a body with arguments must not be compressed".to_owned(),
        ));
    }
    let document = Document::parse(&heard.body, Profile::Request);
    let document = document.map_err(|error| {
        wrong(format!(
            "the body is not JSON as it is wanted here: {error}"
        ))
    })?;
    match document.root().kind() {
        Kind::Object => Ok(document),
        _ => Err(wrong("the body must be an object".to_owned())),
    }
}

/// A denial with all that helps.
fn denied(outcome: &Outcome, held: bool, scheme: Scheme) -> Reply {
    let told = match outcome.permitted {
        true => String::new(),
        false => http::response(&outcome.answer, None, scheme),
    };
    let document = Document::parse(told.as_bytes(), Profile::Request);
    let told = document.as_ref().map_or(Json::null(), Document::root);
    let status = told.get("status").and_then(Json::as_int);
    let status = status
        .and_then(|status| u16::try_from(status).ok())
        .unwrap_or(403);
    let mut out = Writer::with_capacity(1024);
    out.object(|out| {
        for (name, value) in told.get("problem").into_iter().flat_map(Json::members) {
            out.name(name).json(value);
        }
        if outcome.permitted {
            out.name("type").string("about:blank");
            out.name("title").string("Forbidden");
            out.name("status").integer(403);
            out.name("detail")
                .string("People were asked. Nothing is done by this request.");
        }
        if held {
            out.name("held").boolean(true);
        }
    });
    let mut reply = Reply::of(status, "application/problem+json", out.finish());
    let headers = told.get("headers").unwrap_or(Json::null());
    for name in ["www-authenticate", "dpop-nonce"] {
        if let Some(value) = headers.get_str(name) {
            reply = reply.with(name, value);
        }
    }
    reply
}

/// A host without its port.
fn name(host: &str) -> &str {
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
        .map_or(host, |(name, _)| name)
}
