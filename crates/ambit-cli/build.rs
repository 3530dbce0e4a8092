//! Finds the guest (the template of every policy module) that the command embeds.
//!
//! `cargo xtask guest` builds it; a packager who builds it elsewhere names the file in
//! `AMBIT_GUEST_WASM`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

const VARIABLE: &str = "AMBIT_GUEST_WASM";
/// Where `cargo xtask guest` leaves it, seen from the workspace.
const BUILT: &str = "target/guest/wasm32v1-none/wasm/ambit_guest.wasm";

fn main() {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    println!("cargo::rerun-if-changed=build.rs");
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    let file = named.clone().unwrap_or_else(|| workspace().join(BUILT));
    println!("cargo::rerun-if-changed={}", file.display());
    match (std::path::absolute(&file), is_wasm(&file)) {
        (Ok(file), true) => {
            println!("cargo::rustc-env={VARIABLE}={}", file.display());
            if named.is_none() && is_stale(&file) {
                println!(
                    "cargo::warning=the guest is older than its sources: run `cargo xtask guest`"
                );
            }
        }
        _ if named.is_some() => {
            println!(
                "cargo::error={VARIABLE} names `{}`, which is not a WebAssembly file",
                file.display()
            );
        }
        _ => println!("cargo::error=the guest is not built: run `cargo xtask guest` first"),
    }
}

/// What the guest is made of.
const SOURCES: [&str; 6] = [
    "ambit-core",
    "ambit-token",
    "ambit-policy",
    "ambit-evaluator",
    "ambit-advice",
    "ambit-guest",
];

/// Whether a source of the guest changed after it was built: then the engine in the modules that
/// this command makes would not be the one that it evaluates with itself.
fn is_stale(guest: &Path) -> bool {
    let built = modified(guest);
    SOURCES.iter().any(|name| {
        let folder = workspace().join("crates").join(name).join("src");
        println!("cargo::rerun-if-changed={}", folder.display());
        newest(&folder) > built
    })
}

fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    entries
        .map(|entry| entry.path())
        .filter_map(|path| {
            if path.is_dir() {
                newest(&path)
            } else {
                modified(&path)
            }
        })
        .max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|data| data.modified())
        .ok()
}

fn workspace() -> PathBuf {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    here.join("../..")
}

fn is_wasm(file: &Path) -> bool {
    std::fs::read(file).is_ok_and(|bytes| bytes.starts_with(b"\0asm"))
}
