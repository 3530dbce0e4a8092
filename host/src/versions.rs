//! The highest version of each policy that was ever accepted (TUF: no rollback), and of each issuer's
//! signed statements: what the evaluator is told as `facts.min_versions`.

mod stamp;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ambit_enforce::heard::{Unheard, raises};
use ambit_token::module::{ModuleError, check_seen};
use serde_json::{Map, Value, json};

use crate::files::{private, sync_folder};
use stamp::Stamp;

/// Bytes of a store: some 60,000 policies. A larger file is not ours.
const STORE_BYTES: u64 = 8 * 1024 * 1024;

/// A version of a policy, and the SHA-256 that its signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The policy's version.
    pub version: u64,
    /// The digest of the signed statement's subject.
    pub digest: [u8; 32],
}

impl Seen {
    /// Whether `next` may follow: a higher version, or exactly the same file again.
    fn admits(self, next: Self) -> Result<(), VersionError> {
        let seen = Some((self.version, self.digest));
        check_seen(seen, next.version, &next.digest).map_err(VersionError::Refused)
    }
}

/// Remembers versions. Asked once for each module, after its signature was verified.
pub trait VersionStore: Send + Sync {
    /// Compares with what was accepted before and remembers the higher, in one step: of two
    /// processes that load at the same time, the one with the older version is refused.
    ///
    /// # Errors
    ///
    /// [`VersionError`]; a store that cannot tell refuses.
    fn accept(&self, uid: &str, next: Seen) -> Result<(), VersionError>;
}

/// Remembers the highest version of signed statements, by their kind and issuer: of revocation
/// epochs ([`EPOCHS`]), and when status lists were issued ([`STATUS`], by address).
///
/// Only what was verified is remembered, and all of that: an [`Enforcer`](crate::Enforcer) that
/// [remembers](crate::Enforcer::remember) takes it from the record of every decision, denials
/// included.
pub trait StatementVersions: Send + Sync {
    /// Remembers a version. The same one again is fine.
    ///
    /// # Errors
    ///
    /// [`VersionError::Older`] where a higher one is known, [`VersionError::Store`].
    fn raise(&self, kind: &str, iss: &str, version: u64) -> Result<(), VersionError>;

    /// All of them, by kind and then by issuer.
    ///
    /// # Errors
    ///
    /// [`VersionError::Store`]: evaluate nothing then.
    fn highest(&self) -> Result<Statements, VersionError>;

    /// The fact `min_versions` for the evaluator, as JSON: `{"epochs": {"https://…": 7}}`. A list of
    /// epochs that was seen once must then be in every request.
    ///
    /// # Errors
    ///
    /// Those of [`Self::highest`]
    fn min_versions(&self) -> Result<String, VersionError> {
        let mut highest = self.highest()?;
        highest.retain(|kind, _| kind == EPOCHS);
        Ok(json!(highest).to_string())
    }
}

/// The kind of revocation epochs, by issuer.
pub const EPOCHS: &str = "epochs";
/// The kind of status lists, by address; the version is the list's `iat`.
pub const STATUS: &str = "status";

/// Versions by kind of statement and then by issuer.
pub type Statements = BTreeMap<String, BTreeMap<String, u64>>;

/// Raises one entry.
fn raise(
    statements: &mut Statements,
    kind: &str,
    iss: &str,
    version: u64,
) -> Result<bool, VersionError> {
    let issuers = statements.entry(kind.to_owned()).or_default();
    let raised = raises(issuers.get(iss).copied(), version)
        .map_err(|unheard| VersionError::of(unheard, kind))?;
    if raised {
        issuers.insert(iss.to_owned(), version);
    }
    Ok(raised)
}

/// Why a version is refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum VersionError {
    /// A higher version was accepted before, or the same with another digest.
    Refused(ModuleError),
    /// A higher version of a statement was seen before.
    Older {
        /// The kind of statement.
        kind: String,
        /// The version seen.
        seen: u64,
        /// The version given.
        version: u64,
    },
    /// A statement that was seen before was not among those heard.
    Missing {
        /// The kind of statement.
        kind: String,
        /// Whose.
        iss: String,
    },
    /// The answer's record does not say in a known form what was heard.
    Record,
    /// The store cannot be read or written.
    Store(io::Error),
}

impl VersionError {
    /// Of statements of a kind.
    pub(crate) fn of(unheard: Unheard, kind: &str) -> Self {
        let kind = kind.to_owned();
        match unheard {
            Unheard::Older { seen, version } => Self::Older {
                kind,
                seen,
                version,
            },
            Unheard::Missing { iss } => Self::Missing { kind, iss },
            Unheard::Record => Self::Record,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.code(),
            Self::Older { .. } => "statement.rollback",
            Self::Missing { .. } => "statement.missing",
            Self::Record => "statement.record",
            Self::Store(_) => "module.store",
        }
    }
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Older {
                kind,
                seen,
                version,
            } => write!(
                f,
                "version {version} of `{kind}` is older than {seen}, which was seen before; fetch the newer one"
            ),
            Self::Missing { kind, iss } => write!(
                f,
                "the `{kind}` of `{iss}` were seen before and are missing; send them with each request"
            ),
            Self::Record => f.write_str("the record does not say which statements were heard"),
            Self::Store(error) => {
                write!(
                    f,
                    "the versions seen before are not known or not kept: {error}"
                )
            }
        }
    }
}

impl std::error::Error for VersionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Older { .. } | Self::Missing { .. } | Self::Record => None,
            Self::Store(error) => Some(error),
        }
    }
}

impl From<io::Error> for VersionError {
    fn from(error: io::Error) -> Self {
        Self::Store(error)
    }
}

/// Remembers until the process ends.
#[derive(Debug, Default)]
pub struct MemoryVersions {
    policies: Mutex<BTreeMap<String, Seen>>,
    statements: Mutex<Statements>,
}

impl MemoryVersions {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl VersionStore for MemoryVersions {
    fn accept(&self, uid: &str, next: Seen) -> Result<(), VersionError> {
        let mut policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = policies.get(uid) {
            seen.admits(next)?;
        }
        policies.insert(uid.to_owned(), next);
        Ok(())
    }
}

impl StatementVersions for MemoryVersions {
    fn raise(&self, kind: &str, iss: &str, version: u64) -> Result<(), VersionError> {
        let mut statements = self
            .statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        raise(&mut statements, kind, iss, version).map(drop)
    }

    fn highest(&self) -> Result<Statements, VersionError> {
        let statements = self.statements.lock();
        Ok(statements.unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Remembers in a file, shared by processes: read and replaced under a lock, and on the disk
/// before a module is accepted.
///
/// A missing file is an empty store; one that cannot be read, or is not understood, refuses every
/// module and gives no statement's version. The lock is a file beside it (`.lock`), because the file itself is replaced.
#[derive(Debug)]
pub struct FileVersions {
    path: PathBuf,
    known: Mutex<Option<(Stamp, Statements)>>,
}

impl FileVersions {
    /// The store in this file; its folder must exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            known: Mutex::default(),
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }

    fn read(&self) -> io::Result<Content> {
        Ok(self.read_stamped()?.0)
    }

    /// With the stamp of the file that was read.
    fn read_stamped(&self) -> io::Result<(Content, Option<Stamp>)> {
        let mut text = String::new();
        let stamp = match File::open(&self.path) {
            Ok(file) => {
                let stamp = Stamp::of(&file.metadata()?);
                file.take(STORE_BYTES).read_to_string(&mut text)?;
                stamp
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Content::default(), None));
            }
            Err(error) => return Err(error),
        };
        let value: Value = serde_json::from_str(&text).map_err(io::Error::other)?;
        let format = value.get("v").and_then(Value::as_str);
        let policies = value.get("policies").and_then(Value::as_object);
        let statements = match (format, value.get("statements")) {
            // The form before statements were kept.
            (Some(FORMAT_1), None) => Some(Statements::new()),
            (Some(FORMAT), Some(statements)) => statements_from(statements),
            _ => None,
        };
        match (policies, statements) {
            (Some(policies), Some(statements)) => {
                let policies = policies.clone();
                let content = Content {
                    policies,
                    statements,
                };
                Ok((content, stamp))
            }
            _ => Err(not_understood()),
        }
    }

    fn write(&self, content: &Content) -> io::Result<()> {
        let temporary = self.beside(".new");
        // One that a crash left, or that somebody put there, is not written through.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private(&temporary)?;
        let store = json!({
            "v": FORMAT, "policies": content.policies, "statements": content.statements,
        });
        file.write_all(format!("{store:#}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        sync_folder(&self.path)
    }

    /// Reads, changes and replaces the file, with everybody else locked out. What `change` does not
    /// change is not written.
    fn update(
        &self,
        change: impl FnOnce(&mut Content) -> Result<bool, VersionError>,
    ) -> Result<(), VersionError> {
        // Closing the file, on every way out, unlocks it.
        let lock = private(&self.beside(".lock"))?;
        lock.lock()?;
        let mut content = self.read()?;
        if change(&mut content)? {
            self.write(&content)?;
        }
        Ok(())
    }
}

/// What the file holds.
#[derive(Default)]
struct Content {
    policies: Map<String, Value>,
    statements: Statements,
}

const FORMAT_1: &str = "ambit-versions-1";
/// A program that knows only the first form refuses this one, and so cannot lose the statements.
const FORMAT: &str = "ambit-versions-2";

impl VersionStore for FileVersions {
    fn accept(&self, uid: &str, next: Seen) -> Result<(), VersionError> {
        self.update(|content| {
            if let Some(entry) = content.policies.get(uid) {
                let seen = seen_from(entry).ok_or_else(not_understood)?;
                seen.admits(next)?;
                if seen == next {
                    return Ok(false);
                }
            }
            let entry = json!({ "version": next.version, "digest": hex(&next.digest) });
            content.policies.insert(uid.to_owned(), entry);
            Ok(true)
        })
    }
}

impl StatementVersions for FileVersions {
    fn raise(&self, kind: &str, iss: &str, version: u64) -> Result<(), VersionError> {
        self.update(|content| raise(&mut content.statements, kind, iss, version))
    }

    /// The file is replaced as a whole, so reading needs no lock; and it is read again only when it is another one, because
    /// every decision asks.
    fn highest(&self) -> Result<Statements, VersionError> {
        let stamp = fs::metadata(&self.path).ok();
        let stamp = stamp.and_then(|file| Stamp::of(&file));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(stamp), Some((kept, statements))) = (&stamp, &*known)
            && kept == stamp
        {
            return Ok(statements.clone());
        }
        let (content, stamp) = self.read_stamped()?;
        *known = stamp.map(|stamp| (stamp, content.statements.clone()));
        Ok(content.statements)
    }
}

fn statements_from(value: &Value) -> Option<Statements> {
    let kinds = value.as_object()?.iter();
    kinds
        .map(|(kind, issuers)| {
            let issuers = issuers.as_object()?.iter();
            let versions = issuers.map(|(iss, version)| Some((iss.clone(), version.as_u64()?)));
            Some((kind.clone(), versions.collect::<Option<_>>()?))
        })
        .collect()
}

fn not_understood() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the file is not a store of versions",
    )
}

fn seen_from(entry: &Value) -> Option<Seen> {
    let version = entry.get("version")?.as_u64()?;
    let digest = from_hex(entry.get("digest")?.as_str()?)?;
    Some(Seen { version, digest })
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| !pair.starts_with('+'))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}
