//! What a server is asked over HTTP, and what the headers of that say.

use ambit_core::json::Json;

use super::super::message::{self, Message};
use super::super::mirror::{self, VERSION_HEADER};
use super::super::modern;
use super::super::session::{CANCELLED, lock};
use super::Server;

/// Tools of which arguments are told in headers.
const TOOLS: usize = 1024;

/// What was asked.
#[derive(Default)]
pub(super) struct Asked {
    /// By which id it is answered.
    pub(super) id: Option<String>,
    /// Whether it begins a session, and whether it says that one has begun.
    pub(super) is_first: bool,
    pub(super) begins: bool,
    /// What its headers say, where it is of revision 2026-07-28.
    pub(super) mirrored: Option<Vec<(String, String)>>,
    /// Whether it asks which revisions are spoken.
    pub(super) discovers: bool,
    pub(super) lists: bool,
    pub(super) listens: bool,
}

impl Server {
    /// What a message is. `None`: nothing is sent.
    pub(super) fn look(&self, line: &[u8]) -> Option<Asked> {
        let document = message::parse(line).ok()?;
        match message::read(document.root()) {
            Ok(Message::Request { id, method, params }) => {
                let is_modern = modern::named(params).is_some();
                Some(Asked {
                    id: Some(message::text(id)),
                    is_first: method == "initialize",
                    begins: false,
                    mirrored: is_modern.then(|| self.mirrored(method, params)),
                    discovers: method == modern::DISCOVER,
                    lists: method == "tools/list",
                    listens: method == modern::LISTEN,
                })
            }
            Ok(Message::Notification { method, params }) => {
                let id = params.get("requestId").map(message::text);
                let ended = id.and_then(|id| lock(&self.under_way).remove(&id));
                if let Some(ended) = ended.filter(|_| method == CANCELLED) {
                    ended.abort();
                    return None;
                }
                Some(Asked {
                    begins: method == "notifications/initialized",
                    ..Asked::default()
                })
            }
            _ => Some(Asked::default()),
        }
    }

    /// What a request's headers say.
    fn mirrored(&self, method: &str, params: Json<'_>) -> Vec<(String, String)> {
        let version = modern::named(params).and_then(Json::as_str);
        let mut headers = vec![(
            VERSION_HEADER.to_owned(),
            version.unwrap_or_default().to_owned(),
        )];
        let standard = mirror::standard(method, params).into_iter();
        headers.extend(standard.map(|(name, value)| (name.to_owned(), mirror::encoded(&value))));
        if method == "tools/call" {
            let tool = params.get("name").and_then(Json::as_str);
            let arguments = params.get("arguments").unwrap_or(Json::null());
            let marked = lock(&self.marked);
            let marked = marked.get(tool.unwrap_or_default()).into_iter().flatten();
            headers.extend(marked.filter_map(|one| {
                let value = one.value(arguments)?;
                Some((one.header.clone(), mirror::encoded(&value)))
            }));
        }
        headers
    }

    /// Tools that an answer describes, and which of their arguments are told in headers.
    pub(super) fn learn(&self, result: Json<'_>) {
        let mut marked = lock(&self.marked);
        for tool in result.get("tools").into_iter().flat_map(Json::elements) {
            let Some(name) = tool.get("name").and_then(Json::as_str) else {
                continue;
            };
            match mirror::marked(tool) {
                Ok(found) if !found.is_empty() && marked.len() < TOOLS => {
                    marked.insert(name.to_owned(), found);
                }
                _ => {
                    marked.remove(name);
                }
            }
        }
    }
}

/// The server has ended a stream that was asked for.
pub(super) fn over(asked: &Asked) -> Vec<u8> {
    let id = asked.id.as_deref().unwrap_or_default();
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{CANCELLED}\",\"params\":{{\"requestId\":{id}}}}}")
        .into_bytes()
}
