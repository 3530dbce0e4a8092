//! The highest version of each policy that was ever accepted (TUF: no rollback).

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ambit_token::module::{ModuleError, check_seen};
use serde_json::{Map, Value, json};

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

/// Why a version is refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum VersionError {
    /// A higher version was accepted before, or the same with another digest.
    Refused(ModuleError),
    /// The store cannot be read or written.
    Store(io::Error),
}

impl VersionError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.code(),
            Self::Store(_) => "module.store",
        }
    }
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Store(error) => write!(f, "the versions seen before are not known: {error}"),
        }
    }
}

impl std::error::Error for VersionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
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
pub struct MemoryVersions(Mutex<BTreeMap<String, Seen>>);

impl MemoryVersions {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl VersionStore for MemoryVersions {
    fn accept(&self, uid: &str, next: Seen) -> Result<(), VersionError> {
        let mut policies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = policies.get(uid) {
            seen.admits(next)?;
        }
        policies.insert(uid.to_owned(), next);
        Ok(())
    }
}

/// Remembers in a file, shared by processes: read and replaced under a lock, and on the disk
/// before a module is accepted.
///
/// A missing file is an empty store; one that cannot be read, or is not understood, refuses every
/// module. The lock is a file beside it (`.lock`), because the file itself is replaced.
#[derive(Debug)]
pub struct FileVersions {
    path: PathBuf,
}

impl FileVersions {
    /// The store in this file; its folder must exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }

    fn read(&self) -> io::Result<Map<String, Value>> {
        let mut text = String::new();
        match File::open(&self.path) {
            Ok(file) => file.take(STORE_BYTES).read_to_string(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
            Err(error) => return Err(error),
        };
        let value: Value = serde_json::from_str(&text).map_err(io::Error::other)?;
        match (value.get("v"), value.get("policies")) {
            (Some(v), Some(Value::Object(policies))) if v == FORMAT => Ok(policies.clone()),
            _ => Err(not_understood()),
        }
    }

    fn write(&self, policies: Map<String, Value>) -> io::Result<()> {
        let temporary = self.beside(".new");
        let mut file = File::create(&temporary)?;
        let store = json!({ "v": FORMAT, "policies": policies });
        file.write_all(format!("{store:#}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        sync_folder(&self.path)
    }
}

const FORMAT: &str = "ambit-versions-1";

impl VersionStore for FileVersions {
    fn accept(&self, uid: &str, next: Seen) -> Result<(), VersionError> {
        // Closing the file, on every way out, unlocks it.
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.beside(".lock"))?;
        lock.lock()?;
        let mut policies = self.read()?;
        if let Some(entry) = policies.get(uid) {
            let seen = seen_from(entry).ok_or_else(not_understood)?;
            seen.admits(next)?;
            if seen == next {
                return Ok(());
            }
        }
        let entry = json!({ "version": next.version, "digest": hex(&next.digest) });
        policies.insert(uid.to_owned(), entry);
        Ok(self.write(policies)?)
    }
}

/// A rename is durable only when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
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
