//! The folder of a cache: whose it is, its key, and how much is in it.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How the names of files with code end; others are left alone.
const ENDING: &str = ".ambit-code";
/// How files begin that are not yet whole.
const BEGINNING: &str = ".ambit-new-";
/// The name of the key's file.
const KEY: &str = "key";
/// Files with code: of a few dozen policies, and of a few versions of wasmtime.
const FILES: usize = 64;
/// Bytes of all files with code. One of the evaluator has some 2 MB.
const BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of one file.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// After that time a file that is not whole was left by a process that ended.
const LEFT_BEHIND: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Whose it is: the user of this process.
    owner: u32,
}

impl Folder {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        create(&path)?;
        let facts = fs::symlink_metadata(&path)?;
        if !facts.is_dir() {
            return Err(refused("the folder for compiled code is not a folder"));
        }
        // A new file belongs to the user of this process. It has no name, and is gone when closed.
        let owner = owner(&tempfile::tempfile_in(&path)?.metadata()?)?;
        let folder = Self { path, owner };
        folder.check(&facts, 0o022)?;
        Ok(folder)
    }

    /// The key, made at random by whoever comes first.
    pub(super) fn key(&self) -> io::Result<[u8; 32]> {
        let path = self.path.join(KEY);
        if !path.try_exists()? {
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(io::Error::other)?;
            match self.beside(&[&key])?.persist_noclobber(&path) {
                Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error.error);
                }
                _ => {}
            }
        }
        let mut file = self.open_file(&path, 0o077)?;
        let mut key = [0; 32];
        let mut more = [0; 1];
        file.read_exact(&mut key)?;
        if file.read(&mut more)? > 0 {
            return Err(refused("the key for compiled code is no key"));
        }
        Ok(key)
    }

    /// A file with code, read once; `None` when it is not there or not of this form.
    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.open_file(&self.file(name), 0o022).ok()?;
        let length = file.metadata().ok()?.len();
        let mut bytes = Vec::with_capacity(usize::try_from(length.min(FILE_BYTES)).ok()?);
        file.take(FILE_BYTES).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Writes a file with code, whole or not at all.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if u64::try_from(length).is_ok_and(|length| length < FILE_BYTES) {
            // What cannot be written is compiled again the next time.
            let _ = self
                .beside(parts)
                .and_then(|file| Ok(file.persist(self.file(name))?));
            self.make_room();
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{ENDING}"))
    }

    /// A new file in the folder, its owner's alone (as `tempfile` makes it), that has no name to be read by.
    fn beside(&self, parts: &[&[u8]]) -> io::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::Builder::new()
            .prefix(BEGINNING)
            .tempfile_in(&self.path)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.as_file().sync_all()?;
        Ok(file)
    }

    /// Opens a plain file of ours. Looked at before, because opening a pipe would wait; and after,
    /// because only that is sure to be the file that is read.
    fn open_file(&self, path: &Path, forbidden: u32) -> io::Result<File> {
        let plain = |facts: Metadata| match facts.is_file() {
            true => self.check(&facts, forbidden),
            false => Err(refused("not a plain file")),
        };
        plain(fs::symlink_metadata(path)?)?;
        let file = File::open(path)?;
        plain(file.metadata()?)?;
        Ok(file)
    }

    fn check(&self, facts: &Metadata, forbidden: u32) -> io::Result<()> {
        if owner(facts)? != self.owner {
            return Err(refused("the compiled code belongs to another user"));
        }
        if mode(facts)? & forbidden != 0 {
            return Err(refused("others have rights to the compiled code"));
        }
        Ok(())
    }

    /// Removes the oldest files above the bounds, and what processes left that ended while they wrote.
    fn make_room(&self) {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let Some((written, length)) = written(&entry) else {
                continue;
            };
            if name.ends_with(ENDING) {
                kept.push((written, length, entry.path()));
            } else if name.starts_with(BEGINNING)
                && written.elapsed().is_ok_and(|age| age > LEFT_BEHIND)
            {
                let _ = fs::remove_file(entry.path());
            }
        }
        kept.sort_by_key(|(written, ..)| std::cmp::Reverse(*written));
        let mut bytes = 0_u64;
        for (number, (_, length, path)) in kept.iter().enumerate() {
            bytes = bytes.saturating_add(*length);
            if number >= FILES || bytes > BYTES {
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn written(entry: &fs::DirEntry) -> Option<(SystemTime, u64)> {
    let facts = entry.metadata().ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(unix)]
fn owner(facts: &Metadata) -> io::Result<u32> {
    Ok(std::os::unix::fs::MetadataExt::uid(facts))
}

#[cfg(unix)]
fn mode(facts: &Metadata) -> io::Result<u32> {
    Ok(std::os::unix::fs::MetadataExt::mode(facts))
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path)
}

#[cfg(not(unix))]
fn owner(_: &Metadata) -> io::Result<u32> {
    Err(refused(
        "who may write to a folder cannot be told on this system",
    ))
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> io::Result<u32> {
    Err(refused(
        "who may write to a folder cannot be told on this system",
    ))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn age(path: &Path, hours: u64) {
        let then = SystemTime::now() - Duration::from_hours(hours);
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(then)
            .unwrap();
    }

    #[test]
    fn the_oldest_files_go_first_and_others_stay() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path().join("code")).unwrap();
        let in_folder = |name: &str| folder.path.join(name);
        for number in 0..FILES {
            folder.write(&number.to_string(), &[b"code"]);
            age(&folder.file(&number.to_string()), 100 - number as u64);
        }
        for (name, hours) in [
            ("theirs", 200),
            (".ambit-new-left", 2),
            (".ambit-new-now", 0),
        ] {
            fs::write(in_folder(name), b"").unwrap();
            age(&in_folder(name), hours);
        }
        folder.write("one more", &[b"co", b"de"]);
        assert!(folder.read("0").is_none());
        assert!(folder.read("1").is_some());
        assert_eq!(folder.read("one more").unwrap(), b"code");
        assert!(in_folder("theirs").exists());
        assert!(!in_folder(".ambit-new-left").exists());
        assert!(in_folder(".ambit-new-now").exists());
    }

    #[test]
    fn all_files_together_are_bounded() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path().join("code")).unwrap();
        for number in 0..6 {
            let name = number.to_string();
            folder.write(&name, &[b"code"]);
            let file = File::options()
                .write(true)
                .open(folder.file(&name))
                .unwrap();
            file.set_len(FILE_BYTES - 1).unwrap();
            age(&folder.file(&name), 100 - number);
        }
        folder.write("last", &[b"more code"]);
        let left = (0..6).filter(|number| folder.file(&number.to_string()).exists());
        assert_eq!(left.collect::<Vec<_>>(), [3, 4, 5]);
        // A file that is too long is not even begun.
        folder.write("huge", &[&vec![0; usize::try_from(FILE_BYTES).unwrap()]]);
        assert!(!folder.file("huge").exists());
    }
}
