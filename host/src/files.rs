//! Reading files of bounded size.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ambit_core::limits::MODULE_BYTES;
use ambit_token::module::ENVELOPE_BYTES;

use crate::error::LoadError;

/// Where the detached signature of a module lies: `policy.wasm` has `policy.wasm.dsse.json`.
#[must_use]
pub fn detached_path(module: &Path) -> PathBuf {
    let mut name = module.as_os_str().to_owned();
    name.push(".dsse.json");
    name.into()
}

pub(crate) fn read_module(path: &Path) -> Result<Vec<u8>, LoadError> {
    read(path, MODULE_BYTES)
}

pub(crate) fn read_signature(path: &Path) -> Result<Vec<u8>, LoadError> {
    read(path, ENVELOPE_BYTES)
}

/// The size is asked first and enforced while reading, because the file may grow meanwhile.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, LoadError> {
    let file = File::open(path).map_err(LoadError::Read)?;
    let facts = file.metadata().map_err(LoadError::Read)?;
    if !facts.is_file() {
        let not_a_file = io::Error::new(io::ErrorKind::InvalidInput, "not a plain file");
        return Err(LoadError::Read(not_a_file));
    }
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    if facts.len() > most {
        return Err(LoadError::Size { limit });
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(LoadError::Read)?;
    if bytes.len() > limit {
        return Err(LoadError::Size { limit });
    }
    Ok(bytes)
}
