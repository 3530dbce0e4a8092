//! What a server says of its tools to whoever asks: for those who write policies.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use ambit_core::json::{Json, Writer};

use super::message::{self, Message};
use super::tools::{BYTES, PAGES};
use super::{Connect, Link, modern};

/// How long a server may take to say all of it: one that `npx` fetches first takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// The tools of a server with its `serverInfo`, as one JSON object: each tool as it was described.
///
/// # Errors
///
/// Why they are not told, in words.
pub fn tools(connect: &dyn Connect) -> Result<String, String> {
    let link = connect
        .connect()
        .map_err(|error| format!("the server cannot be started: {error}"))?;
    let Link { from, to, guard } = link;
    let (said, heard) = channel();
    let reading = thread::Builder::new().name("server".to_owned());
    let spawned = reading.spawn(move || {
        let most = u64::try_from(BYTES).unwrap_or(u64::MAX);
        let lines = BufReader::new(from.take(most)).split(b'\n');
        lines
            .map_while(Result::ok)
            .all(|line| said.send(line).is_ok());
    });
    spawned.map_err(|error| error.to_string())?;
    let mut asking = Asking {
        to,
        heard,
        until: Instant::now() + PATIENCE,
        count: 0,
    };
    let told = asking.all();
    drop(asking);
    drop(guard);
    told
}

struct Asking {
    to: Box<dyn Write + Send>,
    heard: Receiver<Vec<u8>>,
    until: Instant,
    count: u64,
}

impl Asking {
    fn all(&mut self) -> Result<String, String> {
        let begun = self.ask("initialize", |out| {
            out.name("protocolVersion").string(modern::LATEST_SESSION);
            out.name("capabilities").object(|_| {});
            out.name("clientInfo").object(|out| {
                out.name("name").string("ambit");
                out.name("version").string(env!("CARGO_PKG_VERSION"));
            });
        })?;
        let document = message::parse(&begun)?;
        let begun = document.root().get("result");
        if begun.is_some() {
            self.send("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}")?;
        }
        let mut out = Writer::with_capacity(4096);
        let mut listed = Ok(());
        out.object(|out| {
            if let Some(info) = begun.and_then(|begun| begun.get("serverInfo")) {
                out.name("serverInfo").json(info);
            }
            out.name("tools")
                .array(|out| listed = self.pages(begun.is_none(), out));
        });
        listed.map(|()| out.finish())
    }

    fn pages(&mut self, is_modern: bool, out: &mut Writer) -> Result<(), String> {
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let page = self.ask("tools/list", |out| {
                if is_modern {
                    modern::own_meta(out.name("_meta"));
                }
                if let Some(cursor) = &cursor {
                    out.name("cursor").string(cursor);
                }
            })?;
            let document = message::parse(&page)?;
            let result = document.root().get("result");
            let tools = result.and_then(|result| result.get("tools"));
            let tools = tools.ok_or_else(|| refused(document.root()))?;
            for tool in tools.elements() {
                out.json(tool);
            }
            let next = result.and_then(|result| result.get("nextCursor")?.as_str());
            cursor = next.map(str::to_owned);
            if cursor.is_none() {
                return Ok(());
            }
        }
        Err(format!("its list of tools has more than {PAGES} pages"))
    }

    /// Asks for something, and answers what the server asks meanwhile: that nothing of it is here.
    fn ask(&mut self, method: &str, params: impl FnOnce(&mut Writer)) -> Result<Vec<u8>, String> {
        self.count += 1;
        let id = self.count.to_string();
        let mut out = Writer::default();
        out.object(|out| {
            out.name("jsonrpc").string("2.0");
            out.name("id").raw(&id);
            out.name("method").string(method);
            out.name("params").object(params);
        });
        self.send(&out.finish())?;
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            let line = self.heard.recv_timeout(left);
            let line = line.map_err(|_| format!("the server does not answer `{method}`"))?;
            let Ok(document) = message::parse(line.trim_ascii()) else {
                continue;
            };
            match message::read(document.root()) {
                Ok(Message::Answer { id: of }) if message::text(of) == id => {
                    return Ok(line.trim_ascii().to_vec());
                }
                Ok(Message::Request { id, method, .. }) => {
                    let id = message::text(id);
                    let answer = match method {
                        "ping" => message::result(&id, |_| {}),
                        _ => message::error(&id, super::session::NO_METHOD, "nobody is here"),
                    };
                    self.send(&answer)?;
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, line: &str) -> Result<(), String> {
        let sent = self.to.write_all(format!("{line}\n").as_bytes());
        sent.and_then(|()| self.to.flush())
            .map_err(|error| format!("the server does not listen: {error}"))
    }
}

fn refused(answer: Json<'_>) -> String {
    let words = answer
        .get("error")
        .and_then(|error| error.get("message")?.as_str());
    match words {
        Some(words) => format!("the server answers `tools/list` with an error: {words}"),
        None => "the server's answer to `tools/list` has no tools".to_owned(),
    }
}
