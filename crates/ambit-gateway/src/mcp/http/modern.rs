//! Requests of revision 2026-07-28, which belong to no session: each is one `POST`, whose answer is its own stream.
//!
//! Behind them one server answers all requests of one holder, so each gets an id of the gateway's own on the way.

use std::time::{Duration, Instant};

use ambit_core::json::{Json, Writer};

use super::super::client::Next;
use super::super::message::{self, Message};
use super::super::mirror;
use super::super::modern::{self, HEADER_MISMATCH};
use super::super::session::{DENIED, INVALID, NO_METHOD, Session, lock};
use super::headers::problem;
use super::sessions::Live;
use super::streams::Told;
use super::{ANSWER, Endpoint, LISTENING, Who, busy};
use crate::events::Later;
use crate::http::{Heard, Reply};

/// How long a server may take to say which revisions it speaks: one that `npx` fetches first takes its time.
const DISCOVERING: Duration = Duration::from_secs(120);
/// Errors by which servers say that they know no such request, speak other revisions, or want `initialize` first (the last
/// two; 0 is what the SDK for Go says).
const BEFORE: [i64; 5] = [
    NO_METHOD,
    modern::INVALID_PARAMS,
    modern::UNSUPPORTED,
    INVALID,
    0,
];
/// How long it counts that it does not speak this one.
const LEGACY: Duration = Duration::from_secs(60);

impl Endpoint {
    /// Answers a message that came with this revision in its header or in itself.
    pub(super) fn stateless(
        &self,
        heard: &Heard,
        message: Message<'_>,
        root: Json<'_>,
        who: &Who,
    ) -> Result<Reply, Reply> {
        let Message::Request { id, method, params } = message else {
            let why = "of this revision only requests come over HTTP";
            return Err(Reply::json(400, message::error("null", INVALID, why)));
        };
        let id = message::text(id);
        if modern::named(params).is_none() {
            let why = format!("`_meta` lacks `{}`", modern::PROTOCOL);
            let answer = message::error(&id, modern::INVALID_PARAMS, &why);
            return Err(Reply::json(400, answer));
        }
        let header = |name: &str| heard.header(name).ok().flatten();
        let mismatched = |why: &str| Reply::json(400, message::error(&id, HEADER_MISMATCH, why));
        if let Some(why) = mirror::mismatch(method, params, &header) {
            return Err(mismatched(&why));
        }
        modern::read(params).map_err(|unsound| Reply::json(400, unsound.answer(&id)))?;
        if !self.gateway.config.decides(method) {
            self.use_up(who, heard)?;
        }
        if self.is_known_as_legacy() {
            return Err(legacy());
        }
        let live = self.shared(who)?;
        let said = live.in_turn(|| {
            if heard.until <= Instant::now() {
                // It waited too long for its turn, and nobody waits for it any more.
                return Err(busy());
            }
            self.discover(&live)?;
            if let Some(why) = live.session.unmirrored(method, params, &header) {
                return Err(mismatched(&why));
            }
            Ok(self.say_renamed(&live, root, who))
        });
        said.unwrap_or_else(|| Ok(busy()))
    }

    /// Asks the server whether it speaks this revision, until it has said so. Where it does not, that is known of it for a
    /// while; where it fails, nothing is.
    fn discover(&self, live: &Live) -> Result<(), Reply> {
        if live.is_modern.get().is_some() {
            return Ok(());
        }
        let session = &live.session;
        let answer = session.ask_server(modern::DISCOVER, DISCOVERING, |out| {
            modern::own_meta(out.name("_meta"));
        });
        let unknown = |status, why: &str| {
            session.say(&format!(
                "it is not known which revisions are spoken: {why}"
            ));
            let detail = "the server behind the gateway does not say which revisions of MCP it speaks: try again";
            Err(problem(status, "mcp.server", detail).with("retry-after", "1"))
        };
        match answer.as_deref().map(speaks) {
            Ok(Some(true)) => {
                // Who has its turn is alone.
                let _ = live.is_modern.set(());
                Ok(())
            }
            Ok(Some(false)) => {
                *lock(&self.legacy) = Some(Instant::now());
                self.sessions.end_shared(live);
                Err(legacy())
            }
            Ok(None) => unknown(502, "the server answers with an error"),
            Err(why) if session.has_ended() => unknown(502, why),
            Err(why) => unknown(503, why),
        }
    }

    /// Whether the server was asked a moment ago: it is not started for each request that it does not know.
    fn is_known_as_legacy(&self) -> bool {
        lock(&self.legacy).is_some_and(|asked| asked.elapsed() < LEGACY)
    }

    /// Says a request under another id, and what came of it under its own.
    fn say_renamed(&self, live: &Live, root: Json<'_>, who: &Who) -> Reply {
        let (own, told, line) = renamed(live, root);
        let busy = |why| Reply::json(200, message::error(&told.id, INVALID, why));
        let document = message::parse(line.as_bytes());
        let document = document.as_ref().map(|document| document.root());
        let Ok(Ok(Message::Request { id, method, params })) = document.map(message::read) else {
            return busy("it cannot be read");
        };
        let Ok(root) = document else {
            return busy("it cannot be read");
        };
        let Some(events) = live.streams.expect_as(&own, params, told.clone()) else {
            return busy("too many requests are under way");
        };
        let session = &live.session;
        let message = Message::Request { id, method, params };
        let next = session.client_says(message, root, who.caller());
        let text = match next {
            Next::Pass => line.clone(),
            Next::Changed(text) => text,
            answered => {
                live.streams.forget(&own);
                return self.answered(answered, &told);
            }
        };
        session.send(&session.server, text.as_bytes());
        let life = match method == modern::LISTEN {
            true => who.left(&self.gateway, LISTENING),
            false => ANSWER,
        };
        Reply::later(Later::Answer(events, life, Some(modern::status)))
    }

    /// What was answered here.
    fn answered(&self, next: Next, told: &Told) -> Reply {
        match next {
            Next::Challenge(_, challenge) => {
                let header = self.site.challenge(&challenge.header);
                let (words, problem) = (&challenge.words, &challenge.problem);
                let answer = message::error_with(&told.id, DENIED, words, problem);
                Reply::json(challenge.status, answer).with("www-authenticate", header)
            }
            Next::Answer(text) => {
                let text = told.restored(text.as_bytes());
                Reply::json(modern::status(text.as_bytes()), text)
            }
            _ => Reply::of(202, "application/json", String::new()),
        }
    }
}

impl Session {
    /// Why the headers of a call do not say what its arguments say, where the tool wants that.
    fn unmirrored<'h>(
        &self,
        method: &str,
        params: Json<'_>,
        header: &dyn Fn(&str) -> Option<&'h str>,
    ) -> Option<String> {
        let name = params.get("name").and_then(Json::as_str);
        let name = name.filter(|_| method == "tools/call")?;
        // A tool that is not there is refused by the call itself.
        self.pin(name, params).ok()?;
        let state = lock(&self.state);
        let marked = state.tools.as_ref()?.marked(name);
        let arguments = params.get("arguments").unwrap_or(Json::null());
        let differs = |one: &&mirror::Marked| !one.agrees(arguments, header(&one.header));
        let differs = marked.iter().find(differs)?;
        Some(format!(
            "`{}` is not what the arguments say",
            differs.header
        ))
    }
}

/// Whether an answer to `server/discover` says that the server speaks this revision. `None`: it failed, and may do otherwise
/// when it is asked again.
fn speaks(answer: &[u8]) -> Option<bool> {
    let document = message::parse(answer).ok()?;
    if let Some(result) = document.root().get("result") {
        let versions = result.get("supportedVersions");
        let mut versions = versions.into_iter().flat_map(Json::elements);
        return Some(versions.any(|version| version.as_str() == Some(modern::VERSION)));
    }
    let code = document.root().get("error")?.get("code")?.as_int()?;
    BEFORE.contains(&code).then_some(false)
}

/// A request under an id of our own, what its client calls it, and the id.
fn renamed(live: &Live, root: Json<'_>) -> (String, Told, String) {
    let own = format!("\"{}\"", live.next());
    let params = root.get("params").unwrap_or(Json::null());
    let meta = params.get("_meta").unwrap_or(Json::null());
    let told = Told {
        id: message::text(root.get("id").unwrap_or(Json::null())),
        progress: meta.get("progressToken").map(message::text),
        logs: modern::wants_log(params),
    };
    let mut out = Writer::with_capacity(1024);
    message::rewrite(root, &mut out, &mut |name, value, out| match name {
        "id" => {
            out.name(name).raw(&own);
            true
        }
        "params" => {
            out.name(name);
            message::within_meta(value, out, &mut |name, _, out| {
                if name == "progressToken" {
                    out.name(name).raw(&own);
                }
                name == "progressToken"
            });
            true
        }
        _ => false,
    });
    (own, told, out.finish())
}

/// The server knows older revisions alone, which begin otherwise. No error of this revision: at this, clients begin anew.
fn legacy() -> Reply {
    let detail = "the server behind speaks older revisions of MCP: begin with `initialize`";
    problem(400, "mcp.form", detail)
}
