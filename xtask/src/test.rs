//! `cargo xtask test`: builds what tests need, then runs all of them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask_kit::cargo::{self, cargo};
use xtask_kit::ui::{self, Tally};

use crate::program::{CLI, JUDGE, MUTANTS};
use crate::{
    caddy, conformance, envoy, fuzz, golang, guest, java, jose, npm, package as packages, patterns,
    soak, web,
};

/// Names the folder with third-party data.
const EXTERNAL: &str = "AMBIT_EXTERNAL";

/// The project's own vectors.
const OWN: [&str; 1] = ["tests/constraints/cases.json"];
/// The vector files of that folder.
const VECTORS: [&str; 17] = [
    "vectors/capability-chain",
    "vectors/constraints/cases.json",
    "vectors/wycheproof/ed25519_test.json",
    "vectors/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json",
    "vectors/ed25519-speccheck",
    "vectors/json-test-suite",
    "vectors/wycheproof/json_web_signature_test.json",
    "vectors/rfc8037-appendix-a",
    "vectors/jose-cookbook/jws",
    "vectors/jose-cookbook/curve25519/jws.json",
    "vectors/wimse-wit-wpt",
    "vectors/webauthn-l3",
    "vectors/dsse",
    "vectors/jcs-rfc8785",
    "vectors/merkle-rfc6962",
    "vectors/c2sp-signed-note",
    "vectors/token-status-list",
];
/// Cedar's integration tests.
const CORPUS: [&str; 2] = [
    "vectors/cedar-corpus/corpus-tests.tar.gz",
    "vectors/cedar-corpus/handwritten-tests.tar.gz",
];
const SUITES: &str = "bench/agentdojo";
const AIRLINE: &str = "bench/tau2-bench/airline";

/// What of the machine's languages is there.
struct There {
    node: bool,
    python: bool,
    go: bool,
    java: bool,
}

/// Builds what every engine is made of, and installs what runs them.
pub(crate) fn set_up(root: &Path) -> Result<(), String> {
    engines(root).map(drop)
}

fn engines(root: &Path) -> Result<There, String> {
    guest::add_targets(root)?;
    ui::heading("Building the guest and the npm evaluator");
    ui::note(guest::build(root)?.display());
    ui::note(guest::build_core(root)?.display());
    let node = program(root, "node")?;
    if node {
        ui::note(web::build(root)?.display());
        installed("chromium", "--version", "no page is opened in it")?;
        installed("firefox-esr", "--version", "no page is opened in it")?;
    }
    npm::install(root)?;
    jose::python(
        &root.join("target/mcp-python"),
        "the MCP packages from PyPI",
        &MCP,
    )?;
    ui::heading("Building and installing the Python package");
    let python = packages::python(root)?;
    ui::heading("Building the Go package");
    let go = golang::build(root)?;
    ui::heading("Building the Java package");
    let java = java::build(root)?;
    Ok(There {
        node,
        python,
        go,
        java,
    })
}

/// Runs everything and sums it up.
pub(crate) fn run(root: &Path) -> Result<Tally, String> {
    let There {
        node,
        python,
        go,
        java,
    } = engines(root)?;
    if std::env::var_os("CVC5").is_none() {
        installed("cvc5", "--version", "nothing is proved")?;
    }
    installed("nginx", "-v", "no gateway stands behind it")?;
    installed("docker-registry", "--version", "no policy is pushed")?;
    packaged(
        "postgresql",
        "/usr/lib/postgresql",
        "no database enforces or counts",
    )?;
    caddy::install(root)?;
    envoy::install(root)?;
    ui::heading("Installing the JOSE libraries of others");
    jose::install(root)?;
    jose::install_smtp(root)?;
    let mut parts = Parts::default();
    ui::heading("Tests of the workspace");
    parts.add("workspace", workspace(root));
    if node {
        ui::heading("Tests of the npm package");
        parts.add("npm package", package(root));
        ui::heading("The patterns, from a person's click to what ran");
        parts.add("patterns", patterns::test(root));
    }
    if python {
        ui::heading("Tests of the Python package");
        parts.add("Python package", packages::test_python(root));
    }
    if go {
        ui::heading("Tests of the Go package");
        parts.add("Go package", golang::test(root));
    }
    if java {
        ui::heading("Tests of the Java package");
        parts.add("Java package", java::test(root));
    }
    parts.add("conformance matrix", conformance::check(root));
    ui::heading("Vectors and judges");
    guest::build_vectors(root)?;
    parts.add("own vectors", vectors(root, root, &OWN));
    judge(root, &mut parts);
    parts.add("mutants", MUTANTS.count(root, &["--ci"]));
    external(root, &mut parts)?;
    CLI.build(root)?;
    parts.add("soak, one minute", soak::soak(60, root));
    fuzzing(root, &mut parts)?;
    ui::heading("Summary");
    for (name, tally) in &parts.0 {
        ui::outcome(tally.failed == 0, format_args!("{name}: {tally}"));
    }
    Ok(parts.0.into_iter().map(|(_, tally)| tally).sum())
}

/// What `crates/ambit-cli/tests/gateway/python.rs` runs: the official client, and reference servers.
const MCP: [&str; 4] = [
    "mcp==2.3.0",
    "mcp-server-fetch==2026.10.24",
    "mcp-server-git==2026.10.19",
    "mcp-server-time==2026.10.19",
];

/// A program that some tests run and that Debian has. Where it is missing it is installed with apt, if that needs
/// nobody's yes; without it those tests are skipped, but not in CI.
fn installed(program: &str, version: &str, without: &str) -> Result<(), String> {
    install(program, &|| cargo::answers(program, version), without)
}

/// The same of a package whose programs are not in the path, but in a folder.
fn packaged(package: &str, folder: &str, without: &str) -> Result<(), String> {
    install(package, &|| Path::new(folder).is_dir(), without)
}

fn install(program: &str, is_there: &dyn Fn() -> bool, without: &str) -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    ui::heading(format_args!("Installing {program}"));
    for arguments in [&["update", "-qq"][..], &["install", "-qq", "-y", program]] {
        let mut apt = Command::new("apt-get");
        let ended = apt
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status();
        if !ended.is_ok_and(|status| status.success()) {
            break;
        }
    }
    if is_there() {
        return Ok(());
    }
    if std::env::var_os("CI").is_some() {
        return Err(format!(
            "`{program}` is needed in CI and cannot be installed"
        ));
    }
    ui::skipped(format_args!("`{program}` is not installed: {without}"));
    Ok(())
}

/// What ran. A part that stops with an error counts as one failure and does not stop the others.
#[derive(Default)]
struct Parts(Vec<(String, Tally)>);

impl Parts {
    fn add(&mut self, name: impl Into<String>, outcome: Result<Tally, String>) {
        let tally = outcome.unwrap_or_else(|why| {
            ui::bad(why);
            Tally::one(false)
        });
        self.0.push((name.into(), tally));
    }
}

/// Whether a program that some tests need is there. Without it those are skipped, but not in CI.
fn program(root: &Path, name: &str) -> Result<bool, String> {
    if cargo::is_there(name) {
        return Ok(true);
    }
    if std::env::var_os("CI").is_some() {
        return Err(format!("`{name}` is needed in CI and cannot be started"));
    }
    let package = root.join("pkg");
    ui::skipped(format_args!(
        "`{name}` is not installed: the tests of {} do not run",
        package.display()
    ));
    Ok(false)
}

/// The Cedar evaluator beside the `cedar-policy` crate, natively and in wasm.
fn judge(root: &Path, parts: &mut Parts) {
    for (engine, decisions) in [("native", "200000"), ("wasmtime", "20000")] {
        let arguments = ["differential", "--engine", engine, "--decisions", decisions];
        parts.add(
            format!("differential, {engine}"),
            JUDGE.count(root, &arguments),
        );
    }
}

/// libFuzzer is built from C++; without a compiler it is skipped, but not in CI.
fn fuzzing(root: &Path, parts: &mut Parts) -> Result<(), String> {
    if fuzz::can_run() {
        ui::heading("Fuzzing, 30 seconds a target");
        parts.add("fuzzing", fuzz::run(&fuzz::Args::all(), root));
        return Ok(());
    }
    if std::env::var_os("CI").is_some() {
        return Err("a C++ compiler is needed in CI for the fuzz targets".to_owned());
    }
    ui::skipped("there is no C++ compiler: the fuzz targets do not run");
    Ok(())
}

fn workspace(root: &Path) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let mut command = cargo(root, &["test", "--workspace", "--no-fail-fast"]);
    let passed = cargo::watch(&mut command, |line| tally += counted(line))?;
    Ok(with_failure(tally, passed))
}

/// The counts in a line `test result: ok. 12 passed; 0 failed; …`.
fn counted(line: &str) -> Tally {
    let Some(rest) = line.strip_prefix("test result: ") else {
        return Tally::default();
    };
    let number = |word: &str| {
        let (before, _) = rest.split_once(word)?;
        before.trim_end().rsplit(' ').next()?.parse().ok()
    };
    Tally {
        passed: number("passed").unwrap_or_default(),
        failed: number("failed;").unwrap_or_default(),
    }
}

/// A run that failed without a failed test (it did not build) counts as one failure.
fn with_failure(mut tally: Tally, passed: bool) -> Tally {
    if !passed && tally.failed == 0 {
        tally.failed = 1;
    }
    tally
}

/// Runs `pkg/tests/*.test.mjs` with node's own runner, and then many calls.
fn package(root: &Path) -> Result<Tally, String> {
    let files = files(&root.join("pkg/tests"), ".test.mjs")?;
    let fixture = root.join("target/fixture");
    JUDGE.write(root, &["fixture".as_ref(), fixture.as_os_str()])?;
    // The extension's tests build a policy of their own.
    CLI.build(root)?;
    let mut tally = Tally::default();
    // Node's own build, and the small one, which browsers run.
    for small in [false, true] {
        let mut node = Command::new("node");
        node.current_dir(root.join("pkg"));
        node.env("AMBIT_FIXTURE", &fixture);
        node.env("AMBIT_COMMAND", root.join("target/debug/ambit"));
        if small {
            node.env("AMBIT_SMALL", "1");
            node.env("AMBIT_RUNTIMES", root.join(npm::RUNTIMES));
            node.env("AMBIT_NEXT", root.join(npm::NEXT));
            node.env("AMBIT_WRANGLER", root.join(npm::WRANGLER));
            if cargo::is_there("chromium") {
                node.env("AMBIT_BROWSER", root.join(npm::BROWSER));
            }
        }
        node.args(["--test", "--test-reporter=tap"]).args(&files);
        tally += node_tally(&mut node)?;
    }
    tally += soak::calls_in_node(20_000, root)?;
    Ok(tally)
}

/// The files of a folder whose names end so, of which there must be some.
pub(crate) fn files(folder: &Path, end: &str) -> Result<Vec<PathBuf>, String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|error| format!("`{}`: {error}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    files.sort();
    match files.is_empty() {
        true => Err(format!("`{}` holds no `*{end}`", folder.display())),
        false => Ok(files),
    }
}

/// Runs node's own runner, and reads what it counted.
pub(crate) fn node_tally(node: &mut Command) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let passed = cargo::watch(node, |line| {
        let number = |name: &str| line.strip_prefix(name)?.trim().parse().ok();
        tally.passed += number("# pass ").unwrap_or(0_usize);
        tally.failed += number("# fail ").unwrap_or(0_usize);
    })?;
    Ok(with_failure(tally, passed))
}

/// Vectors and suites that the repository does not carry.
fn external(root: &Path, parts: &mut Parts) -> Result<(), String> {
    let Some(folder) = std::env::var_os(EXTERNAL).map(PathBuf::from) else {
        ui::skipped(format_args!(
            "{EXTERNAL} is not set: third-party vectors, AgentDojo suites and the airline of tau2-bench do not run"
        ));
        return Ok(());
    };
    parts.add("third-party vectors", vectors(root, &folder, &VECTORS));
    for engine in ["native", "wasmtime"] {
        let mut arguments = words(&["corpus", "--engine", engine]);
        arguments.extend(CORPUS.map(|file| folder.join(file).into()));
        let name = format!("Cedar corpus, {engine}");
        parts.add(name, JUDGE.count(root, &arguments));
    }
    for folder in suites(&folder.join(SUITES))? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("AgentDojo {name}");
        let arguments = ["agentdojo".as_ref(), folder.as_os_str()];
        parts.add(name, JUDGE.count(root, &arguments));
    }
    let airline = folder.join(AIRLINE);
    let arguments = ["tau2".as_ref(), airline.as_os_str()];
    parts.add("tau2 airline", JUDGE.count(root, &arguments));
    Ok(())
}

/// Runs vector files below `folder`.
fn vectors(root: &Path, folder: &Path, files: &[&str]) -> Result<Tally, String> {
    let mut arguments = words(&["vectors"]);
    arguments.extend(files.iter().map(|file| folder.join(file).into()));
    JUDGE.count(root, &arguments)
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// The folders that hold a suite.
fn suites(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        fs::read_dir(folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    let mut suites: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("verdicts.jsonl").is_file())
        .collect();
    suites.sort();
    if suites.is_empty() {
        return Err(format!("`{}` holds no suite", folder.display()));
    }
    Ok(suites)
}

#[cfg(test)]
mod tests {
    use super::{Tally, counted, with_failure};

    #[test]
    fn cargo_results_are_counted() {
        let line =
            "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            counted(line),
            Tally {
                passed: 12,
                failed: 3
            }
        );
        assert_eq!(counted("test json::tests ... ok"), Tally::default());
    }

    #[test]
    fn a_build_that_fails_is_a_failure() {
        let none = Tally::default();
        assert_eq!(with_failure(none, true), none);
        assert_eq!(
            with_failure(none, false),
            Tally {
                passed: 0,
                failed: 1
            }
        );
    }
}
