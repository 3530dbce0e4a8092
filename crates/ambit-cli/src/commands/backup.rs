//! `ambit backup`

use std::path::PathBuf;

use ambit_broker::{Backup, Config};
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::say;
use crate::serving::unusable;
use crate::time;

/// Copy the broker's database into a file, while the broker runs
///
/// Says what is in the copy. It is of one moment, and there whole or not at all. `ambit restore` brings it back; no
/// broker starts with the copy itself, which does not know what happened since.
///
/// Private keys, CONFIG, the policy and the log are files of their own, and not in it.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct BackUp {
    /// The broker's file
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The copy: a new file, for its owner alone. It has people's names and passkeys (public keys), and what they
    /// allowed
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

const NOTES: &str = "\
Exit codes: 0 copied, 3 the command line or a file it names is unusable.

Examples:
  ambit backup broker.toml -o backups/2026-02-25.sqlite";

impl BackUp {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let config = Config::read(&self.config).map_err(|fault| unusable(&fault))?;
        let made = Backup::make(&config, &self.output, time::now());
        let made = made.map_err(|fault| unusable(&fault))?;
        say::data(told(&made, made.made))?;
        Ok(Exit::Done)
    }
}

/// What is in a copy, and how old it is.
pub(super) fn told(backup: &Backup, now: i64) -> String {
    let mut text = String::new();
    let mut line = |count: String, what: &str| text.push_str(&format!("{count:>8}  {what}\n"));
    line(backup.tokens.to_string(), "tokens that counted then");
    line(backup.grants.to_string(), "grants that could be used again");
    line(backup.calls.to_string(), "calls that waited for a person");
    line(backup.passkeys.to_string(), "passkeys");
    line(backup.bytes.to_string(), "bytes");
    let age = match now - backup.made {
        ..1 => String::new(),
        age => format!(", {} ago", time::show_life(age)),
    };
    let issuer = say::foreign(&backup.issuer, 200);
    let made = time::show(backup.made);
    text.push_str(&format!("of {issuer}, made {made}{age}\n"));
    text
}
