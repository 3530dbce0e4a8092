//! `ambit verify`

use std::path::PathBuf;

use ambit_token::base64url;
use clap::Args;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::module::{Refused, Trusting};
use crate::say::{self, GOOD, Page, foreign};
use crate::time;
use crate::words::hex;

/// Check who signed a policy module
///
/// Checks the signature, what it says, and the policy inside, as every host does before it loads a
/// module. With --seen, the version is remembered as a host would.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Verify {
    /// The policy module
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
  ambit verify policy.wasm --trust keys.json --uid acme/agents --seen seen.json";

impl Verify {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let module = self
            .trusting
            .load(&self.module)
            .map_err(Refused::into_denied)?;
        let seen = module.seen();
        if self.json {
            let facts = json!({
                "verified": true,
                "uid": module.uid(),
                "version": module.version(),
                "issued": module.issued(),
                "expires": module.expires(),
                "signers": module.signers(),
                "signed_sha256": hex(&seen.digest),
                "bundle_s256": base64url::encode(module.bundle_digest()),
            });
            say::data(format!("{facts}\n"))?;
            return Ok(Exit::Done);
        }
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
        page.field("signed bytes", format!("sha256:{}", hex(&seen.digest)));
        page.field("bundle s256", base64url::encode(module.bundle_digest()));
        page.show()?;
        Ok(Exit::Done)
    }
}
