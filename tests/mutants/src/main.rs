//! `cargo xtask mutants`: plants faults into the Cedar evaluator, one at a time, and asks whether the
//! judge and the tests find them.
//!
//! All mutants are compiled once, each behind a switch (see `plant`); a run of the judge is told by
//! the environment which one is on. A mutant that nobody finds is a hole in the tests, unless
//! `tests/mutants.toml` explains it.

mod explained;
mod plant;
mod sites;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant, SystemTime};

use clap::Parser as _;

use serde_json::{Value, json};

use xtask_kit::cargo::{self, cargo};
use xtask_kit::parallel;
use xtask_kit::ui::{self, Tally};

use explained::Explained;
use plant::Mutant;

/// Names the mutant that is on.
const SWITCH: &str = "AMBIT_MUTANT";
/// A run that takes longer (seconds) does not end: the mutant is found.
const PATIENCE: u64 = 60;
/// Decisions of a first look.
const SHORT: usize = 1000;

#[derive(clap::Parser, Clone, Debug)]
#[command(bin_name = "cargo xtask mutants", version)]
struct Args {
    /// What CI runs: thirty, others each day
    #[arg(long)]
    ci: bool,
    /// Only so many mutants, drawn by chance; all unless said
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Where chance starts
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Decisions that the judge compares before it gives up
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
    Killed(&'static str),
    /// Nobody found it, for this reason.
    Explained(String),
    /// Nobody found it.
    Survived,
}

/// Plants, compiles, and runs.
fn run(args: &Args, root: &Path) -> Result<Tally, String> {
    let explained = Explained::read(&root.join("tests/mutants.toml"))?;
    let folder = root.join("target/mutants");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let (text, mutants) = plant::plant(&root.join("crates/ambit-policy/src/cedar"))?;
    let source = folder.join("cedar.rs");
    fs::write(&source, text).map_err(|error| error.to_string())?;
    ui::heading(format_args!("Building {} mutants", mutants.len()));
    let hunters = Hunters::build(root, &source, args.decisions)?;
    if let Some(name) = hunters.hunt(0) {
        return Err(format!("without a mutant, {name} fails already"));
    }
    let results = folder.join("results.json");
    let last = if args.survivors {
        Some(survivors(&results)?)
    } else {
        None
    };
    let chosen = chosen(args, &mutants, last.as_deref());
    ui::heading(format_args!("Hunting {} of them", chosen.len()));
    let started = Instant::now();
    let work = |index: usize| {
        let (number, mutant) = chosen[index];
        let fate = match hunters.hunt(number) {
            Some(name) => Fate::Killed(name),
            None => explained
                .reason(mutant)
                .map_or(Fate::Survived, Fate::Explained),
        };
        if fate == Fate::Survived {
            let Mutant { file, line, .. } = mutant;
            let (function, change) = (&mutant.function, &mutant.change);
            ui::bad(format_args!("{number}: {file}:{line} {function}: {change}"));
        }
        fate
    };
    let fates = parallel::run(parallel::threads(None), chosen.len(), work, |_| false);
    let tally = summary(&chosen, &fates, started);
    write(&results, &chosen, &fates)?;
    Ok(tally)
}

/// The numbers of those that nobody found, from the results of the last run.
fn survivors(results: &Path) -> Result<Vec<usize>, String> {
    let text = fs::read_to_string(results).map_err(|_| "there was no run yet".to_owned())?;
    let rows: Vec<Value> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let left = rows.iter().filter(|row| row["fate"] != "killed");
    let number = |row: &Value| usize::try_from(row["mutant"].as_u64()?).ok();
    Ok(left.filter_map(number).collect())
}

fn chosen<'m>(
    args: &Args,
    mutants: &'m [Mutant],
    last: Option<&[usize]>,
) -> Vec<(usize, &'m Mutant)> {
    let numbered = (1..).zip(mutants);
    let mut chosen: Vec<(usize, &Mutant)> = numbered
        .filter(|(number, mutant)| {
            args.mutant.is_none_or(|only| only == *number)
                && last.is_none_or(|last| last.contains(number))
                && args
                    .file
                    .as_ref()
                    .is_none_or(|part| mutant.file.contains(part))
        })
        .collect();
    if let Some(sample) = args.sample {
        let mut chance = fastrand::Rng::with_seed(args.seed);
        chance.shuffle(&mut chosen);
        chosen.truncate(sample);
        chosen.sort_by_key(|(number, _)| *number);
    }
    chosen
}

fn summary(chosen: &[(usize, &Mutant)], fates: &[Fate], started: Instant) -> Tally {
    let count = |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count();
    let killed = count(|fate| matches!(fate, Fate::Killed(_)));
    let explained = count(|fate| matches!(fate, Fate::Explained(_)));
    let survived = count(|fate| *fate == Fate::Survived);
    let judge = count(|fate| *fate == Fate::Killed(Hunters::JUDGE));
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    let mut files: Vec<&str> = chosen
        .iter()
        .map(|(_, mutant)| mutant.file.as_str())
        .collect();
    files.dedup();
    for file in files {
        let of = |wanted: fn(&Fate) -> bool| {
            let both = chosen.iter().zip(fates);
            both.filter(|((_, mutant), fate)| mutant.file == file && wanted(fate))
                .count()
        };
        anstream::println!(
            "    {file:<24} {:>5} mutants, {:>4} found, {:>4} explained, {:>4} neither",
            of(|_| true),
            of(|fate| matches!(fate, Fate::Killed(_))),
            of(|fate| matches!(fate, Fate::Explained(_))),
            of(|fate| *fate == Fate::Survived),
        );
    }
    ui::outcome(
        survived == 0,
        format_args!(
            "{killed} of {} found ({judge} by the judge), {explained} explained, {survived} neither, in {minutes:.1} minutes",
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
            Fate::Killed(by) => ("killed", (*by).to_owned()),
            Fate::Explained(why) => ("explained", why.clone()),
            Fate::Survived => ("survived", String::new()),
        };
        json!({
            "mutant": number, "file": mutant.file, "line": mutant.line, "function": mutant.function,
            "change": mutant.change, "fate": fate, "by": by,
        })
    });
    let rows: Vec<Value> = rows.collect();
    let text = serde_json::to_string_pretty(&rows).map_err(|error| error.to_string())?;
    fs::write(file, text + "\n").map_err(|error| error.to_string())?;
    ui::note(format_args!("each mutant: {}", file.display()));
    Ok(())
}

/// The programs that look for a mutant, compiled with all of them.
struct Hunters {
    decisions: usize,
    judge: PathBuf,
    /// Each with its name.
    tests: Vec<(&'static str, PathBuf)>,
}

impl Hunters {
    const JUDGE: &'static str = "the judge";
    /// The test targets, and what they are called in a report.
    const TESTS: [(&'static str, &'static str); 6] = [
        ("ambit_policy", "unit tests"),
        ("cedar_input", "input that does not conform"),
        ("cedar_entities", "hierarchies"),
        ("cedar_steps", "costs"),
        ("cedar_forged", "forged programs"),
        ("program_bytes", "changed programs"),
    ];

    fn build(root: &Path, source: &Path, decisions: usize) -> Result<Self, String> {
        let built = |words: &str| {
            let mut command = cargo(root, &words.split(' ').collect::<Vec<_>>());
            command.args(["--quiet", "--features", "ambit-policy/mutants"]);
            command.args(["--message-format", "json-render-diagnostics"]);
            programs(command.env("AMBIT_MUTANTS", source))
        };
        // All of these packages in each build, so that no dependency is compiled twice.
        let packages = "--package ambit-judge --package ambit-policy --package ambit-tests";
        let tests = "--lib --test cedar_input --test cedar_entities --test cedar_steps --test cedar_forged --test program_bytes";
        let tests = built(&format!("test --no-run {packages} {tests}"))?;
        let judge = built(&format!("build {packages} --bin ambit-judge"))?;
        let named = |programs: &[(String, PathBuf)], name: &str| {
            let program = programs.iter().find(|(target, _)| target == name);
            let program = program.ok_or_else(|| format!("cargo built no `{name}`"))?;
            Ok::<_, String>(program.1.clone())
        };
        let tests = Self::TESTS
            .iter()
            .map(|(target, name)| Ok((*name, named(&tests, target)?)));
        let tests = tests.collect::<Result<_, String>>()?;
        // Out of the way of the next build.
        let copy = root.join("target/mutants/judge");
        fs::copy(named(&judge, "ambit-judge")?, &copy).map_err(|error| error.to_string())?;
        Ok(Self {
            decisions,
            judge: copy,
            tests,
        })
    }

    /// Who finds the mutant first: a short look by the judge, which most do not survive, then the rest.
    fn hunt(&self, mutant: usize) -> Option<&'static str> {
        if self.judged(mutant, SHORT.min(self.decisions), 1) {
            return Some(Self::JUDGE);
        }
        for (name, program) in &self.tests {
            if finds(Command::new(program).arg("--quiet"), mutant) {
                return Some(name);
            }
        }
        self.judged(mutant, self.decisions, 2)
            .then_some(Self::JUDGE)
    }

    fn judged(&self, mutant: usize, decisions: usize, seed: u8) -> bool {
        let mut judge = Command::new(&self.judge);
        judge.args(["differential", "--as-found", "--threads", "1"]);
        judge.args(["--seed", &seed.to_string(), "--decisions"]);
        finds(judge.arg(decisions.to_string()), mutant)
    }
}

/// Whether a program fails with the mutant on, or does not end.
fn finds(command: &mut Command, mutant: usize) -> bool {
    command.env(SWITCH, mutant.to_string());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    let end = Instant::now() + Duration::from_secs(PATIENCE);
    let mut pause = Duration::from_millis(2);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return !status.success(),
            Ok(None) if Instant::now() < end => {}
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return true;
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Builds, and gives the programs that were built, with the names of their targets.
fn programs(command: &mut Command) -> Result<Vec<(String, PathBuf)>, String> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        return Err("the mutants do not compile".to_owned());
    }
    let lines = output.stdout.lines().map_while(Result::ok);
    let messages = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let programs = messages.filter_map(|message| {
        let program = PathBuf::from(message["executable"].as_str()?);
        Some((message["target"]["name"].as_str()?.to_owned(), program))
    });
    Ok(programs.collect())
}
