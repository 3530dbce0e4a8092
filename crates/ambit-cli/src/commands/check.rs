//! `ambit check`

use std::path::PathBuf;

use ambit_compiler::Severity;
use ambit_workbench::check;
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::keys::compile;
use crate::report::{self, Format, Report};
use crate::{say, time, watch};

/// Look for faults and mistakes in a project, all of them at once
///
/// Reads all files of a project, its test files included, and shows every fault with the text underlined and
/// what to write instead. Where there is none, it warns of what does not do what it seems to say: a policy that
/// can never match or that changes nothing, an action that nobody can be granted, an `execute` without bounds.
/// Nothing is written.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Check {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Exit with 2 where there is a warning
    #[arg(long)]
    deny_warnings: bool,
    /// Check again whenever a file of the project changes, until interrupted
    #[arg(long)]
    watch: bool,
    /// How to show what was found
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

const NOTES: &str = "\
A warning that is meant is allowed by a comment right above its place, with the reason:
  // allow(check.irrelevant): audits look for it by name        (# in TOML)

Exit codes: 0 sound, 2 a warning with --deny-warnings, 3 the project has faults or a file is unusable.

Examples:
  ambit check my-project
  ambit check --watch
  ambit check --deny-warnings --format github";

impl Check {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let once = || report::run("check", self.format, |report| self.once(report));
        if self.watch {
            watch::project(&self.dir, once)
        } else {
            once()
        }
    }

    fn once(&self, report: &mut Report) -> Result<Exit, Failure> {
        report.folder(&self.dir)?;
        let checked = check(&self.dir, time::default_issued()?).map_err(|error| compile(&error))?;
        report.diagnostics(&checked.found);
        let Some(project) = checked.project else {
            return Ok(Exit::Unusable);
        };
        report.member("uid", project.uid());
        report.member("version", project.version());
        let mut found = checked.found.list().iter();
        let warned = found.any(|one| one.severity == Severity::Warning);
        if report.is_human() && !warned {
            let (uid, version) = (project.uid(), project.version());
            say::note(format!("{uid} version {version} is sound"));
        }
        Ok(if warned && self.deny_warnings {
            Exit::Denied
        } else {
            Exit::Done
        })
    }
}
