//! `ambit mint`

use std::path::PathBuf;

use ambit_compiler::CompileError;
use ambit_compiler::keys::SecretKey;
use ambit_compiler::mint::{self, RootOptions, Use};
use ambit_core::Reason;
use ambit_host::ledger::{self, Charge, Ledger as _, LedgerError};
use ambit_policy::Bundle;
use clap::Args;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::files::{self, Input};
use crate::keys::{self, Unlocking, compile};
use crate::policy::PolicyArgs;
use crate::signing::{self, Claims, Consent};
use crate::{say, time};

/// Grant an agent a token
///
/// Shows in words what the token will allow, asks when a person is at the terminal, and writes the
/// signed token to standard output. A token that the evaluator would refuse is not signed.
///
/// The claims come as JSON, from options, or both. Filled in where missing: `iss` (the issuer of
/// the key), `iat`, `exp`, `jti`, `cnf`, `policy`, `del_depth`, `del_max_depth`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Mint {
    #[command(flatten)]
    policy: PolicyArgs,
    /// The issuer's private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    unlocking: Unlocking,
    /// The claims as a JSON object (`-` is standard input)
    #[arg(long, value_name = "FILE", value_parser = Input::parse)]
    claims: Option<Input>,
    #[command(flatten)]
    options: ClaimOptions,
    /// How long the token lives: 900, 15m, 2h [default: 15m, or the manifest's most if that is less]
    #[arg(long, value_name = "TIME", value_parser = time::parse_life)]
    life: Option<i64>,
    /// The public key of the agent that will hold the token (a JWK)
    #[arg(long, value_name = "FILE")]
    holder: Option<PathBuf>,
    /// The key's name in the policy, where the key file says another
    #[arg(long, value_name = "NAME")]
    kid: Option<String>,
    /// Write the claims that would be signed, and sign nothing: what `ambit describe` shows a person
    #[arg(long, conflicts_with = "receipt")]
    draft: bool,
    /// A person's yes to exactly these claims: a receipt of kind `grant`; may be given several times
    #[arg(long, value_name = "FILE")]
    receipt: Vec<PathBuf>,
    /// What was granted before (a JSON array), where the person was shown the difference
    #[arg(long, value_name = "FILE", requires = "receipt")]
    granted: Option<PathBuf>,
    /// Where it is remembered which receipts made a token, an SQLite file: whoever signs with this
    /// issuer's key shares one [default: the key's file and `.used.sqlite`]
    #[arg(long, value_name = "FILE", requires = "receipt")]
    ledger: Option<PathBuf>,
    /// Do not bind the token to the policy
    #[arg(long)]
    unbound: bool,
    /// Take this for the present time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    now: Option<i64>,
    /// Sign without asking
    #[arg(short, long)]
    yes: bool,
}

const EXAMPLES: &str = r#"Examples:
  ambit mint --module policy.wasm --key keys/issuer.jwk --holder keys/agent.pub.jwk \
      --claims grant.json > token.jwt
  ambit mint --module policy.wasm --key keys/issuer.jwk --holder keys/agent.pub.jwk \
      --sub user:ann --aud https://mail.example --agent assistant --act https://agents.example/1 \
      --capability '{"actions":["email"],"privileges":["draft"],"datatypes":["Contact"],
        "purpose":"customer-care","constraints":{"to":{"constraint_type":"email_domain",
        "values":["customer.example"]}}}'
  ambit mint --module policy.wasm --key keys/issuer.jwk --holder keys/agent.pub.jwk \
      --claims grant.json --draft > draft.json
  ambit approve draft.json --module policy.wasm --key keys/ann.jwk > receipt.jwt
  ambit mint --module policy.wasm --key keys/issuer.jwk --claims draft.json \
      --receipt receipt.jwt > token.jwt"#;

/// Claims as options.
#[derive(Debug, Args)]
struct ClaimOptions {
    /// Who issues it, if the key signs for several issuers
    #[arg(long, value_name = "URL", help_heading = "Claims")]
    iss: Option<String>,
    /// For whom the agent acts, for example `user:ann`
    #[arg(long, value_name = "SUBJECT", help_heading = "Claims")]
    sub: Option<String>,
    /// The service it is for; may be given several times
    #[arg(long, value_name = "URL", help_heading = "Claims")]
    aud: Vec<String>,
    /// To whose data it gives access
    #[arg(long, value_name = "NAME", help_heading = "Claims")]
    tenant: Option<String>,
    /// The agent class: the `agent` of a manifest
    #[arg(long, value_name = "NAME", help_heading = "Claims")]
    agent: Option<String>,
    /// The agent instance (a URL or SPIFFE id)
    #[arg(long, value_name = "URL", help_heading = "Claims")]
    act: Option<String>,
    /// How often it may be passed on, narrower
    #[arg(long, value_name = "N", help_heading = "Claims")]
    depth: Option<u8>,
    /// One capability as JSON; may be given several times
    #[arg(long, value_name = "JSON", help_heading = "Claims")]
    capability: Vec<String>,
}

/// Claims that nobody can fill in, and the options that state them.
const REQUIRED: [(&str, &str); 5] = [
    ("sub", "--sub"),
    ("aud", "--aud"),
    ("agent", "--agent"),
    ("act", "--act"),
    ("authorization_details", "--capability"),
];

/// Seconds that a token lives when nobody says how long.
const LIFE: i64 = 900;

impl Mint {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let now = self.now.unwrap_or_else(time::now);
        let policy = self.policy.read(now)?;
        let bundle = policy.bundle()?;
        let key = self.unlocking.private(&self.key)?;
        let kid = self.kid.as_deref().unwrap_or_else(|| key.kid());
        let claims = self.claims(&bundle, &key, kid)?;
        let granted = self.granted.as_deref().map(files::text).transpose()?;
        let options = RootOptions {
            now,
            life: self.life(&claims, &bundle)?,
            holder: self.holder.as_deref().map(keys::public).transpose()?,
            kid: Some(kid),
            bind_policy: !self.unbound,
            receipts: &self.receipts()?,
            granted: granted.as_deref(),
        };
        let claims = claims.finish();
        let draft =
            mint::root(&claims, &key, &bundle, &options).map_err(|error| compile(&error))?;
        if self.draft {
            // Claims that no verifier takes are no draft.
            draft.check().map_err(|error| compile(&error))?;
            say::data(format!("{}\n", draft.claims()))?;
            return Ok(Exit::Done);
        }
        let consent = Consent {
            bundle: Some(&bundle),
            now,
            yes: self.yes,
        };
        signing::ask(&draft, "The token", &consent)?;
        let chain = draft.sign_once(|uses| self.use_up(uses, now));
        let chain = chain.map_err(|error| compile(&error))?;
        say::data(format!("{chain}\n"))?;
        Ok(Exit::Done)
    }

    /// Remembers what makes one token, on the disk before the token is anywhere.
    fn use_up(&self, uses: &[Use], now: i64) -> Result<(), CompileError> {
        let ledger = ledger::open(self.ledger_file());
        let used = ledger.and_then(|ledger| {
            let charges: Vec<Charge<'_>> = uses
                .iter()
                .map(|one| Charge::once(&one.key, one.kind, one.until))
                .collect();
            ledger.consume(&charges, now)
        });
        used.map_err(|error| {
            let code = match &error {
                LedgerError::Repeated { .. } => Reason::ApprovalUsed.code(),
                LedgerError::Forgotten { .. } => Reason::ApprovalExpired.code(),
                other => other.code(),
            };
            CompileError {
                code,
                message: error.to_string(),
            }
        })
    }

    /// Beside the issuer's key, where all who sign with it find it.
    fn ledger_file(&self) -> PathBuf {
        if let Some(file) = &self.ledger {
            return file.clone();
        }
        let key = self.key.canonicalize();
        let mut file = key.unwrap_or_else(|_| self.key.clone()).into_os_string();
        file.push(".used.sqlite");
        file.into()
    }

    fn receipts(&self) -> Result<Vec<String>, Failure> {
        let receipts = self.receipt.iter();
        receipts.map(|path| files::text(path)).collect()
    }

    fn claims(&self, bundle: &Bundle<'_>, key: &SecretKey, kid: &str) -> Result<Claims, Failure> {
        let options = &self.options;
        let mut claims = Claims::read(self.claims.as_ref())?;
        claims.add("iss", "--iss", options.iss.as_ref().map(|iss| json!(iss)))?;
        claims.add("sub", "--sub", options.sub.as_ref().map(|sub| json!(sub)))?;
        claims.add(
            "aud",
            "--aud",
            Some(json!(options.aud)).filter(|_| !options.aud.is_empty()),
        )?;
        claims.add(
            "tenant",
            "--tenant",
            options.tenant.as_ref().map(|tenant| json!(tenant)),
        )?;
        claims.add(
            "agent",
            "--agent",
            options.agent.as_ref().map(|uid| json!({"uid": uid})),
        )?;
        if let Some(sub) = &options.act {
            let x = key.x();
            let known = bundle
                .keys(kid)
                .find(|known| known.x() == x)
                .map(|known| known.iss().to_owned());
            let iss = claims.text("iss").map(str::to_owned).or(known);
            claims.add(
                "act",
                "--act",
                Some(json!({"sub": sub, "iss": iss, "sub_profile": "ai_agent"})),
            )?;
        }
        claims.add(
            "del_max_depth",
            "--depth",
            options.depth.map(|depth| json!(depth)),
        )?;
        claims.add_capabilities(&options.capability)?;
        claims.require(&REQUIRED)?;
        Ok(claims)
    }

    fn life(&self, claims: &Claims, bundle: &Bundle<'_>) -> Result<Option<i64>, Failure> {
        match (self.life, claims.has("exp")) {
            (Some(_), true) => Err(Failure::unusable(
                "mint.twice",
                "`exp` and --life both say how long the token lives",
            )
            .help("leave one of them out")),
            (Some(life), false) => Ok(Some(life)),
            (None, true) => Ok(None),
            (None, false) => {
                let manifest = claims
                    .text_in("agent", "uid")
                    .and_then(|agent| bundle.manifest(agent));
                let most = manifest
                    .and_then(|manifest| manifest.max_life_seconds())
                    .unwrap_or(LIFE);
                Ok(Some(LIFE.min(most).min(bundle.limits().root_life_seconds)))
            }
        }
    }
}
