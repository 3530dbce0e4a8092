//! `cargo xtask soak`: load that goes on, for wrong answers and for what grows. With `--calls`: so many to the npm package.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use xtask_kit::cargo::cargo;
use xtask_kit::ui::{self, Tally};

use crate::program::{AMBIT, BENCH, JUDGE};
use crate::{guest, web};

#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Args {
    /// Minutes for the gateways, and as many for the engines
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,

    /// Instead, so many calls of every kind to the npm package in Node, by its build for speed and its small one
    #[arg(long, conflicts_with = "minutes", value_parser = clap::value_parser!(u64).range(2000..))]
    calls: Option<u64>,
}

/// Builds what is needed, and soaks both.
pub(crate) fn run(args: Args, root: &Path) -> Result<Tally, String> {
    guest::build(root)?;
    guest::build_core(root)?;
    web::build(root)?;
    if let Some(calls) = args.calls {
        return calls_in_node(calls, root);
    }
    AMBIT.build(root)?;
    soak(args.minutes * 60, root)
}

/// Soaks the gateways and the engines at the same time, for so long.
pub(crate) fn soak(seconds: u64, root: &Path) -> Result<Tally, String> {
    if !cfg!(target_os = "linux") {
        ui::skipped(
            "what processes hold is read from /proc, which only Linux has: nothing is soaked",
        );
        return Ok(Tally::default());
    }
    BENCH.build(root)?;
    ui::heading(format_args!("Soaking for {seconds} s"));
    let seconds = seconds.to_string();
    let ambit = root.join("target/debug/ambit");
    let ambit = ambit.to_str().ok_or("the path of this folder is no text")?;
    let parts = [
        ("gateways", vec!["soak", ambit, &seconds]),
        ("engines", vec!["soak-engines", &seconds]),
    ];
    let parts = parts.map(|(name, arguments)| (name, start(root, &arguments)));
    judged(parts)
}

/// The builds of the npm package for Node: for speed, and the small one, which browsers run.
const BUILDS: [&str; 2] = ["fast", "small"];

/// Makes so many calls in Node with each build, both at the same time.
pub(crate) fn calls_in_node(calls: u64, root: &Path) -> Result<Tally, String> {
    let fixture = root.join("target/fixture");
    JUDGE.write(root, &["fixture".as_ref(), fixture.as_os_str()])?;
    ui::heading(format_args!("{calls} calls in Node"));
    let calls = calls.to_string();
    judged(BUILDS.map(|build| {
        let mut node = Command::new("node");
        node.current_dir(root)
            .args(["--expose-gc", "tests/bench/calls.mjs"])
            .args(["target/fixture", "target/npm", build, &calls])
            .env("NODE_OPTIONS", HEAP)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let started = node.spawn();
        let started = started.map_err(|error| format!("`node` cannot be started: {error}"));
        (build, started)
    }))
}

/// Waits for all of them, and reads what they found.
fn judged(parts: [(&str, Result<Child, String>); 2]) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (name, started) in parts {
        let output = started?.wait_with_output();
        let output = output.map_err(|error| format!("{name}: {error}"))?;
        tally += judge(name, &String::from_utf8_lossy(&output.stdout))?;
        if !output.status.success() {
            ui::bad(format_args!(
                "soaking the {name} stopped ({})",
                output.status
            ));
            tally += Tally::one(false);
        }
    }
    Ok(tally)
}

/// The rows that a part prints, one for each check.
fn judge(name: &str, text: &str) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
        let word = |member: &str| row[member].as_str().unwrap_or_default().to_owned();
        let passed = row["passed"].as_bool() == Some(true);
        ui::outcome(passed, format_args!("{}: {}", word("what"), word("said")));
        tally += Tally::one(passed);
    }
    if text.lines().next().is_none() {
        ui::bad(format_args!("soaking the {name} has checked nothing"));
        tally += Tally::one(false);
    }
    Ok(tally)
}

/// How much Node's collector of garbage may take for much.
const HEAP: &str = "--max-old-space-size=64";

/// Collectors of garbage are told what is much, so that what grows is not only what they leave for later; Java has its heap
/// from the beginning, and compiles by the compiler that needs little memory: on a busy machine the other one comes late.
fn start(root: &Path, arguments: &[&str]) -> Result<Child, String> {
    let run = ["run", "--quiet", "--package", "ambit-bench", "--", "."];
    let mut command: Command = cargo(root, &run);
    command
        .args(arguments)
        .env(
            "JDK_JAVA_OPTIONS",
            "-Xms64m -Xmx64m -XX:+AlwaysPreTouch -XX:TieredStopAtLevel=1",
        )
        .env("NODE_OPTIONS", HEAP)
        .env("GOMEMLIMIT", "64MiB")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let started = command.spawn();
    started.map_err(|error| format!("soaking cannot begin: {error}"))
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn what_checks_nothing_has_failed() {
        let failed = |text: &str| judge("part", text).unwrap().failed;
        assert_eq!(
            failed("{\"what\":\"a\",\"said\":\"\",\"passed\":true}\n"),
            0
        );
        assert_eq!(
            failed("{\"what\":\"a\",\"said\":\"\",\"passed\":false}\n"),
            1
        );
        assert_eq!(failed(""), 1);
    }
}
