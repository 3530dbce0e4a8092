//! `ambit test`

use std::path::{Path, PathBuf};
use std::time::Instant;

use ambit_compiler::{Project, Sink};
use ambit_workbench::cases::{self, Case, Suite};
use ambit_workbench::run::{Bench, Engine, Outcome};
use clap::{Args, ValueEnum};

use super::build::GUEST;
use crate::failure::{Exit, Failure};
use crate::keys::compile;
use crate::report::{self, Format, Report};
use crate::{engine, say, time};

/// Try a policy on cases: requests with the answers expected
///
/// Reads the cases in `tests/*.toml`, compiles the project in memory with keys that are made for the run,
/// mints the tokens, signs the approvals, and asks the evaluator. Nothing of the project is changed.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Test {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Only the cases in these files
    #[arg(value_name = "FILES")]
    files: Vec<PathBuf>,
    /// Only cases whose name has this in it
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// What answers: the evaluator in this program, or the module's own code in wasmtime. Both give the
    /// same bytes
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t)]
    engine: EngineName,
    /// How to show what came of it
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum EngineName {
    #[default]
    Native,
    Wasmtime,
}

const NOTES: &str = "\
Exit codes: 0 all as expected, 2 an answer differs, 3 the project or a test file has faults.

Examples:
  ambit test my-project
  ambit test . tests/refunds.toml --filter 'refund of'
  ambit test --engine wasmtime --format github";

impl Test {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        report::run("test", self.format, |report| self.once(report))
    }

    /// Runs the tests once.
    pub(crate) fn once(&self, report: &mut Report) -> Result<Exit, Failure> {
        let started = Instant::now();
        let (dir, files) = self.places();
        let project = report.project(dir)?;
        let default = time::default_issued()?;
        let issued = project.issued().unwrap_or(default);
        let bench = Bench::new(&project, issued).map_err(|error| compile(&error))?;
        let suite = self.read(report, dir, &files, &bench)?;
        let engine = match self.engine {
            EngineName::Native => Engine::native(),
            EngineName::Wasmtime => Engine::wasmtime(&bench, GUEST, &engine::runtime()?)
                .map_err(|error| compile(&error))?,
        };
        let mut failed = 0;
        for case in &suite.cases {
            match bench.run(&project, case, &engine) {
                Ok(outcome) if outcome.passed() => {}
                Ok(outcome) => {
                    failed += 1;
                    tell(report, &project, case, &outcome);
                }
                Err(error) => {
                    failed += 1;
                    say::note(format!("{}: {error}", case.name));
                }
            }
        }
        let took = started.elapsed().as_millis();
        say::note(format!(
            "{} of {} as expected, in {took} ms",
            suite.cases.len() - failed,
            suite.cases.len()
        ));
        Ok(if failed == 0 {
            Exit::Done
        } else {
            Exit::Denied
        })
    }

    /// The folder and the files. A file in the place of the folder belongs to the project around it.
    fn places(&self) -> (&Path, Vec<&Path>) {
        let files = self.files.iter().map(PathBuf::as_path);
        if self.dir.is_file() {
            let mut around = self.dir.ancestors().skip(1);
            let folder = around.find(|folder| folder.join("ambit.toml").is_file());
            let folder = folder.filter(|folder| *folder != Path::new(""));
            let first = std::iter::once(self.dir.as_path());
            return (
                folder.unwrap_or_else(|| Path::new(".")),
                first.chain(files).collect(),
            );
        }
        (&self.dir, files.collect())
    }

    fn read(
        &self,
        report: &mut Report,
        dir: &Path,
        files: &[&Path],
        bench: &Bench,
    ) -> Result<Suite, Failure> {
        let sink = Sink::default();
        let mut names = cases::list(dir, &sink);
        if !files.is_empty() {
            names = files.iter().map(|file| name_in(dir, file)).collect();
        }
        let mut suite = cases::read(dir, &names, &bench.bundle(), &sink);
        let faults = sink.errors() > 0;
        report.diagnostics(&sink.finish());
        if faults {
            return Err(Failure::told(Exit::Unusable));
        }
        if let Some(filter) = &self.filter {
            suite
                .cases
                .retain(|case| case.name.contains(filter.as_str()));
        }
        Ok(suite)
    }
}

/// A file as the project names it: relative to its folder.
fn name_in(dir: &Path, file: &Path) -> String {
    let inner = file.strip_prefix(dir).unwrap_or(file);
    let inner = if dir.join(file).is_file() {
        file
    } else {
        inner
    };
    inner.display().to_string().replace('\\', "/")
}

fn tell(report: &Report, project: &Project, case: &Case, outcome: &Outcome) {
    let _ = project;
    say::note(format!(
        "FAILED {} ({}:{})",
        case.name,
        report.path(&case.spot.file),
        case.spot.line
    ));
    for fault in &outcome.faults {
        say::note(format!("  {fault}"));
    }
    say::note(format!("  {}", outcome.admin()));
    for rule in &outcome.rules {
        say::note(format!(
            "  decided by {} ({}:{})",
            rule.what,
            report.path(&rule.file),
            rule.line
        ));
    }
}
