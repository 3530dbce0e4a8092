//! `cargo xtask conformance`: asks every engine all of the suites, compares the bytes, and writes the table of
//! `tests/conformance/README.md`. `--check` compares the table instead, `--only NAME` asks some engines and writes nothing.
//!
//! An engine is a command that speaks a line protocol, which that page describes. Those in Rust are this program:
//! `matrix engine NAME`.

#[path = "../../../../crates/ambit-enforce/tests/runner/mod.rs"]
mod runner;

#[path = "../../../tests/host_core/ask.rs"]
mod ask;
#[path = "../../../tests/host_core/epochs.rs"]
mod epochs;

mod broken;
mod local;
mod page;
mod questions;
mod rows;
mod rules;
mod talk;

use std::process::ExitCode;
use std::time::Instant;

use questions::Suite;
use rows::Row;
use talk::Outcome;
use xtask_kit::ui::{self, Tally};
use xtask_kit::{cargo, parallel};

/// Faults of an engine that are shown.
const SHOWN: usize = 8;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["engine", name] => match local::serve(name) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                ui::error(why);
                ExitCode::FAILURE
            }
        },
        [] => ui::finish(run(&[], page::write)),
        ["--check"] => ui::finish(run(&[], page::check)),
        ["--only", ref names @ ..] if !names.is_empty() => ui::finish(run(names, |_| Ok(()))),
        _ => ui::finish(Err(
            "the words are `--check`, or `--only ENGINE…` with names of the table".to_owned(),
        )),
    }
}

/// Asks the engines named, or all, and gives what came of it to `page` where all are there.
fn run(only: &[&str], page: fn(&[page::Line]) -> Result<(), String>) -> Result<Tally, String> {
    let rows = rows::chosen(only)?;
    let began = Instant::now();
    let questions = questions::all()?;
    ui::progress(format_args!(
        "{} questions, answered natively in {:.0?}",
        questions.lines.len(),
        began.elapsed()
    ));
    let work = |at: usize| rows.get(at).map(|row| (row, ask_one(row, &questions)));
    let done = parallel::run(parallel::threads(None), rows.len(), work, |_| false);
    let mut tally = Tally::default();
    let mut lines = Vec::new();
    let mut lacking = false;
    for (row, outcome) in done.into_iter().flatten() {
        match outcome {
            Ok(Some(outcome)) => {
                show(row, &outcome);
                tally += outcome.tally();
                lines.push(page::Line::new(row, &outcome));
            }
            Ok(None) if std::env::var_os("CI").is_some() => {
                ui::bad(format_args!(
                    "{}: {}, and CI needs it",
                    row.name, row.lacking
                ));
                tally += Tally::one(false);
            }
            Ok(None) => {
                lacking = true;
                ui::skipped(format_args!("{}: {}", row.name, row.lacking));
            }
            Err(why) => {
                ui::bad(format_args!("{}: {why}", row.name));
                tally += Tally::one(false);
            }
        }
    }
    ui::heading("Matrix");
    anstream::println!("{}", page::table(&lines));
    if lacking {
        ui::skipped(
            "the table in tests/conformance/README.md is left as it is: engines are missing",
        );
    } else if tally.failed == 0 {
        page(&lines)?;
    }
    Ok(tally)
}

/// `None`: the engine is not on this machine.
fn ask_one(row: &Row, questions: &questions::Questions) -> Result<Option<Outcome>, String> {
    let root = cargo::root();
    match (row.command)(&root)? {
        Some(command) => talk::ask(row, command, questions).map(Some),
        None => Ok(None),
    }
}

fn show(row: &Row, outcome: &Outcome) {
    let tally = outcome.tally();
    ui::outcome(
        tally.failed == 0,
        format_args!(
            "{} ({}): {tally}, {:.0?}",
            row.name, outcome.version, outcome.time
        ),
    );
    for fault in outcome.faults.iter().take(SHOWN) {
        ui::note(fault);
    }
    if outcome.faults.len() > SHOWN {
        ui::note(format_args!("and {} more", outcome.faults.len() - SHOWN));
    }
    for suite in Suite::ALL {
        if outcome.asked(suite) == 0 {
            ui::note(format_args!(
                "nothing was asked of the suite {}",
                suite.name()
            ));
        }
    }
}
