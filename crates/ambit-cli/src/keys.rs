//! Keys on the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambit_compiler::CompileError;
use ambit_compiler::keys::{self, Passphrase, SecretKey, Signer};
use ambit_core::json::{Document, Profile};
use ambit_token::PublicKey;
use clap::Args;
use serde_json::{Value, json};

use crate::advice;
use crate::failure::Failure;
use crate::files;

/// A private key from a file that only its owner can read.
pub(crate) fn private(path: &Path) -> Result<SecretKey, Failure> {
    keys::load(path).map_err(|error| compile(&error))
}

/// Where the passphrase of encrypted key files is. On a command line others on the machine could read it.
#[derive(Debug, Default, Args)]
pub(crate) struct Unlocking {
    /// A file, for you alone, whose first line is the passphrase of encrypted private keys (PKCS#8)
    #[arg(long, value_name = "FILE", conflicts_with = "key_passphrase_env")]
    key_passphrase_file: Option<PathBuf>,
    /// The name of the environment variable that has it
    #[arg(long, value_name = "NAME")]
    key_passphrase_env: Option<String>,
}

impl Unlocking {
    /// What the broker's file names.
    pub(crate) fn of(config: &ambit_broker::Config) -> Self {
        Self {
            key_passphrase_file: config.key_passphrase_file.clone(),
            key_passphrase_env: config.key_passphrase_env.clone(),
        }
    }

    pub(crate) fn passphrase(&self) -> Result<Option<Passphrase>, Failure> {
        let read = match (&self.key_passphrase_file, &self.key_passphrase_env) {
            (Some(path), _) => Passphrase::read(path).map(Some),
            (None, Some(name)) => Passphrase::from_env(name).map(Some),
            (None, None) => Ok(None),
        };
        read.map_err(|error| compile(&error))
    }

    /// A private key from a file that only its owner can read.
    pub(crate) fn private(&self, path: &Path) -> Result<SecretKey, Failure> {
        let passphrase = self.passphrase()?;
        keys::load_with(path, passphrase.as_ref()).map_err(|error| compile(&error))
    }

    /// The same, for a broker.
    pub(crate) fn signer(&self, path: &Path) -> Result<Arc<dyn Signer>, Failure> {
        Ok(Arc::new(self.private(path)?))
    }
}

/// The public key of a JWK file. Of a private key, where its owner alone can read it, the public half.
pub(crate) fn public(path: &Path) -> Result<PublicKey, Failure> {
    let text = files::read(path, files::SMALL)?;
    let jwk = Document::parse(&text, Profile::Signed).map_err(|_| not_a_key(path))?;
    if jwk.root().get("d").is_some() {
        return Ok(private(path)?.public());
    }
    PublicKey::from_jwk(jwk.root())
        .filter(PublicKey::is_usable)
        .ok_or_else(|| not_a_key(path))
}

/// The same where only Ed25519 will do.
pub(crate) fn public_ed25519(path: &Path) -> Result<[u8; 32], Failure> {
    match public(path)? {
        PublicKey::Ed25519(public) => Ok(public),
        PublicKey::P256(_) => Err(not_ed25519(path)),
    }
}

/// For modules and logs, whose formats know one algorithm.
pub(crate) fn not_ed25519(path: &Path) -> Failure {
    Failure::unusable(
        "key.format",
        "this is a P-256 key; here only Ed25519 is used",
    )
    .at(path)
    .help("make one with `ambit keygen -o FILE`")
}

fn not_a_key(path: &Path) -> Failure {
    Failure::unusable("key.format", "this is not an Ed25519 or P-256 public key")
        .at(path)
        .help("wanted a JWK like {\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"…\"}, as `ambit keygen` prints it")
}

/// A public key under the name by which it is found.
pub(crate) fn named(key: &SecretKey) -> Value {
    let mut jwk = key.public_jwk();
    jwk["kid"] = json!(key.kid());
    jwk
}

/// What the compiler refused. Its sentence names the file.
pub(crate) fn compile(error: &CompileError) -> Failure {
    // The system's fault, not the command line's.
    if error.code == "key.random" {
        return Failure::tool(error.code, &error.message);
    }
    let failure = match error.code {
        "mint.consent" => Failure::step_up(error.code, &error.message),
        "approval.used" => Failure::denied(error.code, &error.message),
        code if code.starts_with("ledger.") => Failure::tool(code, &error.message),
        code => Failure::unusable(code, &error.message),
    };
    match error.code {
        "mint.consent" => failure.help(
            "`ambit mint … --draft > draft.json` writes the claims, `ambit approve draft.json … > FILE` asks the person and signs the receipt, `ambit mint … --claims draft.json --receipt FILE` makes the token",
        ),
        "approval.used" => failure.help(
            "one consent makes one token: draft another, with an `exp` of its own, and ask the person again",
        ),
        "key.exists" => failure.help("keys are never overwritten: name another file"),
        "key.file" => failure.help("check the path; `ambit keygen -o FILE` makes a key"),
        "mint.holder" => failure.help(
            "--holder names the public key of who will hold the token; --key, when passing on, the private key that holds it",
        ),
        "key.format" => failure.help("`ambit keygen -o FILE` makes a private key"),
        code => match advice::find(code) {
            Some(advice) => failure.help(advice.action),
            None => failure,
        },
    }
}
