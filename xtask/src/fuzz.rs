//! `cargo xtask fuzz`: libFuzzer on the pinned stable toolchain, for a bounded time.
//!
//! `cargo fuzz` would ask for a nightly toolchain only for `-Z` flags that are not needed here: the
//! instrumentation is LLVM's, and these are the flags that it gives to the compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use clap::Args as ClapArgs;

use xtask_kit::cargo::{self, cargo};
use xtask_kit::ui::{self, Tally};

use crate::program::JUDGE;

/// All targets: the programs in `tests/fuzz/src/bin`.
const TARGETS: [&str; 7] = [
    "program",
    "program_unverified",
    "bundle",
    "request",
    "json",
    "token",
    "module",
];
/// With a target of its own, build scripts and procedural macros are not instrumented.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing -Cdebug-assertions -Ccodegen-units=1";
/// One input that takes longer (seconds) is a crash: evaluation must end.
const TIMEOUT: u32 = 10;
/// Targets that run beside each other, so that CI is done in half the time.
const AT_ONCE: usize = 2;
/// A crashing input up to this many bytes is shown in hexadecimal.
const SMALL: usize = 512;

/// Which targets, and for how long.
#[derive(ClapArgs, Debug)]
pub(crate) struct Args {
    /// The targets; all when none is named
    targets: Vec<String>,
    /// Seconds that each target runs
    #[arg(long, default_value_t = 30)]
    seconds: u32,
}

impl Args {
    /// What CI runs.
    pub(crate) const fn all() -> Self {
        Self {
            targets: Vec::new(),
            seconds: 30,
        }
    }
}

/// Builds the targets and runs them.
pub(crate) fn run(args: &Args, root: &Path) -> Result<Tally, String> {
    let mut targets: Vec<&str> = args.targets.iter().map(String::as_str).collect();
    if targets.is_empty() {
        targets = TARGETS.to_vec();
    }
    if let Some(strange) = targets.iter().find(|target| !TARGETS.contains(target)) {
        return Err(format!("`{strange}` is none of {}", TARGETS.join(", ")));
    }
    let folder = root.join("target/fuzz");
    crate::guest::build(root)?;
    let seeds = folder.join("seeds");
    JUDGE.write(root, &["seeds".as_ref(), seeds.as_os_str()])?;
    build(root, &folder)?;
    let mut tally = Tally::default();
    for group in targets.chunks(AT_ONCE) {
        let outcomes = thread::scope(|scope| {
            let start = |target: &&str| {
                let run = Run::new(root, &folder, &seeds, target, args.seconds);
                scope.spawn(move || run.run())
            };
            let running: Vec<_> = group.iter().map(start).collect();
            running
                .into_iter()
                .map(|run| run.join())
                .collect::<Vec<_>>()
        });
        for outcome in outcomes {
            tally += Tally::one(outcome.map_err(|_| "a fuzz run panicked")??);
        }
    }
    Ok(tally)
}

/// Whether there is a C++ compiler: libFuzzer comes as source.
pub(crate) fn can_run() -> bool {
    let named = std::env::var("CXX").is_ok_and(|name| cargo::is_there(&name));
    named || cargo::is_there("c++")
}

fn build(root: &Path, folder: &Path) -> Result<(), String> {
    let manifest = "build --quiet --release --locked --manifest-path tests/fuzz/Cargo.toml";
    let mut arguments: Vec<&str> = manifest.split(' ').collect();
    let to = folder.to_string_lossy();
    arguments.extend(["--target", PLATFORM, "--target-dir", &to]);
    let mut command = cargo(root, &arguments);
    match cargo::succeeds(command.env("RUSTFLAGS", FLAGS))? {
        true => Ok(()),
        false => Err("the fuzz targets do not build".to_owned()),
    }
}

/// One target's run.
struct Run {
    target: String,
    program: PathBuf,
    fixed: PathBuf,
    seeds: PathBuf,
    corpus: PathBuf,
    crashes: PathBuf,
    dictionary: PathBuf,
    seconds: u32,
}

impl Run {
    fn new(root: &Path, folder: &Path, seeds: &Path, target: &str, seconds: u32) -> Self {
        Self {
            target: target.to_owned(),
            program: folder.join(PLATFORM).join("release").join(target),
            fixed: seeds.join("fixed"),
            seeds: seeds.join(target),
            corpus: folder.join("corpus").join(target),
            crashes: folder.join("crashes").join(target),
            dictionary: root.join("tests/fuzz/json.dict"),
            seconds,
        }
    }

    fn run(&self) -> Result<bool, String> {
        for folder in [&self.corpus, &self.crashes] {
            let made = fs::create_dir_all(folder);
            made.map_err(|error| format!("`{}`: {error}", folder.display()))?;
        }
        let output = self
            .command()
            .output()
            .map_err(|error| format!("`{}`: {error}", self.program.display()))?;
        let log = String::from_utf8_lossy(&output.stderr);
        let summary = Summary::read(&log);
        let passed = output.status.success();
        ui::outcome(
            passed,
            format_args!(
                "{}: {} executions, {} edges covered, {} inputs in the corpus",
                self.target, summary.executions, summary.edges, summary.corpus
            ),
        );
        if !passed {
            self.explain(&log);
        }
        Ok(passed)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("AMBIT_FUZZ_FIXED", &self.fixed);
        command
            .stdin(Stdio::null())
            .arg(&self.corpus)
            .arg(&self.seeds);
        command.arg(format!("-max_total_time={}", self.seconds));
        command.arg(format!("-timeout={TIMEOUT}"));
        command.arg(format!("-artifact_prefix={}/", self.crashes.display()));
        command.args([
            "-print_final_stats=1",
            "-max_len=16384",
            "-rss_limit_mb=2048",
        ]);
        if ["request", "json", "token"].contains(&self.target.as_str()) {
            command.arg(format!("-dict={}", self.dictionary.display()));
        }
        command
    }

    /// Where the crashing input is, what it is, and how to run it again.
    fn explain(&self, log: &str) {
        for line in log
            .lines()
            .filter(|line| line.contains("panicked at") || line.contains("ERROR"))
        {
            ui::note(line);
        }
        let path = log
            .lines()
            .find_map(|line| line.split_once("Test unit written to "));
        let Some((_, path)) = path else {
            ui::note(log.lines().last().unwrap_or("it said nothing"));
            return;
        };
        ui::note(format_args!("input: {path}"));
        if let Ok(bytes) = fs::read(path)
            && bytes.len() <= SMALL
        {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            ui::note(hex);
        }
        let (fixed, program) = (self.fixed.display(), self.program.display());
        ui::note(format_args!(
            "again: AMBIT_FUZZ_FIXED={fixed} {program} {path}"
        ));
    }
}

/// The numbers that libFuzzer prints.
#[derive(Debug, Default, PartialEq, Eq)]
struct Summary {
    executions: u64,
    edges: u64,
    corpus: u64,
}

impl Summary {
    fn read(log: &str) -> Self {
        let mut summary = Self::default();
        for line in log.lines() {
            let after = |name: &str| {
                let (_, rest) = line.split_once(name)?;
                let number = rest.trim_start().split(['/', ' ']).next()?;
                number.parse().ok()
            };
            if line.starts_with('#') {
                summary.edges = after(" cov: ").unwrap_or(summary.edges);
                summary.corpus = after(" corp: ").unwrap_or(summary.corpus);
            }
            let count = after("stat::number_of_executed_units:");
            summary.executions = count.unwrap_or(summary.executions);
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn the_numbers_of_libfuzzer_are_read() {
        let log = "#2\tINITED cov: 120 ft: 9 corp: 3/60b exec/s: 0\n\
            #9\tDONE   cov: 121 ft: 9 corp: 4/70b exec/s: 3\n\
            stat::number_of_executed_units: 9\n";
        let read = Summary::read(log);
        assert_eq!(
            read,
            Summary {
                executions: 9,
                edges: 121,
                corpus: 4
            }
        );
    }
}
