//! Finds the guest (the template of every policy module) that the command embeds.
//!
//! `cargo xtask guest` builds it; a packager who builds it elsewhere names the file in
//! `AMBIT_GUEST_WASM`.

use std::path::{Path, PathBuf};

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
        (Ok(file), true) => println!("cargo::rustc-env={VARIABLE}={}", file.display()),
        _ if named.is_some() => {
            println!(
                "cargo::error={VARIABLE} names `{}`, which is not a WebAssembly file",
                file.display()
            );
        }
        _ => println!("cargo::error=the guest is not built: run `cargo xtask guest` first"),
    }
}

fn workspace() -> PathBuf {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    here.join("../..")
}

fn is_wasm(file: &Path) -> bool {
    std::fs::read(file).is_ok_and(|bytes| bytes.starts_with(b"\0asm"))
}
