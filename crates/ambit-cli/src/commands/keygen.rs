//! `ambit keygen`

use std::path::{Path, PathBuf};

use ambit_compiler::keys::{self, SecretKey};
use clap::Args;
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::keys::{compile, named};
use crate::{files, say};

/// Make a key pair
///
/// Writes the private key (a JWK) to a new file that only you can read, and prints the public key.
/// Use one key for one thing: to sign tokens, to sign policy modules, or to hold a token.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Keygen {
    /// Where to write the private key; an existing file is never overwritten
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The key's name; by default its thumbprint (RFC 7638)
    #[arg(long, value_name = "NAME", value_parser = kid)]
    kid: Option<String>,
    /// Print a `[[keys]]` table for `ambit.toml` instead of a JWK
    #[arg(long, requires = "iss")]
    toml: bool,
    /// With --toml: the issuer whose tokens the key signs
    #[arg(long, value_name = "URL", requires = "toml")]
    iss: Option<String>,
    /// Also add the public key to this trust file (`keys.json`); it is made if missing
    #[arg(long, value_name = "FILE", conflicts_with = "toml")]
    trust: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  ambit keygen -o keys/module.jwk --kid module-2 --trust keys.json   a key to sign modules
  ambit keygen -o keys/issuer.jwk --kid issuer-2 --toml --iss https://issuer.example
  ambit keygen -o keys/agent.jwk > keys/agent.pub.jwk                a key to hold tokens";

/// Names go into token headers, file formats and terminals.
fn kid(text: &str) -> Result<String, String> {
    let fits =
        !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("wanted 1 to 128 visible ASCII characters without spaces".to_owned())
    }
}

impl Keygen {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let key = keys::generate(self.kid.as_deref()).map_err(|error| compile(&error))?;
        // Read and checked before anything is written.
        let trust = self
            .trust
            .as_deref()
            .map(|path| with_key(path, &key))
            .transpose()?;
        key.save(&self.output).map_err(|error| compile(&error))?;
        if let (Some(path), Some(text)) = (&self.trust, trust) {
            files::write(path, text.as_bytes())?;
            say::note(format!("added {} to {}", key.kid(), path.display()));
        }
        say::note(format!(
            "wrote the private key {} to {}",
            key.kid(),
            self.output.display()
        ));
        match &self.iss {
            Some(iss) => say::data(table(&key, iss))?,
            None => say::data(format!("{}\n", named(&key)))?,
        }
        Ok(Exit::Done)
    }
}

/// Strings of JSON are strings of TOML (basic strings), for what can stand in these.
fn table(key: &SecretKey, iss: &str) -> String {
    format!(
        "[[keys]]\niss = {}\nkid = {}\nalg = \"{}\"\nsigns = \"cap+jwt\"\nx = \"{}\"\n",
        json!(iss),
        json!(key.kid()),
        key.alg(),
        key.x()
    )
}

/// The trust file with one more key. The threshold stays as it is.
fn with_key(path: &Path, key: &SecretKey) -> Result<String, Failure> {
    let mut trust = if path.exists() {
        let text = files::read(path, files::SMALL)?;
        ambit_host::Trust::parse(&text)
            .map_err(|error| Failure::unusable(error.code(), error.to_string()).at(path))?;
        serde_json::from_slice(&text).unwrap_or(Value::Null)
    } else {
        json!({"threshold": 1, "keys": []})
    };
    let entry = json!({"kid": key.kid(), "jwk": key.public_jwk()});
    if let Some(keys) = trust["keys"].as_array_mut() {
        if keys.iter().any(|known| known["kid"] == entry["kid"]) {
            return Err(Failure::unusable(
                "key.kid",
                format!("the trust file has a key `{}` already", key.kid()),
            )
            .at(path)
            .help("give the new key another name with --kid"));
        }
        keys.push(entry);
    }
    Ok(format!("{trust:#}\n"))
}
