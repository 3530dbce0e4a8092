//! Builds the npm package.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask_kit::cargo::cargo;

use crate::guest::{WasmBuild, run};

const TARGET: &str = "wasm32-unknown-unknown";
/// The npm package with `wasm-opt`. Pinned: another optimiser gives other bytes.
const BINARYEN: &str = "binaryen@132.0.0";
/// What is published: hand-written sources of `pkg/` beside the two built files.
const SOURCES: [&str; 9] = [
    "package.json",
    "README.md",
    "abi.md",
    "index.js",
    "node.js",
    "policy-module.js",
    "plain.js",
    "bytes.js",
    "index.d.ts",
];

/// Builds the package `@ambit/evaluator` and gives its folder, `target/npm`.
///
/// # Errors
///
/// What failed, in one sentence; the tools' own words went to standard error.
pub(crate) fn build(root: &Path) -> Result<PathBuf, String> {
    let work = root.join("target/web");
    let built = build_wasm(root, &work)?;
    let bound = work.join("bindgen");
    bind(root, &built.join("ambit_web.wasm"), &bound)?;
    let package = root.join("target/npm");
    replace_folder(&package)?;
    for name in SOURCES {
        copy(&root.join("pkg").join(name), &package.join(name))?;
    }
    copy(&root.join("LICENSE"), &package.join("LICENSE"))?;
    copy(&bound.join("ambit_web.js"), &package.join("ambit_web.js"))?;
    optimise(
        root,
        &bound.join("ambit_web_bg.wasm"),
        &package.join("ambit_web_bg.wasm"),
    )?;
    Ok(package)
}

/// The npm package is fetched by browsers, so it is built for size where the guest is built for
/// speed: the rolled-up hash functions, and `s` for the curve, which `z` makes larger.
fn build_wasm(root: &Path, target_dir: &Path) -> Result<PathBuf, String> {
    let build = WasmBuild {
        root,
        target_dir,
        package: "ambit-web",
        target: TARGET,
        flags: &["--cfg=sha2_backend_soft=\"compact\""],
        // Stripped at the end: wasm-bindgen reads the section `target_features`.
        profile: &[
            "strip=false",
            "opt-level=\"z\"",
            "package.sha2.opt-level=\"s\"",
            "package.curve25519-dalek.opt-level=\"s\"",
            "package.ed25519-dalek.opt-level=\"s\"",
        ],
    };
    build.run()
}

/// The glue between JavaScript and the module. What writes it is a crate outside the workspace: its
/// dependencies share the names of ours, but not the features.
fn bind(root: &Path, wasm: &Path, folder: &Path) -> Result<(), String> {
    let words = "run --quiet --locked --manifest-path xtask/bindgen/Cargo.toml --target-dir target/bindgen --";
    let mut tool = cargo(root, &words.split(' ').collect::<Vec<_>>());
    run(tool.arg(wasm).arg(folder), "wasm-bindgen")
}

/// Optimises for size. Stripping comes with it, after the passes that use what is stripped.
fn optimise(root: &Path, from: &Path, to: &Path) -> Result<(), String> {
    let mut tool = Command::new(wasm_opt(root)?);
    // A function with one caller stays one: inlined it gives fewer bytes, but more once compressed.
    tool.args(["-Os", "--one-caller-inline-max-function-size=0"])
        .args([
            "--enable-bulk-memory",
            "--enable-bulk-memory-opt",
            "--enable-sign-ext",
        ])
        .args([
            "--enable-mutable-globals",
            "--enable-nontrapping-float-to-int",
        ])
        .args(["--enable-reference-types", "--enable-multivalue"])
        .args([
            "--strip-debug",
            "--strip-producers",
            "--strip-target-features",
        ])
        .arg(from)
        .arg("-o")
        .arg(to);
    run(&mut tool, "wasm-opt")
}

/// npm's `binaryen`, installed under `target/` on first use.
fn wasm_opt(root: &Path) -> Result<PathBuf, String> {
    let tools = root.join("target/tools").join(BINARYEN);
    let tool = tools.join("node_modules/.bin/wasm-opt");
    if !tool.exists() {
        fs::create_dir_all(&tools).map_err(|error| format!("{}: {error}", tools.display()))?;
        let mut npm = Command::new(env::var_os("NPM").unwrap_or_else(|| "npm".into()));
        npm.args([
            "install",
            "--silent",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ])
        .arg("--prefix")
        .arg(&tools)
        .arg(BINARYEN);
        run(&mut npm, "installing binaryen from npm")?;
    }
    Ok(tool)
}

fn replace_folder(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| format!("{}: {error}", from.display()))
}
