//! `cargo xtask bench`: prepares files, has the engines measure themselves, and makes a table.
//!
//! Nothing here asserts a time: machines are shared. What is measured is checked to be right, and
//! everything of one table comes from one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anstream::println;
use serde_json::{Value, json};

use xtask_kit::cargo::cargo;
use xtask_kit::ui;

use crate::sizes::gzip;
use crate::{guest, npm, patterns, plot, web};

/// What is measured.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Signatures and whole decisions
    Decisions,
    /// Guard rails alone, beside Cedar's own engines
    Cedar,
    /// From files to the first decision
    Start,
    /// What the gateways add to a tool call, and to a request through nginx
    Gateway,
    /// What the broker takes for a token, beside `oidc-provider`
    Broker,
}

#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Args {
    /// Only this part; everything unless said
    #[arg(long, value_enum)]
    only: Option<Part>,
}

impl Args {
    fn wants(self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

/// Builds what is needed, measures, prints the table and writes `target/bench/results.json`, and the
/// plots into `tests/bench`.
pub(crate) fn run(args: Args, root: &Path) -> Result<(), String> {
    ui::heading("preparing (a release build of the host comes first)");
    let folder = root.join("target/bench");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let mut results = Vec::new();
    if args.only != Some(Part::Broker) {
        results.extend(engines(args, root, &folder)?);
    }
    if args.wants(Part::Broker) {
        results.extend(broker(root)?);
    }
    print_table(&results);

    let file = folder.join("results.json");
    let text = serde_json::to_string_pretty(&results).map_err(|error| error.to_string())?;
    fs::write(&file, text + "\n").map_err(|error| error.to_string())?;
    println!("\nas JSON: {}", file.display());
    Ok(())
}

/// The command line, as it is released.
fn released(root: &Path) -> Result<PathBuf, String> {
    guest::build(root)?;
    let build = ["build", "--release", "--quiet", "--package", "ambit-cli"];
    guest::run(&mut cargo(root, &build), "building the command line")?;
    Ok(root.join("target/release/ambit"))
}

/// The broker over HTTP, with a person at a browser, and its peer.
fn broker(root: &Path) -> Result<Vec<Value>, String> {
    if let Some(program) = patterns::missing() {
        ui::skipped(format_args!("`{program}` is not installed: no broker"));
        return Ok(Vec::new());
    }
    npm::BROWSER_SET.install(root)?;
    npm::OIDC_SET.install(root)?;
    let ambit = released(root)?;
    ui::heading("measuring the broker");
    let mut node = Command::new("node");
    node.arg(root.join("tests/bench/broker.mjs")).arg(ambit);
    node.arg(root.join(npm::BROWSER)).arg(root.join(npm::OIDC));
    lines(&mut node)
}

/// Everything that decides, in every engine, and how large it is.
fn engines(args: Args, root: &Path, folder: &Path) -> Result<Vec<Value>, String> {
    let guest = guest::build(root)?;
    let npm = web::build(root)?;
    fs::copy(
        guest::build_vectors(root)?,
        folder.join("vectors_guest.wasm"),
    )
    .map_err(|error| error.to_string())?;
    lines(bench(root).arg(folder).arg("prepare"))?;

    ui::heading("measuring");
    let mut results = Vec::new();
    if args.wants(Part::Decisions) {
        let mut bench = bench(root);
        bench.arg(folder).arg("decisions").arg(&npm);
        match build_peers(root) {
            Ok(peers) => bench.arg(peers),
            Err(why) => {
                ui::skipped(format_args!("tenuo, biscuit-auth, jsonwebtoken: {why}"));
                &mut bench
            }
        };
        results.extend(lines(&mut bench)?);
    }
    if args.wants(Part::Start) {
        results.extend(lines(bench(root).arg(folder).arg("start"))?);
    }
    if args.wants(Part::Gateway) {
        let ambit = released(root)?;
        results.extend(lines(bench(root).arg(folder).arg("gateway").arg(ambit))?);
    }
    if args.wants(Part::Cedar) {
        results.extend(lines(bench(root).arg(folder).arg("cedar"))?);
        let mut node = Command::new("node");
        node.arg(root.join("tests/bench/cedar.mjs")).arg(folder);
        match peer(root, folder) {
            Ok(package) => node.arg(package),
            Err(why) => {
                ui::skipped(format_args!("npm `@cedar-policy/cedar-wasm`: {why}"));
                &mut node
            }
        };
        results.extend(lines(&mut node)?);
        plot::write(&results, &root.join("tests/bench"))?;
    }
    results.extend(size("guest template", &guest)?);
    for name in ["evaluator", "evaluator-fast", "host", "advice"] {
        let file = npm.join(format!("{name}.wasm"));
        results.extend(size(&format!("npm {name}"), &file)?);
    }
    Ok(results)
}

fn bench(root: &Path) -> Command {
    let words = "run --release --quiet --package ambit-bench --";
    cargo(root, &words.split(' ').collect::<Vec<_>>())
}

/// Builds the program that measures peers: a workspace of its own, with their trees.
fn build_peers(root: &Path) -> Result<PathBuf, String> {
    let target = root.join("target/peers");
    let mut build = cargo(root, &["build", "--release", "--quiet", "--locked"]);
    build
        .arg("--manifest-path")
        .arg(root.join("tests/bench/peers/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target);
    guest::run(&mut build, "building the peers")?;
    Ok(target.join("release/ambit-peers"))
}

/// The npm package of Cedar, installed outside the repository.
fn peer(root: &Path, folder: &Path) -> Result<PathBuf, String> {
    let home = folder.join("npm");
    let said = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&home).map_err(said)?;
    let manifest = root.join("tests/bench/package.json");
    fs::copy(manifest, home.join("package.json")).map_err(said)?;
    let installed = Command::new("npm")
        .current_dir(&home)
        .args(["install", "--no-audit", "--no-fund", "--silent"])
        .status()
        .map_err(|error| format!("npm cannot be run: {error}"))?;
    if !installed.success() {
        return Err(format!("npm failed ({installed})"));
    }
    Ok(home.join("node_modules/@cedar-policy/cedar-wasm/nodejs/cedar_wasm.js"))
}

/// The JSON lines that a command prints.
fn lines(command: &mut Command) -> Result<Vec<Value>, String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status));
    }
    let text = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
    text.lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}")))
        .collect()
}

/// Bytes of a file, raw and as a web server would send it.
fn size(what: &str, file: &Path) -> Result<[Value; 2], String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let row = |form: &str, bytes: usize| json!({"engine": "size", "what": format!("{what}, {form}"), "unit": "bytes", "median": bytes});
    Ok([row("raw", bytes.len()), row("gzip -9", gzip(&bytes)?)])
}

fn print_table(results: &[Value]) {
    println!(
        "\n{:<16} {:<52} {:>11} {:>7}   {:<16} {}",
        "engine", "what", "median", "ratio", "p10 to p90", "p10 to p90"
    );
    for row in results {
        let text = |member: &str| row[member].as_str().unwrap_or_default().to_owned();
        let number = |value: &Value| value.as_f64().unwrap_or_default();
        let (engine, what) = (text("engine"), text("what"));
        let median = number(&row["median"]);
        let plain = match text("unit").as_str() {
            "bytes" => Some(format!("{:>8.1} KB", median / 1000.0)),
            "ns" if row["p10"].is_null() => Some(format!("{:>8.2} µs", median / 1000.0)),
            "ns" => None,
            "ratio" => Some(format!("{:>11} {median:>7.2}", "")),
            unit => Some(format!("{median:>8.0} {unit}")),
        };
        if let Some(plain) = plain {
            println!("{engine:<16} {what:<52} {plain}");
            continue;
        }
        let micro = |member: &str| number(&row[member]) / 1000.0;
        let spread = format!("{:.2} to {:.2} µs", micro("p10"), micro("p90"));
        // Rows that were measured in turns with one signature, which is 1.
        let ratio = row["ratio"].as_object().map(|ratio| {
            let (low, high) = (number(&ratio["p10"]), number(&ratio["p90"]));
            (
                format!("{:.2}", number(&ratio["median"])),
                format!("{low:.2} to {high:.2}"),
            )
        });
        let (ratio, ratios) = ratio.unwrap_or_default();
        println!(
            "{engine:<16} {what:<52} {:>8.2} µs {ratio:>7}   {ratios:<16} {spread}",
            micro("median")
        );
    }
}
