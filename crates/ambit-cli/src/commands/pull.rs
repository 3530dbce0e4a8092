//! `ambit pull`

use std::path::PathBuf;

use ambit_host::detached_path;
use clap::Args;

use super::push::remote;
use crate::failure::{Exit, Failure};
use crate::fetching::{self, Asking};
use crate::files;
use crate::module::{Refused, Trusting};
use crate::say;

/// Fetch a signed policy from a registry, or over HTTP
///
/// It is checked as every host checks it, and written only then: the module, or its bundle, with its detached signature
/// beside it. A service can fetch by itself: its --module takes an address.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Pull {
    /// From where: `oci://HOST/NAME:TAG`, `oci://HOST/NAME@sha256:DIGEST`, or `https://HOST/policy.wasm`
    #[arg(value_name = "ADDRESS")]
    address: PathBuf,
    /// Where to write the module, or `NAME.bundle` for a bundle. The signature goes beside it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    trusting: Trusting,
    #[command(flatten)]
    asking: Asking,
}

const NOTES: &str = "\
Exit codes: 0 written, 1 the address cannot be reached, 2 what it answered is refused (another digest, too large, \
unsigned, altered, expired, an older version …), 3 the command line or a file it names is unusable.

Examples:
  ambit pull oci://registry.example/acme/agents:v8 -o policy.wasm --trust keys.json --seen seen.json
  ambit pull https://policies.example/acme/policy.wasm -o policy.wasm --trust keys.json --uid acme/agents";

impl Pull {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if let Some(signature) = self.trusting.signature() {
            let message = "what is fetched has its signature beside it, so no other can be named";
            return Err(Failure::unusable("store.signature", message)
                .at(signature)
                .help("leave out --signature"));
        }
        let remote = remote(&self.address, &self.asking)?;
        let fetched = remote.fetch(None).map_err(|error| fetching::told(&error))?;
        // Without marks nothing is the same.
        let fetched = fetched.ok_or_else(|| {
            Failure::tool("store.answer", "the address answered nothing").at(&self.address)
        })?;
        let detached = detached_path(&self.output);
        if fetched.signature.is_none() && detached.exists() {
            return Err(Failure::unusable(
                "sign.both",
                "the module carries its signature, and a detached one lies beside the file to be written",
            )
            .at(&detached)
            .help("remove it: a module carries its signature or has it beside it, never both"));
        }
        let signature = fetched.signature.as_deref();
        let signed = self
            .trusting
            .check(&self.address, &fetched.module, signature)
            .map_err(Refused::into_denied)?;
        if let Some(signature) = signature {
            files::write(&detached, signature)?;
        }
        files::write(&self.output, &fetched.module)?;
        say::note(format!(
            "{} version {} from {} is in {}",
            say::foreign(signed.uid(), 128),
            signed.version(),
            remote.address(),
            self.output.display()
        ));
        Ok(Exit::Done)
    }
}
