//! Policies that lie at an address.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ambit_gateway::{Fetching, Origin};
use ambit_store::{Address, Keep, Remote, RemoteOptions, StoreError};
use clap::Args;

use crate::advice;
use crate::failure::Failure;
use crate::time;

/// How an address may be asked.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Asking {
    /// The file with `USER:PASSWORD` or `Bearer TOKEN` for the address. It is read whenever it is needed
    #[arg(long, value_name = "FILE")]
    login: Option<PathBuf>,
    /// A host that answers may lead on to, over TLS: the storage of a registry, or where it gives its tokens. May be
    /// given several times
    #[arg(long, value_name = "HOST")]
    via: Vec<String>,
    /// Ask without TLS, also where the address is not this machine
    #[arg(long)]
    plain_http: bool,
}

/// What a service that fetches its policy needs besides.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FetchingArgs {
    /// The folder in which the last good policy of an address is kept: it decides where the address does not answer,
    /// until it ends. Without --seen the highest version is remembered there, too
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The time between two looks at the address
    #[arg(long, value_name = "TIME", value_parser = time::parse_life, default_value = "1m")]
    every: i64,
    #[command(flatten)]
    asking: Asking,
}

impl FetchingArgs {
    /// Whether the policy, and with it its version, is kept.
    pub(crate) const fn keeps(&self) -> bool {
        self.keep.is_some()
    }

    /// Where the policy lies. `beside`: another one, which may be what is kept.
    pub(crate) fn origin(&self, module: &Path, beside: Option<&Path>) -> Result<Origin, Failure> {
        let Some(address) = address(module)? else {
            let beside = beside.and_then(Path::to_str).is_some_and(Address::is_meant);
            if let Some(keep) = self.keep.as_ref().filter(|_| !beside) {
                let message = "only what lies at an address is kept, and the policy is a file";
                return Err(Failure::unusable("store.keep", message)
                    .at(keep)
                    .help("leave out --keep, or name an address with --module"));
            }
            return Ok(Origin::Path(module.to_owned()));
        };
        let keep = self.keep.as_deref().ok_or_else(|| {
            let message = "without a folder there is no policy when the address does not answer";
            let failure = Failure::unusable("store.keep", message);
            failure.help("name a folder of this service's own: --keep")
        })?;
        let remote = self.asking.remote(address)?;
        let keep = Keep::open(keep).map_err(|error| told(&error).at(keep))?;
        Ok(Origin::Address(Fetching {
            remote: Arc::new(remote),
            keep,
            every: Duration::from_secs(self.every.unsigned_abs().max(1)),
        }))
    }
}

impl FetchingArgs {
    /// The same for a second policy, which is kept by itself.
    pub(crate) fn beside(&self) -> Self {
        Self {
            keep: self.keep.as_ref().map(|keep| keep.join("shadow")),
            ..self.clone()
        }
    }
}

impl Asking {
    pub(crate) fn remote(&self, address: Address) -> Result<Remote, Failure> {
        let options = RemoteOptions {
            plain_http: self.plain_http,
            via: self.via.clone(),
            login: self.login.clone(),
        };
        Remote::new(address, options).map_err(|error| told(&error))
    }
}

/// The address that this is meant as; `None` for the path of a file.
pub(crate) fn address(module: &Path) -> Result<Option<Address>, Failure> {
    match module.to_str().filter(|text| Address::is_meant(text)) {
        Some(text) => Address::parse(text).map(Some).map_err(|error| told(&error)),
        None => Ok(None),
    }
}

/// What is said of an address that cannot be used, did not answer, or answered what nobody asked for.
pub(crate) fn told(error: &StoreError) -> Failure {
    let (code, message) = (error.code(), error.message());
    let failure = match code {
        "store.reach" | "store.answer" | "store.missing" => Failure::tool(code, message),
        "store.digest" | "store.manifest" | "store.redirect" | "store.size" => {
            Failure::denied(code, message)
        }
        _ => Failure::unusable(code, message),
    };
    match advice::find(code) {
        Some(advice) => failure.help(advice.action),
        None => failure,
    }
}
