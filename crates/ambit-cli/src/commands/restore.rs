//! `ambit restore`

use std::path::PathBuf;

use ambit_broker::{Backup, Config};
use clap::Args;

use super::backup::told;
use crate::failure::{Exit, Failure};
use crate::say;
use crate::serving::unusable;
use crate::time;

/// Bring the broker's database back from a file of `ambit backup`
///
/// The broker must not run. What happened after the copy was made is unknown in it, so whatever that could be ends:
/// every token and every grant that agents have, codes, calls that wait, sessions, links for new passkeys. From its next start the
/// broker says so to services (revocation epochs). Agents ask people again. Passkeys of the copy stay; those that
/// were made since are gone, and noes of people too.
///
/// The database that was there is kept beside it.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Restore {
    /// The broker's file
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The copy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Say what is in the copy and how old it is, and restore nothing
    #[arg(long)]
    check: bool,
}

const NOTES: &str = "\
Killed at any moment it leaves the database of before or the restored one.

Exit codes: 0 restored, or looked at, 3 the command line or a file it names is unusable, or a broker runs.

Examples:
  ambit restore broker.toml backups/2026-02-25.sqlite --check
  ambit restore broker.toml backups/2026-02-25.sqlite";

impl Restore {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let config = Config::read(&self.config).map_err(|fault| unusable(&fault))?;
        let now = time::now();
        if self.check {
            let backup = Backup::look(&self.file).map_err(|fault| unusable(&fault))?;
            say::data(told(&backup, now))?;
            return Ok(Exit::Done);
        }
        let restored = Backup::restore(&config, &self.file, now);
        let restored = restored.map_err(|fault| unusable(&fault))?;
        say::data(told(&restored.from, now))?;
        if let Some(beside) = &restored.beside {
            let beside = say::foreign(&beside.display().to_string(), 1000);
            say::note(format!("the database of before is now {beside}"));
        }
        say::note(
            "restored. Every token, grant and session ends that was made before now, known or not: agents ask people \
             again. Passkeys and noes of after the copy are gone",
        );
        if config.epochs_key.is_none() {
            say::note(
                "no `epochs_key`: services are not told, and tokens that agents have end with their life",
            );
        }
        Ok(Exit::Done)
    }
}
