//! An MCP server that is a program beside us.

#[cfg(unix)]
mod keeper;

use std::ffi::OsString;
use std::io;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ambit_gateway::mcp::{Connect, Link};

/// How long a server may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same once it was told to, and is killed after a second.
#[cfg(unix)]
const TOLD: Duration = Duration::from_secs(3);

/// A server that is started, once for each session.
#[derive(Debug)]
pub(crate) struct Program(pub(crate) Vec<OsString>);

impl Connect for Program {
    fn connect(&self) -> io::Result<Link> {
        let mut words = self.0.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // Its group is what ends with it: what it starts besides belongs to that.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let started = Started(child);
        #[cfg(unix)]
        keeper::begun(started.0.id()).map_err(|error| {
            io::Error::other(format!(
                "nothing would end what it starts (/bin/sh): {error}"
            ))
        })?;
        match (input, output) {
            (Some(input), Some(output)) => Ok(Link {
                from: Box::new(output),
                to: Box::new(input),
                guard: Box::new(started),
            }),
            _ => Err(io::Error::other("it has no standard input or output")),
        }
    }
}

/// One that was started, and ends with this, and what it started.
struct Started(Child);

impl Drop for Started {
    /// Its input is closed: it ends by itself, or is ended.
    fn drop(&mut self) {
        let has_ended = ends_within(&mut self.0, PATIENCE);
        #[cfg(unix)]
        let has_ended =
            keeper::ended(self.0.id()).is_ok() && (has_ended || ends_within(&mut self.0, TOLD));
        if !has_ended {
            // It may have ended in this moment.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

fn ends_within(server: &mut Child, time: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < time {
        if !matches!(server.try_wait(), Ok(None)) {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}
