//! Files: bounded reads, writes that are whole or not there.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Bytes of a small file: claims, keys, a trust file, a token with room for a line end.
pub(crate) const SMALL: usize = 1024 * 1024;

/// Where input comes from: a file, or standard input written as `-`.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    /// For clap.
    pub(crate) fn parse(text: &str) -> Result<Self, std::convert::Infallible> {
        Ok(if text == "-" {
            Self::Stdin
        } else {
            Self::File(text.into())
        })
    }

    /// All of it, at most `limit` bytes.
    pub(crate) fn read(&self, limit: usize) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Stdin => bounded(io::stdin().lock(), limit)
                .map_err(|fault| fault.failure("standard input", limit)),
            Self::File(path) => read(path, limit),
        }
    }

    /// How it is called in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The text of a small file.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let not_text = |_| Failure::unusable("file.text", "the file is not UTF-8").at(path);
    String::from_utf8(read(path, SMALL)?).map_err(not_text)
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    open(path)
        .and_then(|file| bounded(file, limit))
        .map_err(|fault| fault.failure(&path.display().to_string(), limit))
}

enum Fault {
    Io(io::Error),
    Size,
    Folder,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Fault {
    fn failure(&self, place: &str, limit: usize) -> Failure {
        let failure = match self {
            Self::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                Failure::unusable("file.missing", "the file does not exist").help("check the path")
            }
            Self::Io(error) => Failure::unusable(
                "file.read",
                format!("the file cannot be read: {}", plain(error)),
            ),
            Self::Size => Failure::unusable("file.size", format!("larger than {limit} bytes"))
                .help("check that this is the right file"),
            Self::Folder => Failure::unusable("file.read", "this is a folder, not a file"),
        };
        failure.at_place(place)
    }
}

fn open(path: &Path) -> Result<File, Fault> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(Fault::Folder);
    }
    Ok(file)
}

fn bounded(reader: impl Read, limit: usize) -> Result<Vec<u8>, Fault> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    reader
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        Err(Fault::Size)
    } else {
        Ok(bytes)
    }
}

/// An error of the system without its number, which says nothing to people.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Writes a file so that it is there whole or not at all; an older one is replaced.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    temporary(path, bytes, 0o666)
        .and_then(|file| file.persist(path).map_err(|error| error.error))
        .map(drop)
        .map_err(|error| unwritable(path, &error))
}

/// Writes a file that must not be there yet.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    create_as(path, bytes, 0o666)
}

/// The same, for its owner alone.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    create_as(path, bytes, 0o600)
}

fn create_as(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let written = temporary(path, bytes, mode)
        .and_then(|file| file.persist_noclobber(path).map_err(|error| error.error));
    match written {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::unusable(
            "file.exists",
            "the file exists already, and is never overwritten",
        )
        .at(path)
        .help("name another file, or remove this one first if nothing needs it")),
        Err(error) => Err(unwritable(path, &error)),
    }
}

fn temporary(path: &Path, bytes: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ambit-");
    // Without it, `tempfile` makes files that only their owner can read. Elsewhere files have no mode.
    #[cfg(not(unix))]
    let _ = mode;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    let mut file = builder.tempfile_in(folder.unwrap_or_else(|| Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let failure = match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::unusable("file.write", "the folder of this file does not exist")
                .help("make the folder first, or name another")
        }
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::AlreadyExists => Failure::unusable(
            "file.write",
            format!("the file cannot be written: {}", plain(error)),
        )
        .help("name a file in a folder that you may write to"),
        _ => Failure::tool(
            "file.write",
            format!("the file cannot be written: {}", plain(error)),
        ),
    };
    failure.at(path)
}

/// The folder of a project must be there.
pub(crate) fn folder(dir: &Path) -> Result<(), Failure> {
    if dir.is_dir() {
        return Ok(());
    }
    Err(
        Failure::unusable("project.folder", "there is no such folder")
            .at(dir)
            .help("name the folder that holds `ambit.toml`; `ambit init DIR` makes one"),
    )
}

/// Makes a folder that need not be new.
pub(crate) fn create_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| unwritable(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(read(&path, 4).is_err());
        assert!(read(folder.path(), 4).is_err());
    }

    #[test]
    fn an_existing_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        create(&path, b"first").unwrap();
        assert!(create(&path, b"second").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
