//! The last good policy, on disk.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ambit_core::limits::MODULE_BYTES;
use ambit_token::module::ENVELOPE_BYTES;
use serde_json::{Value, json};

use crate::address::Address;
use crate::digest_of;
use crate::error::StoreError;
use crate::remote::{Fetched, Marks};

/// The kept policy, the one that takes its place, and what keeps two processes apart.
const KEPT: &str = "policy.kept";
const NEXT: &str = "policy.next";
const LOCK: &str = "policy.lock";
const FORMAT: &str = "ambit-kept-1";
/// Bytes of each of the lines that stand before a policy: the digest of all that follows, and what it is.
const HEAD: usize = 8 * 1024;

/// The folder in which the last good policy of an address lies. It is one file, which is replaced as a whole.
#[derive(Clone, Debug)]
pub struct Keep {
    folder: PathBuf,
}

/// A policy that lay there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The policy as it was fetched.
    pub fetched: Fetched,
    /// Whether it was written to take the other's place, and did not come so far.
    pub is_next: bool,
}

/// A policy that is written and does not count yet; dropped, it is taken out again.
#[derive(Debug)]
pub struct Offered<'k> {
    keep: &'k Keep,
    taken: bool,
    /// Closing it lets others in.
    _lock: File,
}

impl Keep {
    /// This folder, which is made where there is none, its owner's alone.
    ///
    /// # Errors
    ///
    /// `store.kept`
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder.create(folder).map_err(|error| unkept(&error))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was kept of this address, the newest first. What is damaged or of another address is not there.
    #[must_use]
    pub fn read(&self, address: &Address) -> Vec<Kept> {
        let read = |name, is_next| {
            let fetched = read(&self.folder.join(name), address)?;
            Some(Kept { fetched, is_next })
        };
        [read(NEXT, true), read(KEPT, false)]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Writes a policy beside the kept one, on the disk. It counts once it [is taken](Offered::take).
    ///
    /// # Errors
    ///
    /// `store.kept`
    pub fn offer(&self, address: &Address, fetched: &Fetched) -> Result<Offered<'_>, StoreError> {
        let lock = self.lock()?;
        self.write_next(address, fetched)
            .map_err(|error| unkept(&error))?;
        Ok(Offered {
            keep: self,
            taken: false,
            _lock: lock,
        })
    }

    fn lock(&self) -> Result<File, StoreError> {
        let open = || {
            let mut options = File::options();
            options.read(true).write(true).create(true).truncate(false);
            #[cfg(unix)]
            {
                use std::os::unix::fs::OpenOptionsExt as _;
                options.mode(0o600);
            }
            let file = options.open(self.folder.join(LOCK))?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(|error: io::Error| unkept(&error))
    }

    fn write_next(&self, address: &Address, fetched: &Fetched) -> io::Result<()> {
        let signature = fetched.signature.as_deref();
        let mut rest = fetched.module.clone();
        rest.extend_from_slice(signature.unwrap_or_default());
        let head = json!({
            "v": FORMAT,
            "source": address.to_string(),
            "marks": fetched.marks.to_json(),
            "module": fetched.module.len(),
            "signature": signature.map(<[u8]>::len),
        });
        let mut bytes = format!("{head}\n").into_bytes();
        bytes.extend_from_slice(&rest);
        // Beside it and renamed, so that what another process reads is whole.
        let mut file = tempfile::Builder::new()
            .prefix(".kept")
            .tempfile_in(&self.folder)?;
        file.write_all(format!("{}\n", digest_of(&bytes)).as_bytes())?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.folder.join(NEXT))?;
        self.sync()
    }

    fn replace(&self) -> io::Result<()> {
        fs::rename(self.folder.join(NEXT), self.folder.join(KEPT))?;
        self.sync()
    }

    /// A rename is durable only when its folder is.
    fn sync(&self) -> io::Result<()> {
        match cfg!(unix) {
            true => File::open(&self.folder)?.sync_all(),
            false => Ok(()),
        }
    }
}

impl Offered<'_> {
    /// Lets it count.
    ///
    /// # Errors
    ///
    /// `store.kept`
    pub fn take(mut self) -> Result<(), StoreError> {
        self.taken = true;
        self.keep.replace().map_err(|error| unkept(&error))
    }
}

impl Drop for Offered<'_> {
    fn drop(&mut self) {
        if !self.taken {
            // What stays is looked at when the process starts, and refused then.
            let _ = fs::remove_file(self.keep.folder.join(NEXT));
        }
    }
}

fn read(path: &Path, address: &Address) -> Option<Fetched> {
    let most = MODULE_BYTES + ENVELOPE_BYTES + HEAD;
    // Opening a pipe would wait for whoever writes to it.
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).ok()?.saturating_add(1);
    File::open(path)
        .ok()?
        .take(limit)
        .read_to_end(&mut bytes)
        .ok()?;
    let (digest, bytes) = line(&bytes)?;
    if digest != digest_of(bytes).as_bytes() {
        return None;
    }
    let (head, rest) = line(bytes)?;
    let head: Value = serde_json::from_slice(head).ok()?;
    if head["v"] != FORMAT || head["source"] != address.to_string().as_str() {
        return None;
    }
    let length = |name: &str| usize::try_from(head.get(name)?.as_u64()?).ok();
    let (module, signature) = rest.split_at_checked(length("module")?)?;
    let signature = match &head["signature"] {
        Value::Null => None,
        _ if length("signature")? == signature.len() => Some(signature.to_vec()),
        _ => return None,
    };
    Some(Fetched {
        module: module.to_vec(),
        signature,
        marks: Marks::from_json(&head["marks"]),
    })
}

/// The first line, and what stands behind it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().take(HEAD).position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((line, rest.get(1..)?))
}

fn unkept(error: &io::Error) -> StoreError {
    let why = error.to_string().to_lowercase();
    let why = why.split(" (os error").next().unwrap_or_default();
    StoreError::new(
        "store.kept",
        format!("the policy cannot be kept in its folder: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(text: &str) -> Fetched {
        Fetched {
            module: text.as_bytes().to_vec(),
            signature: Some(b"{}".to_vec()),
            marks: Marks::Manifest(digest_of(text.as_bytes())),
        }
    }

    fn address() -> Address {
        Address::parse("oci://r.example/a:1").unwrap()
    }

    #[test]
    fn what_was_taken_is_there_and_what_was_not_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep::open(folder.path()).unwrap();
        assert_eq!(keep.read(&address()), []);
        keep.offer(&address(), &fetched("a"))
            .unwrap()
            .take()
            .unwrap();
        drop(keep.offer(&address(), &fetched("b")).unwrap());
        let kept = keep.read(&address());
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].fetched, fetched("a"));
        // Of another address it is not there.
        let other = Address::parse("oci://r.example/a:2").unwrap();
        assert_eq!(keep.read(&other), []);
    }

    #[test]
    fn one_that_a_crash_left_comes_first_and_can_be_promoted() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep::open(folder.path()).unwrap();
        keep.offer(&address(), &fetched("a"))
            .unwrap()
            .take()
            .unwrap();
        std::mem::forget(keep.offer(&address(), &fetched("b")).unwrap());
        let keep = Keep::open(folder.path()).unwrap();
        let kept = keep.read(&address());
        assert!(kept[0].is_next && kept[0].fetched == fetched("b"));
        assert!(!kept[1].is_next && kept[1].fetched == fetched("a"));
    }

    #[test]
    fn what_is_damaged_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep::open(folder.path()).unwrap();
        keep.offer(&address(), &fetched("abc"))
            .unwrap()
            .take()
            .unwrap();
        let path = folder.path().join(KEPT);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(keep.read(&address()), [], "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(keep.read(&address()), [], "cut at {at}");
        }
    }
}
