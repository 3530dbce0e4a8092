//! The endpoint for agents: MCP's streamable HTTP, as a protected resource of OAuth.

mod headers;
mod modern;
mod sessions;
mod site;
mod streams;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Profile};
use ambit_host::http as told;
use ambit_host::ledger::{Charge, Ledger};
use ambit_host::{Standing, refuse};

use super::check::{self, Caller, Shown, challenge};
use super::client::Next;
use super::message::{self, Message};
use super::session::{CANCELLED, DENIED, INVALID, PARSE};
use super::{Connect, Gateway, modern as revision};
use crate::events::Later;
use crate::fault::Fault;
use crate::http::{Heard, REQUESTS, Reply, Service};
use crate::point::{Call, Possession};
use headers::problem;
use sessions::{Live, Owner, Sessions};
pub(super) use site::Site;

/// For so long an answer is waited for, and a client listens before it shows its token again.
const ANSWER: Duration = Duration::from_secs(15 * 60);
const LISTENING: Duration = Duration::from_secs(60);
const SESSION_ID: &str = "mcp-session-id";

/// Whose request it is.
struct Who {
    owner: Owner,
    /// Its token, and that it counts; `None` where the token is held here.
    shown: Option<(Shown, Standing)>,
    /// Until when something may begin for it.
    until: Instant,
}

impl Who {
    fn caller(&self) -> Caller<'_> {
        match &self.shown {
            Some((shown, _)) => Caller::Shown(shown),
            None => Caller::Held(Some(self.until)),
        }
    }

    /// How long something may be listened to: for `most`, and no longer than the token counts.
    fn left(&self, gateway: &Gateway, most: Duration) -> Duration {
        let Some((_, standing)) = &self.shown else {
            return ANSWER;
        };
        let left = standing.ends.saturating_sub((gateway.point.clock)());
        most.min(Duration::from_secs(u64::try_from(left).unwrap_or_default()))
    }
}

/// Serves agents that show tokens of their own, each with a session and a server; or one agent beside it, for which it
/// holds the token.
pub struct Endpoint {
    gateway: Arc<Gateway>,
    site: Site,
    connect: Box<dyn Connect>,
    /// Proofs of requests that nothing else uses up.
    ledger: Arc<dyn Ledger>,
    sessions: Sessions,
    /// When the server was found to speak older revisions alone.
    legacy: Mutex<Option<Instant>>,
}

impl Endpoint {
    /// An endpoint at the audience of the file; where it holds a token, one for whoever reaches it.
    ///
    /// # Errors
    ///
    /// [`Fault`] where that is no address.
    pub fn new(
        gateway: Gateway,
        connect: Box<dyn Connect>,
        ledger: Arc<dyn Ledger>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            site: match &gateway.config.token {
                Some(_) => Site::beside(&gateway.point.place.audience),
                None => gateway.config.site()?,
            },
            gateway: Arc::new(gateway),
            connect,
            ledger,
            sessions: Sessions::default(),
            legacy: Mutex::default(),
        })
    }

    /// A denial as an HTTP response; where a token is what is lacking, with the place to get one.
    fn denied(&self, answer: &str) -> Reply {
        let response = told::response(answer, None, self.gateway.point.policy.scheme());
        let response = Document::parse(response.as_bytes(), Profile::Request);
        let root = response.as_ref().map_or(Json::null(), Document::root);
        let status = root.get("status").and_then(Json::as_int);
        let status = status.and_then(|status| u16::try_from(status).ok());
        let problem = message::text(root.get("problem").unwrap_or_default());
        let reply = Reply::of(status.unwrap_or(500), "application/problem+json", problem);
        match challenge(root, None) {
            Some(told) => reply.with("www-authenticate", self.site.challenge(&told.header)),
            None => reply,
        }
    }

    /// A token that does not count, written down.
    fn refuse_token(&self, reason: Reason, admin: &str, heard: &Heard) -> Reply {
        let outcome = self.gateway.point.refuse(reason, admin);
        if let Some(words) = outcome.failed() {
            (self.gateway.say)(&format!("{}: {words}", heard.id));
        }
        self.denied(&outcome.answer)
    }

    /// Who shows a token that counts here. That it does not is not written down yet.
    fn standing(&self, heard: &Heard, shown: &Shown) -> Result<Standing, (Reason, String)> {
        let point = &self.gateway.point;
        let known = point
            .policy
            .with_bundle(|bundle| Ok(self.gateway.config.known(bundle)));
        let mut refused = (
            Reason::RequestAction,
            "no action of the policy is a tool of this server".to_owned(),
        );
        for target in known.unwrap_or_default() {
            let evaluation = check::evaluation(&target, "{}", target.power);
            let call = Call {
                evaluation: &evaluation,
                token: Some(&shown.token),
                possession: Possession::Theirs(shown.proof.as_deref()),
                approvals: &[],
                http: Some((&heard.method, &self.site.url)),
                content: None,
            };
            refused = match point.standing(&call) {
                Ok(standing) => return Ok(standing),
                Err(refused) => refused,
            };
            // Of these another action may say otherwise.
            let code = refused.0.code();
            let may_differ = ["request.", "key.role", "agent."];
            if !may_differ.iter().any(|start| code.starts_with(start)) {
                break;
            }
        }
        Err(refused)
    }

    /// Whose request it is. Where the token is held here, nobody shows one.
    fn who(&self, heard: &Heard) -> Result<Who, Reply> {
        if self.holds() {
            let owner = Owner::beside();
            return Ok(Who {
                owner,
                shown: None,
                until: heard.until,
            });
        }
        let shown = headers::shown(heard)?.ok_or_else(|| self.no_token())?;
        let standing = self.standing(heard, &shown);
        let standing =
            standing.map_err(|(reason, admin)| self.refuse_token(reason, &admin, heard))?;
        Ok(Who {
            owner: Owner::from(&standing),
            shown: Some((shown, standing)),
            until: heard.until,
        })
    }

    fn holds(&self) -> bool {
        self.gateway.config.token.is_some()
    }

    /// A proof counts once.
    fn use_up(&self, who: &Who, heard: &Heard) -> Result<(), Reply> {
        let proof = who.shown.as_ref().and_then(|(_, it)| it.proof.as_ref());
        let Some((key, until)) = proof else {
            return Ok(());
        };
        let now = (self.gateway.point.clock)();
        let charge = Charge::once(key, "proof", *until);
        self.ledger.consume(&[charge], now).map_err(|error| {
            let reason = match error.code() {
                "ledger.repeated" => Reason::PossessionUsed,
                _ => Reason::ObligationFailed,
            };
            self.refuse_token(reason, &error.to_string(), heard)
        })
    }

    /// The session that a request names, if it is theirs. Of others nobody learns that they are there.
    fn session(&self, heard: &Heard, who: &Who) -> Result<(String, Arc<Live>), Reply> {
        let Some(id) = heard.header(SESSION_ID)? else {
            let detail = "`Mcp-Session-Id` is lacking: begin with `initialize`";
            return Err(problem(400, "mcp.session", detail));
        };
        let live = self.sessions.find(id, &who.owner);
        let live = live.ok_or_else(|| {
            let detail = "there is no such session of yours: begin with `initialize`";
            problem(404, "mcp.session", detail)
        })?;
        Ok((id.to_owned(), live))
    }

    fn post(&self, heard: &Heard) -> Result<Reply, Reply> {
        let who = self.who(heard)?;
        let malformed = |code, why: &str| Reply::json(400, message::error("null", code, why));
        // What is sound has line ends between its parts alone, where blanks say the same.
        let sound = Document::parse(&heard.body, Profile::Request);
        sound.map_err(|error| {
            malformed(PARSE, &format!("not JSON as it is wanted here: {error}"))
        })?;
        let line: Vec<u8> = heard
            .body
            .iter()
            .map(|c| match c {
                b'\n' | b'\r' => b' ',
                other => *other,
            })
            .collect();
        let line = line.trim_ascii();
        let document = message::parse(line).map_err(|why| malformed(PARSE, &why))?;
        let message = message::read(document.root()).map_err(|why| malformed(INVALID, why))?;
        let names_itself = match message {
            Message::Request { params, .. } => revision::named(params).is_some(),
            _ => false,
        };
        if names_itself || headers::is_modern(heard) {
            return self.stateless(heard, message, document.root(), &who);
        }
        self.in_session(heard, message, (line, document.root()), &who)
    }

    /// A message of a session, or that begins one.
    fn in_session(
        &self,
        heard: &Heard,
        message: Message<'_>,
        said: (&[u8], Json<'_>),
        who: &Who,
    ) -> Result<Reply, Reply> {
        let method = match message {
            Message::Request { method, .. } => Some(method),
            _ => None,
        };
        if !method.is_some_and(|method| self.gateway.config.decides(method)) {
            self.use_up(who, heard)?;
        }
        let begins = method == Some("initialize");
        let (id, live) = match (begins, heard.header(SESSION_ID)?) {
            (true, None) => self.open(who, false)?,
            (true, Some(_)) => {
                let detail = "a session is begun without `Mcp-Session-Id`";
                return Err(problem(400, "mcp.session", detail));
            }
            (false, _) => self.session(heard, who)?,
        };
        let said = live.in_turn(|| self.say(&live, message, said, who));
        let reply = said.unwrap_or_else(busy);
        Ok(match begins {
            true => reply.with(SESSION_ID, id),
            false => reply,
        })
    }

    /// What the requests of one holder share that belong to no session.
    fn shared(&self, who: &Who) -> Result<Arc<Live>, Reply> {
        self.open(who, true).map(|(_, live)| live)
    }

    fn open(&self, who: &Who, is_shared: bool) -> Result<(String, Arc<Live>), Reply> {
        let owner = who.owner.clone();
        let opened = self
            .sessions
            .open(&self.gateway, &*self.connect, owner, is_shared);
        match opened {
            Ok(Some(opened)) => Ok(opened),
            Ok(None) => Err(busy()),
            Err(error) => {
                (self.gateway.say)(&format!("no session can be opened: {error}"));
                let detail = "the server behind the gateway cannot be reached";
                Err(problem(502, "mcp.server", detail))
            }
        }
    }

    /// Says a message in its session, and what came of it.
    fn say(
        &self,
        live: &Live,
        message: Message<'_>,
        (line, root): (&[u8], Json<'_>),
        who: &Who,
    ) -> Reply {
        let session = &live.session;
        let waits = match message {
            Message::Request { id, params, .. } => {
                let id = message::text(id);
                let Some(events) = live.streams.expect(&id, params) else {
                    let why = "too many requests are under way, or one with this id";
                    return Reply::json(200, message::error(&id, INVALID, why));
                };
                Some((id, events))
            }
            _ => None,
        };
        let next = session.client_says(message, root, who.caller());
        let passes = matches!(next, Next::Pass | Next::Changed(_));
        match &next {
            Next::Pass => session.send(&session.server, line),
            Next::Changed(text) => session.send(&session.server, text.as_bytes()),
            _ => {}
        }
        if let Message::Notification {
            method: CANCELLED,
            params,
        } = message
            && passes
            && let Some(id) = params.get("requestId")
        {
            live.streams.forget(&message::text(id));
        }
        let Some((id, events)) = waits else {
            return Reply::of(202, "application/json", String::new());
        };
        if passes {
            return Reply::later(Later::Answer(events, ANSWER, None));
        }
        live.streams.forget(&id);
        match next {
            Next::Answer(text) => Reply::json(200, text),
            Next::Challenge(_, told) => {
                let header = self.site.challenge(&told.header);
                Reply::json(
                    told.status,
                    message::error_with(&id, DENIED, &told.words, &told.problem),
                )
                .with("www-authenticate", header)
            }
            _ => Reply::of(202, "application/json", String::new()),
        }
    }

    /// A client listens for what belongs to no request.
    fn listen(&self, heard: &Heard) -> Result<Reply, Reply> {
        let who = self.who(heard)?;
        self.use_up(&who, heard)?;
        let (_, live) = self.session(heard, &who)?;
        let left = who.left(&self.gateway, LISTENING);
        live.touch();
        let events = live.streams.listen();
        events
            .map(|events| Reply::later(Later::Stream(events, left)))
            .ok_or_else(|| {
                problem(
                    409,
                    "mcp.session",
                    "somebody listens to this session already",
                )
            })
    }

    fn end(&self, heard: &Heard) -> Result<Reply, Reply> {
        let who = self.who(heard)?;
        self.use_up(&who, heard)?;
        let (id, _) = self.session(heard, &who)?;
        self.sessions.end(&id);
        Ok(Reply::of(204, "application/json", String::new()))
    }

    /// No token came: where there are any.
    fn no_token(&self) -> Reply {
        self.denied(&refuse(Reason::TokenMissing, ""))
    }
}

impl Service for Endpoint {
    fn refuse(&self, heard: &Heard) -> Option<Reply> {
        if let Err(reply) = headers::place(heard, &self.site) {
            return Some(reply);
        }
        if heard.path != self.site.path {
            return None;
        }
        if self.holds() {
            return headers::form(heard).err();
        }
        match headers::shown(heard) {
            Ok(Some(_)) => headers::form(heard).err(),
            Ok(None) => Some(self.no_token()),
            Err(reply) => Some(reply),
        }
    }

    fn knows(&self, heard: &Heard) -> bool {
        if self.holds() {
            return true;
        }
        let id = heard.header(SESSION_ID).ok().flatten();
        if id.is_some_and(|id| self.sessions.knows(id)) {
            return true;
        }
        // Of the revision without sessions nobody has one.
        let shown = headers::shown(heard).ok().flatten();
        shown.is_some_and(|shown| self.standing(heard, &shown).is_ok())
    }

    fn reads(&self, heard: &Heard) -> bool {
        heard.method == "POST"
    }

    fn answer(&self, heard: &Heard) -> Reply {
        if heard.path != self.site.path {
            let (servers, name) = (
                &self.gateway.config.authorization_servers,
                &self.gateway.config.server,
            );
            let scheme = self.gateway.point.policy.scheme();
            return Reply::json(200, self.site.metadata(servers, name, scheme));
        }
        let reply = match heard.method.as_str() {
            "POST" => self.post(heard),
            "GET" => self.listen(heard),
            _ => self.end(heard),
        };
        reply.unwrap_or_else(|reply| reply)
    }

    /// As many as there are requests: they wait for servers. One holder's sessions have a share of them.
    fn threads(&self) -> usize {
        REQUESTS
    }

    fn refresh(&self) {
        self.gateway.refresh();
        self.sessions.expire();
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("gateway", &self.gateway)
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

/// There is no room for more.
fn busy() -> Reply {
    let detail = "too many sessions, or requests of one, at one time: try again";
    problem(503, "mcp.full", detail).with("retry-after", "1")
}
