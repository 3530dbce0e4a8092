//! The walk through the command line that `examples/` shows to newcomers.

#![cfg(unix)]

use std::path::Path;
use std::process::Command;

#[test]
fn the_example_runs_to_its_end() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/walk.sh");
    let output = Command::new("sh")
        .arg(script)
        .env("AMBIT_COMMAND", env!("CARGO_BIN_EXE_ambit"))
        .output()
        .expect("there is a shell");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("\"decision\":true"), "{said}");
    assert!(said.contains("capability.power"), "{said}");
}
