//! Reading files of bounded size, and making those that are their owner's alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ambit_core::limits::{BUNDLE_BYTES, MODULE_BYTES};
use ambit_token::module::ENVELOPE_BYTES;

use crate::error::LoadError;

/// Where the detached signature of a module lies: `policy.wasm` has `policy.wasm.dsse.json`, and so has its
/// bundle, `policy.bundle`: both have one signature.
#[must_use]
pub fn detached_path(policy: &Path) -> PathBuf {
    let is_bundle = policy.extension().is_some_and(|name| name == "bundle");
    let mut name = if is_bundle {
        policy.with_extension("wasm").into_os_string()
    } else {
        policy.as_os_str().to_owned()
    };
    name.push(".dsse.json");
    name.into()
}

/// Where the bundle of a module lies when it travels alone: `policy.wasm` has `policy.bundle`.
#[must_use]
pub fn bundle_path(module: &Path) -> PathBuf {
    module.with_extension("bundle")
}

/// Opens a file for reading and writing. A new one is its owner's alone, whatever the umask: it says
/// who did what, or what is still allowed.
pub(crate) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let mut new = options.clone();
    new.create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        new.mode(0o600);
    }
    match new.open(path) {
        Ok(file) => {
            own(&file)?;
            Ok(file)
        }
        // Somebody else may have made it between the two: then it is there now.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        Err(error) => Err(error),
    }
}

/// A umask may have taken the owner's own rights away.
fn own(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// A rename, or a new name, is durable only when its folder is.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

pub(crate) fn read_module(path: &Path) -> Result<Vec<u8>, LoadError> {
    read(path, MODULE_BYTES)
}

pub(crate) fn read_bundle(path: &Path) -> Result<Vec<u8>, LoadError> {
    read(path, BUNDLE_BYTES)
}

pub(crate) fn read_signature(path: &Path) -> Result<Vec<u8>, LoadError> {
    read(path, ENVELOPE_BYTES)
}

/// The size is asked first and enforced while reading, because the file may grow meanwhile.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, LoadError> {
    let plain = |facts: std::fs::Metadata| match facts.is_file() {
        true => Ok(facts),
        false => {
            let not_a_file = io::Error::new(io::ErrorKind::InvalidInput, "not a plain file");
            Err(LoadError::Read(not_a_file))
        }
    };
    // Asked before, too: opening a pipe would wait for whoever writes to it.
    std::fs::metadata(path)
        .map_err(LoadError::Read)
        .and_then(plain)?;
    let file = File::open(path).map_err(LoadError::Read)?;
    let facts = file.metadata().map_err(LoadError::Read).and_then(plain)?;
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    if facts.len() > most {
        return Err(LoadError::Size { limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(LoadError::Read)?;
    if bytes.len() > limit {
        return Err(LoadError::Size { limit });
    }
    Ok(bytes)
}
