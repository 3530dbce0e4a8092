//! `ambit attenuate`

use std::path::PathBuf;

use ambit_compiler::mint::{self, AttenuateOptions};
use ambit_core::limits::MODULE_BYTES;
use clap::Args;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::files::{self, Input};
use crate::keys::{self, compile};
use crate::say;
use crate::signing::{self, Claims, Consent};
use crate::{bundle, time, tokens};

/// Pass a token on, narrower
///
/// The holder of a token adds a block that allows less, for example for a sub-agent, and signs it
/// with the key that holds the token. No issuer is asked. The block can only take away: what the
/// token does not allow already, it does not allow afterwards, whatever the block says.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Attenuate {
    /// The token (`-` is standard input)
    #[arg(long, value_name = "FILE", value_parser = Input::parse)]
    token: Input,
    /// The private key that holds the token
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The claims of the new block as a JSON object (`-` is standard input)
    #[arg(long, value_name = "FILE", value_parser = Input::parse)]
    claims: Option<Input>,
    /// The public key of who will hold the narrower token (a JWK)
    #[arg(long, value_name = "FILE")]
    holder: Option<PathBuf>,
    /// Only for this service; may be given several times
    #[arg(long, value_name = "URL", help_heading = "Claims")]
    aud: Vec<String>,
    /// One capability as JSON, of which members may be left out that add no bound; may be given
    /// several times
    #[arg(long, value_name = "JSON", help_heading = "Claims")]
    capability: Vec<String>,
    /// How long it lives, at most as long as the token: 60, 5m
    #[arg(long, value_name = "TIME", value_parser = time::parse_life)]
    life: Option<i64>,
    /// Say it in the words of this policy module, and check the whole chain with its keys
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Take this for the present time
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    now: Option<i64>,
    /// Sign without asking
    #[arg(short, long)]
    yes: bool,
}

const EXAMPLES: &str = r#"Examples:
  ambit attenuate --token token.jwt --key keys/agent.jwk --holder sub-agent.pub.jwk \
      --claims narrower.json > sub-token.jwt
  ambit attenuate --token token.jwt --key keys/agent.jwk --holder sub-agent.pub.jwk --life 5m \
      --capability '{"actions":["email"],"constraints":{"to":{"constraint_type":"exact",
        "value":"ben@customer.example"}}}'"#;

impl Attenuate {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if matches!(
            (&self.token, &self.claims),
            (Input::Stdin, Some(Input::Stdin))
        ) {
            return Err(Failure::unusable(
                "usage.stdin",
                "standard input cannot hold both the token and the claims",
            )
            .help("name a file for one of them"));
        }
        let now = self.now.unwrap_or_else(time::now);
        let chain = tokens::read(&self.token)?;
        let key = keys::private(&self.key)?;
        let claims = self.claims()?;
        let module = self
            .module
            .as_deref()
            .map(|path| files::read(path, MODULE_BYTES))
            .transpose()?;
        let bundle = module.as_deref().map(bundle::in_file).transpose()?;
        let options = AttenuateOptions {
            now,
            life: self.life,
            holder: self.holder.as_deref().map(keys::public).transpose()?,
            bundle: bundle.as_ref(),
        };
        let draft =
            mint::attenuate(&chain, &key, &claims, &options).map_err(|error| compile(&error))?;
        let consent = Consent {
            bundle: bundle.as_ref(),
            now,
            yes: self.yes,
        };
        signing::ask(
            &draft,
            "Passed on, within what the token allows already",
            &consent,
        )?;
        let chain = draft.sign().map_err(|error| compile(&error))?;
        say::data(format!("{chain}\n"))?;
        Ok(Exit::Done)
    }

    fn claims(&self) -> Result<String, Failure> {
        let mut claims = Claims::read(self.claims.as_ref())?;
        claims.add(
            "aud",
            "--aud",
            Some(json!(self.aud)).filter(|_| !self.aud.is_empty()),
        )?;
        claims.add_capabilities(&self.capability)?;
        claims.require(&[("authorization_details", "--capability")])?;
        Ok(claims.finish())
    }
}
