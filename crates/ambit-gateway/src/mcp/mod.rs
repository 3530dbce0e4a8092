//! A check in front of an MCP server, which need not know of it: `docs/gateway.md`.
//!
//! The gateway stands beside the agent and holds its token, with a key of its own, because ordinary clients
//! make no proofs. Whatever is not understood, not mapped or not pinned does not pass, in either direction.

mod check;
mod client;
mod config;
mod content;
mod message;
mod meta;
mod output;
mod said;
mod session;
mod tools;

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use crate::point::{Point, Say};
pub use config::Config;
use session::Session;

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

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("point", &self.point)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client has nothing more to say.
    Client,
    /// The server answers no more.
    Server,
}

/// Passes messages between a client and a server until one of them ends, one message a line (the stdio
/// transport). Reading goes on in threads of its own when this returns.
///
/// # Errors
///
/// That no thread can be started.
pub fn bridge(
    gateway: Gateway,
    client: (impl Read + Send + 'static, impl Write + Send + 'static),
    server: (impl Read + Send + 'static, impl Write + Send + 'static),
) -> io::Result<Ended> {
    let session = Session::new(gateway, Box::new(client.1), Box::new(server.1))?;
    let session = Arc::new(session);
    let (ends, ended) = std::sync::mpsc::channel();
    let (from_client, from_server) = (Arc::clone(&session), Arc::clone(&session));
    let client_ends = ends.clone();
    let spawn = |name: &str| thread::Builder::new().name(name.to_owned());
    spawn("client").spawn(move || {
        from_client.read_client(BufReader::new(client.0));
        // Nobody may hear it any more.
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
                return Ok(ended);
            }
            Err(RecvTimeoutError::Timeout) => session.refresh(),
            Err(RecvTimeoutError::Disconnected) => {
                session.close();
                return Ok(Ended::Server);
            }
        }
    }
}
