//! `ambit inspect`

mod policy;
mod token;

use std::path::PathBuf;

use ambit_core::limits::MODULE_BYTES;
use ambit_policy::is_bundle;
use clap::Args;

use crate::bundle;
use crate::failure::{Exit, Failure};
use crate::files::{self, Input};
use crate::say::{self, Page};
use crate::tokens;

/// Show what a policy module, its bundle or a token says
///
/// A module: its identity, validity, keys, actions and manifests. A token: its claims and, in
/// words, what it allows. Nothing is verified; `ambit verify` checks a module.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Inspect {
    /// A policy module, its bundle or a token; `-` is standard input
    #[arg(value_name = "FILE", value_parser = Input::parse)]
    file: Input,
    /// Tell a token in the words of this policy module
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  ambit inspect policy.wasm
  ambit inspect policy.bundle
  ambit inspect token.jwt --module policy.wasm
  ambit mint … | ambit inspect -";

/// What was looked at, for people or for programs.
enum View {
    Page(Page),
    Json(String),
}

impl Inspect {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let bytes = self.file.read(MODULE_BYTES)?;
        let view = if bytes.starts_with(b"\0asm") || is_bundle(&bytes) {
            let beside = match &self.file {
                Input::File(path) => ambit_host::detached_path(path).exists(),
                Input::Stdin => false,
            };
            policy::show(&bytes, beside, self.json)
        } else {
            self.token(&bytes)
        };
        match view.map_err(|failure| failure.at_place(self.file.name()))? {
            View::Page(page) => page.show()?,
            View::Json(text) => say::data(text)?,
        }
        Ok(Exit::Done)
    }

    fn token(&self, bytes: &[u8]) -> Result<View, Failure> {
        let chain = tokens::Chain::decode(tokens::text(bytes)?)?;
        let module = match &self.module {
            Some(path) => Some(files::read(path, MODULE_BYTES)?),
            None => None,
        };
        let bundle = module.as_deref().map(bundle::in_file).transpose()?;
        token::show(&chain, bundle.as_ref(), self.json)
    }
}
