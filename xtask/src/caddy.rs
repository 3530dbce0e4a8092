//! Caddy, built from the Go module proxy, for `crates/ambit-cli/tests/forward/caddy.rs`.

use std::fs;
use std::path::Path;
use std::process::Command;

use xtask_kit::cargo;
use xtask_kit::ui;

/// One version, so that a run tomorrow is the run of today.
const CADDY: &str = "github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9";

/// Builds it under `target/tools`, where it is not yet. Without Go the test is skipped, but not in CI.
pub(crate) fn install(root: &Path) -> Result<(), String> {
    let folder = root.join("target/tools");
    let failed = |error: std::io::Error| format!("`{}`: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let note = folder.join("caddy.txt");
    if fs::read_to_string(&note).is_ok_and(|found| found == CADDY) && folder.join("caddy").is_file()
    {
        return Ok(());
    }
    if !cargo::answers("go", "version") {
        if std::env::var_os("CI").is_some() {
            return Err("`go` is needed in CI to build Caddy".to_owned());
        }
        ui::skipped("`go` is not installed: no gateway stands behind Caddy");
        return Ok(());
    }
    ui::progress("building Caddy (a minute, the first time) …");
    let mut go = Command::new("go");
    go.args(["install", CADDY])
        .current_dir(&folder)
        .env("GOBIN", &folder);
    crate::jose::run(&mut go)?;
    fs::write(&note, CADDY).map_err(failed)
}
