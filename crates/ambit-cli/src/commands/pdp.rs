//! `ambit pdp`

use std::net::SocketAddr;
use std::path::PathBuf;

use ambit_gateway::pdp::{Config, Pdp as Server};
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::serving::{self, Serving, unusable};

/// Serve decisions over the OpenID AuthZEN Authorization API 1.0
///
/// Answers `POST /access/v1/evaluation` and `/access/v1/evaluations`. An allow is `true` only once every
/// obligation was discharged: budgets and proofs are used up, and the decision is written down.
///
/// CONFIG says for which service it decides, which tokens it holds for which subjects, and what the actions
/// of its callers are in the policy's vocabulary. It is checked before anything is served.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Pdp {
    /// The mapping (TOML): `docs/pdp.md` describes it
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// Where to listen. TLS is for a proxy in front
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8181")]
    listen: SocketAddr,
    /// The Ed25519 key to which the tokens of `[[subjects]]` are bound: it proves that they are held here
    #[arg(long, value_name = "KEY")]
    holder_key: Option<PathBuf>,
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
  ambit pdp pdp.toml --module policy.wasm --trust keys.json --uid acme/todo --seen seen.json \\
      --ledger used.sqlite --log audit.log --log-key keys/log.jwk --holder-key keys/pdp.jwk";

impl Pdp {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let policy = self.serving.policy()?;
        let config = Config::read(&self.config, &policy).map_err(|fault| unusable(&fault))?;
        if config.is_open() && !self.listen.ip().is_loopback() {
            let message = "anybody who reaches this address could use the tokens of `[[subjects]]`";
            return Err(Failure::unusable("pdp.open", message)
                .at(&self.config)
                .help("name the callers in `[[callers]]`, or listen on 127.0.0.1"));
        }
        if config.holds_tokens() && self.holder_key.is_none() && policy.demands_proofs() {
            let message = "this policy demands that whoever uses a token proves to hold it";
            return Err(Failure::unusable("pdp.holder", message)
                .at(&self.config)
                .help(
                    "name the key to which the tokens of `[[subjects]]` are bound: --holder-key",
                ));
        }
        let place = config.place.clone();
        let point = self
            .serving
            .point(policy, place, self.holder_key.as_ref())?;
        let server = Server::new(point, config, serving::say());
        serving::listen(self.listen, server, "deciding")
    }
}
