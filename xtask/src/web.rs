//! Builds the npm package.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask_kit::cargo::cargo;

use crate::guest::{STACK_BYTES, WasmBuild, run};

const TARGET: &str = "wasm32-unknown-unknown";
/// The npm package with `wasm-opt`. Pinned: another optimiser gives other bytes.
const BINARYEN: &str = "binaryen@132.0.0";
/// What is published: hand-written sources of `pkg/` beside the built files.
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

/// The wasm files are fetched by browsers, so they are built for size where the guest is built for
/// speed: the rolled-up hash functions, and `s` for the curve, which `z` makes larger.
const SMALL: [&str; 5] = [
    // Stripped at the end: wasm-bindgen reads the section `target_features`.
    "strip=false",
    "opt-level=\"z\"",
    "package.sha2.opt-level=\"s\"",
    "package.curve25519-dalek.opt-level=\"s\"",
    "package.ed25519-dalek.opt-level=\"s\"",
];
/// Node reads from a disk, and services ask often: what most of the time goes to is built for speed.
const FAST: [&str; 4] = [
    "strip=false",
    "opt-level=\"z\"",
    "package.ambit-core.opt-level=3",
    "package.ambit-token.opt-level=3",
];

/// The hash functions with their loops.
const ROLLED_UP: [&str; 1] = ["--cfg=sha2_backend_soft=\"compact\""];

/// A wasm file of the package.
struct File {
    name: &'static str,
    package: &'static str,
    /// Its glue, a file beside it, which the two evaluators share.
    glue: &'static str,
    profile: &'static [&'static str],
    /// A folder for each way of building: in one, each would build all anew after the other.
    folder: &'static str,
    flags: &'static [&'static str],
}

const FILES: [File; 3] = [
    File {
        name: "evaluator.wasm",
        package: "ambit-web",
        glue: "evaluator",
        profile: &SMALL,
        folder: "small",
        flags: &ROLLED_UP,
    },
    File {
        name: "evaluator-fast.wasm",
        package: "ambit-web",
        glue: "evaluator",
        profile: &FAST,
        folder: "fast",
        flags: &[],
    },
    File {
        name: "advice.wasm",
        package: "ambit-web-advice",
        glue: "advice",
        profile: &SMALL,
        folder: "small",
        flags: &ROLLED_UP,
    },
];

/// Builds the package `@ambit/evaluator` and gives its folder, `target/npm`.
///
/// # Errors
///
/// What failed, in one sentence; the tools' own words went to standard error.
pub(crate) fn build(root: &Path) -> Result<PathBuf, String> {
    same_bindgen(root)?;
    let built = FILES.map(|file| file.build(root));
    let package = root.join("target/npm");
    replace_folder(&package)?;
    for name in SOURCES {
        copy(&root.join("pkg").join(name), &package.join(name))?;
    }
    copy(&root.join("LICENSE"), &package.join("LICENSE"))?;
    for (file, built) in FILES.iter().zip(built) {
        let bound = file.bind(root, &built?)?;
        optimise(root, &bound, &package.join(file.name))?;
        let glue = format!("{}.js", file.glue);
        share(&bound.with_file_name(&glue), &package.join(&glue))?;
    }
    Ok(package)
}

impl File {
    /// The file before it is optimised once more as a whole.
    fn build(&self, root: &Path) -> Result<PathBuf, String> {
        let stack = format!("-Clink-arg=-zstack-size={STACK_BYTES}");
        let mut flags = self.flags.to_vec();
        flags.extend([stack.as_str(), "-Clink-arg=--stack-first"]);
        let build = WasmBuild {
            root,
            target_dir: &root.join("target/web").join(self.folder),
            package: self.package,
            target: TARGET,
            flags: &flags,
            profile: self.profile,
        };
        let name = format!("{}.wasm", self.package.replace('-', "_"));
        Ok(build.run()?.join(name))
    }

    /// The file with the glue of its name beside it. What writes it is a crate outside the workspace: its
    /// dependencies share the names of ours, but not the features.
    fn bind(&self, root: &Path, wasm: &Path) -> Result<PathBuf, String> {
        let folder = root.join("target/web/bindgen").join(self.name);
        let words = "run --quiet --locked --manifest-path xtask/bindgen/Cargo.toml --target-dir target/bindgen --";
        let mut tool = cargo(root, &words.split(' ').collect::<Vec<_>>());
        run(tool.arg(wasm).arg(self.glue).arg(&folder), "wasm-bindgen")?;
        Ok(folder.join(format!("{}_bg.wasm", self.glue)))
    }
}

/// What writes the glue reads what its own version of `wasm-bindgen` left in the file, and no other.
fn same_bindgen(root: &Path) -> Result<(), String> {
    let ours = locked(root, "Cargo.lock", "wasm-bindgen")?;
    let tool = locked(root, "xtask/bindgen/Cargo.lock", "wasm-bindgen-cli-support")?;
    if ours == tool {
        return Ok(());
    }
    Err(format!(
        "`wasm-bindgen` is {ours} in Cargo.toml, and `wasm-bindgen-cli-support` {tool} in \
         xtask/bindgen/Cargo.toml: give both one version"
    ))
}

/// The version of a package in a lock file.
fn locked(root: &Path, lock: &str, package: &str) -> Result<String, String> {
    let text = fs::read_to_string(root.join(lock)).map_err(|error| format!("{lock}: {error}"))?;
    let entry = format!("name = \"{package}\"\nversion = \"");
    let version = text
        .split_once(&entry)
        .and_then(|(_, rest)| rest.split_once('"'));
    version
        .map(|(version, _)| version.to_owned())
        .ok_or_else(|| format!("{lock} does not name `{package}`"))
}

/// Copies glue. Where another file has brought it, it must be the same.
fn share(from: &Path, to: &Path) -> Result<(), String> {
    let read = |file: &Path| fs::read(file).map_err(|error| format!("{}: {error}", file.display()));
    if to.exists() && read(from)? != read(to)? {
        return Err(format!("{} differs between two builds", to.display()));
    }
    copy(from, to)
}

/// Optimises for size. Stripping comes with it, after the passes that use what is stripped.
fn optimise(root: &Path, from: &Path, to: &Path) -> Result<(), String> {
    let mut tool = Command::new(wasm_opt(root)?);
    // A function with one caller stays one: inlined it gives fewer bytes, but more once compressed.
    tool.args(["-Oz", "--one-caller-inline-max-function-size=0"])
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
