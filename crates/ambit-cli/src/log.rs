//! The audit log on the command line: whose key signs it, and what its faults come to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambit_compiler::keys::SecretKey;
use ambit_core::json::{Document, Profile};
use ambit_host::audit::{AuditError, AuditLog, Clock, LogError, NoteKey};
use ambit_host::{Journal as _, Signer};
use clap::Args;

use crate::advice;
use crate::failure::Failure;
use crate::files::{self, Input};
use crate::keys;

/// Writing the log.
#[derive(Debug, Args)]
pub(crate) struct Logging {
    /// Write the decision record of every answer to this audit log (JSON lines)
    #[arg(long, value_name = "FILE", requires = "log_key")]
    log: Option<PathBuf>,
    /// The private key that signs the log's checkpoints
    #[arg(long, value_name = "KEY", requires = "log")]
    log_key: Option<PathBuf>,
    /// The log's name, like mail.example/audit; by default the key's name
    #[arg(long, value_name = "NAME", requires = "log")]
    log_name: Option<String>,
}

impl Logging {
    /// The log, opened, where one is named.
    pub(crate) fn open(&self, now: i64) -> Result<Option<Log>, Failure> {
        let path = self.log.clone();
        let log = self.journal(Box::new(move || now))?;
        Ok(log.zip(path).map(|(log, path)| Log { log, path }))
    }

    /// The same for a service, which has a clock.
    pub(crate) fn journal(&self, clock: Clock) -> Result<Option<AuditLog>, Failure> {
        let (Some(path), Some(key)) = (&self.log, &self.log_key) else {
            return Ok(None);
        };
        let key = signer(key)?;
        let name = self
            .log_name
            .clone()
            .unwrap_or_else(|| key.name().to_owned());
        let log = AuditLog::open(path, &name, key, clock);
        log.map(Some).map_err(|error| failure(&error, path))
    }
}

/// A private Ed25519 key from its file, for a service that signs with it.
pub(crate) fn signer(path: &Path) -> Result<Arc<dyn Signer>, Failure> {
    let secret = keys::private(path)?;
    let public = secret.ed25519().ok_or_else(|| keys::not_ed25519(path))?;
    Ok(Arc::new(LogKey { secret, public }))
}

/// An open log and where it is.
pub(crate) struct Log {
    log: AuditLog,
    path: PathBuf,
}

impl Log {
    /// Writes an answer down, before anybody sees it.
    pub(crate) fn write(&self, answer: &str) -> Result<(), Failure> {
        let document = Document::parse(answer.as_bytes(), Profile::Request);
        let document =
            document.map_err(|error| Failure::tool("engine.answer", error.to_string()))?;
        self.log
            .decided(document.root())
            .map(drop)
            .map_err(|error| {
                Failure::tool("audit.write", format!("the answer is held back: {error}"))
                    .at(&self.path)
                    .help(
                        "what cannot be written down is not allowed; repair the log and ask again",
                    )
            })
    }
}

/// A key of `ambit keygen` that signs checkpoints, or proofs.
struct LogKey {
    secret: SecretKey,
    public: [u8; 32],
}

impl Signer for LogKey {
    fn name(&self) -> &str {
        self.secret.kid()
    }

    fn public(&self) -> [u8; 32] {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        Ok(self.secret.sign(message))
    }
}

/// Whose checkpoints are believed.
#[derive(Debug, Args)]
pub(crate) struct Believing {
    /// The public key of the log (a JWK; of a private key the public half), or its verifier key
    /// (`name+id+key`) as text
    #[arg(long, value_name = "KEY")]
    key: String,
    /// The log's name; by default the key's name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Believing {
    pub(crate) fn key(&self) -> Result<NoteKey, Failure> {
        let unusable = |message: &str| {
            Failure::unusable("audit.name", message)
                .help("name the public key file and, where the key has another name, --name NAME")
        };
        if let Some(key) = NoteKey::parse(&self.key) {
            let same = self.name.as_deref().is_none_or(|name| name == key.name());
            return if same {
                Ok(key)
            } else {
                Err(unusable(
                    "the verifier key has another name than --name says",
                ))
            };
        }
        let path = Path::new(&self.key);
        let public = keys::public_ed25519(path)?;
        let name = match &self.name {
            Some(name) => name.clone(),
            None => kid(path)?.unwrap_or_else(|| ambit_token::thumbprint(&public)),
        };
        NoteKey::new(&name, public)
            .ok_or_else(|| unusable("the log's name is empty or has spaces or a plus sign"))
    }
}

/// The `kid` of a JWK file.
fn kid(path: &Path) -> Result<Option<String>, Failure> {
    let text = Input::File(path.to_owned()).read(files::SMALL)?;
    let document = Document::parse(&text, Profile::Request).ok();
    let kid = document
        .as_ref()
        .and_then(|jwk| jwk.root().get("kid")?.as_str());
    Ok(kid.map(str::to_owned))
}

/// What a log's fault is on the command line.
pub(crate) fn failure(error: &AuditError, path: &Path) -> Failure {
    let (code, message) = (error.code(), error.to_string());
    let failure = match error {
        AuditError::File(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Failure::unusable("file.missing", "the log does not exist")
        }
        AuditError::File(_)
        | AuditError::Locked
        | AuditError::NoLine(_)
        | AuditError::Log(LogError::Name) => Failure::unusable(code, message),
        AuditError::Sign(_) | AuditError::Broken | AuditError::Log(LogError::Record) => {
            Failure::tool(code, message)
        }
        _ => Failure::denied(code, message),
    };
    let failure = failure.at(path);
    match advice::find(code) {
        Some(advice) => failure.help(advice.action),
        None => failure,
    }
}
