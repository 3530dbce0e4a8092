//! A client and a server with the gateway between them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read as _, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ambit_core::json::{Json, Kind, Writer};
use ambit_token::base64url;

use super::Gateway;
use super::check::{Caller, Refusal};
use super::client::Next;
use super::content::is_work;
use super::message::{self, Message};
use super::output::{Output, Side};
use super::tools::Tools;

/// Bytes of a line: the evaluator takes 256 KiB of a call; results may be files.
const CLIENT_LINE: u64 = 4 * 1024 * 1024;
const SERVER_LINE: u64 = 16 * 1024 * 1024;
/// Requests under way in one direction.
pub(super) const UNDER_WAY: usize = 1024;

/// JSON-RPC 2.0, section 5.1, and one of ours.
pub(super) const PARSE: i64 = -32700;
pub(super) const INVALID: i64 = -32600;
pub(super) const NO_METHOD: i64 = -32601;
pub(super) const INTERNAL: i64 = -32603;
pub(super) const DENIED: i64 = -32003;
/// MCP: a person is to be asked at an address, and then the request repeated.
const ELICITATION: i64 = -32042;

/// Notifications that pass, to the server and to the client; they ask for nothing.
pub(super) const CANCELLED: &str = "notifications/cancelled";
pub(super) const TO_SERVER: [&str; 3] = [
    "notifications/initialized",
    CANCELLED,
    "notifications/progress",
];
const TO_CLIENT: [&str; 4] = [
    "notifications/message",
    "notifications/progress",
    CANCELLED,
    "notifications/tools/list_changed",
];

pub(super) struct Session {
    pub(super) gateway: Arc<Gateway>,
    pub(super) client: Arc<dyn Side>,
    pub(super) server: Output,
    pub(super) state: Mutex<State>,
    /// Told when the server has answered the gateway itself, or is gone.
    pub(super) heard: Condvar,
    /// What the gateway's own requests begin with: nobody else can know it.
    pub(super) own: String,
}

#[derive(Default)]
pub(super) struct State {
    /// Requests under way by their ids: those of the client with their methods, and the server's.
    pub(super) of_client: BTreeMap<String, String>,
    pub(super) of_server: BTreeMap<String, ()>,
    /// Requests that the client took back and the server may still do, until it answers them.
    pub(super) taken_back: BTreeSet<String>,
    /// The request under way that rests on what was read: nothing else may change that meanwhile.
    pub(super) alone: Option<String>,
    /// The gateway's own request under way, and its answer.
    pub(super) asked: Option<(String, Option<Vec<u8>>)>,
    pub(super) count: u64,
    pub(super) tools: Option<Tools>,
    /// How often the server said that its tools are others now.
    pub(super) changes: u64,
    /// One side has ended.
    pub(super) gone: bool,
}

impl Session {
    pub(super) fn new(
        gateway: Arc<Gateway>,
        client: Arc<dyn Side>,
        server: Box<dyn Write + Send>,
    ) -> io::Result<Self> {
        let mut random = [0; 12];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self {
            gateway,
            client,
            server: Output::start("to server", server)?,
            state: Mutex::default(),
            heard: Condvar::new(),
            own: format!("ambit-{}", base64url::encode(&random)),
        })
    }

    /// Tells both sides that nothing more comes.
    pub(super) fn close(&self) {
        self.ends();
        self.server.close();
        self.client.finish();
    }

    fn ends(&self) {
        lock(&self.state).gone = true;
        self.heard.notify_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.state).gone
    }

    pub(super) fn say(&self, text: &str) {
        (self.gateway.say)(text);
    }

    pub(super) fn read_client(&self, mut lines: impl BufRead) {
        while !self.has_ended() {
            match line(&mut lines, CLIENT_LINE) {
                Ok(Some(line)) if line.trim_ascii().is_empty() => {}
                Ok(Some(line)) => self.hear_client(line.trim_ascii()),
                Ok(None) => return,
                Err(error) => return self.say(&format!("the client cannot be heard: {error}")),
            }
        }
    }

    pub(super) fn read_server(&self, mut lines: impl BufRead) {
        while !self.has_ended() {
            match line(&mut lines, SERVER_LINE) {
                Ok(Some(line)) if line.trim_ascii().is_empty() => {}
                Ok(Some(line)) => self.hear_server(line.trim_ascii()),
                Ok(None) => break,
                Err(error) => {
                    self.say(&format!("the server cannot be heard: {error}"));
                    break;
                }
            }
        }
        self.ends();
    }

    fn hear_client(&self, line: &[u8]) {
        let next = match message::parse(line) {
            Ok(document) => match message::read(document.root()) {
                Ok(message) => self.client_says(message, document.root(), Caller::Held),
                Err(why) => Next::Answer(message::error("null", INVALID, why)),
            },
            Err(why) => Next::Answer(message::error("null", PARSE, &why)),
        };
        match next {
            Next::Pass => self.send(&self.server, line),
            Next::Changed(text) => self.send(&self.server, text.as_bytes()),
            Next::Answer(text) | Next::Challenge(text, _) => {
                self.send(&*self.client, text.as_bytes());
            }
            Next::Drop => {}
        }
    }

    fn hear_server(&self, line: &[u8]) {
        let document = match message::parse(line) {
            Ok(document) => document,
            Err(why) => return self.say(&format!("a line of the server is dropped: {why}")),
        };
        match message::read(document.root()) {
            Ok(Message::Answer { id }) => self.answered(id, document.root(), line),
            Ok(Message::Notification { method, params }) => {
                if method == "notifications/tools/list_changed" {
                    let mut state = lock(&self.state);
                    state.tools = None;
                    state.changes += 1;
                }
                if method == CANCELLED {
                    let id = params.get("requestId").map(message::text);
                    lock(&self.state).of_server.remove(&id.unwrap_or_default());
                }
                let kind = method.strip_prefix("notifications/").unwrap_or_default();
                let kind = kind.split('/').next().unwrap_or_default();
                if TO_CLIENT.contains(&method) || self.gateway.config.has_methods(kind) {
                    self.send(&*self.client, line);
                }
            }
            Ok(Message::Request { id, method, params }) => {
                let id = message::text(id);
                match self.server_asks(&id, method, params) {
                    Ok(()) => match self.passes(document.root()) {
                        Next::Changed(text) => self.send(&*self.client, text.as_bytes()),
                        _ => self.send(&*self.client, line),
                    },
                    Err(answer) => self.send(&self.server, answer.as_bytes()),
                }
            }
            Err(why) => self.say(&format!("a message of the server is dropped: {why}")),
        }
    }

    /// A server asks the client for something: a sample, a person's input, its roots.
    fn server_asks(&self, id: &str, method: &str, params: Json<'_>) -> Result<(), String> {
        if method == "ping" {
            return Err(message::result(id, |_| {}));
        }
        let is_too_much = {
            let state = lock(&self.state);
            state.of_server.len() >= UNDER_WAY || state.of_server.contains_key(id)
        };
        if is_too_much {
            let why = "too many requests are under way, or one with this id";
            return Err(message::error(id, INVALID, why));
        }
        // Where agents show tokens of their own, none is shown for what a server asks.
        let asked = match self.gateway.config.token {
            Some(_) => self.other(method, params, Caller::Held),
            None => Err(Refusal::failed()),
        };
        asked.map_err(|refusal| {
            self.say(&format!(
                "the server may not ask for `{method}`: {}",
                refusal.words
            ));
            message::error(id, NO_METHOD, "this is not let through")
        })?;
        lock(&self.state).of_server.insert(id.to_owned(), ());
        Ok(())
    }

    fn answered(&self, id: Json<'_>, root: Json<'_>, line: &[u8]) {
        let text = message::text(id);
        let mut state = lock(&self.state);
        if let Some((asked, answer)) = &mut state.asked
            && id.as_str() == Some(asked)
        {
            *answer = Some(line.to_owned());
            self.heard.notify_all();
            return;
        }
        if state.alone.as_ref() == Some(&text) {
            state.alone = None;
        }
        let Some(method) = state.of_client.remove(&text) else {
            state.taken_back.remove(&text);
            drop(state);
            return self.say("an answer of the server to nothing that was asked is dropped");
        };
        drop(state);
        let result = root.get("result").unwrap_or(Json::null());
        let code = root
            .get("error")
            .and_then(|error| error.get("code")?.as_int());
        let by_error = code == Some(ELICITATION) && !self.gateway.config.has_methods("elicitation");
        if by_error || message::wants_more(result) {
            self.say("the server may not ask for input by way of an answer");
            let answer =
                message::error(&text, DENIED, "the server asks for what is not let through");
            return self.send(&*self.client, answer.as_bytes());
        }
        match method.as_str() {
            "initialize" | "server/discover" => {
                self.send(&*self.client, self.offered(root).as_bytes());
            }
            _ => self.send(&*self.client, line),
        }
    }

    /// A server introduces itself: what is not let through is not offered.
    fn offered(&self, root: Json<'_>) -> String {
        let mut out = Writer::with_capacity(1024);
        message::rewrite(root, &mut out, &mut |name, result, out| {
            if name != "result" || result.kind() != Kind::Object {
                return false;
            }
            out.name(name);
            message::rewrite(result, out, &mut |name, capabilities, out| {
                if name != "capabilities" {
                    return false;
                }
                out.name(name);
                self.only(
                    capabilities,
                    &["resources", "prompts"],
                    &["tools", "logging"],
                    out,
                );
                true
            });
            true
        });
        out.finish()
    }

    /// Sends a line. When one side takes none any more, all has ended.
    pub(super) fn send(&self, to: &dyn Side, line: &[u8]) {
        if !to.send(line) {
            self.ends();
        }
    }
}

impl State {
    /// The client takes a request back, which need not be answered then. Whether the server may hear of it: nobody could
    /// tell any more when one has ended that must be alone.
    pub(super) fn take_back(&mut self, params: Json<'_>) -> bool {
        let id = params.get("requestId").filter(message::is_id);
        let Some(id) = id.map(message::text) else {
            return false;
        };
        if self.alone.as_ref() == Some(&id) {
            return false;
        }
        if self.of_client.remove(&id).is_some_and(|it| is_work(&it)) {
            // Beyond the bound they are one entry with an empty id, which no answer removes.
            let is_full = self.taken_back.len() >= UNDER_WAY;
            self.taken_back
                .insert(if is_full { String::new() } else { id });
        }
        true
    }
}

fn line(lines: &mut impl BufRead, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = lines.take(most).read_until(b'\n', &mut line)?;
    match read {
        0 => Ok(None),
        _ if line.ends_with(b"\n") => Ok(Some(line)),
        // A line without its end, at the end of all: it may have been cut.
        _ if u64::try_from(read).is_ok_and(|read| read < most) => Ok(None),
        _ => Err(io::Error::other(format!(
            "a line of more than {most} bytes"
        ))),
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
