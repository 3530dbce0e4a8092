//! Builds the npm package.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use xtask_kit::cargo::cargo;

use crate::guest::{STACK_BYTES, WasmBuild, run};

const TARGET: &str = "wasm32-unknown-unknown";
/// The npm package with `wasm-opt`. Pinned: another optimiser gives other bytes.
const BINARYEN: &str = "binaryen@132.0.0";
/// What is published: hand-written sources of `pkg/` beside the built files.
const SOURCES: [&str; 33] = [
    "package.json",
    "README.md",
    "abi.md",
    "index.js",
    "node.js",
    "workerd.js",
    "edge.js",
    "slim.js",
    "inline.js",
    "common.js",
    "policy.js",
    "loading.js",
    "enforcing.js",
    "shown.js",
    "status.js",
    "engine.js",
    "plain.js",
    "bytes.js",
    "stores/memory.js",
    "stores/indexed-db.js",
    "stores/durable-object.js",
    "signing.js",
    "holder.js",
    "approver.js",
    "consent.js",
    "consent-layout.js",
    "index.d.ts",
    "data.d.ts",
    "reasons.d.ts",
    "slim.d.ts",
    "holder.d.ts",
    "approver.d.ts",
    "consent.d.ts",
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

/// The hash functions with their loops; and the linker says of every function and every piece of data who
/// uses it, by which the files are told apart.
const FOR_SPLITTING: [&str; 2] = [
    "--cfg=sha2_backend_soft=\"compact\"",
    "-Clink-arg=--emit-relocs",
];

/// One way of building the evaluator for JavaScript. All give the same glue.
struct Variant {
    profile: &'static [&'static str],
    /// A folder for each: in one, each would build all anew after the other.
    folder: &'static str,
    flags: &'static [&'static str],
}

/// For browsers and edge workers; it becomes three files.
const IN_FILES: Variant = Variant {
    profile: &SMALL,
    folder: "small",
    flags: &FOR_SPLITTING,
};
/// For Node: one file has everything.
const ONE_FILE: Variant = Variant {
    profile: &FAST,
    folder: "fast",
    flags: &[],
};
const FIRST: &str = "evaluator.wasm";
/// The further files, each with the exports that are called through it.
const FURTHER: [(&str, &str); 2] = [
    ("advice.wasm", "policy_advise,policy_describe"),
    (
        "host.wasm",
        "enforce,consume,status,policy_request,policy_epochs,policy_ask,policy_digest,policy_signingInput",
    ),
];
const WHOLE: &str = "evaluator-fast.wasm";
const GLUE: &str = "evaluator.js";
const INLINE: &str = "wasm.js";

/// Builds the package `@ambit/evaluator` and gives its folder, `target/npm`.
///
/// # Errors
///
/// What failed, in one sentence; the tools' own words went to standard error.
pub(crate) fn build(root: &Path) -> Result<PathBuf, String> {
    same_bindgen(root)?;
    let linked = IN_FILES.link(root)?;
    let fast = ONE_FILE.link(root)?;
    let package = root.join("target/npm");
    replace_folder(&package)?;
    replace_folder(&package.join("stores"))?;
    for name in SOURCES {
        copy(&root.join("pkg").join(name), &package.join(name))?;
    }
    may_be_packed(&package.join("package.json"))?;
    copy(&root.join("LICENSE"), &package.join("LICENSE"))?;
    let bound = IN_FILES.bind(root, &linked, &package)?;
    split(root, &linked, &bound, &package)?;
    inline(&package)?;
    let fast = ONE_FILE.bind(root, &fast, &package)?;
    optimise(root, &fast, &package.join(WHOLE), &STRIPPED)?;
    playground(root, &package)?;
    Ok(package)
}

/// Takes the scripts out, which only say that `pkg` itself is not to be packed: its wasm is not there.
fn may_be_packed(manifest: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("`{}`: {error}", manifest.display());
    let text = fs::read_to_string(manifest).map_err(failed)?;
    let (before, rest) = text
        .split_once("  \"scripts\": {\n")
        .ok_or("`pkg/package.json` has no `scripts`")?;
    let (_, after) = rest
        .split_once("\n  },\n")
        .ok_or("the `scripts` of `pkg/package.json` do not end")?;
    fs::write(manifest, format!("{before}{after}")).map_err(failed)
}

/// `target/playground`: a page that any server of files can serve.
fn playground(root: &Path, package: &Path) -> Result<(), String> {
    let folder = root.join("target/playground");
    replace_folder(&folder)?;
    for name in ["index.html", "playground.css", "playground.js"] {
        copy(
            &root.join("pkg/examples/playground").join(name),
            &folder.join(name),
        )?;
    }
    let npm = folder.join("npm");
    replace_folder(&npm)?;
    replace_folder(&npm.join("stores"))?;
    let scripts = SOURCES.iter().filter(|name| name.ends_with(".js"));
    let files = FURTHER.map(|(name, _)| name);
    for name in scripts.chain(&[GLUE, FIRST]).chain(&files) {
        copy(&package.join(name), &npm.join(name))?;
    }
    Ok(())
}

impl Variant {
    fn work(&self, root: &Path) -> PathBuf {
        root.join("target/web").join(self.folder)
    }

    /// The file as it was linked.
    fn link(&self, root: &Path) -> Result<PathBuf, String> {
        let stack = format!("-Clink-arg=-zstack-size={STACK_BYTES}");
        let mut flags = self.flags.to_vec();
        flags.extend([stack.as_str(), "-Clink-arg=--stack-first"]);
        let build = WasmBuild {
            root,
            target_dir: &self.work(root),
            package: "ambit-web",
            target: TARGET,
            flags: &flags,
            features: &[],
            profile: self.profile,
        };
        Ok(build.run()?.join("ambit_web.wasm"))
    }

    /// The file that the glue is for, before it is optimised as a whole; the glue goes into the package.
    fn bind(&self, root: &Path, linked: &Path, package: &Path) -> Result<PathBuf, String> {
        let folder = self.work(root).join("bindgen");
        let mut tool = bindgen(root, "glue");
        run(
            tool.arg(linked).arg("evaluator").arg(&folder),
            "wasm-bindgen",
        )?;
        share(&folder.join(GLUE), &package.join(GLUE))?;
        Ok(folder.join("evaluator_bg.wasm"))
    }
}

/// Makes several files of one, once it is optimised: what leads from one to the other stays as it is then.
fn split(root: &Path, linked: &Path, bound: &Path, package: &Path) -> Result<(), String> {
    let work = bound.with_file_name("whole.wasm");
    // Blocks and jumps are made anew, all by the same rules, and the result optimised again.
    let anew = ["--flatten", "--rereloop", "-Oz"];
    let offsets = [OFFSETS, "--optimize-added-constants-propagate", "-Oz"];
    let whole = [&anew[..], &offsets, &["--debuginfo"]].concat();
    optimise(root, bound, &work, &whole)?;
    let mut tool = bindgen(root, "split");
    tool.args([linked, &work, &bound.with_file_name(FIRST)]);
    for (name, exports) in FURTHER {
        tool.arg(format!(
            "{}={exports}",
            bound.with_file_name(name).display()
        ));
    }
    run(&mut tool, "splitting")?;
    for name in [FIRST].into_iter().chain(FURTHER.map(|(name, _)| name)) {
        let part = bound.with_file_name(name);
        let small = part.with_extension("small.wasm");
        optimise(root, &part, &small, &[&[OFFSETS], &STRIPPED[..]].concat())?;
        // Last: whatever changes a function numbers its locals anew.
        let mut tool = bindgen(root, "arrange");
        run(tool.arg(&small).arg(package.join(name)), "arranging")?;
    }
    Ok(())
}

/// The wasm files as a script, for `inline.js`.
fn inline(package: &Path) -> Result<(), String> {
    let mut script = String::from("// Made by the build: the wasm files in base64.\n");
    for name in [FIRST].into_iter().chain(FURTHER.map(|(name, _)| name)) {
        let file = package.join(name);
        let wasm = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let constant = name.trim_end_matches(".wasm");
        script += &format!(
            "export const {constant} = \"{}\";\n",
            BASE64_STANDARD.encode(wasm)
        );
    }
    let file = package.join(INLINE);
    fs::write(&file, script).map_err(|error| format!("{}: {error}", file.display()))
}

/// A tool for wasm files. It is a crate outside the workspace: its dependencies share the names of ours,
/// but not the features.
fn bindgen(root: &Path, what: &str) -> Command {
    let words = "run --quiet --locked --manifest-path xtask/bindgen/Cargo.toml --target-dir target/bindgen --";
    let words: Vec<&str> = words.split(' ').chain([what]).collect();
    cargo(root, &words)
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

/// Numbers that are added to an address may stand in the load or store itself. It differs for an address that is
/// negative and becomes one of the first 1,024 by it: that is a trap then. Nothing but the end of the stack lies there.
const OFFSETS: &str = "--low-memory-unused";

/// What stays in no file that is published.
const STRIPPED: [&str; 3] = [
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
];

/// Optimises for size, and then does what `last` says.
fn optimise(root: &Path, from: &Path, to: &Path, last: &[&str]) -> Result<(), String> {
    let mut tool = Command::new(wasm_opt(root)?);
    // A function with one caller stays one: inlined it gives fewer bytes, but more once compressed.
    tool.args(["-Oz", "--one-caller-inline-max-function-size=0"])
        // One of a few bytes takes no more than calling it.
        .arg("--always-inline-max-function-size=6")
        // Data stays in one piece: zeros compress better than the many places of what lies between them.
        .arg("--skip-pass=memory-packing")
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
        .args(last)
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
