//! The Go package: its modules with the core in them, where users take them from, and their tests there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask_kit::cargo;
use xtask_kit::ui::{self, Tally};

use crate::guest;
use crate::package::{LINES, copy, copy_folder, digest, failed, remove};
use crate::program::{AMBIT, JUDGE};

/// What is beside the host and does not count: types of what goes in and comes out, stores, and what the build writes.
/// Integrations have folders of their own.
const BESIDE: [&str; 7] = [
    "answers.go",
    "core.go",
    "memory.go",
    "options.go",
    "request.go",
    "store.go",
    "wire.go",
];

/// Puts the modules under `target/go/host`, with the core and its digest, and builds the engine of the conformance suite.
/// `false` where there is no Go, which is an error in CI.
pub(crate) fn build(root: &Path) -> Result<bool, String> {
    let version = Command::new("go")
        .arg("version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !version.is_ok_and(|status| status.success()) {
        if std::env::var_os("CI").is_some() {
            return Err("`go` is needed in CI and cannot be started".to_owned());
        }
        ui::skipped("`go` is not installed: the Go package is not built, and its tests do not run");
        return Ok(false);
    }
    let host = folder(root);
    remove(&host)?;
    copy_folder(&root.join("host/go"), &host)?;
    copy(&root.join("LICENSE"), &host.join("LICENSE"))?;
    let core = host.join("core.wasm");
    copy(&guest::build_core(root)?, &core)?;
    let text = format!(
        "// Written by the build. DO NOT EDIT.\n\npackage ambit\n\n// SHA256 is that of the core which this package runs, and no \
         other.\nconst SHA256 = \"{}\"\n",
        digest(&core)?
    );
    let file = host.join("core.go");
    fs::write(&file, text).map_err(failed(&file))?;
    let mut engine = Command::new("go");
    engine
        .current_dir(&host)
        .args(["build", "-o"])
        .arg(root.join("target/go/engine"))
        .arg("./internal/engine");
    guest::run(&mut engine, "building the Go package")?;
    ui::note(host.display());
    Ok(true)
}

/// Runs what Go's own tools say of every module, and its tests.
pub(crate) fn test(root: &Path) -> Result<Tally, String> {
    let fixture = root.join("target/fixture");
    guest::build(root)?;
    AMBIT.build(root)?;
    JUDGE.write(root, &["fixture".as_ref(), fixture.as_os_str()])?;
    let host = folder(root);
    let mut tally = count(&host)?;
    tally += format(&host)?;
    for module in modules(&host)? {
        for words in [&["vet", "./..."][..], &["test", "-count=1", "-v", "./..."]] {
            let mut go = Command::new("go");
            go.current_dir(&module)
                .args(words)
                .env("AMBIT_COMMAND", root.join("target/debug/ambit"))
                .env("AMBIT_FIXTURE", &fixture)
                .env("AMBIT_SUITES", root.join("tests"));
            let mut counted = Tally::default();
            let passed = cargo::watch(&mut go, |line| {
                counted.passed += usize::from(line.starts_with("--- PASS: "));
                counted.failed +=
                    usize::from(line.starts_with("--- FAIL: ") || line.starts_with("--- SKIP: "));
            })?;
            // What is not built has no failed test.
            counted.failed += usize::from(!passed && counted.failed == 0);
            tally += counted;
        }
    }
    Ok(tally)
}

/// Where users take the modules from.
fn folder(root: &Path) -> PathBuf {
    root.join("target/go/host")
}

/// The package, and beside it what needs more than it does: each a module of its own.
fn modules(host: &Path) -> Result<Vec<PathBuf>, String> {
    let mut modules = vec![host.to_path_buf()];
    for entry in fs::read_dir(host).map_err(failed(host))? {
        let path = entry.map_err(failed(host))?.path();
        if path.join("go.mod").is_file() {
            modules.push(path);
        }
    }
    modules.sort();
    Ok(modules)
}

fn format(host: &Path) -> Result<Tally, String> {
    let listed = Command::new("gofmt").arg("-l").arg(host).output();
    let listed = listed.map_err(|error| format!("`gofmt` cannot be run: {error}"))?;
    let names = String::from_utf8_lossy(&listed.stdout);
    let formatted = listed.status.success() && names.is_empty();
    ui::outcome(formatted, format_args!("format of the Go files {names}"));
    Ok(Tally::one(formatted))
}

/// Prints the lines of the host, and compares them with the bound.
fn count(host: &Path) -> Result<Tally, String> {
    let mut lines = 0;
    for entry in fs::read_dir(host).map_err(failed(host))? {
        let file = entry.map_err(failed(host))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_beside = BESIDE.iter().any(|beside| *beside == name);
        if name.ends_with(".go") && !name.ends_with("_test.go") && !is_beside {
            let text = fs::read_to_string(&file).map_err(failed(&file))?;
            lines += code_lines(&text);
        }
    }
    let fits = lines <= LINES;
    ui::outcome(
        fits,
        format_args!("the host in Go has {lines} lines of code, at most {LINES}"),
    );
    Ok(Tally::one(fits))
}

/// Lines that are neither empty nor comments.
fn code_lines(text: &str) -> usize {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::code_lines;

    #[test]
    fn comments_are_no_code() {
        assert_eq!(
            code_lines("// Why.\npackage a\n\n\tx := 1 // one\n\t// two\n"),
            2
        );
    }
}
