//! `ambit sign`

use std::path::{Path, PathBuf};

use ambit_compiler::keys::SecretKey;
use ambit_compiler::sign::{self, SignOptions, Signed};
use ambit_core::limits::MODULE_BYTES;
use ambit_evaluator::s256;
use ambit_host::detached_path;
use ambit_token::base64url;
use clap::Args;
use serde_json::Value as Json;

use crate::failure::{Exit, Failure};
use crate::keys::{Unlocking, compile};
use crate::{bundle, files, say};

/// Sign a policy module
///
/// Hosts load no module without a signature. The signature is a file of its own beside the module
/// (MODULE.dsse.json), or the module carries it. Signing is the last step: whatever changes the
/// file afterwards breaks it.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Sign {
    /// The module that `ambit build` wrote
    #[arg(value_name = "MODULE")]
    module: PathBuf,
    /// A private key to sign with; given several times, all of them sign
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    #[command(flatten)]
    unlocking: Unlocking,
    /// Bind the results of the policy's tests, which `ambit test --format json` wrote: all passed, and were of
    /// exactly this policy
    #[arg(long, value_name = "FILE")]
    tests: Option<PathBuf>,
    /// Write the signature to a file of its own (the default)
    #[arg(long, conflicts_with = "carried")]
    detached: bool,
    /// Write a module that carries its signature
    #[arg(long)]
    carried: bool,
    /// Where to write: MODULE.dsse.json by default, with --carried MODULE itself
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  ambit sign policy.wasm --key keys/module.jwk
  ambit test --format json > results.json && ambit sign policy.wasm --key keys/module.jwk \
      --tests results.json
  ambit sign policy.wasm --key alice.jwk --key bob.jwk
  ambit sign policy.wasm --key keys/module.jwk --carried -o signed.wasm";

/// Signs what was just built, into a file beside it.
pub(super) fn beside(path: &Path, module: &[u8], key: &SecretKey) -> Result<(), Failure> {
    let keys = std::slice::from_ref(key);
    let signed = sign::module(module, keys, SignOptions::default());
    let output = detached_path(path);
    if let Signed::Detached { envelope } = signed.map_err(|error| compile(&error).at(path))? {
        files::write(&output, &envelope)?;
        tell(path, keys, &output);
    }
    Ok(())
}

fn tell(module: &Path, keys: &[SecretKey], output: &Path) {
    let names: Vec<&str> = keys.iter().map(SecretKey::kid).collect();
    say::note(format!(
        "signed {} with {} into {}",
        module.display(),
        names.join(", "),
        output.display()
    ));
}

impl Sign {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let module = files::read(&self.module, MODULE_BYTES)?;
        let keys = self
            .key
            .iter()
            .map(|path| self.unlocking.private(path))
            .collect::<Result<Vec<_>, _>>()?;
        let options = SignOptions {
            carried: self.carried,
            tests_s256: self.tested(&module)?,
        };
        let signed = sign::module(&module, &keys, options)
            .map_err(|error| compile(&error).at(&self.module))?;
        let (output, bytes) = match &signed {
            Signed::Detached { envelope } => (
                self.output
                    .clone()
                    .unwrap_or_else(|| detached_path(&self.module)),
                envelope,
            ),
            Signed::Carried { module } => (
                self.output.clone().unwrap_or_else(|| self.module.clone()),
                module,
            ),
        };
        self.refuse_second(&output)?;
        files::write(&output, bytes)?;
        tell(&self.module, &keys, &output);
        Ok(Exit::Done)
    }

    /// The digest of test results that are of this policy and good.
    fn tested(&self, module: &[u8]) -> Result<Option<[u8; 32]>, Failure> {
        let Some(path) = &self.tests else {
            return Ok(None);
        };
        let text = files::read(path, MODULE_BYTES)?;
        let results: Json = serde_json::from_slice(&text).unwrap_or_default();
        let wrong = |message: &str| {
            Failure::unusable("sign.tests", message).at(path).help(
                "run `ambit test --format json > results.json` on the sources of this module, without --filter and FILES",
            )
        };
        if results["command"] != "test" {
            return Err(wrong("these are no results of `ambit test --format json`"));
        }
        if results["exit"] != 0 || results["tests"].as_u64().unwrap_or_default() == 0 {
            return Err(wrong("not all tests passed"));
        }
        if results["whole"] != true {
            return Err(wrong("only a part of the tests was run"));
        }
        let bundle = bundle::in_file(module).map_err(|failure| failure.at(&self.module))?;
        if results["bundle_s256"] != base64url::encode(bundle.digest()) {
            return Err(wrong(
                "the tests were run on another policy than is in the module",
            ));
        }
        let digest = base64url::decode_array(s256(&text).as_bytes());
        digest
            .map(Some)
            .ok_or_else(|| wrong("the digest of the results cannot be taken"))
    }

    /// A module with both kinds of signature is refused by every host, so it is not made.
    fn refuse_second(&self, output: &Path) -> Result<(), Failure> {
        let detached = detached_path(output);
        if self.carried && detached.exists() {
            return Err(Failure::unusable(
                "sign.both",
                "a detached signature lies beside the module to be written",
            )
            .at(&detached)
            .help("remove it: a module carries its signature or has it beside it, never both"));
        }
        if !self.carried && output == self.module {
            return Err(Failure::unusable(
                "sign.output",
                "the signature would overwrite the module",
            )
            .at(output)
            .help("name another file, or use --carried"));
        }
        Ok(())
    }
}
