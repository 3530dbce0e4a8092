//! Bounded reads, and whether a file has changed.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::fault::Fault;

/// Bytes of a small file: a trust file, a token, a list of revocations, a mapping.
pub(crate) const SMALL: u64 = 1024 * 1024;

/// The text of a small file, without white space around it.
pub(crate) fn text(path: &Path) -> Result<String, Fault> {
    let fault = |code, message: String| Fault::new(code, message).at(path);
    let unread = |error: std::io::Error| {
        let error = error.to_string().to_lowercase();
        let error = error.split(" (os error").next().unwrap_or_default();
        fault("file.read", format!("the file cannot be read: {error}"))
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unread)?;
    file.take(SMALL + 1)
        .read_to_end(&mut bytes)
        .map_err(unread)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > SMALL) {
        return Err(fault("file.size", format!("larger than {SMALL} bytes")));
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| fault("file.text", "the file is not UTF-8".to_owned()))?;
    Ok(text.trim().to_owned())
}

/// When files were last written, and their lengths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Stamp {
    /// Of these files now; one that is not there has none.
    pub(crate) fn of<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let look = |path: &PathBuf| {
            let facts = fs::metadata(path).ok()?;
            Some((facts.modified().ok()?, facts.len()))
        };
        Self(paths.into_iter().map(look).collect())
    }
}
