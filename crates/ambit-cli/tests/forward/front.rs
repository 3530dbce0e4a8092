//! Servers in front: started where they are there, found by their address, and ended.

use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(30);

/// Whether a test of a server is skipped, which is not here. In CI it must be.
pub(crate) fn skips(is_there: bool, missing: &str) -> bool {
    if !is_there {
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("skipped: {missing}");
    }
    !is_there
}

/// A server that runs, and ends with this.
pub(crate) struct Front(Child);

impl Front {
    /// Starts it and waits until it listens there. Why it does not stands in this file of the world, if anywhere.
    pub(crate) fn start(command: &mut Command, address: &str, world: &World, log: &str) -> Self {
        let front = Self(command.current_dir(world.path("")).spawn().unwrap());
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let said = std::fs::read_to_string(world.path(log)).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "it does not start: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
        front
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // It ends its workers, as a kill would not.
        let kill = format!("kill {}", self.0.id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
        let begun = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
