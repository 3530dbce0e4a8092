//! `cargo xtask corpus`: the Cedar integration tests, or any folder in their format, against an
//! engine of ours.

mod files;
mod form;
mod run;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use xtask_kit::parallel;
use xtask_kit::ui::{self, Tally};

use crate::subject::{EngineArgs, Subject};
use files::Files;

/// How many failures of one folder are printed.
const SHOWN: usize = 20;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Folders or `.tar.gz` archives that hold tests (`NAME.json` with the files it names). The
    /// folder that its paths start from is found.
    #[arg(required = true, value_name = "DIR_OR_TARBALL")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Threads; as many as there are processors unless said
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
}

/// Runs every test; one that cannot be read counts its requests as failed and stops nothing.
pub(crate) fn run(args: &Args) -> Result<Tally, String> {
    let subject = args.engine.subject()?;
    let threads = parallel::threads(args.threads);
    let mut tally = Tally::default();
    for path in &args.paths {
        ui::heading(format_args!(
            "{} ({:?})",
            path.display(),
            args.engine.engine
        ));
        let files = Files::open(path)?;
        let tests = files.tests();
        if tests.is_empty() {
            return Err(format!(
                "`{}` holds no test: a test is a JSON file with `policies`, `entities`, `schema` and \
                 `requests`",
                path.display()
            ));
        }
        tally += run_all(&files, &tests, subject.as_ref(), threads);
    }
    Ok(tally)
}

fn run_all(files: &Files, tests: &[PathBuf], subject: &dyn Subject, threads: usize) -> Tally {
    let begun = AtomicUsize::new(0);
    let work = |index: usize| {
        progress(begun.fetch_add(1, Ordering::Relaxed), tests.len());
        tests.get(index).map(|test| run::test(files, test, subject))
    };
    let reports: Vec<run::Report> = parallel::run(threads, tests.len(), work, |_| false)
        .into_iter()
        .flatten()
        .collect();
    let tally: Tally = reports.iter().map(|report| report.tally).sum();
    let failures: Vec<&String> = reports.iter().flat_map(|report| &report.failures).collect();
    for failure in failures.iter().take(SHOWN) {
        ui::bad(failure);
    }
    if failures.len() > SHOWN {
        ui::note(format_args!("and {} more", failures.len() - SHOWN));
    }
    let typed: usize = reports.iter().map(|report| report.typed).sum();
    ui::outcome(
        tally.failed == 0,
        format_args!(
            "{} tests, {tally}; {typed} of the requests also with the schema",
            tests.len()
        ),
    );
    tally
}

/// A line a tenth.
fn progress(begun: usize, all: usize) {
    let tenth = all.div_ceil(10);
    if begun > 0 && begun.is_multiple_of(tenth) {
        ui::note(format_args!("{begun} of {all} tests"));
    }
}
