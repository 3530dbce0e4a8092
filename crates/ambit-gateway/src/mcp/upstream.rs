//! A server that is reached over streamable HTTP, as if it were a process beside the gateway: one message a line.
//!
//! It gets no token, and no header of the agent. Redirects are not followed.

mod asked;
mod events;
mod url;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ambit_core::json::{Document, Profile};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::message::{self, Message};
use super::mirror::{Marked, VERSION_HEADER};
use super::session::{INTERNAL, NO_METHOD, lock};
use super::{Connect, Link};
use crate::fault::Fault;
use crate::names::Place;
use crate::tls::{Client, Io};
use asked::{Asked, over};
use events::Events;
use url::Url;

/// Messages of a session that the server has not answered.
const PLACES: usize = 64;
/// Bytes of an answer, or of one message of a stream: as of a server beside the gateway. And of all of a session that
/// are not handed on yet, for which an answer waits so long.
const ANSWER: usize = 16 * 1024 * 1024;
const UNREAD: usize = 64 * 1024 * 1024;
const ROOM: Duration = Duration::from_secs(10);
/// Until it is reached, until it begins to answer, and between two parts of an answer.
const CONNECTING: Duration = Duration::from_secs(10);
const ANSWERING: Duration = Duration::from_secs(15 * 60);
const GOODBYE: Duration = Duration::from_secs(2);
/// How servers of older revisions answer a request that begins without a session.
const OLDER: [StatusCode; 3] = [
    StatusCode::BAD_REQUEST,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
];
/// Before it is listened to again.
const PAUSE: Duration = Duration::from_secs(2);
/// Messages that wait: to it, and from it.
const LINES: usize = 16;
const SESSION_ID: &str = "mcp-session-id";

/// Where the server is.
#[derive(Clone, Debug)]
pub struct Upstream {
    url: Url,
    place: Place,
    tls: Option<Client>,
}

impl Upstream {
    /// The server at this address. Over TLS its certificate is one of the authorities that this machine trusts, or of those
    /// in a file alone.
    ///
    /// # Errors
    ///
    /// [`Fault`] where it is no address of `http` or `https`, or there is no such file.
    pub fn new(url: &str, authorities: Option<&Path>) -> Result<Self, Fault> {
        let url = Url::parse(url)?;
        if authorities.is_some() && !url.is_tls {
            let why = "a server at `http://` shows no certificate that authorities could stand for";
            return Err(super::config::wrong(why));
        }
        let tls = url
            .is_tls
            .then(|| Client::new(&url.host, authorities))
            .transpose()?;
        Ok(Self {
            place: Place::new(&url.host, url.port),
            tls,
            url,
        })
    }
}

impl Connect for Upstream {
    fn connect(&self) -> io::Result<Link> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (to, mut lines) = channel::<Vec<u8>>(LINES);
        let (told, from) = sync_channel::<Line>(LINES);
        let server = Arc::new(Server::new(self.clone(), told));
        thread::Builder::new()
            .name("upstream".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    while let Some(line) = lines.recv().await {
                        server.hear(line).await;
                    }
                    server.leave().await;
                });
                // What still waits for an answer has nobody who reads it.
                runtime.shutdown_background();
            })?;
        Ok(Link {
            from: Box::new(Lines {
                from,
                rest: Vec::new(),
            }),
            to: Box::new(Outbox(to)),
            guard: Box::new(()),
        })
    }
}

/// What the server is called in this session.
#[derive(Clone, Default)]
struct Named {
    session: Option<HeaderValue>,
    version: Option<HeaderValue>,
}

struct Server {
    at: Upstream,
    named: Mutex<Named>,
    /// Arguments that are told in headers, by tool.
    marked: Mutex<BTreeMap<String, Vec<Marked>>>,
    /// Requests of revision 2026-07-28 by their ids: one is cancelled by closing its connection.
    under_way: Mutex<BTreeMap<String, AbortHandle>>,
    /// Places for messages that the server has not answered, of requests or not: one that was cancelled keeps its own.
    places: Arc<Semaphore>,
    /// Room for what it says, by bytes.
    room: Arc<Semaphore>,
    /// Where its messages go, until it is gone.
    told: Mutex<Option<SyncSender<Line>>>,
}

/// A line that it says, and the room that it takes until it is read.
type Line = (Vec<u8>, Option<OwnedSemaphorePermit>);

impl Server {
    fn new(at: Upstream, told: SyncSender<Line>) -> Self {
        Self {
            at,
            named: Mutex::default(),
            marked: Mutex::default(),
            under_way: Mutex::default(),
            places: Arc::new(Semaphore::new(PLACES)),
            room: Arc::new(Semaphore::new(UNREAD)),
            told: Mutex::new(Some(told)),
        }
    }

    /// Has one message sent. What comes before a session is there is sent one after the other.
    async fn hear(self: &Arc<Self>, line: Vec<u8>) {
        let Some(asked) = self.look(&line) else {
            return;
        };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            // Of what is no request nobody waits for an answer.
            if let Some(id) = &asked.id {
                let why = "the server behind the gateway has too much to answer";
                let error = message::error(id, INTERNAL, why);
                self.tell(error.into_bytes(), None).await;
            }
            return;
        };
        let begins = asked.begins;
        let is_in_turn = asked.is_first || begins;
        let name = asked.id.clone().filter(|_| asked.mirrored.is_some());
        let server = Arc::clone(self);
        let sending = async move {
            server.send_and_tell(line, &asked).await;
            if let Some(id) = asked.id.filter(|_| asked.mirrored.is_some()) {
                lock(&server.under_way).remove(&id);
            }
            drop(place);
        };
        if is_in_turn {
            sending.await;
        } else {
            let sent = tokio::spawn(sending);
            if let Some(id) = name.filter(|_| !sent.is_finished()) {
                lock(&self.under_way).insert(id, sent.abort_handle());
            }
        }
        if begins {
            tokio::spawn(Arc::clone(self).listen());
        }
    }

    async fn send_and_tell(&self, line: Vec<u8>, asked: &Asked) {
        let sent = self.post(line, asked).await;
        // Of what is no request nobody waits for an answer.
        if let (Err(why), Some(id)) = (sent, &asked.id) {
            let error = format!("the server behind the gateway: {why}");
            self.tell(message::error(id, INTERNAL, &error).into_bytes(), None)
                .await;
        }
    }

    async fn post(&self, line: Vec<u8>, asked: &Asked) -> Result<(), String> {
        let response = self
            .send(Method::POST, line, asked.mirrored.as_ref())
            .await?;
        if asked.is_first {
            let session = response.headers().get(SESSION_ID).cloned();
            lock(&self.named).session = session;
        }
        let status = response.status();
        // Of revision 2026-07-28 errors of JSON-RPC come with a status of their own; so does a refusal of `initialize`.
        let has_error = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND].contains(&status)
            && (asked.mirrored.is_some() || asked.is_first);
        match status {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT => Ok(()),
            StatusCode::OK if asked.listens => {
                if !self.read(response, asked).await? {
                    self.tell(over(asked), None).await;
                }
                Ok(())
            }
            StatusCode::OK => match self.read(response, asked).await? || asked.id.is_none() {
                true => Ok(()),
                false => Err("it ends without an answer".to_owned()),
            },
            StatusCode::NOT_FOUND if !has_error && lock(&self.named).session.is_some() => {
                // Its session is over, and so is this one.
                lock(&self.told).take();
                Err("its session has ended".to_owned())
            }
            status if status.is_redirection() => Err(format!(
                "it answers with {status}, and redirects are not followed"
            )),
            status => {
                if has_error && self.read(response, asked).await.unwrap_or_default() {
                    return Ok(());
                }
                let why = format!("it answers with {status}");
                match &asked.id {
                    // By this, servers of older revisions refuse what begins without `initialize`.
                    Some(id) if asked.discovers && OLDER.contains(&status) => {
                        let error = message::error(id, NO_METHOD, &why);
                        self.tell(error.into_bytes(), None).await;
                        Ok(())
                    }
                    _ => Err(why),
                }
            }
        }
    }

    /// What the server says by itself, as long as it has a stream for that.
    async fn listen(self: Arc<Self>) {
        while lock(&self.told).is_some() {
            match self.send(Method::GET, Vec::new(), None).await {
                Ok(response) if response.status() == StatusCode::OK => {
                    // It may end at any time.
                    let _ = self.read(response, &Asked::default()).await;
                }
                Ok(_) => return,
                Err(_) => {}
            }
            sleep(PAUSE).await;
        }
    }

    async fn leave(&self) {
        lock(&self.told).take();
        if lock(&self.named).session.is_some() {
            // It may not know how to end one.
            let _ = timeout(GOODBYE, self.send(Method::DELETE, Vec::new(), None)).await;
        }
    }

    async fn send(
        &self,
        method: Method,
        line: Vec<u8>,
        mirrored: Option<&Vec<(String, String)>>,
    ) -> Result<Response<Incoming>, String> {
        let stream = timeout(CONNECTING, self.reach())
            .await
            .map_err(|_| "it cannot be reached in time".to_owned())?;
        let stream = stream.map_err(|error| format!("it cannot be reached: {error}"))?;
        let broken = |error: hyper::Error| format!("the connection broke: {error}");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(&method)
            .uri(&self.at.url.path)
            .header(HOST, &self.at.url.authority)
            .header(ACCEPT, "application/json, text/event-stream");
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        match mirrored {
            Some(mirrored) => {
                for (name, value) in mirrored {
                    request = request.header(name, value);
                }
            }
            None => {
                let named = lock(&self.named).clone();
                let headers = [(SESSION_ID, named.session), (VERSION_HEADER, named.version)];
                for (name, value) in headers {
                    if let Some(value) = value {
                        request = request.header(name, value);
                    }
                }
            }
        }
        let request = request.body(Full::new(Bytes::from(line)));
        let request = request.map_err(|error| error.to_string())?;
        let response = timeout(ANSWERING, sender.send_request(request)).await;
        response
            .map_err(|_| "it does not answer".to_owned())?
            .map_err(broken)
    }

    async fn reach(&self) -> io::Result<Box<dyn Io>> {
        let stream = self.at.place.connect().await?;
        match &self.at.tls {
            None => Ok(Box::new(stream)),
            Some(tls) => tls.connect(stream).await,
        }
    }

    /// Hands on all messages of an answer. Whether one was the answer to what was asked.
    async fn read(&self, response: Response<Incoming>, asked: &Asked) -> Result<bool, String> {
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let mut body = response.into_body();
        let mut events = match kind.as_str() {
            "application/json" => None,
            "text/event-stream" => Some(Events::new(ANSWER)),
            _ => return Err("it answers with neither JSON nor events".to_owned()),
        };
        let (mut whole, mut is_answered) = (Vec::new(), false);
        let mut room = None;
        loop {
            let frame = timeout(ANSWERING, body.frame()).await;
            let frame = frame.map_err(|_| "it stops in its answer".to_owned())?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| format!("the connection broke: {error}"))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            self.make_room(data.len(), &mut room, ROOM).await?;
            match &mut events {
                Some(events) => {
                    for message in events.take(&data)? {
                        // What is left is the beginning of another, and less than came at once.
                        is_answered |= self.told(message, room.take(), asked).await;
                    }
                }
                None if whole.len() + data.len() > ANSWER => {
                    return Err(format!("its answer has more than {ANSWER} bytes"));
                }
                None => whole.extend_from_slice(&data),
            }
        }
        if events.is_none() {
            is_answered |= self.told(whole, room, asked).await;
        }
        Ok(is_answered)
    }

    /// Waits for room for so many more bytes.
    async fn make_room(
        &self,
        bytes: usize,
        room: &mut Option<OwnedSemaphorePermit>,
        time: Duration,
    ) -> Result<(), String> {
        let more = u32::try_from(bytes).map_err(|error| error.to_string())?;
        let more = timeout(time, Arc::clone(&self.room).acquire_many_owned(more)).await;
        let Ok(Ok(more)) = more else {
            return Err("more of its answers wait to be read than there is room for".to_owned());
        };
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        Ok(())
    }

    /// A message, which becomes one line. Whether it is the answer to what was asked.
    async fn told(
        &self,
        mut line: Vec<u8>,
        room: Option<OwnedSemaphorePermit>,
        asked: &Asked,
    ) -> bool {
        let mut is_answer = false;
        let sound = Document::parse(&line, Profile::Request).map(|document| {
            if let Ok(Message::Answer { id }) = message::read(document.root()) {
                is_answer = asked.id == Some(message::text(id));
            }
            let result = document.root().get("result");
            if let Some(result) = result.filter(|_| asked.lists && is_answer) {
                self.learn(result);
            }
            let result = result.filter(|_| asked.is_first);
            let version = result.and_then(|result| result.get("protocolVersion")?.as_str());
            version.and_then(|version| HeaderValue::from_str(version).ok())
        });
        match sound {
            Ok(version) => {
                if version.is_some() {
                    lock(&self.named).version = version;
                }
                // What is sound has line ends between its parts alone, where blanks say the same.
                for byte in line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')) {
                    *byte = b' ';
                }
            }
            // One line, which is told to the operator and dropped.
            Err(_) => line.retain(|byte| *byte != b'\n'),
        }
        self.tell(line, room).await;
        is_answer
    }

    /// Hands a line on. Whoever reads slowly is waited for.
    async fn tell(&self, mut line: Vec<u8>, room: Option<OwnedSemaphorePermit>) {
        line.push(b'\n');
        let told = lock(&self.told).clone();
        let Some(told) = told else { return };
        // Blocks a thread of its own: this one has other messages to send.
        let handed = tokio::task::spawn_blocking(move || told.send((line, room)).is_ok());
        if !handed.await.unwrap_or_default() {
            lock(&self.told).take();
        }
    }
}

/// Lines to the server.
struct Outbox(Sender<Vec<u8>>);

impl Write for Outbox {
    /// One whole line at a time, as it is sent.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let whole = line.trim_ascii_end().to_vec();
        self.0
            .blocking_send(whole)
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines of the server.
struct Lines {
    from: Receiver<Line>,
    rest: Vec<u8>,
}

impl Read for Lines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            match self.from.recv() {
                Ok((line, _)) => self.rest = line,
                // Nobody says anything any more.
                Err(_) => return Ok(0),
            }
        }
        let many = self.rest.len().min(into.len());
        for (to, from) in into.iter_mut().zip(self.rest.drain(..many)) {
            *to = from;
        }
        Ok(many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_and_nobody_reads_is_bounded() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (told, from) = sync_channel(LINES);
        let server = Server::new(Upstream::new("http://127.0.0.1:1/", None).unwrap(), told);
        let mut lines = Lines {
            from,
            rest: Vec::new(),
        };
        let room = |many: usize| {
            let (server, mut room) = (&server, None);
            let time = Duration::from_millis(50);
            runtime.block_on(async {
                server.make_room(many, &mut room, time).await?;
                server.make_room(many, &mut room, time).await?;
                Ok::<_, String>(room)
            })
        };
        let first = room(UNREAD / 2).unwrap();
        assert!(room(1).unwrap_err().contains("wait to be read"));
        runtime.block_on(server.tell(b"{}".to_vec(), first));
        assert!(room(1).is_err());
        assert_eq!(lines.read(&mut [0; 8]).unwrap(), 3);
        assert!(room(1).is_ok());
    }
}
