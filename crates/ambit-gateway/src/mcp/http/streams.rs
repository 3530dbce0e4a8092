//! The client of a session over HTTP: each message goes to the request that it belongs to.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ambit_core::json::{Json, Kind, Writer};

use super::super::message::{self, Message};
use super::super::modern;
use super::super::output::{Sent, Side};
use super::super::session::{CANCELLED, INTERNAL, lock};
use crate::events::{Events, Feed, feed};
use crate::untaken::Account;

/// Requests of one session that wait for an answer.
const WAITING: usize = 64;

pub(super) struct Streams {
    open: Mutex<Open>,
    /// What they have not taken.
    account: Account,
}

#[derive(Default)]
struct Open {
    /// An answer found no room, because others are not taken.
    is_untaken: bool,
    waiting: BTreeMap<String, Waiting>,
    /// The stream of what belongs to no request.
    listening: Option<Feed>,
    is_closed: bool,
}

struct Waiting {
    feed: Feed,
    /// What tells of its progress names this.
    progress: Option<String>,
    /// What its client calls it, where it has another id here.
    told: Option<Told>,
}

/// What the client of a request without a session calls it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) progress: Option<String>,
    /// Whether it wants to be told what the server logs.
    pub(super) logs: bool,
}

impl Told {
    /// A message about the request, in its client's terms.
    pub(super) fn restored(&self, line: &[u8]) -> String {
        let Ok(document) = message::parse(line) else {
            return String::new();
        };
        let mut out = Writer::with_capacity(line.len());
        message::rewrite(document.root(), &mut out, &mut |name, value, out| {
            match name {
                "id" => {
                    out.name(name).raw(&self.id);
                }
                "params" if value.kind() == Kind::Object => self.params(value, out.name(name)),
                "result" if value.kind() == Kind::Object => {
                    message::within_meta(value, out.name(name), &mut |name, _, out| {
                        self.subscription(name, out)
                    });
                }
                _ => return false,
            }
            true
        });
        out.finish()
    }

    /// The stream that a message belongs to is called by the request that asked for it.
    fn subscription(&self, name: &str, out: &mut Writer) -> bool {
        if name == modern::SUBSCRIPTION {
            out.name(name).raw(&self.id);
        }
        name == modern::SUBSCRIPTION
    }

    fn params(&self, params: Json<'_>, out: &mut Writer) {
        message::rewrite(params, out, &mut |name, value, out| {
            match (name, &self.progress) {
                ("progressToken", Some(progress)) => {
                    out.name(name).raw(progress);
                }
                ("_meta", _) if value.kind() == Kind::Object => {
                    message::rewrite(value, out.name(name), &mut |name, _, out| {
                        self.subscription(name, out)
                    });
                }
                _ => return false,
            }
            true
        });
    }
}

impl Waiting {
    fn part(&self, line: &[u8]) {
        match &self.told {
            Some(told) => self.feed.part(told.restored(line).as_bytes()),
            None => self.feed.part(line),
        };
    }

    /// May wait for room. `false`: there was none.
    fn last(self, id: &str, line: &[u8]) -> bool {
        let answered = match &self.told {
            Some(told) => self.feed.last(told.restored(line).as_bytes()),
            None => self.feed.last(line),
        };
        let Err(feed) = answered else {
            return true;
        };
        feed.last_words(ended(self.told.as_ref().map_or(id, |told| &told.id), true).as_bytes());
        false
    }
}

impl Streams {
    /// Those of a session whose owner has this account.
    pub(super) fn new(account: Account) -> Self {
        Self {
            open: Mutex::default(),
            account,
        }
    }

    /// Waits for the answer to a request. `None`: one with this id waits already, or too many do.
    pub(super) fn expect(&self, id: &str, params: Json<'_>) -> Option<Events> {
        self.wait(id, params, None)
    }

    /// The same for a request that its client calls otherwise.
    pub(super) fn expect_as(&self, id: &str, params: Json<'_>, told: Told) -> Option<Events> {
        self.wait(id, params, Some(told))
    }

    fn wait(&self, id: &str, params: Json<'_>, told: Option<Told>) -> Option<Events> {
        let mut open = lock(&self.open);
        if open.waiting.len() >= WAITING {
            // Who has hung up waits no more.
            open.waiting
                .retain(|_, waiting| waiting.told.is_some() || !waiting.feed.is_closed());
        }
        if open.is_closed || open.waiting.len() >= WAITING || open.waiting.contains_key(id) {
            return None;
        }
        let token = params
            .get("_meta")
            .and_then(|meta| meta.get("progressToken"));
        let (feed, events) = feed(&self.account);
        let progress = token.filter(is_token).map(message::text);
        open.waiting.insert(
            id.to_owned(),
            Waiting {
                feed,
                progress,
                told,
            },
        );
        Some(events)
    }

    /// The requests without a session whose callers have hung up: nobody waits for them any more.
    pub(super) fn hung_up(&self) -> Vec<String> {
        let mut open = lock(&self.open);
        let is_over = |one: &Waiting| one.told.is_some() && one.feed.is_closed();
        let over = open.waiting.iter().filter(|(_, one)| is_over(one));
        let over: Vec<String> = over.map(|(id, _)| id.clone()).collect();
        open.waiting.retain(|_, one| !is_over(one));
        over
    }

    /// Whether somebody waits for the answer to a request.
    pub(super) fn waits(&self, id: &str) -> bool {
        let open = lock(&self.open);
        let waiting = open.waiting.get(id);
        waiting.is_some_and(|waiting| !waiting.feed.is_closed())
    }

    /// Nothing more is said of a request.
    pub(super) fn forget(&self, id: &str) {
        lock(&self.open).waiting.remove(id);
    }

    /// Listens for what belongs to no request. `None`: somebody listens already.
    pub(super) fn listen(&self) -> Option<Events> {
        let mut open = lock(&self.open);
        let is_taken = open.listening.as_ref().is_some_and(|it| !it.is_closed());
        if open.is_closed || is_taken {
            return None;
        }
        let (feed, events) = feed(&self.account);
        open.listening = Some(feed);
        Some(events)
    }

    /// Whether anybody waits for something.
    pub(super) fn is_idle(&self) -> bool {
        let open = lock(&self.open);
        let listens = open.listening.as_ref().is_some_and(|it| !it.is_closed());
        !listens
            && open
                .waiting
                .values()
                .all(|waiting| waiting.feed.is_closed())
    }
}

impl Open {
    /// What names no request: to whoever listens, or else to the one request that it can be about.
    fn say(&self, line: &[u8]) {
        let listening = self.listening.as_ref().filter(|it| !it.is_closed());
        if let Some(listening) = listening {
            listening.part(line);
            return;
        }
        let wants = |one: &&Waiting| one.told.as_ref().is_none_or(|told| told.logs);
        let mut waiting = self.waiting.values().filter(wants);
        if let (Some(one), None) = (waiting.next(), waiting.next()) {
            one.part(line);
        }
    }
}

impl Side for Streams {
    fn send(&self, line: &[u8]) -> Sent {
        let Ok(document) = message::parse(line) else {
            return Sent::Done;
        };
        let mut open = lock(&self.open);
        match message::read(document.root()) {
            Ok(Message::Answer { id }) => {
                let id = message::text(id);
                let waiting = open.waiting.remove(&id);
                // Others go on while this one waits for room.
                drop(open);
                if waiting.is_some_and(|waiting| !waiting.last(&id, line)) {
                    lock(&self.open).is_untaken = true;
                    return Sent::Untaken;
                }
            }
            Ok(Message::Notification {
                method: "notifications/progress",
                params,
            }) => {
                let token = params.get("progressToken").map(message::text);
                let mut waiting = open.waiting.values();
                if let Some(one) = waiting.find(|one| token.is_some() && one.progress == token) {
                    one.part(line);
                }
            }
            Ok(Message::Notification { method, params }) => match params
                .get("_meta")
                .and_then(|meta| meta.get(modern::SUBSCRIPTION))
            {
                Some(stream) => {
                    if let Some(waiting) = open.waiting.get(&message::text(stream)) {
                        waiting.part(line);
                    }
                }
                None => {
                    let ends = params.get("requestId").filter(|_| method == CANCELLED);
                    let ends = ends.map(message::text).unwrap_or_default();
                    // Of others it is a request of the server's own that it takes back.
                    let is_stream = open.waiting.get(&ends).is_some_and(|it| it.told.is_some());
                    match is_stream {
                        true => drop(open.waiting.remove(&ends)),
                        false => open.say(line),
                    }
                }
            },
            Ok(Message::Request { .. }) => open.say(line),
            Err(_) => {}
        }
        Sent::Done
    }

    fn close(&self) {
        let mut open = lock(&self.open);
        open.is_closed = true;
        open.listening = None;
        let is_untaken = open.is_untaken;
        for (id, waiting) in std::mem::take(&mut open.waiting) {
            let told = waiting.told.as_ref().map_or(id.as_str(), |told| &told.id);
            let error = ended(told, is_untaken);
            waiting.feed.last_words(error.as_bytes());
        }
    }

    fn finish(&self) {
        self.close();
    }
}

/// Tells a request that its session has ended; also, where it is so, that its client did not take what was answered.
fn ended(id: &str, is_untaken: bool) -> String {
    match is_untaken {
        true => {
            let why = "the session has ended, because too many of its answers were not read";
            message::error_with(id, INTERNAL, why, "{\"code\":\"mcp.untaken\"}")
        }
        false => message::error(id, INTERNAL, "the session has ended"),
    }
}

fn is_token(value: &Json<'_>) -> bool {
    matches!(value.kind(), Kind::String | Kind::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_names_a_request_names_it_as_its_client_does() {
        let told = Told {
            id: "7".to_owned(),
            progress: Some("\"p\"".to_owned()),
            logs: false,
        };
        let meta = |id: &str| format!("\"_meta\":{{\"{}\":{id},\"x\":1.50}}", modern::SUBSCRIPTION);
        let own = meta("\"r-1\"");
        let theirs = meta("7");
        for (line, wanted) in [
            (
                format!("{{\"id\":\"r-1\",\"result\":{{{own},\"y\":[]}}}}"),
                format!("{{\"id\":7,\"result\":{{{theirs},\"y\":[]}}}}"),
            ),
            (
                format!("{{\"method\":\"m\",\"params\":{{\"progressToken\":\"r-1\",{own}}}}}"),
                format!("{{\"method\":\"m\",\"params\":{{\"progressToken\":\"p\",{theirs}}}}}"),
            ),
        ] {
            assert_eq!(told.restored(line.as_bytes()), wanted);
        }
    }
}
