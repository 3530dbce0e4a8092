//! `ambit gateway mcp`

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use ambit_gateway::mcp::{self, Config, Connect, Ended, Endpoint, Holder, Upstream, Vocabulary};
use ambit_workbench::import;
use clap::Args;

use super::super::list;
use super::super::server::Program;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::say;
use crate::serving::{self, Serving, Showing, unusable};

/// Check every call of an MCP server's tools, with its arguments
///
/// Stands in the place of a server: of one that it starts (named after `--`), or of one that it reaches over
/// streamable HTTP (--upstream). The agent sees the tools that its token could ever allow, each with its bounds;
/// each call is decided before it passes. What is not mapped, pinned or understood does not pass.
///
/// Beside an agent it speaks over standard input and output, and holds the token (--holder-key); with --listen as
/// well, over HTTP on this machine. With --listen alone it serves agents over streamable HTTP, and each shows a
/// token of its own.
///
/// CONFIG says what the tools are in the policy's vocabulary, where `@mcp` alone does not. `ambit import mcp`
/// writes that vocabulary.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES, mut_arg("tls_cert", |it| it.requires("listen")))]
pub(super) struct Mcp {
    /// What stands behind the gateway (TOML): `docs/gateway.md` describes it
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The Ed25519 key to which the token is bound: it proves that the token is held here
    #[arg(long, value_name = "KEY", required_unless_present = "listen")]
    holder_key: Option<PathBuf>,
    /// Serve over streamable HTTP: agents that each show a token of their own, or with --holder-key whoever on this
    /// machine reaches this address, at `/mcp`
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    showing: Showing,
    /// The server's address, where it is one that speaks streamable HTTP (`http://…`, or `https://…`, whose certificate is
    /// checked). It is shown no token
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    upstream: Option<String>,
    /// The authorities whose certificates the server may show (PEM); without this, those that this machine trusts
    #[arg(long, value_name = "FILE", requires = "upstream")]
    upstream_ca: Option<PathBuf>,
    /// The folder in which receipts of people's yes are laid down, in files that begin with the digest of
    /// the call
    #[arg(long, value_name = "DIR")]
    approvals: Option<PathBuf>,
    #[command(flatten)]
    serving: Serving,
    /// The server and its arguments
    #[arg(
        last = true,
        required_unless_present = "upstream",
        value_name = "COMMAND"
    )]
    server: Vec<OsString>,
}

const NOTES: &str = "\
It ends on SIGTERM or SIGINT; over standard input and output when the client or the server does, too. A server that \
it started is given five seconds then, and whatever that one started (its process group) ends with it. What the operator \
should know is told on standard error, where the server's own words go as well.

Exit codes: 0 the client has ended, or it ended as it was told to, 1 the server has, or it cannot listen, 3 the \
command line or a file it names is unusable.

Example, as the command of a server in an MCP client's settings:
  ambit gateway mcp files.toml --module policy.wasm --trust keys.json --uid acme/files --seen seen.json \\
      --ledger used.sqlite --holder-key keys/gateway.jwk --proposals proposals --approvals approvals \\
      -- npx -y @modelcontextprotocol/server-filesystem /home/ann/notes

Example, for agents that come over HTTP, in front of a server that does as well:
  ambit gateway mcp files.toml --module policy.wasm --trust keys.json --uid acme/files --seen seen.json \\
      --ledger used.sqlite --listen 127.0.0.1:8383 --upstream http://127.0.0.1:3000/mcp";

impl Mcp {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let holder = match self.holder_key {
            Some(_) => Holder::Gateway,
            None => Holder::Agent,
        };
        let open = self.listen.filter(|it| !it.ip().is_loopback());
        if let (Holder::Gateway, Some(open)) = (holder, open) {
            let message = format!(
                "whoever reaches {open} would use the token that is held here, and others than this machine can"
            );
            return Err(Failure::unusable("mcp.open", message).help(
                "listen at a loopback address (`127.0.0.1:8383`), or without --holder-key, so that each agent shows a token of its own",
            ));
        }
        let policy = self.serving.policy()?;
        let config =
            Config::read(&self.config, &policy, holder).map_err(|fault| unusable(&fault))?;
        if let Some(folder) = self.approvals.as_ref().filter(|folder| !folder.is_dir()) {
            let message = "there is no such folder for approvals";
            return Err(Failure::unusable("file.missing", message).at(folder));
        }
        let connect = self.server()?;
        let point = self
            .serving
            .point(policy, config.place(), self.holder_key.as_ref())?;
        let gateway = mcp::Gateway {
            point,
            config,
            vocabulary: Box::new(Workbench),
            approvals: self.approvals.clone(),
            proposes: self.serving.proposes(),
            say: serving::say(),
        };
        match self.listen.map(|at| self.showing.at(at)).transpose()? {
            Some(address) => {
                let endpoint = Endpoint::new(gateway, connect, self.serving.ledger()?);
                let endpoint = endpoint.map_err(|fault| unusable(&fault).at(&self.config))?;
                serving::listen(address, endpoint, "checking")
            }
            None => beside(gateway, &*connect),
        }
    }

    /// How a session gets its server.
    fn server(&self) -> Result<Box<dyn Connect>, Failure> {
        match &self.upstream {
            Some(url) => {
                let upstream = Upstream::new(url, self.upstream_ca.as_deref());
                let upstream = upstream.map_err(|fault| unusable(&fault))?;
                Ok(Box::new(upstream))
            }
            None => Ok(Box::new(Program(self.server.clone()))),
        }
    }
}

/// Speaks with one client over standard input and output.
fn beside(gateway: mcp::Gateway, connect: &dyn Connect) -> Result<Exit, Failure> {
    let link = connect.connect().map_err(|error| {
        let message = format!("the server cannot be started: {}", files::plain(&error));
        Failure::unusable("mcp.server", message)
            .help("name the server and its arguments after `--`")
    })?;
    let client = (io::stdin(), io::stdout());
    let ended = mcp::bridge(gateway, client, (link.from, link.to))
        .map_err(|error| Failure::tool("mcp.start", files::plain(&error)))?;
    drop(link.guard);
    match ended {
        Ended::Client | Ended::Told => Ok(Exit::Done),
        Ended::Server => {
            say::note("the server has ended");
            Ok(Exit::Failed)
        }
        Ended::Untaken => {
            let message = "the client does not read what it is answered";
            Err(Failure::tool("mcp.untaken", message)
                .help("read standard output of the gateway while requests are under way"))
        }
    }
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
