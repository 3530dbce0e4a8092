//! Groups of processes: a server's, which may have started others, through a shell or `npx`.
//!
//! A process of its own ends them, so that they end even where this one is killed.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

const SCRIPT: &str = include_str!("keeper.sh");

/// The one of this process, from its first server on.
static KEEPER: Mutex<Keeper> = Mutex::new(Keeper {
    process: None,
    groups: BTreeSet::new(),
});

struct Keeper {
    process: Option<Child>,
    groups: BTreeSet<u32>,
}

/// A server leads this group now, which ends at the latest when this process does.
pub(super) fn begun(group: u32) -> io::Result<()> {
    let mut keeper = KEEPER.lock().unwrap_or_else(PoisonError::into_inner);
    keeper.groups.insert(group);
    keeper.tell(&format!("begun {group}\n"))
}

/// What is left of this group is to end now: within a second, if it does not do so by itself.
pub(super) fn ended(group: u32) -> io::Result<()> {
    let mut keeper = KEEPER.lock().unwrap_or_else(PoisonError::into_inner);
    let told = keeper.tell(&format!("ended {group}\n"));
    keeper.groups.remove(&group);
    told
}

impl Keeper {
    fn tell(&mut self, line: &str) -> io::Result<()> {
        if let Some(process) = &mut self.process {
            if write(process, line).is_ok() {
                return Ok(());
            }
            // Somebody has ended it.
            let _ = process.wait();
        }
        let mut process = start()?;
        for group in &self.groups {
            write(&mut process, &format!("begun {group}\n"))?;
        }
        // A group that has begun is told twice then, which changes nothing.
        write(&mut process, line)?;
        self.process = Some(process);
        Ok(())
    }
}

/// In a group of its own: whoever ends ours leaves it its time.
fn start() -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", SCRIPT, "ambit-keeper"])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

fn write(process: &mut Child, line: &str) -> io::Result<()> {
    let input = process.stdin.as_mut();
    input.map_or(Ok(()), |input| input.write_all(line.as_bytes()))
}
