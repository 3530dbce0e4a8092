//! What the suites share: fixed keys, chains made to measure, projects compiled and signed, cases
//! and scenes read from files, and the engines that must agree.
//!
//! `tests/README.md` says how to add a case; none needs Rust.
#![forbid(unsafe_code)]

pub mod case;
pub mod chain;
pub mod consent;

pub mod data;
pub mod engine;
pub mod expect;
pub mod families;
pub mod host_core;
pub mod keys;
pub mod length;
pub mod project;
pub mod run;
pub mod scene;
pub mod statement;
pub mod test_module;
pub mod webauthn;

use std::path::{Path, PathBuf};

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The folder with projects, cases and scripts.
#[must_use]
pub fn suites() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
