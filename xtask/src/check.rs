//! `cargo xtask check`: format, lints, documentation, and that the pure crates need no `std`.

use std::path::Path;

use crate::{guest, sizes};
use xtask_kit::cargo::{self, cargo};
use xtask_kit::ui::{self, Tally};

/// The crates that decide; they must build where there is no operating system.
const PURE: [&str; 6] = [
    "ambit-core",
    "ambit-token",
    "ambit-policy",
    "ambit-evaluator",
    "ambit-advice",
    "ambit-enforce",
];

/// What is checked, and the cargo command that does it.
const STEPS: [(&str, &str); 7] = [
    ("format", "fmt --all --check"),
    (
        "lints, native",
        "clippy --quiet --workspace --all-targets -- -D warnings",
    ),
    (
        "lints, wasm guests",
        "clippy --quiet -p ambit-guest -p vectors-guest --target wasm32v1-none -- -D warnings",
    ),
    (
        "lints, host core",
        "clippy --quiet -p ambit-guest --features host-core --target wasm32v1-none -- -D warnings",
    ),
    (
        "lints, npm evaluator",
        "clippy --quiet -p ambit-web --target wasm32-unknown-unknown -- -D warnings",
    ),
    (
        "documentation",
        "doc --quiet --workspace --no-deps --document-private-items",
    ),
    ("layering", "test --quiet --workspace --test layering"),
];

/// Runs every check, also after one that failed.
pub(crate) fn run(root: &Path) -> Result<Tally, String> {
    guest::add_targets(root)?;
    // The CLI embeds the guest, so linting the workspace needs it.
    guest::build(root)?;
    let pure = PURE.map(|name| format!("-p {name}")).join(" ");
    let pure = format!("build --quiet {pure} --target wasm32v1-none");
    let steps = STEPS
        .into_iter()
        .chain([("the pure crates without `std`", pure.as_str())]);
    let mut tally = Tally::default();
    for (name, arguments) in steps {
        ui::heading(name);
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let mut command = cargo(root, &arguments);
        let passed = cargo::succeeds(command.env("RUSTDOCFLAGS", "-D warnings"))?;
        ui::outcome(passed, name);
        tally += Tally::one(passed);
    }
    ui::heading("sizes of the wasm files");
    let sizes = sizes::check(root);
    ui::outcome(
        sizes.is_ok(),
        sizes.as_ref().err().map_or("within bounds", String::as_str),
    );
    tally += Tally::one(sizes.is_ok());
    Ok(tally)
}
