//! `cargo xtask agentdojo`: real agent traffic against the whole path.
//!
//! A suite's tools become a vocabulary and a manifest, compiled and signed as any project; every
//! user task becomes a token at each level of detail; every recorded call is put to the signed
//! module natively and in wasmtime, and the answer compared with the recorded verdict.

mod argument;
mod entries;
mod number;
mod project;
mod replay;
mod suite;
mod table;
mod vocabulary;

use std::path::PathBuf;

use argument::Argument;
use suite::{Suite, Tool};
use xtask_kit::ui::{self, Tally};

/// How many failing checks are printed in full.
const SHOWN: usize = 20;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The folder of one suite: tools, tasks and verdicts
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// Replays one suite.
pub(crate) fn run(args: &Args) -> Result<Tally, String> {
    let suite = Suite::read(&args.folder)?;
    ui::heading(format_args!("AgentDojo suite `{}`", suite.name));
    ui::note(format_args!(
        "{} tools, {} user tasks, {} injection tasks, {} recorded calls",
        suite.tools.len(),
        suite.user_tasks.len(),
        suite.injection_tasks.len(),
        suite.verdicts.len()
    ));
    let tools: Vec<(&Tool, Vec<Argument>)> = suite
        .tools
        .iter()
        .map(|tool| (tool, argument::arguments(tool, &suite)))
        .collect();
    let project = project::Project::build(&suite.name, &tools)?;
    let results = replay::replay(&suite, &tools, &project);
    for failure in results.failures.iter().take(SHOWN) {
        ui::bad(failure);
    }
    if results.failures.len() > SHOWN {
        ui::note(format_args!("and {} more", results.failures.len() - SHOWN));
    }
    table::print(&suite, &results);
    ui::note(
        "a check is one recorded call at one level in one engine: right verdict, and the same bytes \
         from both engines",
    );
    Ok(results.tally)
}
