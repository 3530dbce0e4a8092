//! `ambit verify`

use std::path::{Path, PathBuf};

use ambit_host::{Instances, LoadError, PolicyModule, WasmEngine};
use ambit_token::base64url;
use clap::Args;
use serde_json::json;

use crate::advice;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::module::{Refused, Signed, Trusting};
use crate::say::{self, GOOD, Page, foreign};
use crate::time;
use crate::words::hex;

/// Check who signed a policy module, or its bundle
///
/// Checks the signature, what it says, and the policy inside, as every host does before it loads a
/// module, and that the module's own code holds the policy that its bundle section shows. A bundle alone is
/// checked in the same way by the signature of its module. With --seen, the version is remembered as a host
/// would.
#[derive(Debug, Args)]
#[command(after_long_help = format!("{NOTES}\n\n{}", engine::NOTE))]
pub(crate) struct Verify {
    /// The policy module, or its bundle
    #[arg(value_name = "MODULE")]
    module: PathBuf,
    #[command(flatten)]
    trusting: Trusting,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

const NOTES: &str = "\
Exit codes: 0 verified, 2 refused (unsigned, altered, expired, another policy, an older version …), \
3 a file is missing or unreadable, or the trust file is unusable.

Examples:
  ambit verify policy.wasm --trust keys.json
  ambit verify policy.bundle --trust keys.json
  ambit verify policy.wasm --trust keys.json --uid acme/agents --seen seen.json";

impl Verify {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let module = self
            .trusting
            .load(&self.module)
            .map_err(Refused::into_denied)?;
        let kind = match &module {
            Signed::Module(module) => {
                check_code(module, &self.module)?;
                "module"
            }
            Signed::Bundle(_) => "bundle",
        };
        let file = hex(module.file_digest());
        let guest = base64url::encode(module.guest_digest());
        let tests = module.tests_digest().map(|tests| base64url::encode(tests));
        if self.json {
            let facts = json!({
                "verified": true,
                "kind": kind,
                "uid": module.uid(),
                "version": module.version(),
                "issued": module.issued(),
                "expires": module.expires(),
                "signers": module.signers(),
                "signed_sha256": file,
                "guest_s256": guest,
                "bundle_s256": base64url::encode(module.bundle_digest()),
                "tests_s256": tests,
            });
            say::data(format!("{facts}\n"))?;
            return Ok(Exit::Done);
        }
        page(&module, kind, &file).show()?;
        Ok(Exit::Done)
    }
}

fn page(module: &Signed, kind: &str, file: &str) -> Page {
    let mut page = Page::new();
    page.line(format!("{GOOD}verified{GOOD:#}"));
    page.field(
        "policy",
        format!(
            "{} version {}",
            foreign(module.uid(), 128),
            module.version()
        ),
    );
    page.field(
        "signed by",
        module
            .signers()
            .iter()
            .map(|kid| foreign(kid, 128))
            .collect::<Vec<_>>()
            .join(", "),
    );
    page.field("issued", time::show(module.issued()));
    page.field("expires", time::show(module.expires()));
    page.field("module", format!("sha256:{file}"));
    page.field("guest s256", base64url::encode(module.guest_digest()));
    page.field("bundle s256", base64url::encode(module.bundle_digest()));
    if let Some(tests) = module.tests_digest() {
        page.field("tests s256", base64url::encode(tests));
    }
    if kind == "bundle" {
        page.field("code", "none here: the bundle alone was checked");
    }
    page
}

/// The code is asked which policy it holds, as a host in wasmtime asks: a signature over two
/// different policies is none.
fn check_code(module: &PolicyModule, path: &Path) -> Result<(), Failure> {
    let refused = |error: LoadError| {
        let code = error.code();
        let failure = Failure::denied(code, error.to_string()).at(path);
        match advice::find(code) {
            Some(advice) => failure.help(advice.action),
            None => failure,
        }
    };
    WasmEngine::new(&engine::runtime()?, module, Instances::Fresh)
        .map(drop)
        .map_err(refused)
}
