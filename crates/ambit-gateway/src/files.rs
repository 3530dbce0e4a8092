//! Bounded reads, and whether a file has changed.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::fault::Fault;

/// Bytes of a small file: a trust file, a token, a list of revocations, a mapping.
pub(crate) const SMALL: u64 = 1024 * 1024;

/// The text of a small file, without white space around it.
///
/// # Errors
///
/// `file.read`, `file.size`, `file.text`.
pub fn text(path: &Path) -> Result<String, Fault> {
    bounded(path, SMALL)
}

/// The text of a file of at most so many bytes, of which no more are read, without white space around it.
///
/// # Errors
///
/// Those of [`text`].
pub(crate) fn bounded(path: &Path, most: u64) -> Result<String, Fault> {
    Ok(whole(path, most)?.trim().to_owned())
}

/// The same, with all its white space.
///
/// # Errors
///
/// Those of [`text`].
pub(crate) fn whole(path: &Path, most: u64) -> Result<String, Fault> {
    let fault = |code, message: String| Fault::new(code, message).at(path);
    let unread = |error: std::io::Error| {
        let error = error.to_string().to_lowercase();
        let error = error.split(" (os error").next().unwrap_or_default();
        fault("file.read", format!("the file cannot be read: {error}"))
    };
    let mut bytes = Vec::new();
    // Opening a pipe waits for whoever writes to it.
    if !fs::metadata(path).map_err(unread)?.is_file() {
        return Err(fault("file.read", "this is not a file".to_owned()));
    }
    let file = File::open(path).map_err(unread)?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(unread)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > most) {
        return Err(fault("file.size", format!("larger than {most} bytes")));
    }
    let text = String::from_utf8(bytes);
    text.map_err(|_| fault("file.text", "the file is not UTF-8".to_owned()))
}

/// What tells a file from the one that stood there before. A file can be replaced by one of the same time and
/// length, and is another one then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<Option<(SystemTime, u64, [i64; 3])>>);

impl Stamp {
    /// Of these files now; one that is not there has none.
    pub(crate) fn of<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let look = |path: &PathBuf| {
            let facts = fs::metadata(path).ok()?;
            Some((facts.modified().ok()?, facts.len(), place(&facts)))
        };
        Self(paths.into_iter().map(look).collect())
    }
}

/// Which file it is, and when anything of it was changed last.
#[cfg(unix)]
fn place(facts: &fs::Metadata) -> [i64; 3] {
    use std::os::unix::fs::MetadataExt as _;
    [facts.ino().cast_signed(), facts.ctime(), facts.ctime_nsec()]
}

#[cfg(not(unix))]
const fn place(_: &fs::Metadata) -> [i64; 3] {
    [0; 3]
}

/// Files that were read, and the fault that was told of them since.
#[derive(Debug)]
pub(crate) struct Followed {
    stamp: Option<Stamp>,
    told: Option<String>,
}

impl Followed {
    pub(crate) const fn new(stamp: Stamp) -> Self {
        Self {
            stamp: Some(stamp),
            told: None,
        }
    }

    /// Files of which nobody said yet whether they could be read.
    pub(crate) const fn unread() -> Self {
        Self {
            stamp: None,
            told: None,
        }
    }

    /// Reads files anew that are others now. A fault is told once, and tried again until it is none.
    pub(crate) fn follow<T>(
        &mut self,
        stamp: Stamp,
        read: impl FnOnce() -> Result<T, Fault>,
    ) -> Option<Result<T, Fault>> {
        if self.stamp.as_ref() == Some(&stamp) {
            return None;
        }
        self.came(Some(stamp), read())
    }

    /// What came of something besides the files. A fault is told once.
    pub(crate) fn beside<T>(&mut self, came: Result<T, Fault>) -> Option<Result<T, Fault>> {
        self.came(self.stamp.clone(), came)
    }

    /// Which files there are cannot be told: whatever is found next is read.
    pub(crate) fn lost(&mut self, fault: Fault) -> Option<Fault> {
        self.stamp = None;
        self.came(None, Err::<(), _>(fault))?.err()
    }

    fn came<T>(
        &mut self,
        stamp: Option<Stamp>,
        came: Result<T, Fault>,
    ) -> Option<Result<T, Fault>> {
        let told = came.as_ref().err().map(Fault::to_string);
        if came.is_ok() {
            self.stamp = stamp;
        }
        let is_new = told.is_none() || told != self.told;
        self.told = told;
        is_new.then_some(came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_same_time_and_length_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let (path, next) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "41").unwrap();
        fs::write(&next, "42").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        File::options()
            .write(true)
            .open(&next)
            .unwrap()
            .set_modified(time)
            .unwrap();
        let before = Stamp::of([&path]);
        assert_eq!(before, Stamp::of([&path]));
        fs::rename(&next, &path).unwrap();
        assert_ne!(before, Stamp::of([&path]));
    }

    #[test]
    fn a_fault_is_told_once_and_tried_again() {
        let stamp = |length| Stamp(vec![Some((SystemTime::UNIX_EPOCH, length, [0; 3]))]);
        let mut followed = Followed::new(stamp(1));
        let fault = |text: &str| Err::<(), _>(Fault::new("file.read", text));
        let mut told = |length, came| {
            followed
                .follow(stamp(length), || came)
                .map(|came| came.is_ok())
        };
        assert_eq!(told(1, Ok(())), None);
        assert_eq!(told(2, fault("a")), Some(false));
        assert_eq!(told(2, fault("a")), None);
        assert_eq!(told(2, fault("b")), Some(false));
        assert_eq!(told(2, Ok(())), Some(true));
        assert_eq!(told(2, fault("b")), None);
        assert_eq!(told(3, fault("b")), Some(false));
    }
}
