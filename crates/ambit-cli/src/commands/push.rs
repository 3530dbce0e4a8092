//! `ambit push`

use std::path::{Path, PathBuf};

use ambit_core::limits::MODULE_BYTES;
use ambit_host::detached_path;
use ambit_token::module::ENVELOPE_BYTES;
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::fetching::{self, Asking};
use crate::files;
use crate::module::{Refused, Trusting};
use crate::say;

/// Put a signed policy into a registry
///
/// The module, or its bundle, and its detached signature become one artefact (OCI image manifest 1.1), with nothing
/// beside it that a registry could lose. It is checked first, as every host checks it. Written to standard output: the
/// address by which exactly this is found, for good.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Push {
    /// The policy module, or its bundle
    #[arg(value_name = "MODULE")]
    module: PathBuf,
    /// Where to: `oci://HOST/NAME:TAG`
    #[arg(value_name = "ADDRESS")]
    address: PathBuf,
    #[command(flatten)]
    trusting: Trusting,
    #[command(flatten)]
    asking: Asking,
}

const NOTES: &str = "\
Exit codes: 0 it is there, 1 the registry cannot be reached or did not take it, 2 the policy is refused (unsigned, \
altered, expired …), 3 the command line or a file it names is unusable.

Examples:
  ambit push policy.wasm oci://registry.example/acme/agents:v8 --trust keys.json --login login.txt
  ambit push policy.wasm oci://localhost:5000/acme/agents:v8 --trust keys.json";

impl Push {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let remote = remote(&self.address, &self.asking)?;
        let module = files::read(&self.module, MODULE_BYTES)?;
        let usual = Some(detached_path(&self.module)).filter(|path| path.exists());
        let signature = self.trusting.signature().map(Path::to_owned).or(usual);
        let signature = signature.map(|path| files::read(&path, ENVELOPE_BYTES));
        let signature = signature.transpose()?;
        let signed = self
            .trusting
            .check(&self.module, &module, signature.as_deref())
            .map_err(Refused::into_denied)?;
        let found = remote
            .push(&module, signature.as_deref())
            .map_err(|error| fetching::told(&error))?;
        say::note(format!(
            "pushed {} version {} to {}",
            say::foreign(signed.uid(), 128),
            signed.version(),
            remote.address()
        ));
        say::data(format!("{found}\n"))?;
        Ok(Exit::Done)
    }
}

/// The address that a command names, which must be one.
pub(super) fn remote(address: &Path, asking: &Asking) -> Result<ambit_store::Remote, Failure> {
    let found = fetching::address(address)?.ok_or_else(|| {
        let message = "this is no address of a policy";
        Failure::unusable("store.address", message)
            .at(address)
            .help("an address begins with `https://` or `oci://`")
    })?;
    asking.remote(found)
}
