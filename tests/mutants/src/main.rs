//! `cargo xtask mutants`: plants faults, one at a time, and asks whether tests and judges find them.
//!
//! The repository is copied to `target/mutants/tree`, and everything is planted there, each change
//! behind a switch (see `plant`), so that all is compiled once; the environment says which one is on.
//! A mutant that nobody finds is a hole in the tests, unless `tests/mutants.toml` explains it.
#![forbid(unsafe_code)]

mod constant;
mod explained;
mod groups;
mod hunt;
mod plant;
mod sites;
#[cfg(test)]
mod tests;
mod tree;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use clap::Parser as _;
use serde_json::{Value, json};
use xtask_kit::ui::{self, Tally};
use xtask_kit::{cargo, parallel};

use explained::Explained;
use groups::{GROUPS, Group};
use hunt::Hunters;
use plant::{Mutant, Planting};

#[derive(clap::Parser, Clone, Debug)]
#[command(bin_name = "cargo xtask mutants", version)]
struct Args {
    /// Only these: `cedar`, `core`, `token`, `evaluator`, `compiler`, `host`
    groups: Vec<String>,
    /// What CI runs: the faults of `tests/faults.toml`, and thirty of Cedar's, others each day
    #[arg(long)]
    ci: bool,
    /// Only so many mutants, drawn by chance; all unless said
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Where chance starts
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Decisions that the Cedar judge compares before it gives up
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    decisions: usize,
    /// Only mutants of files whose path has this in it
    #[arg(long, value_name = "TEXT")]
    file: Option<String>,
    /// Only those that nobody found the last time
    #[arg(long)]
    survivors: bool,
    /// Only this mutant, by its number
    #[arg(long, value_name = "M")]
    mutant: Option<usize>,
    /// Threads; as many as there are processors unless said
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let mut args = Args::parse();
    if args.ci {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        args.sample = Some(30);
        args.seed = since.map_or(0, |since| since.as_secs() / 86_400);
    }
    ui::finish(run(&args, &cargo::root()))
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// Found, by this.
    Killed(String),
    /// Nobody found it, for this reason.
    Explained(String),
    /// Nobody found it.
    Survived,
}

/// Plants, compiles, and runs.
fn run(args: &Args, root: &Path) -> Result<Tally, String> {
    let explained = Explained::read(&root.join("tests/mutants.toml"))?;
    let groups = chosen_groups(args)?;
    let folder = root.join("target/mutants");
    let tree = folder.join("tree");
    let files = tree::copy(root, &tree)?;
    let mut planting = Planting::read(root, &files, &groups)?;
    ui::heading(format_args!("Building {} mutants", planting.mutants.len()));
    hunt::settle(root, &tree, &mut planting)?;
    let hunters = Hunters::build(root, &tree, &groups, args.decisions)?;
    let results = folder.join("results.json");
    let last = args.survivors.then(|| survivors(&results)).transpose()?;
    let chosen = chosen(args, &planting, last.as_deref());
    ui::heading(format_args!("Hunting {} of them", chosen.len()));
    let started = Instant::now();
    let work = |index: usize| {
        let (number, mutant) = chosen[index];
        let group = groups.iter().find(|group| group.name == mutant.group);
        let found = group.map_or(Ok(None), |group| hunters.hunt(group, number))?;
        let fate = match found {
            Some(hunter) => Fate::Killed(hunter.name()),
            None => explained
                .reason(mutant)
                .map_or(Fate::Survived, Fate::Explained),
        };
        if fate == Fate::Survived {
            let Mutant { file, line, .. } = mutant;
            let (function, change) = (&mutant.function, &mutant.change);
            ui::bad(format_args!("{number}: {file}:{line} {function}: {change}"));
        }
        Ok(fate)
    };
    let threads = parallel::threads(args.threads);
    let fates = parallel::run(threads, chosen.len(), work, Result::is_err);
    let fates: Vec<Fate> = fates.into_iter().collect::<Result<_, String>>()?;
    let tally = summary(&chosen, &fates, started);
    write(&results, &chosen, &fates)?;
    Ok(tally)
}

fn chosen_groups(args: &Args) -> Result<Vec<&'static Group>, String> {
    let known = |name: &&String| !GROUPS.iter().any(|group| group.name == name.as_str());
    if let Some(strange) = args.groups.iter().find(known) {
        let names = GROUPS.map(|group| group.name).join(", ");
        return Err(format!("`{strange}` is none of {names}"));
    }
    let wanted = |group: &&Group| {
        args.groups.is_empty() || args.groups.iter().any(|name| name == group.name)
    };
    Ok(GROUPS.iter().filter(wanted).collect())
}

/// The numbers of those that nobody found, from the results of the last run.
fn survivors(results: &Path) -> Result<Vec<usize>, String> {
    let text = fs::read_to_string(results).map_err(|_| "there was no run yet".to_owned())?;
    let rows: Vec<Value> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let left = rows.iter().filter(|row| row["fate"] != "killed");
    let number = |row: &Value| usize::try_from(row["mutant"].as_u64()?).ok();
    Ok(left.filter_map(number).collect())
}

/// Those that were asked for and compile. A sample has all that were written by hand.
fn chosen<'m>(
    args: &Args,
    planting: &'m Planting,
    last: Option<&[usize]>,
) -> Vec<(usize, &'m Mutant)> {
    let numbered = (1..).zip(&planting.mutants);
    let mut chosen: Vec<(usize, &Mutant)> = numbered
        .filter(|(number, mutant)| {
            planting.is_in(*number)
                && args.mutant.is_none_or(|only| only == *number)
                && last.is_none_or(|last| last.contains(number))
                && args
                    .file
                    .as_ref()
                    .is_none_or(|part| mutant.file.contains(part))
        })
        .collect();
    if let Some(sample) = args.sample {
        let (by_hand, mut others): (Vec<_>, Vec<_>) =
            chosen.into_iter().partition(|(_, mutant)| mutant.by_hand);
        // Of the others not every survivor is explained yet.
        others.retain(|(_, mutant)| !args.ci || mutant.group == "cedar");
        let mut chance = fastrand::Rng::with_seed(args.seed);
        chance.shuffle(&mut others);
        others.truncate(sample);
        chosen = [by_hand, others].concat();
        chosen.sort_by_key(|(number, _)| *number);
    }
    chosen
}

fn summary(chosen: &[(usize, &Mutant)], fates: &[Fate], started: Instant) -> Tally {
    let both = || chosen.iter().zip(fates);
    let row = |name: &str| {
        let of = |wanted: fn(&Fate) -> bool| {
            both()
                .filter(|((_, mutant), fate)| {
                    (name.is_empty() || mutant.group == name) && wanted(fate)
                })
                .count()
        };
        let killed = of(|fate| matches!(fate, Fate::Killed(_)));
        let explained = of(|fate| matches!(fate, Fate::Explained(_)));
        (killed, explained, of(|fate| *fate == Fate::Survived))
    };
    for group in &GROUPS {
        let (killed, explained, survived) = row(group.name);
        let all = killed + explained + survived;
        if all > 0 {
            anstream::println!(
                "    {:<12} {all:>5} mutants, {killed:>4} found, {explained:>4} explained, {survived:>4} neither",
                group.name
            );
        }
    }
    let (killed, explained, survived) = row("");
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    ui::outcome(
        survived == 0,
        format_args!(
            "{killed} of {} found, {explained} explained, {survived} neither, in {minutes:.1} minutes",
            chosen.len()
        ),
    );
    Tally {
        passed: killed + explained,
        failed: survived,
    }
}

fn write(file: &Path, chosen: &[(usize, &Mutant)], fates: &[Fate]) -> Result<(), String> {
    let rows = chosen.iter().zip(fates).map(|((number, mutant), fate)| {
        let (fate, by) = match fate {
            Fate::Killed(by) => ("killed", by.as_str()),
            Fate::Explained(why) => ("explained", why.as_str()),
            Fate::Survived => ("survived", ""),
        };
        json!({
            "mutant": number, "group": mutant.group, "file": mutant.file, "line": mutant.line,
            "function": mutant.function, "change": mutant.change, "fate": fate, "by": by,
        })
    });
    let rows: Vec<Value> = rows.collect();
    let text = serde_json::to_string_pretty(&rows).map_err(|error| error.to_string())?;
    fs::write(file, text + "\n").map_err(|error| error.to_string())?;
    ui::note(format_args!("each mutant: {}", file.display()));
    Ok(())
}
