//! What a client says: what passes, what is answered here, and what is decided first.

use std::time::{Duration, Instant};

use ambit_core::Reason;
use ambit_core::json::{Json, Kind};

use super::check::{self, Caller, Challenge, Check, Refusal};
use super::config::Target;
use super::inputs::{self, Brought};
use super::message::{self, Message};
use super::modern;
use super::session::{
    CANCELLED, DENIED, INVALID, NO_METHOD, Request, Session, State, TO_SERVER, UNDER_WAY, lock,
};
use crate::files;
use crate::point::Possession;

/// How long what a server said of its tools counts, where it says no more by itself.
const SILENCE: Duration = Duration::from_secs(60);

/// Requests of a client that pass as they are.
pub(super) const PASSES: [&str; 2] = ["ping", "logging/setLevel"];

/// What becomes of a message of the client.
pub(super) enum Next {
    /// It passes as it came.
    Pass,
    /// It passes in another form.
    Changed(String),
    /// It is answered here.
    Answer(String),
    /// The same, where over HTTP another token or proof is asked for.
    Challenge(String, Box<Challenge>),
    Drop,
}

impl Session {
    /// One message at a time.
    pub(super) fn client_says(
        &self,
        message: Message<'_>,
        root: Json<'_>,
        caller: Caller<'_>,
    ) -> Next {
        let (id, method, params) = match message {
            Message::Request { id, method, params } => (message::text(id), method, params),
            Message::Notification { method, params } => return self.notified(method, params),
            Message::Answer { id } => {
                let id = message::text(id);
                return match lock(&self.state).of_server.remove(&id) {
                    Some(()) => Next::Pass,
                    None => Next::Drop,
                };
            }
        };
        if let Some(why) = self.has_no_room(&id) {
            return Next::Answer(message::error(&id, INVALID, why));
        }
        if self.is_kept_waiting(method) {
            let why = "a call is under way that must not be disturbed: repeat this when it has been answered";
            return Next::Answer(message::error(&id, DENIED, why));
        }
        let is_modern = match modern::read(params) {
            Ok(is_modern) => is_modern,
            Err(unsound) => return Next::Answer(unsound.answer(&id)),
        };
        let of = inputs::likeness(method, params);
        let Some(brought) = self.brought(&of, method, params) else {
            let why = "it brings input that nobody asked for: repeat it without `inputResponses` and `requestState`";
            return Next::Answer(message::error(&id, modern::INVALID_PARAMS, why));
        };
        let next = match self.decided(&id, (method, params, root), caller, (is_modern, &brought)) {
            Ok(next) => next,
            Err(answer) => return answer,
        };
        let request = Request {
            method: method.to_owned(),
            of: is_modern.then_some(of),
        };
        lock(&self.state).of_client.insert(id, request);
        next
    }

    /// What becomes of a request. `Err`: it is answered here, and under way no longer.
    fn decided(
        &self,
        id: &str,
        (method, params, root): (&str, Json<'_>, Json<'_>),
        caller: Caller<'_>,
        (is_modern, brought): (bool, &Brought),
    ) -> Result<Next, Next> {
        Ok(match method {
            "initialize" if is_modern => {
                let why = "this revision of the protocol has no `initialize`";
                return Err(Next::Answer(message::error(id, NO_METHOD, why)));
            }
            "initialize" => {
                let shows = modern::shows_addresses(params.get("capabilities"));
                lock(&self.state).shows_addresses = shows;
                Next::Changed(self.introduced(root))
            }
            modern::DISCOVER => Next::Changed(self.introduced(root)),
            "tools/list" => return Err(Next::Answer(self.list(id, params, caller))),
            "tools/call" => match self.call(params, caller) {
                Ok(is_alone) => {
                    lock(&self.state).alone = is_alone.then(|| id.to_owned());
                    self.passes(root, brought)
                }
                Err(refusal) => {
                    if let Some(asks) = self.asks_a_person(id, &refusal, params, brought) {
                        return Err(Next::Answer(asks));
                    }
                    return Err(told(denied(id, &refusal, is_modern), refusal));
                }
            },
            modern::LISTEN if is_modern => match self.listens(root, caller) {
                Ok(text) => Next::Changed(text),
                Err(refusal) => return Err(told(refused(id, &refusal), refusal)),
            },
            _ if PASSES.contains(&method) => self.passes(root, brought),
            _ => match self.other(method, params, caller) {
                Ok(()) => self.passes(root, brought),
                Err(refusal) => return Err(told(refused(id, &refusal), refusal)),
            },
        })
    }

    /// A notification of the client's.
    fn notified(&self, method: &str, params: Json<'_>) -> Next {
        if method == CANCELLED && !lock(&self.state).take_back(params) {
            return Next::Drop;
        }
        let roots = method == "notifications/roots/list_changed"
            && self.gateway.config.has_methods("roots");
        match TO_SERVER.contains(&method) || roots {
            true => Next::Pass,
            false => Next::Drop,
        }
    }

    /// What a request brings that it was asked for. `None`: nobody asked for it.
    fn brought(&self, of: &inputs::Likeness, method: &str, params: Json<'_>) -> Option<Brought> {
        match inputs::may_ask(method) {
            true => lock(&self.state).inputs.brought(of, params),
            false => Some(Brought::default()),
        }
    }

    /// Why one more request with this id cannot be under way.
    fn has_no_room(&self, id: &str) -> Option<&'static str> {
        let state = lock(&self.state);
        let is_known = state.of_client.contains_key(id) || state.taken_back.contains(id);
        let is_too_much = state.of_client.len() >= UNDER_WAY || is_known;
        is_too_much.then_some("too many requests are under way, or one with this id")
    }

    pub(super) fn token(&self, caller: Caller<'_>) -> Result<String, String> {
        match (caller, &self.gateway.config.token) {
            (Caller::Shown(shown), _) => Ok(shown.token.clone()),
            (Caller::Held(_), Some(file)) => files::text(file).map_err(|fault| fault.to_string()),
            (Caller::Held(_), None) => Err("no token is held here".to_owned()),
        }
    }

    /// Checks a call of a tool. What the check sees is what passes; whether it must be alone under way.
    fn call(&self, params: Json<'_>, caller: Caller<'_>) -> Result<bool, Refusal> {
        let malformed = |words: &str| Refusal::plain("request.member", words);
        let name = params.get("name").and_then(Json::as_str);
        let name = name.ok_or_else(|| malformed("`name` must be a string"))?;
        let known =
            |name: &str| ["name", "arguments", "_meta"].contains(&name) || inputs::is_input(name);
        if let Some((other, _)) = params.members().find(|(name, _)| !known(name)) {
            return Err(malformed(&format!(
                "`{other}` is not let through in a call of a tool"
            )));
        }
        let arguments = params.get("arguments").unwrap_or(Json::null());
        if !matches!(arguments.kind(), Kind::Object | Kind::Null) {
            return Err(malformed("`arguments` must be an object"));
        }
        let pin = self.pinned(name, params)?;
        let config = &self.gateway.config;
        let understood = self.gateway.point.policy.with_bundle(|bundle| {
            Ok(config.actions(bundle, name, &pin).and_then(|actions| {
                let target = config.tool(&actions, name, arguments)?;
                let action = bundle.action(&target.action).ok_or("no such action")?;
                Ok((target, check::arguments(action, arguments)?))
            }))
        });
        let understood = understood.map_err(|fault| self.failed(&fault.to_string()))?;
        let (target, arguments) = understood.map_err(|why| self.unmapped(&why))?;
        if self.reads_for(&target)
            && !self.with_check(caller, None, |it| it.is_open(&target, &arguments))?
        {
            // Whoever may not make the call learns nothing of what there is to read.
            self.check(caller, &target, &arguments, None)?;
            return Err(self.failed("a call was denied, and then it was not"));
        }
        let content = self.contents(&target, &arguments, params)?;
        self.in_time(caller)?;
        self.check(caller, &target, &arguments, content.as_deref())?;
        // The server may have described it anew meanwhile.
        if self.pinned(name, params)? != pin {
            let why = format!("the tool `{name}` was described anew meanwhile");
            return Err(self.unmapped(&why));
        }
        Ok(content.is_some())
    }

    /// The pin of a tool. That there is no such tool is written down.
    pub(super) fn pinned(&self, name: &str, params: Json<'_>) -> Result<String, Refusal> {
        self.pin(name, params).inspect_err(|refusal| {
            if let Some(code) = &refusal.code {
                self.refuse(code, &refusal.words);
            }
        })
    }

    /// The pin of what the server says of a tool now. A refusal is not written down yet.
    pub(super) fn pin(&self, name: &str, params: Json<'_>) -> Result<String, Refusal> {
        // Of this revision a server tells nobody of changes who does not listen.
        let is_silent = modern::named(params).is_some();
        let known = |state: &State| {
            let is_old = state.told.is_none_or(|told| told.elapsed() > SILENCE);
            let tools = state.tools.as_ref().filter(|_| !(is_silent && is_old))?;
            Some(tools.pin(name).map(str::to_owned))
        };
        let mut pin = known(&lock(&self.state));
        if pin.is_none() {
            self.learn(params).map_err(|why| self.failed(&why))?;
            pin = known(&lock(&self.state));
        }
        pin.flatten().ok_or_else(|| {
            let words = format!("the server has no tool `{name}`");
            Refusal::plain("mcp.unknown", words)
        })
    }

    fn unmapped(&self, why: &str) -> Refusal {
        self.say(&format!("refused: {why}"));
        self.refuse("mcp.unmapped", why);
        Refusal::plain("mcp.unmapped", format!("Not allowed: {why} [mcp.unmapped]"))
    }

    /// Writes down what the policy was not asked.
    pub(super) fn refuse(&self, code: &str, why: &str) {
        let refused = self
            .gateway
            .point
            .refuse(Reason::RequestAction, &format!("{code}: {why}"));
        debug_assert!(!refused.permitted, "a refusal is none");
    }

    /// Checks another request, of either side.
    pub(super) fn other(
        &self,
        method: &str,
        params: Json<'_>,
        caller: Caller<'_>,
    ) -> Result<(), Refusal> {
        let mapped = self.gateway.config.method(method, params);
        let (target, arguments) = mapped.map_err(|why| {
            self.refuse("mcp.unmapped", &why);
            Refusal::plain("mcp.unmapped", why)
        })?;
        self.in_time(caller)?;
        self.check(caller, &target, &arguments, None)
    }

    /// Whether the caller still waits: who was told that it took too long must not find that it ran.
    fn in_time(&self, caller: Caller<'_>) -> Result<(), Refusal> {
        let until = match caller {
            Caller::Held(until) => until,
            Caller::Shown(shown) => Some(shown.until),
        };
        match until.is_some_and(|until| until <= Instant::now()) {
            true => Err(self.failed("nobody waits for it any more")),
            false => Ok(()),
        }
    }

    fn check(
        &self,
        caller: Caller<'_>,
        target: &Target,
        arguments: &str,
        content: Option<&str>,
    ) -> Result<(), Refusal> {
        self.with_check(caller, content, |check| check.call(target, arguments))?
    }

    fn with_check<T>(
        &self,
        caller: Caller<'_>,
        content: Option<&str>,
        run: impl FnOnce(&Check<'_>) -> T,
    ) -> Result<T, Refusal> {
        let token = self.token(caller).map_err(|why| self.failed(&why))?;
        let (possession, shown) = match caller {
            Caller::Held(_) => (Possession::Ours, &[][..]),
            Caller::Shown(shown) => (
                Possession::Theirs(shown.proof.as_deref()),
                &shown.approvals[..],
            ),
        };
        let gateway = &self.gateway;
        Ok(run(&Check {
            point: &gateway.point,
            token: &token,
            possession,
            shown,
            approvals: gateway.approvals.as_ref(),
            proposes: gateway.proposes,
            page: gateway.config.page.as_deref(),
            content,
            say: &gateway.say,
        }))
    }

    fn failed(&self, why: &str) -> Refusal {
        self.say(&format!("a call is refused: {why}"));
        Refusal::failed()
    }
}

/// A refusal as it is told.
fn told(answer: String, refusal: Refusal) -> Next {
    match refusal.challenge {
        Some(challenge) => Next::Challenge(answer, challenge),
        None => Next::Answer(answer),
    }
}

/// A denied call of a tool is an error of the tool, so that the agent reads it.
fn denied(id: &str, refusal: &Refusal, is_modern: bool) -> String {
    message::result(id, |out| {
        if is_modern {
            out.name("resultType").string("complete");
        }
        out.name("content").array(|out| {
            out.object(|out| {
                out.name("type").string("text");
                out.name("text").string(&refusal.words);
            });
        });
        out.name("isError").boolean(true);
        if let Some(code) = &refusal.code {
            out.name("_meta").object(|out| {
                out.name("dev.ambit/code").string(code);
            });
        }
    })
}

fn refused(id: &str, refusal: &Refusal) -> String {
    let code = match refusal.code.as_deref() {
        Some("mcp.unmapped") => NO_METHOD,
        _ => DENIED,
    };
    message::error(id, code, &refusal.words)
}
