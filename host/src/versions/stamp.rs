//! By what a file is known again.

use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which file was read. It is replaced and never changed, so the same one says the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp(u64, u64, u64, [i64; 4]);

impl Stamp {
    /// `None` where files have no names of their own, or where this one is so new that the clock of the disk could give
    /// its time to the next one as well.
    pub(super) fn of(file: &Metadata) -> Option<Self> {
        const SETTLED: Duration = Duration::from_secs(1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let age = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
            let made = Duration::from_secs(u64::try_from(file.ctime()).ok()?);
            let times = [
                file.mtime(),
                file.mtime_nsec(),
                file.ctime(),
                file.ctime_nsec(),
            ];
            // Its time has no part of a second here, so this asks for one more.
            let is_settled = age.checked_sub(made)? > SETTLED * 2;
            is_settled.then(|| Self(file.dev(), file.ino(), file.len(), times))
        }
        #[cfg(not(unix))]
        {
            let _ = (file, SETTLED);
            None
        }
    }
}
