//! The three patterns of `tests/patterns`: tests, and the story with which the demo begins.

use std::path::Path;
use std::process::Command;

use xtask_kit::cargo;
use xtask_kit::ui::{self, Tally};

use crate::npm;
use crate::program::AMBIT;

const FOLDER: &str = "tests/patterns";

/// Plays them with everything that must be refused. Where there is no browser they say that they are skipped.
pub(crate) fn test(root: &Path) -> Result<Tally, String> {
    AMBIT.build(root)?;
    let mut node = node(root);
    if cargo::is_there("chromium") {
        node.env("AMBIT_BROWSER", root.join(npm::BROWSER));
    } else {
        ui::skipped("`chromium` is not installed: nobody clicks, so no pattern is played");
    }
    // With `cryptography`, which the agent of `ambit init --broker` signs with.
    node.env("AMBIT_PYTHON", root.join("target/python/venv/bin/python"));
    // One after another: each has a browser, a broker and a gateway of its own.
    node.args(["--test", "--test-concurrency=1", "--test-reporter=tap"]);
    node.args(crate::test::files(&root.join(FOLDER), ".test.mjs")?);
    crate::test::node_tally(&mut node)
}

/// Why the story cannot be played on this machine.
pub(crate) fn missing() -> Option<&'static str> {
    let programs = ["node", "npm", "chromium"];
    programs
        .into_iter()
        .find(|program| !cargo::is_there(program))
}

/// Plays the support pattern and tells it; with `open` nobody clicks but whoever has a browser, until it is ended.
pub(crate) fn story(root: &Path, open: bool) -> Result<(), String> {
    let mut node = node(root);
    node.env("AMBIT_BROWSER", root.join(npm::BROWSER));
    node.arg(root.join(FOLDER).join("story.mjs")).arg("support");
    if open {
        node.arg("--open");
    }
    match cargo::succeeds(&mut node)? {
        true => Ok(()),
        false => Err("the support pattern went otherwise than it should".to_owned()),
    }
}

fn node(root: &Path) -> Command {
    let mut node = Command::new("node");
    node.current_dir(root.join(FOLDER));
    node.env("AMBIT_COMMAND", root.join("target/debug/ambit"));
    node
}
