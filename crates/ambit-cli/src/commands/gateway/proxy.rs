//! `ambit gateway proxy`

use std::net::SocketAddr;
use std::path::PathBuf;

use ambit_gateway::Upstream;
use ambit_gateway::forward::{Config, Forward};
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::serving::{self, Serving, Showing, unusable};

/// Pass requests on to one service, each after it was checked
///
/// A reverse proxy for one HTTP service, which does not change. What is allowed goes on with exactly the
/// method, path, query and body that were checked, and without the token; everything else is answered
/// here. An allow counts only once every obligation was discharged.
///
/// CONFIG says what each path and method is in the policy's vocabulary, as for `ambit gateway forward`,
/// with `front = "proxy"`; arguments may be in bodies. It is checked as a whole before anything is
/// answered. What it does not name is denied, and what two servers could read differently.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(super) struct Proxy {
    /// What requests are to the policy (TOML): `docs/forward.md` describes it
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The service behind: http://HOST:PORT, or https://HOST:PORT, whose certificate is checked. Nothing else should be
    /// able to reach it
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// The authorities whose certificates the service may show (PEM); without this, those that this machine trusts
    #[arg(long, value_name = "FILE")]
    upstream_ca: Option<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    serving: Serving,
}

const NOTES: &str = "\
It ends on SIGTERM or SIGINT, after what has begun. A policy that is refused when its file changes is \
told on standard error, and the one before stays. Its own faults are reported there too, with the \
request's id, and so is a service behind that does not answer; callers get 500, 502, 503 or 504.

Exit codes: 0 ended as it was told to, 3 the command line or a file it names is unusable, 1 it cannot \
listen.

Example:
  ambit gateway proxy proxy.toml --upstream http://127.0.0.1:3000 --module policy.wasm \\
      --trust keys.json --seen seen.json --ledger used.sqlite --log audit.log --log-key keys/log.jwk";

impl Proxy {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let upstream = Upstream::new(&self.upstream, self.upstream_ca.as_deref());
        let upstream = upstream.map_err(|fault| unusable(&fault))?;
        let listen = self.showing.at(self.listen)?;
        let policy = self.serving.policy()?;
        let config = Config::read(&self.config, &policy).map_err(|fault| unusable(&fault))?;
        let point = match config.service_checks() {
            true => self.serving.point_before(policy, config.place())?,
            false => self.serving.point(policy, config.place(), None)?,
        };
        let proposes = self.serving.proposes();
        let service = Forward::proxy(point, config, proposes, serving::say(), upstream)
            .map_err(|fault| unusable(&fault).at(&self.config))?;
        serving::listen(listen, service, "passing on")
    }
}
