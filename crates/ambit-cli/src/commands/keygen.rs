//! `ambit keygen`

use std::path::{Path, PathBuf};

use ambit_compiler::conceal;
use ambit_compiler::keys::{self, Algorithm, SecretKey};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::keys::{Unlocking, compile, named};
use crate::{files, say};

/// Make a key pair
///
/// Writes the private key (a JWK) to a new file that only you can read, and prints the public key. With a passphrase it
/// is encrypted PKCS#8 (PBES2), whose key is called by its thumbprint.
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
    /// Its algorithm. Modules and audit logs are signed with Ed25519 only
    #[arg(long, value_name = "ALG", value_enum, default_value_t = Alg::Ed25519)]
    alg: Alg,
    /// Print a `[[keys]]` table for `ambit.toml` instead of a JWK
    #[arg(long, requires = "iss")]
    toml: bool,
    /// With --toml: the issuer for whom the key signs
    #[arg(long, value_name = "URL", requires = "toml")]
    iss: Option<String>,
    /// With --toml: what the key signs
    #[arg(long, value_name = "WHAT", value_enum, requires = "toml", default_value_t = Signs::Tokens)]
    signs: Signs,
    /// Also add the public key to this trust file (`keys.json`); it is made if missing
    #[arg(long, value_name = "FILE", conflicts_with = "toml")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    unlocking: Unlocking,
}

/// The names that a header gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Alg {
    #[value(name = "Ed25519")]
    Ed25519,
    #[value(name = "ES256")]
    Es256,
}

/// What a key of a policy signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Signs {
    /// Capability tokens
    #[value(name = "tokens")]
    Tokens,
    /// People's yes or no
    #[value(name = "receipts")]
    Receipts,
    /// Keys of approvers (`ambit enrol`)
    #[value(name = "enrolments")]
    Enrolments,
    /// What is revoked
    #[value(name = "epochs")]
    Epochs,
}

impl Signs {
    /// As `ambit.toml` has it.
    const fn media_type(self) -> &'static str {
        match self {
            Self::Tokens => "cap+jwt",
            Self::Receipts => "approval-receipt+jwt",
            Self::Enrolments => "approver-key+jwt",
            Self::Epochs => "revocation-epochs+jwt",
        }
    }
}

impl From<Alg> for Algorithm {
    fn from(alg: Alg) -> Self {
        match alg {
            Alg::Ed25519 => Self::Ed25519,
            Alg::Es256 => Self::Es256,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  ambit keygen -o keys/module.jwk --kid module-2 --trust keys.json   a key to sign modules
  ambit keygen -o keys/issuer.jwk --kid issuer-2 --toml --iss https://issuer.example
  ambit keygen -o keys/ann.jwk --toml --iss https://ann.example --signs receipts >> ambit.toml
                                                                     a key with which a person agrees
  ambit keygen -o keys/agent.jwk > keys/agent.pub.jwk                a key to hold tokens
  ambit keygen -o keys/agent.jwk --alg ES256 > keys/agent.pub.jwk    the same on P-256
  ambit keygen -o keys/issuer.pem --key-passphrase-file passphrase --toml --iss https://issuer.example >> ambit.toml
                                                                     one that a passphrase opens";

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
        if self.trust.is_some() && self.alg != Alg::Ed25519 {
            let message = "policy modules are signed with Ed25519";
            return Err(Failure::unusable("key.alg", message).help("leave out --alg or --trust"));
        }
        let passphrase = self.unlocking.passphrase()?;
        if passphrase.is_some() && self.kid.is_some() {
            let message =
                "an encrypted key file keeps no name: the key is called by its thumbprint";
            return Err(Failure::unusable("key.kid", message).help("leave out --kid"));
        }
        let key = keys::generate_for(self.alg.into(), self.kid.as_deref());
        let key = key.map_err(|error| compile(&error))?;
        // Read and checked before anything is written.
        let trust = self
            .trust
            .as_deref()
            .map(|path| with_key(path, &key))
            .transpose()?;
        let saved = match &passphrase {
            Some(passphrase) => key.save_encrypted(&self.output, passphrase),
            None => key.save(&self.output),
        };
        saved.map_err(|error| compile(&error))?;
        if let (Some(path), Some(text)) = (&self.trust, trust) {
            files::write(path, text.as_bytes())?;
            let path = conceal(&path.display().to_string());
            say::note(format!("added {} to {path}", key.kid()));
        }
        say::note(format!(
            "wrote the private key {} to {}",
            key.kid(),
            conceal(&self.output.display().to_string())
        ));
        match &self.iss {
            Some(iss) => say::data(table(&key, iss, self.signs))?,
            None => say::data(format!("{}\n", named(&key)))?,
        }
        Ok(Exit::Done)
    }
}

/// Strings of JSON are strings of TOML (basic strings), for what can stand in these.
fn table(key: &SecretKey, iss: &str, signs: Signs) -> String {
    let y = key
        .y()
        .map_or_else(String::new, |y| format!("y = \"{y}\"\n"));
    format!(
        "[[keys]]\niss = {}\nkid = {}\nalg = \"{}\"\nsigns = \"{}\"\nx = \"{}\"\n{y}",
        json!(iss),
        json!(key.kid()),
        key.alg(),
        signs.media_type(),
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
