//! Revocation epochs, which go with every request.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::fault::Fault;
use crate::files::{self, Followed, Stamp};

/// Files with one signed statement each (`revocation-epochs+jwt`). Somebody else fetches and replaces them.
#[derive(Debug)]
pub struct Statements {
    paths: Vec<PathBuf>,
    kept: RwLock<Arc<[String]>>,
    followed: Mutex<Followed>,
}

impl Statements {
    /// Reads them all. The evaluator verifies them, with each request.
    ///
    /// # Errors
    ///
    /// [`Fault`] for one that cannot be read: what it revokes would not be revoked.
    pub fn open(paths: Vec<PathBuf>) -> Result<Self, Fault> {
        let stamp = Stamp::of(&paths);
        let kept = read(&paths)?;
        Ok(Self {
            paths,
            kept: RwLock::new(kept),
            followed: Mutex::new(Followed::new(stamp)),
        })
    }

    /// Reads them anew where one has changed; `None` where none has, or the fault was told before. After a fault
    /// the last ones stay, which still revoke what they name.
    pub fn refresh(&self) -> Option<Result<(), Fault>> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.follow(Stamp::of(&self.paths), || {
            let kept = read(&self.paths)?;
            *self.kept.write().unwrap_or_else(PoisonError::into_inner) = kept;
            Ok(())
        })
    }

    pub(crate) fn kept(&self) -> Arc<[String]> {
        let kept = self.kept.read();
        Arc::clone(&kept.unwrap_or_else(PoisonError::into_inner))
    }
}

fn read(paths: &[PathBuf]) -> Result<Arc<[String]>, Fault> {
    paths.iter().map(|path| files::text(path)).collect()
}
