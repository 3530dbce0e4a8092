//! Packages of others that tests run: each set in a folder of its own under `target`.

use std::fs;
use std::path::Path;
use std::process::Command;

/// One version each, so that a run tomorrow is the run of today.
struct Set {
    folder: &'static str,
    what: &'static str,
    packages: &'static [&'static str],
}

const SETS: [Set; 2] = [
    // `crates/ambit-cli/tests/gateway/real.rs`
    Set {
        folder: "target/mcp",
        what: "the official MCP client and servers",
        packages: &[
            "@modelcontextprotocol/sdk@1.32.2",
            "@modelcontextprotocol/server-filesystem@2026.8.31",
            "@modelcontextprotocol/server-memory@2026.8.31",
        ],
    },
    // `pkg/tests/consent.test.mjs`
    Set {
        folder: BROWSER,
        what: "pages in a browser",
        packages: &["axe-core@4.14.1", "playwright-core@1.65.1"],
    },
];

/// What drives a browser, and what judges pages.
pub(crate) const BROWSER: &str = "target/browser";

/// Installs them where they are not yet. Without npm the tests are skipped, but not in CI.
pub(crate) fn install(root: &Path) -> Result<(), String> {
    SETS.iter().try_for_each(|set| set.install(root))
}

impl Set {
    fn install(&self, root: &Path) -> Result<(), String> {
        let folder = root.join(self.folder);
        let failed = |error: std::io::Error| format!("`{}`: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let (list, wanted) = (folder.join("installed.txt"), self.packages.join("\n"));
        if !crate::jose::can_use("npm", self.what)?
            || fs::read_to_string(&list).is_ok_and(|found| found == wanted)
        {
            return Ok(());
        }
        let mut npm = Command::new("npm");
        npm.current_dir(&folder)
            .args(["install", "--no-audit", "--no-fund", "--silent"])
            .args(["--ignore-scripts", "--prefix", "."])
            .args(self.packages);
        crate::jose::run(&mut npm)?;
        fs::write(&list, wanted).map_err(failed)
    }
}
