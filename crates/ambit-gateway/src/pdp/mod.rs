//! The OpenID AuthZEN Authorization API 1.0 over HTTP: `docs/pdp.md`.

mod answer;
mod ask;
mod config;

use ambit_core::Reason;
use ambit_core::http::{Scheme, Told};
use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use sha2::{Digest as _, Sha256};

use crate::files;
use crate::http::{Heard, Reply, Service};
use crate::point::{Call, Outcome, Point, Possession, Say};
pub(crate) use answer::problem;
use ask::{Asked, Shown};
pub use config::Config;

/// Evaluations in one batch: what a page shows.
const BATCH: usize = 64;
const EVALUATION: &str = "/access/v1/evaluation";
const EVALUATIONS: &str = "/access/v1/evaluations";
const SEARCH: &str = "/access/v1/search/";
const METADATA: &str = "/.well-known/authzen-configuration";

/// A decision point. It decides by its [`Point`], and an allow is `true` only once every obligation was
/// discharged, because ordinary callers look at nothing else.
pub struct Pdp {
    point: Point,
    config: Config,
    say: Say,
}

impl Pdp {
    /// A decision point for what the file describes.
    #[must_use]
    pub fn new(point: Point, config: Config, say: Say) -> Self {
        Self { point, config, say }
    }

    /// Loads the policy and the revocations anew where their files have changed, and says so. A mapping
    /// that does not fit the new policy is said as well: what it maps is denied.
    pub fn refresh(&self) {
        if self.point.refresh(&self.say)
            && let Err(fault) = self.config.check(&self.point.policy)
        {
            (self.say)(&format!("the mapping does not fit this policy: {fault}"));
        }
    }

    /// What came with the request as a whole, and `Err` where the caller is not known.
    fn caller<'a>(&self, heard: &'a Heard) -> Result<Shown<'a>, Reply> {
        let unknown = || {
            let detail = "send `Authorization: Bearer` with the secret of this caller";
            Reply::problem(401, "Unauthorized", detail)
                .with("www-authenticate", "Bearer realm=\"ambit\"")
        };
        let Some(authorization) = heard.header("authorization")? else {
            return match self.config.has_callers() {
                true => Err(unknown()),
                false => Ok(Shown::default()),
            };
        };
        let (scheme, value) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if scheme.eq_ignore_ascii_case("DPoP") {
            return Ok(Shown {
                token: Some(value.trim()),
                proof: heard.header("dpop")?,
                ..Shown::default()
            });
        }
        let digest = Sha256::digest(value.trim().as_bytes());
        let known = scheme.eq_ignore_ascii_case("Bearer") && self.config.is_caller(&digest);
        if known || !self.config.has_callers() {
            return Ok(Shown::default());
        }
        Err(unknown())
    }

    /// One evaluation, decided and discharged. An error is a sentence: what is malformed.
    fn evaluate(
        &self,
        asked: Asked<'_>,
        own: &Shown<'_>,
        heard: &Heard,
        batch: bool,
    ) -> Result<Outcome, String> {
        let understood = asked.understand(&self.config)?;
        if batch && understood.alone {
            let admin = "`execute` is asked for alone, unless the mapping says `batch = true`";
            return Ok(self.point.refuse(Reason::RequestUnsupported, admin));
        }
        let shown = &understood.shown;
        if own.token.is_some() && (shown.token.is_some() || shown.proof.is_some()) {
            return Err("the token came twice: in `Authorization` and in `context`".to_owned());
        }
        let endpoint = format!("{}{}", self.config.url, heard.path);
        let mut call = Call {
            evaluation: &understood.evaluation,
            token: shown.token,
            possession: Possession::Theirs(shown.proof),
            approvals: &shown.approvals,
            http: shown.http,
            content: shown.content.as_deref(),
        };
        if own.token.is_some() {
            call.token = own.token;
            call.possession = Possession::Theirs(own.proof);
            // Whoever calls with a token of their own is not the service, and does not say what a person reads.
            call.content = None;
            call.http = Some(("POST", &endpoint));
        }
        let (kind, id) = understood.subject;
        let kept = self.config.token(kind, id).filter(|_| call.token.is_none());
        let kept = match kept.map(files::text).transpose() {
            Ok(kept) => kept,
            Err(fault) => {
                let admin = fault.to_string();
                return Ok(self.point.refuse(Reason::ObligationFailed, &admin));
            }
        };
        if kept.is_some() {
            call.token = kept.as_deref();
            call.possession = Possession::Ours;
            call.http = Some(("POST", &endpoint));
        }
        Ok(self.point.decide(&call))
    }

    /// How clients of the service show their tokens.
    fn scheme(&self) -> Scheme {
        let policy = &self.point.policy;
        let scheme = policy.with_bundle(|bundle| Ok(Scheme::of(bundle.possession())));
        scheme.unwrap_or(Scheme::Dpop)
    }

    fn single(&self, root: Json<'_>, own: &Shown<'_>, heard: &Heard) -> Reply {
        match self.evaluate(Asked::alone(root), own, heard, false) {
            Ok(outcome) => {
                self.tell(&outcome, heard);
                Reply::json(200, answer::decision(&outcome, self.scheme()).1)
            }
            Err(message) => Reply::problem(400, "Bad Request", &message),
        }
    }

    fn batch(&self, root: Json<'_>, own: &Shown<'_>, heard: &Heard) -> Reply {
        let list = root.get("evaluations").unwrap_or(Json::null());
        if list.is_null() || (list.kind() == Kind::Array && list.is_empty()) {
            return self.single(root, own, heard);
        }
        let bad = |detail: &str| Reply::problem(400, "Bad Request", detail);
        if list.kind() != Kind::Array {
            return bad("`evaluations` must be a list");
        }
        if list.len() > BATCH {
            return bad(&format!(
                "more than {BATCH} evaluations: ask in several requests"
            ));
        }
        let options = root.get("options");
        if options.is_some_and(|options| options.kind() != Kind::Object) {
            return bad("`options` must be an object");
        }
        let semantic = options.and_then(|options| options.get("evaluations_semantic"));
        let ends_at = match semantic.map(Json::as_str) {
            None | Some(Some("execute_all")) => None,
            Some(Some("deny_on_first_deny")) => Some(false),
            Some(Some("permit_on_first_permit")) => Some(true),
            Some(_) => {
                return bad(
                    "`evaluations_semantic` is `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`",
                );
            }
        };
        let mut out = Writer::with_capacity(4096);
        out.object(|out| {
            out.name("evaluations").array(|out| {
                for item in list.elements() {
                    let (acts, text) = self.item(item, root, own, heard);
                    out.raw(&text);
                    if ends_at == Some(acts) {
                        break;
                    }
                }
            });
        });
        Reply::json(200, out.finish())
    }

    fn item(
        &self,
        item: Json<'_>,
        root: Json<'_>,
        own: &Shown<'_>,
        heard: &Heard,
    ) -> (bool, String) {
        if item.kind() != Kind::Object {
            return (false, answer::unusable("an evaluation must be an object"));
        }
        match self.evaluate(Asked::one_of(item, root), own, heard, true) {
            Ok(outcome) => {
                self.tell(&outcome, heard);
                answer::decision(&outcome, self.scheme())
            }
            Err(message) => (false, answer::unusable(&message)),
        }
    }

    /// Tells the operator which part failed, which no caller is told.
    fn tell(&self, outcome: &Outcome, heard: &Heard) {
        if outcome.permitted {
            return;
        }
        let (code, admin) = outcome.admin();
        let reason = Reason::from_code(&code);
        if reason.is_none_or(|reason| Told::is_quiet(reason.told())) {
            (self.say)(&format!("{}: {code}: {admin}", heard.id));
        }
    }

    /// Where anybody who reaches it may use the tokens that are held here, a page in somebody's browser must not:
    /// it can call loopback addresses, also under a name of its own.
    fn browsed(&self, heard: &Heard) -> Option<Reply> {
        let host = heard.header("host").ok().flatten().unwrap_or_default();
        let is_page = !matches!(heard.header("origin"), Ok(None));
        if !self.config.is_open() || (self.config.is_called(host) && !is_page) {
            return None;
        }
        let detail = "call by the decision point's own address, and not from a page";
        Some(Reply::problem(403, "Forbidden", detail))
    }

    fn metadata(&self) -> Reply {
        let url = &self.config.url;
        let mut out = Writer::default();
        out.object(|out| {
            out.name("policy_decision_point").string(url);
            for (name, path) in [
                ("access_evaluation_endpoint", EVALUATION),
                ("access_evaluations_endpoint", EVALUATIONS),
            ] {
                out.name(name).string(&format!("{url}{path}"));
            }
        });
        Reply::json(200, out.finish())
    }
}

impl Service for Pdp {
    fn refresh(&self) {
        Self::refresh(self);
    }

    fn refuse(&self, heard: &Heard) -> Option<Reply> {
        let post = match heard.path.as_str() {
            EVALUATION | EVALUATIONS => true,
            METADATA => false,
            path if path.starts_with(SEARCH) => {
                let detail = "search is not offered: ask for evaluations";
                return Some(Reply::problem(501, "Not Implemented", detail));
            }
            _ => return Some(Reply::problem(404, "Not Found", "there is nothing here")),
        };
        let method = if post { "POST" } else { "GET" };
        if heard.method != method {
            let detail = format!("use {method}");
            let reply = Reply::problem(405, "Method Not Allowed", &detail);
            return Some(reply.with("allow", method));
        }
        let json = heard
            .header("content-type")
            .ok()
            .flatten()
            .is_some_and(|kind| {
                let kind = kind.split(';').next().unwrap_or_default().trim();
                kind.eq_ignore_ascii_case("application/json")
            });
        if !post {
            return None;
        }
        if !json {
            let detail = "`Content-Type` must be `application/json`";
            return Some(Reply::problem(400, "Bad Request", detail));
        }
        self.browsed(heard).or_else(|| self.caller(heard).err())
    }

    fn knows(&self, heard: &Heard) -> bool {
        let sent = heard.header("authorization").ok().flatten();
        let is_token = sent.is_some_and(|sent| {
            sent.get(..5)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("dpop "))
        });
        !self.config.has_callers() || !is_token
    }

    fn answer(&self, heard: &Heard) -> Reply {
        if heard.path == METADATA {
            return self.metadata();
        }
        let own = match self.caller(heard) {
            Ok(own) => own,
            Err(reply) => return reply,
        };
        let document = match Document::parse(&heard.body, Profile::Request) {
            Ok(document) => document,
            Err(error) => {
                let detail = format!("the body is not JSON as it is wanted here: {error}");
                return Reply::problem(400, "Bad Request", &detail);
            }
        };
        let root = document.root();
        if root.kind() != Kind::Object {
            return Reply::problem(400, "Bad Request", "the body must be an object");
        }
        match heard.path.as_str() {
            EVALUATION => self.single(root, &own, heard),
            _ => self.batch(root, &own, heard),
        }
    }
}

impl std::fmt::Debug for Pdp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pdp")
            .field("point", &self.point)
            .finish_non_exhaustive()
    }
}
