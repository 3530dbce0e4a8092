//! No dependency is compiled twice because one selection of packages asks for other features of it
//! than `cargo test --workspace`: that is what makes a first build slow.

use std::collections::BTreeSet;
use std::process::Command;

/// What is built by itself, and needs wasmtime and Cedar.
const ALONE: [&str; 4] = ["ambit-cli", "ambit-tests", "ambit-judge", "ambit-bench"];

#[test]
fn every_selection_has_the_features_of_the_workspace() {
    let whole = features(&["--workspace", "--edges", "normal,build,dev"]);
    for name in ALONE {
        let alone = features(&["--package", name, "--edges", "normal,build"]);
        assert!(alone.len() > 100, "{name}: {alone:?}");
        let others: Vec<&String> = alone.difference(&whole).collect();
        assert!(
            others.is_empty(),
            "alone, `{name}` compiles these with other features than the workspace has; turn on what is \
             lacking in `crates/ambit-features`: {others:#?}"
        );
    }
}

/// Every dependency of a selection with its features; one that is there for the machine and for
/// procedural macros stands there twice.
fn features(selection: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(ambit_tests::workspace())
        .args(["tree", "--quiet", "--locked", "--prefix", "none"])
        .args(["--format", "{p} [{f}]"])
        .args(selection)
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .filter_map(|line| Some(line.split_once(']')?.0.replace(" (proc-macro)", "")))
        .collect()
}
