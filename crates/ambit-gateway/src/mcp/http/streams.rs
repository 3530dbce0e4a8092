//! The client of a session over HTTP: each message goes to the request that it belongs to.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ambit_core::json::{Json, Kind};

use super::super::message::{self, Message};
use super::super::output::Side;
use super::super::session::{INTERNAL, lock};
use crate::events::{Events, Feed, feed};

/// Requests of one session that wait for an answer.
const WAITING: usize = 64;

#[derive(Default)]
pub(super) struct Streams(Mutex<Open>);

#[derive(Default)]
struct Open {
    waiting: BTreeMap<String, Waiting>,
    /// The stream of what belongs to no request.
    listening: Option<Feed>,
    is_closed: bool,
}

struct Waiting {
    feed: Feed,
    /// What tells of its progress names this.
    progress: Option<String>,
}

impl Streams {
    /// Waits for the answer to a request. `None`: one with this id waits already, or too many do.
    pub(super) fn expect(&self, id: &str, params: Json<'_>) -> Option<Events> {
        let mut open = lock(&self.0);
        if open.waiting.len() >= WAITING {
            // Who has hung up waits no more.
            open.waiting.retain(|_, waiting| !waiting.feed.is_closed());
        }
        if open.is_closed || open.waiting.len() >= WAITING || open.waiting.contains_key(id) {
            return None;
        }
        let token = params
            .get("_meta")
            .and_then(|meta| meta.get("progressToken"));
        let (feed, events) = feed();
        let progress = token.filter(is_token).map(message::text);
        open.waiting
            .insert(id.to_owned(), Waiting { feed, progress });
        Some(events)
    }

    /// Nothing more is said of a request.
    pub(super) fn forget(&self, id: &str) {
        lock(&self.0).waiting.remove(id);
    }

    /// Listens for what belongs to no request. `None`: somebody listens already.
    pub(super) fn listen(&self) -> Option<Events> {
        let mut open = lock(&self.0);
        let is_taken = open.listening.as_ref().is_some_and(|it| !it.is_closed());
        if open.is_closed || is_taken {
            return None;
        }
        let (feed, events) = feed();
        open.listening = Some(feed);
        Some(events)
    }

    /// Whether anybody waits for something.
    pub(super) fn is_idle(&self) -> bool {
        let open = lock(&self.0);
        let listens = open.listening.as_ref().is_some_and(|it| !it.is_closed());
        !listens
            && open
                .waiting
                .values()
                .all(|waiting| waiting.feed.is_closed())
    }
}

impl Side for Streams {
    fn send(&self, line: &[u8]) -> bool {
        let Ok(document) = message::parse(line) else {
            return true;
        };
        let mut open = lock(&self.0);
        match message::read(document.root()) {
            Ok(Message::Answer { id }) => {
                if let Some(waiting) = open.waiting.remove(&message::text(id)) {
                    waiting.feed.last(line);
                }
            }
            Ok(Message::Notification {
                method: "notifications/progress",
                params,
            }) => {
                let token = params.get("progressToken").map(message::text);
                let mut waiting = open.waiting.values();
                if let Some(one) = waiting.find(|one| token.is_some() && one.progress == token) {
                    one.feed.part(line);
                }
            }
            Ok(_) => {
                if let Some(listening) = &open.listening {
                    listening.part(line);
                }
            }
            Err(_) => {}
        }
        true
    }

    fn close(&self) {
        let mut open = lock(&self.0);
        open.is_closed = true;
        open.listening = None;
        for (id, waiting) in std::mem::take(&mut open.waiting) {
            let error = message::error(&id, INTERNAL, "the session has ended");
            waiting.feed.last(error.as_bytes());
        }
    }

    fn finish(&self) {
        self.close();
    }
}

fn is_token(value: &Json<'_>) -> bool {
    matches!(value.kind(), Kind::String | Kind::Number)
}
