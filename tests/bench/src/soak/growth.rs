//! What processes hold: memory and open files.

use std::fs;

/// A process that is watched.
pub(super) struct Watched {
    name: String,
    id: u32,
    samples: Vec<(u64, usize)>,
}

/// Bytes that memory may grow by from the second quarter of the time to the last, besides a tenth: what allocators and
/// collectors of garbage hold differs by some megabytes from one moment to the next.
const SLACK: u64 = 12 * 1024 * 1024;
/// The same of open files: a connection that is just being closed, a policy that is just being read.
const FILES: usize = 8;

impl Watched {
    pub(super) fn new(name: impl Into<String>, id: u32) -> Self {
        Self {
            name: name.into(),
            id,
            samples: Vec::new(),
        }
    }

    /// Looks once. A process that has ended is not looked at.
    pub(super) fn look(&mut self) {
        let held = resident(self.id).zip(open_files(self.id));
        self.samples.extend(held);
    }

    /// Says whether anything grew: the highest of the last quarter against the highest of the second.
    pub(super) fn judge(&self) {
        let quarter = self.samples.len() / 4;
        let highest = |samples: &[(u64, usize)]| {
            let memory = samples.iter().map(|(memory, _)| *memory).max();
            memory.zip(samples.iter().map(|(_, files)| *files).max())
        };
        let before = self.samples.get(quarter..2 * quarter).and_then(highest);
        let after = self.samples.get(3 * quarter..).and_then(highest);
        let what = format!("{}: nothing grows", self.name);
        let Some(((memory, files), (later, later_files))) = before.zip(after) else {
            super::say(&what, false, "it ended, or was not looked at often enough");
            return;
        };
        let fits = later <= memory + memory / 10 + SLACK && later_files <= files + FILES;
        let kib = |bytes: u64| bytes / 1024;
        let said = format!(
            "{} to {} KiB, {files} to {later_files} open files",
            kib(memory),
            kib(later)
        );
        super::say(&what, fits, &said);
    }
}

/// Bytes that are in memory.
pub(crate) fn resident(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

fn open_files(id: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{id}/fd")).ok()?.count())
}

/// The processes that this one has started, with their names.
pub(super) fn children() -> Vec<(String, u32)> {
    let own = std::process::id().to_string();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name is in parentheses and may have some of its own.
        let (head, rest) = stat.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        (rest.split_whitespace().nth(1)? == own).then_some((name, id))
    })
    .collect()
}
