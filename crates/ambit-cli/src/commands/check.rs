//! `ambit check`

use std::path::PathBuf;

use clap::Args;

use crate::failure::{Exit, Failure};
use crate::report::{self, Format, Report};
use crate::say;

/// Look for faults in a project, all of them at once
///
/// Reads all files of a project and shows every fault with the text underlined and what to write instead.
/// Nothing is written.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Check {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// How to show what was found
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

const NOTES: &str = "\
Exit codes: 0 sound, 3 the project has faults or a file is unusable.

Examples:
  ambit check my-project
  ambit check --format github";

impl Check {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        report::run("check", self.format, |report| self.check(report))
    }

    fn check(&self, report: &mut Report) -> Result<Exit, Failure> {
        let project = report.project(&self.dir)?;
        report.member("uid", project.uid());
        report.member("version", project.version());
        if report.is_human() {
            say::note(format!(
                "{} version {} is sound",
                project.uid(),
                project.version()
            ));
        }
        Ok(Exit::Done)
    }
}
