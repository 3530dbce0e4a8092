//! Wasmtime, with compiled code kept from one run of the command to the next.

use std::env;
use std::path::PathBuf;

use ambit_host::{CodeCache, Runtime, RuntimeOptions};

use crate::failure::Failure;
use crate::files::plain;
use crate::say;

/// Names the folder for compiled code, or says `off`.
const VARIABLE: &str = "AMBIT_CODE_CACHE";
/// What the help says of it.
pub(crate) const NOTE: &str = "\
Compiled code is kept in `ambit/code` below XDG_CACHE_HOME or ~/.cache, sealed for this user; \
AMBIT_CODE_CACHE names another folder, or is `off`.";

/// A runtime that compiles a module only if no run before did.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let options = RuntimeOptions::default();
    let runtime = match cache() {
        Some(cache) => Runtime::with_cache(options, cache),
        None => Runtime::with(options),
    };
    runtime.map_err(|error| Failure::tool("engine.start", error.to_string()))
}

/// Without it commands only start more slowly, so nothing is said unless somebody named the folder.
fn cache() -> Option<CodeCache> {
    match env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
        Some(word) if word == "off" => None,
        Some(folder) => CodeCache::open(folder)
            .inspect_err(|error| {
                let why = plain(error);
                say::note(format!(
                    "warning: compiled code is not kept: {VARIABLE}: {why}"
                ));
            })
            .ok(),
        None => CodeCache::open(folder()?).ok(),
    }
}

/// As the XDG base directory specification says, which has relative paths ignored.
fn folder() -> Option<PathBuf> {
    let named = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
    Some(base?.join("ambit").join("code"))
}
