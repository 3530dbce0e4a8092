//! What a client says: what passes, what is answered here, and what is decided first.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use ambit_core::Reason;
use ambit_core::json::{Json, Kind, Writer};

use super::check::{self, Caller, Challenge, Check, Refusal};
use super::config::Target;
use super::message::{self, Message};
use super::session::{
    CANCELLED, DENIED, INTERNAL, INVALID, NO_METHOD, Session, State, TO_SERVER, UNDER_WAY, lock,
};
use super::tools::{PAGES, Tools};
use crate::files;
use crate::point::Possession;

/// How long the server may take to list its tools.
const LISTING: Duration = Duration::from_secs(30);
/// How often it may say meanwhile that they are others.
const LISTINGS: usize = 4;

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
            Message::Notification { method, params } => {
                if method == CANCELLED && !lock(&self.state).take_back(params) {
                    return Next::Drop;
                }
                let roots = method == "notifications/roots/list_changed"
                    && self.gateway.config.has_methods("roots");
                return match TO_SERVER.contains(&method) || roots {
                    true => Next::Pass,
                    false => Next::Drop,
                };
            }
            Message::Answer { id } => {
                let id = message::text(id);
                return match lock(&self.state).of_server.remove(&id) {
                    Some(()) => Next::Pass,
                    None => Next::Drop,
                };
            }
        };
        let is_too_much = {
            let state = lock(&self.state);
            let is_known = state.of_client.contains_key(&id) || state.taken_back.contains(&id);
            state.of_client.len() >= UNDER_WAY || is_known
        };
        if is_too_much {
            let why = "too many requests are under way, or one with this id";
            return Next::Answer(message::error(&id, INVALID, why));
        }
        if self.is_kept_waiting(method) {
            let why = "a call is under way that must not be disturbed: repeat this when it has been answered";
            return Next::Answer(message::error(&id, DENIED, why));
        }
        let next = match method {
            "initialize" | "server/discover" => Next::Changed(self.introduced(root)),
            "tools/list" => return Next::Answer(self.list(&id, params, caller)),
            "tools/call" => match self.call(params, caller) {
                Ok(is_alone) => {
                    lock(&self.state).alone = is_alone.then(|| id.clone());
                    self.passes(root)
                }
                Err(refusal) => return told(denied(&id, &refusal), refusal),
            },
            _ if PASSES.contains(&method) => self.passes(root),
            _ => match self.other(method, params, caller) {
                Ok(()) => self.passes(root),
                Err(refusal) => return told(refused(&id, &refusal), refusal),
            },
        };
        lock(&self.state).of_client.insert(id, method.to_owned());
        next
    }

    /// The tools that the token could ever allow, as the server describes them now.
    fn list(&self, id: &str, params: Json<'_>, caller: Caller<'_>) -> String {
        let listed = self.learn(params).and_then(|()| {
            let token = self.token(caller)?;
            let loaded = self.gateway.point.policy.current();
            self.gateway
                .vocabulary
                .offers(loaded.policy.bundle(), &token)
        });
        let offers = match listed {
            Ok(offers) => offers,
            Err(why) => {
                self.say(&format!("the tools cannot be listed: {why}"));
                return message::error(
                    id,
                    INTERNAL,
                    "the gateway cannot list the tools; its own output says why",
                );
            }
        };
        let state = lock(&self.state);
        let config = &self.gateway.config;
        let written = self.gateway.point.policy.with_bundle(|bundle| {
            Ok(message::result(id, |out| {
                if let Some(tools) = &state.tools {
                    let mut hidden = |why: &str| self.say(&format!("hidden: {why}"));
                    tools.write(config, bundle, &offers, &mut hidden, out);
                }
            }))
        });
        written.unwrap_or_else(|_| message::error(id, INTERNAL, "the policy cannot be read"))
    }

    /// Asks the server for its tools, anew where they became others while it told them.
    fn learn(&self, params: Json<'_>) -> Result<(), String> {
        for _ in 0..LISTINGS {
            let before = lock(&self.state).changes;
            let tools = self.listed(params)?;
            let mut state = lock(&self.state);
            if state.changes == before {
                state.tools = Some(tools);
                return Ok(());
            }
        }
        Err("the server's tools change while it lists them".to_owned())
    }

    /// All pages.
    fn listed(&self, params: Json<'_>) -> Result<Tools, String> {
        let mut tools = Tools::default();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let answer = self.ask(params.get("_meta"), cursor.as_deref())?;
            let document = message::parse(&answer)?;
            let result = document.root().get("result");
            let result = result.ok_or("the server answers `tools/list` with an error")?;
            if message::wants_more(result) {
                return Err("the server asks for input by way of its tools".to_owned());
            }
            cursor = tools.page(result, &*self.gateway.vocabulary)?;
            if cursor.is_none() {
                return Ok(tools);
            }
        }
        Err(format!(
            "the server's list of tools has more than {PAGES} pages"
        ))
    }

    /// One page, by a request of the gateway's own.
    fn ask(&self, meta: Option<Json<'_>>, cursor: Option<&str>) -> Result<Vec<u8>, String> {
        self.ask_server("tools/list", LISTING, |out| {
            if let Some(meta) = meta.filter(|meta| meta.kind() == Kind::Object) {
                out.name("_meta");
                // A progress token is that of another request.
                self.meta(meta, &["progressToken"], out);
            }
            if let Some(cursor) = cursor {
                out.name("cursor").string(cursor);
            }
        })
    }

    /// A request of the gateway's own, and the server's answer. From the client's thread only: the server's hears it.
    pub(super) fn ask_server(
        &self,
        method: &str,
        patience: Duration,
        params: impl FnOnce(&mut Writer),
    ) -> Result<Vec<u8>, String> {
        let mut state = lock(&self.state);
        state.count += 1;
        let id = format!("{}-{}", self.own, state.count);
        let mut out = Writer::default();
        out.object(|out| {
            out.name("jsonrpc").string("2.0");
            out.name("id").string(&id);
            out.name("method").string(method);
            out.name("params").object(params);
        });
        state.asked = Some((id, None));
        drop(state);
        self.send(&self.server, out.finish().as_bytes());
        let waits = |state: &mut State| {
            let is_answered = state
                .asked
                .as_ref()
                .is_some_and(|(_, answer)| answer.is_some());
            !is_answered && !state.gone
        };
        let (mut state, _) = self
            .heard
            .wait_timeout_while(lock(&self.state), patience, waits)
            .unwrap_or_else(PoisonError::into_inner);
        let answer = state.asked.take().and_then(|(_, answer)| answer);
        answer.ok_or_else(|| format!("the server does not answer `{method}`"))
    }

    fn token(&self, caller: Caller<'_>) -> Result<String, String> {
        match (caller, &self.gateway.config.token) {
            (Caller::Shown(shown), _) => Ok(shown.token.clone()),
            (Caller::Held, Some(file)) => files::text(file).map_err(|fault| fault.to_string()),
            (Caller::Held, None) => Err("no token is held here".to_owned()),
        }
    }

    /// Checks a call of a tool. What the check sees is what passes; whether it must be alone under way.
    fn call(&self, params: Json<'_>, caller: Caller<'_>) -> Result<bool, Refusal> {
        let malformed = |words: &str| Refusal::plain("request.member", words);
        let name = params.get("name").and_then(Json::as_str);
        let name = name.ok_or_else(|| malformed("`name` must be a string"))?;
        let known = ["name", "arguments", "_meta"];
        if let Some((other, _)) = params.members().find(|(name, _)| !known.contains(name)) {
            return Err(malformed(&format!(
                "`{other}` is not let through in a call of a tool"
            )));
        }
        let arguments = params.get("arguments").unwrap_or(Json::null());
        if !matches!(arguments.kind(), Kind::Object | Kind::Null) {
            return Err(malformed("`arguments` must be an object"));
        }
        let pin = self.pin(name, params)?;
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
        let content = self.contents(&target, &arguments)?;
        self.in_time(caller)?;
        self.check(caller, &target, &arguments, content.as_deref())?;
        // The server may have described it anew meanwhile.
        if self.pin(name, params)? != pin {
            let why = format!("the tool `{name}` was described anew meanwhile");
            return Err(self.unmapped(&why));
        }
        Ok(content.is_some())
    }

    /// The pin of what the server says of a tool now.
    pub(super) fn pin(&self, name: &str, params: Json<'_>) -> Result<String, Refusal> {
        let known = |state: &State| {
            let tools = state.tools.as_ref()?;
            Some(tools.pin(name).map(str::to_owned))
        };
        let mut pin = known(&lock(&self.state));
        if pin.is_none() {
            self.learn(params).map_err(|why| self.failed(&why))?;
            pin = known(&lock(&self.state));
        }
        pin.flatten().ok_or_else(|| {
            let words = format!("the server has no tool `{name}`");
            self.refuse("mcp.unknown", &words);
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
        match caller {
            Caller::Shown(shown) if shown.until <= Instant::now() => {
                Err(self.failed("nobody waits for it any more"))
            }
            _ => Ok(()),
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
            Caller::Held => (Possession::Ours, &[][..]),
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
fn denied(id: &str, refusal: &Refusal) -> String {
    message::result(id, |out| {
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
