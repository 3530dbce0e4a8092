//! A check in front of an MCP server, which need not know of it: `docs/gateway.md`.
//!
//! The gateway stands beside the agent and holds its token, with a key of its own, because ordinary clients
//! make no proofs. Whatever is not understood, not mapped or not pinned does not pass, in either direction.

mod asking;
mod check;
mod client;
mod config;
mod content;
mod http;
mod inputs;
mod listing;
mod message;
mod meta;
mod mirror;
mod modern;
mod output;
mod questions;
mod said;
mod session;
mod tools;
mod upstream;

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use crate::point::{Point, Say};
pub(crate) use check::wants_approval;
pub use config::{Config, Holder};
pub use http::Endpoint;
pub use listing::tools;
use output::Output;
use session::Session;
pub use upstream::Upstream;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What those who write policies already have, and a gateway asks.
pub trait Vocabulary: Send + Sync {
    /// The pin of a tool as `tools/list` describes it (`@mcp_s256`). `None`: it has none.
    fn pin(&self, tool: &str) -> Option<String>;

    /// What a token could ever allow, by action, in words with its powers and bounds. An action that is
    /// not there is never allowed.
    ///
    /// # Errors
    ///
    /// Why nobody can say.
    fn offers(&self, bundle: &[u8], token: &str) -> Result<BTreeMap<String, String>, String>;
}

/// A gateway in front of one server.
pub struct Gateway {
    /// Where calls are decided.
    pub point: Point,
    /// What the server's tools are.
    pub config: Config,
    /// What tools and tokens say.
    pub vocabulary: Box<dyn Vocabulary>,
    /// Where people's receipts are laid down.
    pub approvals: Option<PathBuf>,
    /// Whether calls can be put before people.
    pub proposes: bool,
    /// Says something to the operator.
    pub say: Say,
}

impl Gateway {
    /// Files that changed; a new policy may be one in which the mapping makes no sense.
    fn refresh(&self) {
        if self.point.refresh(&self.say)
            && let Err(fault) = self.config.check(&self.point.policy)
        {
            (self.say)(&format!("the mapping does not fit this policy: {fault}"));
        }
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("point", &self.point)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The server of one session.
pub struct Link {
    /// What it says, one message a line.
    pub from: Box<dyn Read + Send>,
    /// What it is told.
    pub to: Box<dyn Write + Send>,
    /// Ends it when this is dropped; may wait for it.
    pub guard: Box<dyn Send>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// How a session gets a server.
pub trait Connect: Send + Sync {
    /// One for this session alone.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn connect(&self) -> io::Result<Link>;
}

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client has nothing more to say.
    Client,
    /// The server answers no more.
    Server,
    /// The process was told to end (`SIGTERM`, `SIGINT`).
    Told,
    /// The client takes nothing of what it is told (`mcp.untaken`).
    Untaken,
}

/// Passes messages between a client and a server until one of them ends, one message a line (the stdio
/// transport), or the process is told to end. Reading goes on in threads of its own when this returns.
///
/// # Errors
///
/// That no thread can be started.
pub fn bridge(
    gateway: Gateway,
    client: (impl Read + Send + 'static, impl Write + Send + 'static),
    server: (impl Read + Send + 'static, impl Write + Send + 'static),
) -> io::Result<Ended> {
    let output = Arc::new(Output::start("to client", Box::new(client.1))?);
    let session = Session::new(Arc::new(gateway), output, Box::new(server.1))?;
    let session = Arc::new(session);
    let (ends, ended) = std::sync::mpsc::channel();
    let (from_client, from_server) = (Arc::clone(&session), Arc::clone(&session));
    let (client_ends, told) = (ends.clone(), ends.clone());
    crate::serve::when_told(move || {
        // Nobody may hear it any more.
        let _ = told.send(Ended::Told);
    })?;
    let spawn = |name: &str| thread::Builder::new().name(name.to_owned());
    spawn("client").spawn(move || {
        from_client.read_client(BufReader::new(client.0));
        let _ = client_ends.send(Ended::Client);
    })?;
    spawn("server").spawn(move || {
        from_server.read_server(BufReader::new(server.0));
        let _ = ends.send(Ended::Server);
    })?;
    loop {
        match ended.recv_timeout(LOOK) {
            Ok(ended) => {
                session.close();
                let is_untaken = session.is_untaken();
                return Ok(if is_untaken { Ended::Untaken } else { ended });
            }
            Err(RecvTimeoutError::Timeout) => session.gateway.refresh(),
            Err(RecvTimeoutError::Disconnected) => {
                session.close();
                return Ok(Ended::Server);
            }
        }
    }
}
