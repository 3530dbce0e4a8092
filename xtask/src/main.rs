//! The developer's commands: `cargo xtask --help` lists them.

mod agentdojo;
mod bench;
mod cargo;
mod check;
mod ci;
mod corpus;
mod demo;
mod differential;
mod fuzz;
mod guest;
mod jose;
mod judge;
mod mutants;
mod plot;
mod repro;
mod test;
mod ui;
mod vectors;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use ui::Tally;

#[derive(Parser, Debug)]
#[command(
    name = "cargo xtask",
    about = "The developer's commands of Ambit",
    version
)]
enum Task {
    /// Build the wasm guest, the template of every policy module
    Guest,
    /// Build the npm package with its wasm evaluator
    Web,
    /// Play the scenes: what agents may do, and why not
    Demo,
    /// Run test vectors, whoever made them
    Vectors(vectors::Args),
    /// Run the Cedar integration tests, or any folder in their format
    Corpus(corpus::Args),
    /// Compare random decisions with the `cedar-policy` crate
    Differential(differential::Args),
    /// Replay an AgentDojo suite against minted tokens
    Agentdojo(agentdojo::Args),
    /// Run the fuzz targets for a bounded time
    Fuzz(fuzz::Args),
    /// Plant faults into the Cedar evaluator and see whether the tests find them
    Mutants(mutants::Args),
    /// Run what needs no test: format, lints, documentation, `no_std` builds
    Check,
    /// Set up what is missing and run every test
    Test,
    /// What CI runs: `check`, then `test`
    Ci,
    /// Build guest and module in two folders and compare the digests
    Repro,
    /// Measure signatures, decisions and sizes in every engine
    Bench(bench::Args),
}

/// What a command says at its end: a count of checks, or nothing to count.
type Outcome = Result<Option<Tally>, String>;

impl Task {
    fn run(&self) -> Outcome {
        let root = cargo::root();
        match self {
            Self::Guest => guest::build(&root).map(built),
            Self::Web => web::build(&root).map(built),
            Self::Demo => demo::run(&root).map(Some),
            Self::Vectors(args) => vectors::run(args, &root).map(Some),
            Self::Corpus(args) => corpus::run(args, &root).map(Some),
            Self::Differential(args) => differential::command(args, &root).map(Some),
            Self::Agentdojo(args) => agentdojo::run(args, &root).map(Some),
            Self::Fuzz(args) => fuzz::run(args, &root).map(Some),
            Self::Mutants(args) => mutants::run(args, &root).map(Some),
            Self::Check => check::run(&root).map(Some),
            Self::Test => test::run(&root).map(Some),
            Self::Ci => ci::run(&root).map(Some),
            Self::Repro => repro::run(&root).map(Some),
            Self::Bench(args) => bench::run(*args, &root).map(|()| None),
        }
    }
}

/// Names what was built on standard output, for scripts; there is nothing to count.
fn built(path: PathBuf) -> Option<Tally> {
    anstream::println!("{}", path.display());
    None
}

fn main() -> ExitCode {
    match Task::parse().run() {
        Ok(tally) => finish(tally),
        Err(why) => {
            ui::error(why);
            ExitCode::FAILURE
        }
    }
}

/// Prints the last line, which scripts read: plain, whatever the terminal can show.
fn finish(tally: Option<Tally>) -> ExitCode {
    let Some(tally) = tally else {
        return ExitCode::SUCCESS;
    };
    anstream::println!("\n{tally}");
    if tally.failed == 0 && tally.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
