//! `ambit gateway forward`

use std::net::SocketAddr;
use std::path::PathBuf;

use ambit_gateway::forward::{self, Config};
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::serving::{self, Serving, unusable};

/// Tell nginx, Caddy or Envoy whether a request may pass
///
/// The server in front asks about each request before it passes it on: nginx by `auth_request`, Caddy by
/// `forward_auth`, Envoy by `ext_authz` over HTTP, or with `--grpc` over gRPC. An allow is told only once every obligation was
/// discharged.
///
/// CONFIG says what each path and method is in the policy's vocabulary. It is checked as a whole before
/// anything is answered. What it does not name is denied, and what two servers could read differently.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(super) struct Forward {
    /// What requests are to the policy (TOML): `docs/forward.md` describes it
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// Where to listen. Only the server in front needs to reach it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8182")]
    listen: SocketAddr,
    /// Answer Envoy over gRPC at this address, instead of anybody over HTTP
    #[arg(long, value_name = "ADDRESS", conflicts_with = "listen")]
    grpc: Option<SocketAddr>,
    #[command(flatten)]
    serving: Serving,
}

const NOTES: &str = "\
It ends on SIGTERM or SIGINT, after what has begun. A policy that is refused when its file changes is \
told on standard error, and the one before stays. Its own faults are reported there too, with the \
request's id; callers are told nothing of them and get no.

Exit codes: 0 ended as it was told to, 3 the command line or a file it names is unusable, 1 it cannot \
listen.

Example:
  ambit gateway forward forward.toml --module policy.wasm --trust keys.json --uid acme/files \\
      --seen seen.json --ledger used.sqlite --log audit.log --log-key keys/log.jwk
  ambit gateway forward envoy.toml --grpc 127.0.0.1:8183 --module policy.wasm --trust keys.json \\
      --seen seen.json --ledger used.sqlite";

impl Forward {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let policy = self.serving.policy()?;
        let config = Config::read(&self.config, &policy).map_err(|fault| unusable(&fault))?;
        let point = match config.service_checks() {
            true => self.serving.point_before(policy, config.place())?,
            false => self.serving.point(policy, config.place(), None)?,
        };
        let proposes = self.serving.proposes();
        let service = forward::Forward::new(point, config, proposes, serving::say())
            .map_err(|fault| unusable(&fault).at(&self.config))?;
        let Some(address) = self.grpc else {
            return serving::listen(self.listen, service, "checking");
        };
        if !service.is_for_envoy() {
            let message = "only Envoy asks over gRPC, and `front` names another server";
            return Err(Failure::unusable("forward.config", message)
                .at(&self.config)
                .help("write `front = \"envoy\"`, or leave out --grpc"));
        }
        serving::listen_grpc(address, service, "checking")
    }
}
