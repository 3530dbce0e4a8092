//! Which file of a folder of policies decides.

use std::path::{Path, PathBuf};

use ambit_host::{MemoryVersions, Trust};

use super::Source;
use crate::fault::Fault;

/// Files that are looked at; after a fault each is verified at every look.
const MOST: usize = 16;

/// The modules and bundles of a folder, by name.
pub(super) fn candidates(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let unread = |_| Fault::new("file.read", "the folder cannot be read").at(folder);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let fits = path
            .extension()
            .is_some_and(|end| end == "wasm" || end == "bundle");
        // Opening a pipe would wait for whoever writes to it.
        if fits && !hidden && path.is_file() {
            found.push(path);
        }
        if found.len() > MOST {
            let message = format!("there are more than {MOST} policies in the folder");
            return Err(Fault::new("policy.folder", message).at(folder));
        }
    }
    found.sort();
    Ok(found)
}

impl Source {
    /// The file with the highest version that verifies. The rest is passed over.
    ///
    /// Whether it has ended, or an even higher one was seen, is not asked here: an older one must not come in
    /// its place.
    pub(super) fn highest(
        &self,
        folder: &Path,
        trust: &Trust,
        passed_over: &mut Vec<Fault>,
    ) -> Result<PathBuf, Fault> {
        let fault = |message: &str| Fault::new("policy.folder", message).at(folder);
        if self.uid.is_none() {
            return Err(fault(
                "a folder can hold several policies, and none is named",
            ));
        }
        if self.signature.is_some() {
            return Err(fault(
                "one signature cannot be that of every file in a folder",
            ));
        }
        let mut best = None;
        let mut differ = false;
        for path in candidates(folder)? {
            match self.read(&path, trust, i64::MIN, &MemoryVersions::new()) {
                Err(why) => passed_over.push(why),
                Ok(policy) => {
                    let seen = policy.seen();
                    match &best {
                        Some((_, known)) if seen == *known => {}
                        Some((_, known)) if seen.version == known.version => differ = true,
                        Some((_, known)) if seen.version < known.version => {}
                        _ => {
                            best = Some((path, seen));
                            differ = false;
                        }
                    }
                }
            }
        }
        match best {
            Some((_, seen)) if differ => Err(fault(&format!(
                "two different policies there have version {}",
                seen.version
            ))),
            Some((path, _)) => Ok(path),
            None if passed_over.is_empty() => Err(fault("there is no policy in the folder")),
            None => Err(passed_over.remove(0)),
        }
    }
}
