//! Doing something again whenever a project changes.
//!
//! The files are looked at a few times a second. A project has some dozens of them, and this way is the same on
//! every system and file system, those of containers and networks included.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::failure::{Exit, Failure};
use crate::say::{self, DIM};

const PAUSE: Duration = Duration::from_millis(200);
/// What a project is made of; a built module beside it changes nothing.
const FOLDERS: [&str; 3] = ["agents", "policies", "tests"];
const FILES: [&str; 3] = ["ambit.toml", "schema.cedarschema", "entities.json"];

/// When a file was last written, and its length.
type Stamp = (Option<SystemTime>, u64);

/// Does it now and after each change of a project's files, until interrupted. What was refused is told, and
/// the next change tries again; only output that nobody takes any more ends it.
pub(crate) fn project(
    dir: &Path,
    mut once: impl FnMut() -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    if !dir.is_dir() {
        return once();
    }
    loop {
        // Taken before, so that a change during the work is seen.
        let before = stamps(dir);
        match once() {
            Err(failure) if failure.exit() == Exit::Failed => return Err(failure),
            Err(failure) => failure.show(),
            Ok(_) => {}
        }
        say::note(format!(
            "{DIM}waiting for a change in {}{DIM:#}",
            dir.display()
        ));
        let mut last = wait(dir, &before);
        // An editor writes in several steps: the change is over when nothing changed for a while.
        loop {
            thread::sleep(PAUSE);
            let now = stamps(dir);
            if now == last {
                break;
            }
            last = now;
        }
    }
}

fn wait(dir: &Path, before: &BTreeMap<PathBuf, Stamp>) -> BTreeMap<PathBuf, Stamp> {
    loop {
        let now = stamps(dir);
        if now != *before {
            return now;
        }
        thread::sleep(PAUSE);
    }
}

fn stamps(dir: &Path) -> BTreeMap<PathBuf, Stamp> {
    let mut found = BTreeMap::new();
    let mut add = |path: PathBuf| {
        if let Ok(facts) = fs::metadata(&path) {
            found.insert(path, (facts.modified().ok(), facts.len()));
        }
    };
    FILES.iter().for_each(|name| add(dir.join(name)));
    for folder in FOLDERS {
        let entries = fs::read_dir(dir.join(folder));
        for entry in entries.into_iter().flatten().flatten() {
            add(entry.path());
        }
    }
    found
}
