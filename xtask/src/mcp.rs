//! The official MCP client and reference servers, for `crates/ambit-cli/tests/gateway/real.rs`.

use std::fs;
use std::path::Path;
use std::process::Command;

/// One version each, so that a run tomorrow is the run of today.
const PACKAGES: [&str; 3] = [
    "@modelcontextprotocol/sdk@1.32.2",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
    "@modelcontextprotocol/server-memory@2026.8.31",
];

/// Installs them under `target/mcp`, where they are not yet. Without npm the tests are skipped, but not in CI.
pub(crate) fn install(root: &Path) -> Result<(), String> {
    let folder = root.join("target/mcp");
    let failed = |error: std::io::Error| format!("`{}`: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let (list, wanted) = (folder.join("installed.txt"), PACKAGES.join("\n"));
    if !crate::jose::can_use("npm", "the MCP servers")?
        || fs::read_to_string(&list).is_ok_and(|found| found == wanted)
    {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&folder)
        .args(["install", "--no-audit", "--no-fund", "--silent"])
        .args(["--ignore-scripts", "--prefix", "."])
        .args(PACKAGES);
    crate::jose::run(&mut npm)?;
    fs::write(&list, wanted).map_err(failed)
}
