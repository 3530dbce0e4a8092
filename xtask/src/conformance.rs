//! `cargo xtask conformance`: sets up every engine, and has `tests/src/bin/matrix` ask them.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use xtask_kit::ui::{self, Tally};

use crate::program::CONFORMANCE;
use crate::test;

/// With `--check` the table is compared and not written; with `--only NAME…` some are asked, as they were built before.
pub(crate) fn run(words: &[OsString], root: &Path) -> Result<ExitCode, String> {
    let is_help = words.iter().any(|word| word == "--help" || word == "-h");
    let is_some = words.first().is_some_and(|word| word == "--only");
    if !is_help && !is_some {
        test::set_up(root)?;
    }
    CONFORMANCE.stand_in(root, words)
}

/// Asks all of them and compares the table, as a part of the tests.
pub(crate) fn check(root: &Path) -> Result<Tally, String> {
    ui::heading("The same answer everywhere");
    CONFORMANCE.count(root, &["--check"])
}
