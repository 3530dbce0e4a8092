//! What judges the product from outside: `cargo xtask` runs it for its commands of the same names,
//! after it has built what they need.
#![forbid(unsafe_code)]

mod agentdojo;
mod corpus;
mod differential;
mod fixture;
mod module;
mod seeds;
mod subject;
mod tau2;
mod vectors;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use xtask_kit::ui::{self, Tally};

#[derive(Parser, Debug)]
#[command(bin_name = "cargo xtask", version)]
enum Judge {
    /// Run test vectors, whoever made them
    Vectors(vectors::Args),
    /// Run the Cedar integration tests, or any folder in their format
    Corpus(corpus::Args),
    /// Compare random decisions with the `cedar-policy` crate
    Differential(differential::Args),
    /// Replay an AgentDojo suite against minted tokens
    Agentdojo(agentdojo::Args),
    /// Replay the airline of tau2-bench against its policy
    Tau2(tau2::Args),
    /// Write what the fuzz targets start from
    #[command(hide = true)]
    Seeds { folder: PathBuf },
    /// Write a module, a request and its answer, for the tests of the npm package
    #[command(hide = true)]
    Fixture { folder: PathBuf },
    /// Make the module of a project from this guest
    #[command(hide = true)]
    Module(module::Args),
}

fn main() -> ExitCode {
    let written = |outcome: Result<(), String>| outcome.map(|()| Tally::one(true));
    ui::finish(match Judge::parse() {
        Judge::Vectors(args) => vectors::run(&args),
        Judge::Corpus(args) => corpus::run(&args),
        Judge::Differential(args) => differential::command(&args),
        Judge::Agentdojo(args) => agentdojo::run(&args),
        Judge::Tau2(args) => tau2::run(&args),
        Judge::Seeds { folder } => written(seeds::write(&folder)),
        Judge::Fixture { folder } => written(fixture::write(&folder)),
        Judge::Module(args) => written(module::write(&args)),
    })
}

/// The pure crates as a module without imports, which vectors and Cedar's tests are put to.
fn vectors_guest_file() -> PathBuf {
    ambit_tests::workspace().join("target/vectors-guest/wasm32v1-none/wasm/vectors_guest.wasm")
}
