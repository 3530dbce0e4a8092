//! Builds the guest: the template of every policy module.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The targets that the project builds for, besides the machine's own.
pub(crate) const TARGETS: [&str; 2] = [TARGET, "wasm32-unknown-unknown"];
/// The target that has no standard library to call, hence nothing to import.
const TARGET: &str = "wasm32v1-none";
/// Bytes of the stack of wasm files. It lies below the data, so that overflowing it is a trap.
pub(crate) const STACK_BYTES: u32 = 256 * 1024;

/// Builds `ambit_guest.wasm` in a target folder of its own and says where it is.
///
/// # Errors
///
/// What failed, in one sentence; the compiler's own words went to standard error.
pub(crate) fn build(root: &Path) -> Result<PathBuf, String> {
    build_into(root, &root.join("target/guest"))
}

/// The same with another target folder.
///
/// # Errors
///
/// As [`build`].
pub(crate) fn build_into(root: &Path, target_dir: &Path) -> Result<PathBuf, String> {
    let stack = format!("-Clink-arg=-zstack-size={STACK_BYTES}");
    let flags = [stack.as_str(), "-Clink-arg=--stack-first"];
    let build = WasmBuild {
        root,
        target_dir,
        package: "ambit-guest",
        target: TARGET,
        flags: &flags,
        features: &[],
        profile: &[],
    };
    Ok(build.run()?.join("ambit_guest.wasm"))
}

/// Builds the host core for other languages, `ambit-core.wasm`, and says where it is.
///
/// # Errors
///
/// As [`build`].
pub(crate) fn build_core(root: &Path) -> Result<PathBuf, String> {
    core(root, "target/core", &[], &[])
}

/// The same for a virtual machine of Java, which compiles no function that becomes 8,000 bytes of its code: SHA-256 and
/// others would be interpreted for ever. So it is built for size, and functions with one caller stay functions: an instruction
/// costs twelve times as much as usual where the compiler asks whether to inline.
///
/// # Errors
///
/// As [`build`].
pub(crate) fn build_small_core(root: &Path) -> Result<PathBuf, String> {
    let flags = [
        "--cfg=sha2_backend_soft=\"compact\"",
        "-Cllvm-args=-inline-instr-cost=60",
        "-Cllvm-args=-inline-threshold=300",
    ];
    let profile = [
        "opt-level=\"s\"",
        "package.curve25519-dalek.opt-level=\"s\"",
        "package.ed25519-dalek.opt-level=\"s\"",
        "package.sha2.opt-level=\"s\"",
    ];
    core(root, "target/core-small", &flags, &profile)
}

fn core(root: &Path, folder: &str, flags: &[&str], profile: &[&str]) -> Result<PathBuf, String> {
    let target_dir = root.join(folder);
    let stack = format!("-Clink-arg=-zstack-size={STACK_BYTES}");
    let flags = [&[stack.as_str(), "-Clink-arg=--stack-first"], flags].concat();
    let build = WasmBuild {
        root,
        target_dir: &target_dir,
        package: "ambit-guest",
        target: TARGET,
        flags: &flags,
        features: &["host-core"],
        profile,
    };
    let built = build.run()?.join("ambit_guest.wasm");
    let core = target_dir.join("ambit-core.wasm");
    let copied = fs::copy(&built, &core);
    copied.map_err(|error| format!("{}: {error}", core.display()))?;
    Ok(core)
}

/// Builds `vectors_guest.wasm`, the pure crates as vectors test them, and says where it is.
///
/// # Errors
///
/// As [`build`].
pub(crate) fn build_vectors(root: &Path) -> Result<PathBuf, String> {
    let build = WasmBuild {
        root,
        target_dir: &root.join("target/vectors-guest"),
        package: "vectors-guest",
        target: TARGET,
        flags: &[],
        features: &[],
        profile: &[],
    };
    Ok(build.run()?.join("vectors_guest.wasm"))
}

/// One crate built for a wasm target with the profile `wasm`; the same sources give the same bytes
/// wherever they lie.
#[derive(Debug)]
pub(crate) struct WasmBuild<'a> {
    pub(crate) root: &'a Path,
    pub(crate) target_dir: &'a Path,
    pub(crate) package: &'a str,
    pub(crate) target: &'a str,
    /// For rustc.
    pub(crate) flags: &'a [&'a str],
    pub(crate) features: &'a [&'a str],
    /// Settings of the profile that differ: `opt-level="z"`.
    pub(crate) profile: &'a [&'a str],
}

impl WasmBuild<'_> {
    /// Builds, and gives the folder of the result.
    pub(crate) fn run(&self) -> Result<PathBuf, String> {
        add_target(self.root, self.target)?;
        let mut rustflags = remapped_paths(self.root)?;
        rustflags.extend(self.flags.iter().map(|flag| (*flag).to_owned()));
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(self.root)
            .args(["build", "--quiet", "--profile", "wasm"])
            .args(["--package", self.package, "--target", self.target])
            .arg("--target-dir")
            .arg(self.target_dir)
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags.join("\u{1f}"));
        if !self.features.is_empty() {
            cargo.args(["--features", &self.features.join(",")]);
        }
        for setting in self.profile {
            cargo.args(["--config", &format!("profile.wasm.{setting}")]);
        }
        // Whatever a developer sets for native builds does not belong into these bytes.
        for variable in [
            "RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
            "RUSTC_WRAPPER",
            "CARGO_BUILD_TARGET",
        ] {
            cargo.env_remove(variable);
        }
        run(
            &mut cargo,
            &format!("building {} for {}", self.package, self.target),
        )?;
        Ok(self.target_dir.join(self.target).join("wasm"))
    }
}

/// Flags that replace this machine's paths, which panics and debug data would name.
fn remapped_paths(root: &Path) -> Result<Vec<String>, String> {
    let sysroot = rustc(root, &["--print", "sysroot"])?;
    let commit = rustc(root, &["--version", "--verbose"])?
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: ").map(str::to_owned))
        .ok_or("rustc does not say which commit it was built from")?;
    // With the component `rust-src` the library's paths lie here, without it in `/rustc/…`.
    let library = Path::new(&sysroot).join("lib/rustlib/src/rust");
    let root = root
        .canonicalize()
        .map_err(|error| format!("{}: {error}", root.display()))?;
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let home = cargo_home()?;
    let mut flags = vec![remap(&home, "/cargo")];
    // Named after the registry that a machine takes the crates from. There is at least one, or
    // this program would not have been built. Of two prefixes that fit, the later counts.
    flags.extend(
        folders(&home.join("registry/src"))
            .iter()
            .map(|folder| remap(folder, "/crates")),
    );
    flags.push(remap(&library, &format!("/rustc/{commit}")));
    flags.push(remap(&root, "/ambit"));
    Ok(flags)
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = parent.read_dir().into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn cargo_home() -> Result<PathBuf, String> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .ok_or_else(|| "neither CARGO_HOME nor a home folder is known".to_owned())
}

fn rustc(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .current_dir(root)
        .args(arguments)
        .output()
        .map_err(|error| format!("rustc cannot be run: {error}"))?;
    String::from_utf8(output.stdout)
        .map(|text| text.trim().to_owned())
        .map_err(|_| "rustc's answer is not text".to_owned())
}

/// Installs what is missing of [`TARGETS`]: rustup takes them from `rust-toolchain.toml` only when
/// it installs the toolchain itself.
pub(crate) fn add_targets(root: &Path) -> Result<(), String> {
    TARGETS
        .into_iter()
        .try_for_each(|target| add_target(root, target))
}

/// Installs the target if rustup knows that it is missing. Without rustup the build will tell.
fn add_target(root: &Path, target: &str) -> Result<(), String> {
    let sysroot = rustc(root, &["--print", "sysroot"])?;
    if Path::new(&sysroot)
        .join("lib/rustlib")
        .join(target)
        .is_dir()
    {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root).args(["target", "add", target]);
    run(&mut rustup, &format!("installing the target {target}"))
}

/// Runs a command; its output goes to standard error, because standard output is for data.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<(), String> {
    let status = command
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| {
            format!(
                "{what}: {} cannot be run: {error}",
                command.get_program().display()
            )
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what} failed ({status})"))
    }
}
