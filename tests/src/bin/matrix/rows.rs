//! The engines: a row of the table each.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::questions::Line;

/// An engine. How it is started comes last; `None` says that it is not on this machine.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Which code decides.
    pub(crate) code: &'static str,
    /// What is not asked of it, since it has no such function.
    without: &'static [&'static str],
    /// Why it is not there, and how it would be.
    pub(crate) lacking: &'static str,
    pub(crate) command: fn(&Path) -> Result<Option<Command>, String>,
}

impl Row {
    pub(crate) fn is_asked(&self, line: &Line) -> bool {
        !self.without.contains(&line.op)
    }
}

/// The evaluator compiled into a host.
const NATIVE: &str = "native";
/// The wasm code in the policy's own file.
const MODULE: &str = "the module's";
/// `ambit-core.wasm`, which reads the bundle.
const CORE: &str = "the core's";
/// The same evaluator as files for JavaScript.
const NPM: &str = "the npm package's";

/// The npm package writes no audit log.
const NO_LOG: &[&str] = &["log"];
/// The Rust host has the rules of a host in itself, whatever runs the policy: they are asked in the row `native`.
const RULES: &[&str] = &["enforce", "consume", "status", "log", "ask", "epochs"];
const NODE: &str = "`node` is not installed";

/// Every engine.
const ROWS: [Row; 16] = [
    row("native", NATIVE, "", |_| rust("native")),
    Row {
        without: RULES,
        ..row("wasmtime", MODULE, "", |_| rust("wasmtime"))
    },
    Row {
        without: RULES,
        ..row("wasmtime, fresh instances", MODULE, "", |_| rust("fresh"))
    },
    row("wasmtime, core", CORE, "", |_| rust("core")),
    row("Node, module", MODULE, NODE, |root| {
        let guest = root.join("target/guest/wasm32v1-none/wasm/ambit_guest.wasm");
        let core = script(root, "node", "core.mjs", [core(root)]);
        Ok(core?.map(|mut node| {
            node.arg(guest);
            node
        }))
    }),
    row("Node, core", CORE, NODE, |root| {
        script(root, "node", "core.mjs", [core(root)])
    }),
    npm("Node", NODE, |root| {
        script(root, "node", "node.mjs", [package(root), "node.js".into()])
    }),
    npm("Node, small files", NODE, |root| {
        script(root, "node", "node.mjs", [package(root), "slim.js".into()])
    }),
    npm("Deno", "`npm` did not install it", deno),
    npm("Bun", "`npm` did not install it", bun),
    npm("workerd", "`npm` did not install it", |root| {
        relay(root, "workerd", &runtimes(root).join("workerd"))
    }),
    npm("Chromium", "`chromium` is not installed", |root| {
        relay(root, "chromium", &browser("CHROMIUM", "/usr/bin/chromium"))
    }),
    npm("Firefox", "`firefox-esr` is not installed", |root| {
        relay(root, "firefox", &browser("FIREFOX", "/usr/bin/firefox-esr"))
    }),
    row(
        "Python",
        CORE,
        "`cargo xtask package python --build` installs it",
        |root| Ok(python(root)),
    ),
    row(
        "Go",
        CORE,
        "`cargo xtask package go --build` builds it",
        |root| Ok(there(&root.join("target/go/engine"))),
    ),
    row(
        "Java",
        CORE,
        "`cargo xtask package java --build` builds it",
        java,
    ),
];

type Start = fn(&Path) -> Result<Option<Command>, String>;

const fn row(name: &'static str, code: &'static str, lacking: &'static str, command: Start) -> Row {
    Row {
        name,
        code,
        without: &[],
        lacking,
        command,
    }
}

const fn npm(name: &'static str, lacking: &'static str, command: Start) -> Row {
    Row {
        name,
        code: NPM,
        without: NO_LOG,
        lacking,
        command,
    }
}

/// Those named, or all.
///
/// # Errors
///
/// A name that no engine has.
pub(crate) fn chosen(names: &[&str]) -> Result<Vec<&'static Row>, String> {
    let all = || ROWS.iter();
    if let Some(unknown) = names
        .iter()
        .find(|name| all().all(|row| row.name != **name))
    {
        let known: Vec<&str> = all().map(|row| row.name).collect();
        return Err(format!(
            "there is no engine `{unknown}`; there are: {}",
            known.join("; ")
        ));
    }
    Ok(all()
        .filter(|row| names.is_empty() || names.contains(&row.name))
        .collect())
}

/// This program.
fn rust(name: &str) -> Result<Option<Command>, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut engine = Command::new(this);
    engine.args(["engine", name]);
    Ok(Some(engine))
}

/// A script of `tests/engines`, where its runtime is there.
fn script<const N: usize>(
    root: &Path,
    program: &str,
    name: &str,
    words: [PathBuf; N],
) -> Result<Option<Command>, String> {
    if !xtask_kit::cargo::is_there(program) {
        return Ok(None);
    }
    let mut command = Command::new(program);
    command
        .arg(root.join("tests/engines").join(name))
        .args(words);
    Ok(Some(command))
}

/// A runtime without standard input, where `needed` is there.
fn relay(root: &Path, name: &str, needed: &Path) -> Result<Option<Command>, String> {
    if !needed.exists() {
        return Ok(None);
    }
    let command = script(root, "node", "relay.mjs", [name.into(), package(root)])?;
    Ok(command.map(|mut node| {
        node.env("AMBIT_BROWSER", root.join("target/browser"))
            .env("AMBIT_RUNTIMES", root.join("target/runtimes"));
        node
    }))
}

/// It may read files, and nothing else.
fn deno(root: &Path) -> Result<Option<Command>, String> {
    Ok(there(&runtimes(root).join(".bin/deno")).map(|mut deno| {
        deno.args(["run", "--no-prompt", "--no-remote", "--allow-read"])
            .arg("--node-modules-dir=manual")
            .arg(root.join("tests/engines/node.mjs"))
            .arg(package(root))
            .arg("inline.js");
        deno
    }))
}

/// The program for this machine, of those that npm installs.
fn bun(root: &Path) -> Result<Option<Command>, String> {
    let Ok(builds) = std::fs::read_dir(runtimes(root).join("@oven")) else {
        return Ok(None);
    };
    let mut programs: Vec<PathBuf> = builds
        .filter_map(|build| build.ok().map(|build| build.path().join("bin/bun")))
        .collect();
    programs.sort();
    let runs = |program: &PathBuf| {
        let said = Command::new(program).arg("--version").output();
        said.is_ok_and(|said| said.status.success())
    };
    Ok(programs.into_iter().rev().find(runs).map(|program| {
        let mut bun = Command::new(program);
        bun.arg(root.join("tests/engines/node.mjs"))
            .arg(package(root))
            .arg("node.js");
        bun
    }))
}

/// The package as its wheel was installed.
fn python(root: &Path) -> Option<Command> {
    let mut python = there(&root.join("target/python/venv/bin/python"))?;
    python.arg(root.join("tests/engines/python.py"));
    Some(python)
}

fn java(root: &Path) -> Result<Option<Command>, String> {
    let artifacts = root.join("target/java/lib");
    if !artifacts.is_dir() {
        return Ok(None);
    }
    let mut java = Command::new("java");
    java.arg("-cp")
        .arg(artifacts.join("*"))
        .arg(root.join("tests/engines/Engine.java"));
    Ok(Some(java))
}

fn there(program: &Path) -> Option<Command> {
    program.exists().then(|| Command::new(program))
}

fn browser(variable: &str, usual: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| usual.into(), PathBuf::from)
}

fn runtimes(root: &Path) -> PathBuf {
    root.join("target/runtimes/node_modules")
}

fn package(root: &Path) -> PathBuf {
    root.join("target/npm")
}

fn core(root: &Path) -> PathBuf {
    root.join("target/core/ambit-core.wasm")
}
