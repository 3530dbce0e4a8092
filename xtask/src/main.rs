//! The developer's commands: `cargo xtask --help` lists them.

mod bench;
mod caddy;
mod check;
mod ci;
mod conformance;
mod demo;
mod envoy;
mod fuzz;
mod golang;
mod guest;
mod java;
mod jose;
mod npm;
mod package;
mod patterns;
mod plot;
mod program;
mod repro;
mod sizes;
mod soak;
mod test;
mod web;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use xtask_kit::cargo;
use xtask_kit::ui::{self, Tally};

use program::Program;

#[derive(Parser, Debug)]
#[command(
    name = "cargo xtask",
    about = "The developer's commands of Ambit",
    version
)]
enum Task {
    /// Build the wasm guest, the template of every policy module, and the host core for other languages
    Guest,
    /// Build the npm package with its wasm files
    Web,
    /// Build the package of another language, install it and run its tests
    Package(package::Args),
    /// Ask every engine all of the suites, compare, and write the table of tests/conformance/README.md
    #[command(disable_help_flag = true)]
    Conformance(Rest),
    /// Measure the wasm files and write the table of the README
    Sizes,
    /// Play a story with a person at a browser, and scenes: what agents may do, and why not
    Demo(demo::Args),
    /// Run test vectors, whoever made them
    #[command(disable_help_flag = true)]
    Vectors(Rest),
    /// Run the Cedar integration tests, or any folder in their format
    #[command(disable_help_flag = true)]
    Corpus(Rest),
    /// Compare random decisions with the `cedar-policy` crate
    #[command(disable_help_flag = true)]
    Differential(Rest),
    /// Replay an AgentDojo suite against minted tokens
    #[command(disable_help_flag = true)]
    Agentdojo(Rest),
    /// Replay the airline of tau2-bench against its policy
    #[command(disable_help_flag = true)]
    Tau2(Rest),
    /// Run the fuzz targets for a bounded time
    Fuzz(fuzz::Args),
    /// Plant faults and see whether the tests find them
    #[command(disable_help_flag = true)]
    Mutants(Rest),
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
    /// Keep gateways and engines under load, and look for wrong answers and for what grows
    Soak(soak::Args),
}

/// The arguments of a program that does the command, `--help` among them.
#[derive(clap::Args, Debug)]
struct Rest {
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENT"
    )]
    rest: Vec<OsString>,
}

impl Rest {
    fn of(&self, command: &str) -> Vec<OsString> {
        let command = OsString::from(command);
        std::iter::once(command)
            .chain(self.rest.iter().cloned())
            .collect()
    }
}

/// How a command ends.
enum Done {
    /// With a count of checks.
    Counted(Tally),
    /// With nothing to count.
    Quietly,
    /// As the program that did it.
    As(ExitCode),
}

impl Task {
    fn run(&self) -> Result<Done, String> {
        let root = cargo::root();
        match self {
            Self::Guest => guests(&root).map(built),
            Self::Web => web::build(&root).map(built),
            Self::Package(args) => package::run(*args, &root).map(Done::Counted),
            Self::Conformance(rest) => conformance::run(&rest.rest, &root).map(Done::As),
            Self::Sizes => sizes::write(&root).map(built),
            Self::Demo(args) => demo::run(*args, &root).map(Done::As),
            Self::Vectors(rest) => {
                guest::build_vectors(&root)?;
                stand_in(program::JUDGE, &root, &rest.of("vectors"))
            }
            Self::Corpus(rest) => beside_cedar(&root, &rest.of("corpus")),
            Self::Differential(rest) => beside_cedar(&root, &rest.of("differential")),
            Self::Agentdojo(rest) => {
                guest::build(&root)?;
                stand_in(program::JUDGE, &root, &rest.of("agentdojo"))
            }
            Self::Tau2(rest) => {
                guest::build(&root)?;
                stand_in(program::JUDGE, &root, &rest.of("tau2"))
            }
            Self::Fuzz(args) => fuzz::run(args, &root).map(Done::Counted),
            Self::Mutants(rest) => {
                guest::build(&root)?;
                stand_in(program::MUTANTS, &root, &rest.rest)
            }
            Self::Check => check::run(&root).map(Done::Counted),
            Self::Test => test::run(&root).map(Done::Counted),
            Self::Ci => ci::run(&root).map(Done::Counted),
            Self::Repro => repro::run(&root).map(Done::Counted),
            Self::Bench(args) => bench::run(*args, &root).map(|()| Done::Quietly),
            Self::Soak(args) => soak::run(*args, &root).map(Done::Counted),
        }
    }
}

/// Names what was built on standard output, for scripts.
fn built(path: PathBuf) -> Done {
    anstream::println!("{}", path.display());
    Done::Quietly
}

/// The guest is the result, named last; the core beside it is named by digest, which packages compare.
fn guests(root: &Path) -> Result<PathBuf, String> {
    let guest = guest::build(root)?;
    for file in [&guest, &guest::build_core(root)?] {
        let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let (name, digest) = (file.display(), repro::digest(&bytes));
        ui::progress(format_args!(
            "{name}: {} bytes, SHA-256 {digest}",
            bytes.len()
        ));
    }
    Ok(guest)
}

fn beside_cedar(root: &Path, arguments: &[OsString]) -> Result<Done, String> {
    guest::build_vectors(root)?;
    stand_in(program::JUDGE, root, arguments)
}

fn stand_in(
    program: Program,
    root: &Path,
    arguments: &[impl AsRef<std::ffi::OsStr>],
) -> Result<Done, String> {
    program.stand_in(root, arguments).map(Done::As)
}

fn main() -> ExitCode {
    match Task::parse().run() {
        Ok(Done::Counted(tally)) => ui::finish(Ok(tally)),
        Ok(Done::Quietly) => ExitCode::SUCCESS,
        Ok(Done::As(code)) => code,
        Err(why) => ui::finish(Err(why)),
    }
}
