//! `ambit gateway`

mod forward;
mod proxy;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ambit_gateway::mcp::{self, Config, Ended, Vocabulary};
use ambit_workbench::import;
use clap::{Args, Subcommand};

use super::list;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::say;
use crate::serving::{self, Serving, unusable};
use forward::Forward;
use proxy::Proxy;

/// Stand in front of a service that does not know Ambit
#[derive(Debug, Args)]
pub(crate) struct Gateway {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    Forward(Forward),
    Mcp(Mcp),
    Proxy(Proxy),
}

impl Gateway {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.kind {
            Kind::Forward(command) => command.run(),
            Kind::Mcp(command) => command.run(),
            Kind::Proxy(command) => command.run(),
        }
    }
}

/// Check every call of an MCP server's tools, with its arguments
///
/// Starts the server that is named after `--` and speaks with the client over standard input and output,
/// in the server's place. The agent sees the tools that its token could ever allow, each with its bounds;
/// each call is decided before it passes. What is not mapped, pinned or understood does not pass.
///
/// CONFIG names the token and says what the tools are in the policy's vocabulary, where `@mcp` alone
/// does not. `ambit import mcp` writes that vocabulary.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
struct Mcp {
    /// What stands behind the gateway (TOML): `docs/gateway.md` describes it
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The Ed25519 key to which the token is bound: it proves that the token is held here
    #[arg(long, value_name = "KEY")]
    holder_key: PathBuf,
    /// The folder in which receipts of people's yes are laid down, in files that begin with the digest of
    /// the call
    #[arg(long, value_name = "DIR")]
    approvals: Option<PathBuf>,
    #[command(flatten)]
    serving: Serving,
    /// The server and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    server: Vec<OsString>,
}

const NOTES: &str = "\
It ends when the client or the server does; the server is given five seconds. What the operator should know \
is told on standard error, where the server's own words go as well.

Exit codes: 0 the client has ended, 1 the server has, 3 the command line or a file it names is unusable.

Example, as the command of a server in an MCP client's settings:
  ambit gateway mcp files.toml --module policy.wasm --trust keys.json --uid acme/files --seen seen.json \\
      --ledger used.sqlite --holder-key keys/gateway.jwk --proposals proposals --approvals approvals \\
      -- npx -y @modelcontextprotocol/server-filesystem /home/ann/notes";

/// How long a server may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(5);

impl Mcp {
    fn run(self) -> Result<Exit, Failure> {
        let policy = self.serving.policy()?;
        let config = Config::read(&self.config, &policy).map_err(|fault| unusable(&fault))?;
        if let Some(folder) = self.approvals.as_ref().filter(|folder| !folder.is_dir()) {
            let message = "there is no such folder for approvals";
            return Err(Failure::unusable("file.missing", message).at(folder));
        }
        let point = self
            .serving
            .point(policy, config.place(), Some(&self.holder_key))?;
        let gateway = mcp::Gateway {
            point,
            config,
            vocabulary: Box::new(Workbench),
            approvals: self.approvals.clone(),
            proposes: self.serving.proposes(),
            say: serving::say(),
        };
        let mut server = self.start()?;
        let (Some(input), Some(output)) = (server.stdin.take(), server.stdout.take()) else {
            return Err(Failure::tool(
                "mcp.server",
                "the server has no standard input or output",
            ));
        };
        let client = (std::io::stdin(), std::io::stdout());
        let ended = mcp::bridge(gateway, client, (output, input))
            .map_err(|error| Failure::tool("mcp.start", files::plain(&error)))?;
        end(&mut server);
        match ended {
            Ended::Client => Ok(Exit::Done),
            Ended::Server => {
                say::note("the server has ended");
                Ok(Exit::Failed)
            }
        }
    }

    fn start(&self) -> Result<Child, Failure> {
        let mut words = self.server.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command.spawn().map_err(|error| {
            let message = format!("the server cannot be started: {}", files::plain(&error));
            Failure::unusable("mcp.server", message)
                .help("name the server and its arguments after `--`")
        })
    }
}

/// Its input is closed: it ends by itself, or is ended.
fn end(server: &mut Child) {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if !matches!(server.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    // It may have ended in this moment.
    let _ = server.kill();
    let _ = server.wait();
}

/// What `ambit import` and `ambit list` know.
struct Workbench;

impl Vocabulary for Workbench {
    fn pin(&self, tool: &str) -> Option<String> {
        let tool = serde_json::from_str(tool).ok()?;
        Some(import::tool_digest(&tool))
    }

    fn offers(&self, bundle: &[u8], token: &str) -> Result<BTreeMap<String, String>, String> {
        list::offers(bundle, token).map_err(|failure| failure.to_string())
    }
}
