//! An MCP server that is a program beside us.

use std::ffi::OsString;
use std::io;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ambit_gateway::mcp::{Connect, Link};

/// How long a server may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that is started, once for each session.
#[derive(Debug)]
pub(crate) struct Program(pub(crate) Vec<OsString>);

impl Connect for Program {
    fn connect(&self) -> io::Result<Link> {
        let mut words = self.0.iter();
        let mut child = Command::new(words.next().cloned().unwrap_or_default())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let guard = Box::new(Started(child));
        match (input, output) {
            (Some(input), Some(output)) => Ok(Link {
                from: Box::new(output),
                to: Box::new(input),
                guard,
            }),
            _ => Err(io::Error::other("it has no standard input or output")),
        }
    }
}

/// One that was started, and ends with this.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// Its input is closed: it ends by itself, or is ended.
fn end(server: &mut Child) {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if !matches!(server.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    // It may have ended in this moment.
    let _ = server.kill();
    let _ = server.wait();
}
