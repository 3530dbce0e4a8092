//! `ambit fmt`

use std::fs;
use std::path::{Path, PathBuf};

use ambit_compiler::format::{self, Formatted};
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::{files, say};

/// Lay out the policies of a project
///
/// Brings `policies/*.cedar` into the layout of Cedar's own formatter, comments included. Before a file is
/// replaced, it is read again: policies and comments must say the same as before. The schema and TOML files are
/// left as they are: nothing lays them out and keeps their comments.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Fmt {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Change nothing; exit with 2 where a file would change
    #[arg(long)]
    check: bool,
}

const NOTES: &str = "\
Exit codes: 0 done, 2 a file would change (--check), 3 a file has faults; then none is changed.

Examples:
  ambit fmt my-project
  ambit fmt --check";

impl Fmt {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        files::folder(&self.dir)?;
        let all =
            format::policies(&self.dir).map_err(|faults| Failure::report(faults.render(true)))?;
        let changed: Vec<&Formatted> = all.iter().filter(|one| one.before != one.after).collect();
        for one in &changed {
            let path = self.dir.join(&one.file);
            if self.check {
                say::note(format!("would change {}", path.display()));
            } else {
                replace(&path, &one.after)?;
                say::note(format!("changed {}", path.display()));
            }
        }
        if self.check && !changed.is_empty() {
            say::note("`ambit fmt` lays them out");
            return Ok(Exit::Denied);
        }
        if changed.is_empty() {
            say::note(match all.len() {
                0 => "there are no policies".to_owned(),
                1 => "1 file is laid out already".to_owned(),
                many => format!("{many} files are laid out already"),
            });
        }
        Ok(Exit::Done)
    }
}

/// Through a link to the file itself, which keeps who may read it.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let permissions = fs::metadata(&target).map(|facts| facts.permissions());
    files::write(&target, text.as_bytes())?;
    match permissions.and_then(|permissions| fs::set_permissions(&target, permissions)) {
        Ok(()) => Ok(()),
        Err(error) => Err(Failure::tool(
            "file.write",
            format!(
                "who may read the file cannot be set: {}",
                files::plain(&error)
            ),
        )
        .at(path)),
    }
}
