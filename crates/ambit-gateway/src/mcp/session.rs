//! A client and a server with the gateway between them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read as _, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ambit_core::json::{Json, Kind, Writer};
use ambit_token::base64url;

use super::Gateway;
use super::check::Caller;
use super::client::Next;
use super::content::is_work;
use super::inputs::{Brought, Inputs, Likeness};
use super::message::{self, Message};
use super::modern;
use super::output::{Output, Sent, Side};
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
pub(super) const ELICITATION: i64 = -32042;

/// Notifications that pass, to the server and to the client; they ask for nothing.
pub(super) const CANCELLED: &str = "notifications/cancelled";
pub(super) const TO_SERVER: [&str; 3] = [
    "notifications/initialized",
    CANCELLED,
    "notifications/progress",
];
const TO_CLIENT: [&str; 5] = [
    "notifications/message",
    "notifications/progress",
    CANCELLED,
    modern::ACKNOWLEDGED,
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
    /// Requests under way by their ids: those of the client, and the server's.
    pub(super) of_client: BTreeMap<String, Request>,
    pub(super) of_server: BTreeMap<String, ()>,
    /// Requests that the client took back and the server may still do, until it answers them.
    pub(super) taken_back: BTreeSet<String>,
    /// The request under way that rests on what was read: nothing else may change that meanwhile.
    pub(super) alone: Option<String>,
    /// The gateway's own request under way, and its answer.
    pub(super) asked: Option<(String, Option<Vec<u8>>)>,
    pub(super) count: u64,
    pub(super) tools: Option<Tools>,
    /// When the server told of them.
    pub(super) told: Option<Instant>,
    /// What answers of the server, or of the gateway, asked for.
    pub(super) inputs: Inputs,
    /// The client can show a person an address, as `initialize` said.
    pub(super) shows_addresses: bool,
    /// How often the server said that its tools are others now.
    pub(super) changes: u64,
    /// One side has ended.
    pub(super) gone: bool,
    /// The client took nothing.
    untaken: bool,
}

/// A request of the client that is under way.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// What it asks for, where it is of revision 2026-07-28: its answer may ask for input.
    pub(super) of: Option<Likeness>,
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
                Ok(message) => self.client_says(message, document.root(), Caller::Held(None)),
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
                    lock(&self.state).server_ends(&id.unwrap_or_default());
                }
                if self.is_told(method, params) {
                    self.send(&*self.client, line);
                }
            }
            Ok(Message::Request { id, method, params }) => {
                let id = message::text(id);
                match self.server_asks(&id, method, params) {
                    Ok(()) => match self.passes(document.root(), &Brought::default()) {
                        Next::Changed(text) => self.send(&*self.client, text.as_bytes()),
                        _ => self.send(&*self.client, line),
                    },
                    Err(answer) => self.send(&self.server, answer.as_bytes()),
                }
            }
            Err(why) => self.say(&format!("a message of the server is dropped: {why}")),
        }
    }

    /// Whether a notification of the server passes.
    fn is_told(&self, method: &str, params: Json<'_>) -> bool {
        let subscription = params
            .get("_meta")
            .and_then(|meta| meta.get(modern::SUBSCRIPTION));
        if let Some(id) = subscription.map(message::text) {
            let state = lock(&self.state);
            let listens = state.of_client.get(&id);
            if listens.is_none_or(|request| request.method != modern::LISTEN) {
                return false;
            }
        }
        let kind = method.strip_prefix("notifications/").unwrap_or_default();
        let kind = kind.split('/').next().unwrap_or_default();
        TO_CLIENT.contains(&method) || self.gateway.config.has_methods(kind)
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
        let Some(request) = state.of_client.remove(&text) else {
            state.taken_back.remove(&text);
            drop(state);
            return self.say("an answer of the server to nothing that was asked is dropped");
        };
        drop(state);
        if let Err(why) = self.may_answer(request.method.as_str(), request.of, root) {
            self.say(&format!("an answer of the server is refused: {why}"));
            let answer =
                message::error(&text, DENIED, "the server asks for what is not let through");
            return self.send(&*self.client, answer.as_bytes());
        }
        match request.method.as_str() {
            "initialize" | modern::DISCOVER => {
                self.send(&*self.client, self.offered(root).as_bytes());
            }
            _ => match kept_private(root) {
                Some(text) => self.send(&*self.client, text.as_bytes()),
                None => self.send(&*self.client, line),
            },
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
            message::rewrite(result, out, &mut |name, value, out| {
                match name {
                    "capabilities" => {
                        let mapped = ["resources", "prompts", "completions"];
                        out.name(name);
                        self.only(value, &mapped, &["tools", "logging"], out);
                    }
                    // What is not understood here is not offered.
                    "supportedVersions" => {
                        out.name(name).array(|out| {
                            let spoken = value.elements().filter_map(Json::as_str);
                            for version in spoken.filter(|it| modern::VERSIONS.contains(it)) {
                                out.string(version);
                            }
                        });
                    }
                    "cacheScope" => {
                        out.name(name).string("private");
                    }
                    _ => return false,
                }
                true
            });
            true
        });
        out.finish()
    }

    /// Takes a request back whose caller has hung up.
    pub(super) fn take_back(&self, id: &str) {
        let params = format!("{{\"requestId\":{id}}}");
        let document = message::parse(params.as_bytes());
        let taken = document.is_ok_and(|params| lock(&self.state).take_back(params.root()));
        if taken {
            let line =
                format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{CANCELLED}\",\"params\":{params}}}");
            self.send(&self.server, line.as_bytes());
        }
    }

    /// Sends a line. When one side takes none any more, all has ended.
    pub(super) fn send(&self, to: &dyn Side, line: &[u8]) {
        let sent = to.send(line);
        if sent == Sent::Untaken && !lock(&self.state).gone {
            let is_client = std::ptr::addr_eq(to, &raw const *self.client);
            lock(&self.state).untaken = is_client;
            let why = match is_client {
                true => "its client does not read what it is answered (mcp.untaken)",
                false => "its server does not read what it is asked",
            };
            self.say(&format!("a session ends: {why}"));
        }
        if sent != Sent::Done {
            self.ends();
        }
    }

    /// Whether it has ended because the client takes nothing.
    pub(super) fn is_untaken(&self) -> bool {
        lock(&self.state).untaken
    }
}

impl State {
    /// The server takes a request back, or ends a stream that the client asked for.
    fn server_ends(&mut self, id: &str) {
        self.of_server.remove(id);
        let stream = self.of_client.get(id);
        if stream.is_some_and(|request| request.method == modern::LISTEN) {
            self.of_client.remove(id);
        }
    }

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
        let taken = self.of_client.remove(&id);
        if taken.is_some_and(|it| is_work(&it.method)) {
            // Beyond the bound they are one entry with an empty id, which no answer removes.
            let is_full = self.taken_back.len() >= UNDER_WAY;
            self.taken_back
                .insert(if is_full { String::new() } else { id });
        }
        true
    }
}

/// An answer that says that whoever stands between may keep it for others: it was decided for one token.
fn kept_private(root: Json<'_>) -> Option<String> {
    let scope = root.get("result")?.get("cacheScope")?;
    if scope.as_str() == Some("private") {
        return None;
    }
    let mut out = Writer::with_capacity(1024);
    message::rewrite(root, &mut out, &mut |name, result, out| {
        if name != "result" {
            return false;
        }
        out.name(name);
        message::rewrite(result, out, &mut |name, _, out| {
            if name == "cacheScope" {
                out.name(name).string("private");
            }
            name == "cacheScope"
        });
        true
    });
    Some(out.finish())
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
