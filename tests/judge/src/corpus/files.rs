//! Where tests are read from: a folder, or an archive that is held in memory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// More than this is no corpus: the known one has 31,000 files, of 2 KB on average.
const ARCHIVE_BYTES: u64 = 1 << 30;

/// The files of one folder or archive.
#[derive(Debug)]
pub(crate) enum Files {
    /// A folder; paths are those of the file system.
    Folder(PathBuf),
    /// An archive; paths are those inside.
    Archive(BTreeMap<PathBuf, String>),
}

impl Files {
    /// Opens what the user named.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let unreadable = |error: std::io::Error| format!("`{}`: {error}", path.display());
        // Absolute, so that the folders above it can be searched for the root.
        let path = fs::canonicalize(path).map_err(unreadable)?;
        if path.is_dir() {
            return Ok(Self::Folder(path));
        }
        let file = BufReader::new(File::open(&path).map_err(unreadable)?);
        let bounded = GzDecoder::new(file).take(ARCHIVE_BYTES);
        unpack(tar::Archive::new(bounded))
            .map(Self::Archive)
            .map_err(|error| {
                format!(
                    "`{}` cannot be unpacked ({error}): give a folder or a `.tar.gz` archive",
                    path.display()
                )
            })
    }

    /// Every JSON file that could be a test, in the order of the names.
    pub(crate) fn tests(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        match self {
            Self::Folder(folder) => collect(folder, &mut found),
            Self::Archive(files) => found.extend(files.keys().cloned()),
        }
        found.retain(|path| may_be_test(path) && self.has_requests(path));
        found.sort();
        found
    }

    /// A cheap look: the data of the tests is in JSON files as well. A broken file that has the
    /// word is a test that fails, and not one that is passed over.
    fn has_requests(&self, path: &Path) -> bool {
        self.read(path)
            .is_ok_and(|text| text.contains("\"requests\""))
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &Path) -> Result<String, String> {
        match self {
            Self::Folder(_) => fs::read_to_string(path)
                .map_err(|error| format!("`{}` cannot be read: {error}", path.display())),
            Self::Archive(files) => {
                let text = files.get(path).cloned();
                text.ok_or_else(|| format!("the archive has no `{}`", path.display()))
            }
        }
    }

    fn has(&self, path: &Path) -> bool {
        match self {
            Self::Folder(_) => path.is_file(),
            Self::Archive(files) => files.contains_key(path),
        }
    }

    /// The file that a test names: paths start from a root that is some folder above the test.
    pub(crate) fn resolve(&self, test: &Path, name: &str) -> Result<PathBuf, String> {
        test.ancestors()
            .skip(1)
            .map(|folder| folder.join(name))
            .find(|path| self.has(path))
            .ok_or_else(|| {
                format!(
                    "it names `{name}`, which is in no folder above it: keep the test and its files \
                     where they were, or unpack the archive again"
                )
            })
    }
}

fn may_be_test(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".json") && !name.ends_with(".entities.json") && !name.starts_with('.')
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn unpack(
    mut archive: tar::Archive<impl std::io::Read>,
) -> std::io::Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?.components().collect::<PathBuf>();
        let path = path
            .strip_prefix(".")
            .map_or_else(|_| path.clone(), Path::to_path_buf);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        // Something that is no text is no part of a test.
        if let Ok(text) = String::from_utf8(bytes) {
            files.insert(path, text);
        }
    }
    Ok(files)
}
