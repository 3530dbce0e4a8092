//! `ambit serve`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ambit_broker::{Broker, Config, Keys, Log, Parts, Store, Surroundings, Teller};
use ambit_gateway::Policy;
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::fetching::FetchingArgs;
use crate::keys::Unlocking;
use crate::log::Logging;
use crate::module::Trusting;
use crate::say::{self, Page};
use crate::serving::{self, unusable};
use crate::time;

/// Run the broker: it asks people, and mints short-lived tokens over OAuth
///
/// Agents push what they ask for (PAR, RAR, PKCE, DPoP, `private_key_jwt`), a person logs in with a
/// passkey or at an OpenID provider, reads what it would allow and answers; a code becomes one token. There are no refresh tokens.
///
/// CONFIG says who may ask, and which keys sign. It is checked before anything is served.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Serve {
    /// The clients and keys (TOML): `docs/broker.md` describes it
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The policy module, or its bundle; or a folder of them, of which the highest version of --uid
    /// decides. It is loaded again when a file changes. Or an address, which is asked again and again:
    /// `https://HOST/policy.wasm`, `oci://HOST/NAME:TAG`, `oci://HOST/NAME@sha256:DIGEST`
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    #[command(flatten)]
    fetching: FetchingArgs,
    #[command(flatten)]
    trusting: Trusting,
    /// Where to listen. TLS is for a proxy in front
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8282")]
    listen: SocketAddr,
    /// Where to serve `GET /metrics` (Prometheus); by default nowhere
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    logging: Logging,
    /// Say what is unsafe about all this, and serve nothing
    #[arg(long)]
    check: bool,
    /// Print a link by which this person makes one passkey, and serve nothing: whoever has the link speaks
    /// for the person
    #[arg(long, value_name = "SUB", conflicts_with_all = ["check", "log"])]
    invite: Option<String>,
    /// How long that link counts
    #[arg(long, value_name = "TIME", value_parser = time::parse_life, default_value = "1h", requires = "invite")]
    life: i64,
}

const NOTES: &str = "\
It ends on SIGTERM or SIGINT, after what has begun. A policy that is refused when its file changes is \
told on standard error, and the one before stays. The broker's own faults are reported there too, with the \
request's id.

Exit codes: 0 ended as it was told to, or --check found nothing, 2 --check found something, 3 the command \
line or a file it names is unusable, 1 it cannot listen.

Examples:
  ambit serve broker.toml --module policy.wasm --trust keys.json --seen seen.json \\
      --log audit.log --log-key keys/log.jwk
  ambit serve broker.toml --module policy.wasm --trust keys.json --invite user:ann";

impl Serve {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let log = match self.invite {
            Some(_) => Log::default(),
            None => Log::new(self.logging.journal(self.trusting.clock())?),
        };
        let broker = open(
            &self.config,
            (&self.module, &self.fetching),
            &self.trusting,
            log,
        )?;
        if let Some(sub) = &self.invite {
            let link = broker.invite(sub, self.life);
            say::data(format!("{}\n", link.map_err(|fault| unusable(&fault))?))?;
            return Ok(Exit::Done);
        }
        if self.check {
            return self.check(&broker);
        }
        self.tell()?;
        if let Some(at) = self.metrics {
            serving::listen_beside(at, broker.metrics(), "metrics are")?;
        }
        serving::listen(self.listen, broker, "the broker listens")
    }

    /// Tells others from now on, beside what is served.
    fn tell(&self) -> Result<(), Failure> {
        let config = Config::read(&self.config).map_err(|fault| unusable(&fault))?;
        let unlocking = Unlocking::of(&config);
        let key = config.events_key.as_deref();
        let key = key.map(|path| unlocking.signer(path)).transpose()?;
        let teller = Teller::new(config, key, serving::say());
        if let Some(teller) = teller.map_err(|fault| unusable(&fault))? {
            teller.start();
        }
        Ok(())
    }

    fn check(&self, broker: &Broker) -> Result<Exit, Failure> {
        let around = Surroundings {
            listen: self.listen,
            metrics: self.metrics,
            remembers_versions: self.trusting.versions().is_some() || self.fetching.keeps(),
        };
        let found = broker.findings(around).map_err(|fault| unusable(&fault))?;
        let mut page = Page::new();
        for finding in &found {
            page.warning(finding.code, say::foreign(&finding.message, 1000));
        }
        page.say();
        if found.is_empty() {
            say::note("nothing unsafe was found");
            return Ok(Exit::Done);
        }
        Ok(Exit::Denied)
    }
}

/// The broker of this file, by this policy.
pub(crate) fn open(
    path: &Path,
    (module, fetching): (&Path, &FetchingArgs),
    trusting: &Trusting,
    log: Log,
) -> Result<Broker, Failure> {
    let source = trusting.source(module, fetching, None)?;
    let policy = Policy::open(source, trusting.now()).map_err(|fault| unusable(&fault))?;
    let config = Config::read(path).map_err(|fault| unusable(&fault))?;
    let unlocking = Unlocking::of(&config);
    let key = |path: &Path| unlocking.signer(path);
    let keys = Keys {
        token: key(&config.token_key)?,
        receipt: key(&config.receipt_key)?,
        epochs: config.epochs_key.as_deref().map(key).transpose()?,
        events: config.events_key.as_deref().map(key).transpose()?,
        login: config.login_key().map(key).transpose()?,
    };
    let store = Store::open(&config.database).map_err(|fault| unusable(&fault))?;
    let parts = Parts {
        config,
        policy,
        keys,
        store,
        log,
        clock: trusting.clock(),
        say: serving::say(),
    };
    Broker::new(parts).map_err(|fault| unusable(&fault.at(path)))
}
