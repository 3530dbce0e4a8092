//! `ambit test`

mod tell;

use std::path::{Path, PathBuf};
use std::time::Instant;

use ambit_compiler::{CompileError, Place, Severity, Sink, build, conceal};
use ambit_policy::Bundle;
use ambit_token::base64url;
use ambit_workbench::cases::{self, Suite};
use ambit_workbench::report as results;
use ambit_workbench::run::{Bench, Engine, Results, Tried};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value as Json};

use super::build::GUEST;
use crate::failure::{Exit, Failure};
use crate::keys::compile;
use crate::report::{self, Finding, Format, Report};
use crate::{engine, files, say, time, watch};

/// Try a policy on cases: requests with the answers expected
///
/// Reads the cases in `tests/*.toml`, compiles the project in memory with keys that are made for the run,
/// mints the tokens, signs the approvals, and asks the evaluator. Shows each case that comes out otherwise,
/// with the rule that decided, and what of the policy no case has touched. Nothing of the project is changed.
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
    /// What answers: the evaluator in this program, or the module's own code in wasmtime; both give the
    /// same bytes
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t)]
    engine: EngineName,
    /// Fail where the cases touch less of the policy than this, in percent
    #[arg(long, value_name = "PERCENT", conflicts_with_all = ["filter", "files"],
          value_parser = clap::value_parser!(u8).range(1..=100))]
    min_coverage: Option<u8>,
    /// Write the results as JUnit XML as well
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Try again whenever a file of the project changes, until interrupted
    #[arg(long)]
    watch: bool,
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
docs/testing.md describes the cases. Coverage is counted when all of them run.

Exit codes: 0 all as expected, 2 an answer differs or too little is covered, 3 the project or a test file \
has faults.

Examples:
  ambit test my-project
  ambit test --watch
  ambit test . tests/refunds.toml --filter 'refund of'
  ambit test --min-coverage 90 --junit results.xml --format github
  ambit test --engine wasmtime --format json > results.json";

impl Test {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let once = || report::run("test", self.format, |report| self.once(report));
        match self.watch {
            true => watch::project(self.places().0, once),
            false => once(),
        }
    }

    fn once(&self, report: &mut Report) -> Result<Exit, Failure> {
        let started = Instant::now();
        let (dir, files) = self.places();
        let project = report.project(dir)?;
        let default = time::default_issued()?;
        let issued = project.issued().unwrap_or(default);
        let bench = Bench::new(&project, issued).map_err(|error| compile(&error))?;
        let suite = self.read(report, dir, &files, &bench)?;
        let engine = self.engine(&bench)?;
        let results =
            Results::of(&project, &bench, suite, &engine).map_err(|error| ours(&error))?;
        let whole = files.is_empty() && self.filter.is_none();
        let own = build::bundle(&project, issued).map_err(|error| compile(&error))?;
        report.member("uid", project.uid());
        report.member("version", project.version());
        report.member("issued", issued);
        report.member("bundle_s256", digest(&own));
        report.member("whole", whole);
        self.write(report, &results)?;
        if report.is_human() {
            tell::results(report, &results, started.elapsed(), whole);
        }
        for tried in results.tried.iter().filter(|one| !one.passed()) {
            report.finding(finding(report, tried));
        }
        let covered = self.covers(report, &results);
        Ok(match results.failed() {
            0 if covered => Exit::Done,
            _ => Exit::Denied,
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

    fn engine(&self, bench: &Bench) -> Result<Engine, Failure> {
        match self.engine {
            EngineName::Native => Ok(Engine::native()),
            EngineName::Wasmtime => Engine::wasmtime(bench, GUEST, &engine::runtime()?)
                .map_err(|error| Failure::tool(error.code, error.message)),
        }
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
        let all = suite.cases.len();
        if let Some(filter) = &self.filter {
            suite
                .cases
                .retain(|case| case.name.contains(filter.as_str()));
        }
        match (suite.cases.is_empty(), all) {
            // A run that tries nothing must not look like one that found nothing.
            (true, 0) => Err(Failure::unusable("test.none", "there is no case to try")
                .at(&dir.join("tests"))
                .help("write a `[[case]]` in `tests/NAME.toml`: docs/testing.md shows one")),
            (true, _) => Err(
                Failure::unusable("test.none", "no case has this in its name")
                    .help(format!("leave `--filter` out to try all {all}")),
            ),
            _ => Ok(suite),
        }
    }

    fn write(&self, report: &mut Report, results: &Results) -> Result<(), Failure> {
        if let Some(file) = &self.junit {
            let xml = results::junit(results, &|file| report.path(file));
            files::write(file, conceal(&xml).as_bytes())?;
        }
        let members = conceal(&Json::Object(results::json(results)).to_string());
        let members: Map<String, Json> = serde_json::from_str(&members).unwrap_or_default();
        for (name, value) in members {
            report.member(&name, value);
        }
        Ok(())
    }

    /// Whether the cases touch as much as they must; where they do not, what they lack is found.
    fn covers(&self, report: &mut Report, results: &Results) -> bool {
        let percent = results.coverage.total().percent();
        let Some(least) = self
            .min_coverage
            .filter(|least| percent < usize::from(*least))
        else {
            return true;
        };
        let message =
            format!("the cases cover {percent} % of the policy, and {least} % are wanted");
        if report.is_human() {
            say::note(format!("error[test.coverage]: {message}"));
        }
        report.finding(Finding::new(Severity::Error, "test.coverage", message));
        for hole in results.coverage.holes() {
            let message = format!("{}: {}", hole.name, hole.lacks());
            let finding = Finding::new(Severity::Warning, "test.uncovered", message);
            let finding = finding.at(report.path(&hole.file), place(hole.line));
            report.finding(finding);
        }
        false
    }
}

/// The policy's own digest: keys of the run are none of it.
fn digest(bundle: &[u8]) -> Json {
    let bundle = Bundle::verify(bundle).ok();
    bundle.map_or(Json::Null, |bundle| {
        base64url::encode(bundle.digest()).into()
    })
}

/// What is wrong with the run itself.
fn ours(error: &CompileError) -> Failure {
    Failure::tool(error.code, error.message.as_str())
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

fn place(line: usize) -> Option<Place> {
    Some(Place {
        line,
        column: 1,
        end_line: line,
        end_column: 1,
    })
}

fn finding(report: &Report, tried: &Tried) -> Finding {
    let spot = &tried.case.spot;
    let mut message = format!("{}: {}", tried.case.name, tried.differences().join("; "));
    if let Ok(outcome) = &tried.result {
        for rule in &outcome.rules {
            let place = format!("{}:{}", report.path(&rule.file), rule.line);
            message.push_str(&format!("; decided by {}, {place}", rule.what));
        }
    }
    Finding::new(Severity::Error, "test.failed", message)
        .at(report.path(&spot.file), place(spot.line))
}
