//! What is written to one side: by a thread of its own, so that a side that reads nothing stops nobody for long.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::session::lock;

/// Lines that wait to be written.
const LINES: usize = 16;
/// How long a side may take none of them.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what waits may take to be written at the end.
const FAREWELL: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(5);

/// One side of a session, as what is sent to it.
pub(super) trait Side: Send + Sync {
    /// Has a message sent. `false`: this side takes no more, and is sent nothing from now on.
    fn send(&self, line: &[u8]) -> bool;

    /// Nothing more comes. What waits is still sent, if it is taken soon.
    fn close(&self);

    /// The same, and waits for it.
    fn finish(&self);
}

pub(super) struct Output {
    lines: Mutex<Option<SyncSender<Vec<u8>>>>,
    writer: JoinHandle<()>,
}

impl Output {
    pub(super) fn start(name: &str, to: Box<dyn Write + Send>) -> io::Result<Self> {
        let (sender, lines) = sync_channel(LINES);
        let writer = thread::Builder::new().name(name.to_owned());
        Ok(Self {
            lines: Mutex::new(Some(sender)),
            writer: writer.spawn(move || write(&lines, to))?,
        })
    }
}

impl Side for Output {
    fn send(&self, line: &[u8]) -> bool {
        let Some(sender) = lock(&self.lines).clone() else {
            return false;
        };
        let mut whole = [line, b"\n"].concat();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            whole = match sender.try_send(whole) {
                Ok(()) => return true,
                Err(TrySendError::Full(whole)) => whole,
                Err(TrySendError::Disconnected(_)) => break,
            };
            thread::sleep(LOOK);
        }
        lock(&self.lines).take();
        false
    }

    fn close(&self) {
        lock(&self.lines).take();
    }

    fn finish(&self) {
        self.close();
        let begun = Instant::now();
        while begun.elapsed() < FAREWELL && !self.writer.is_finished() {
            thread::sleep(LOOK);
        }
    }
}

fn write(lines: &Receiver<Vec<u8>>, mut to: Box<dyn Write + Send>) {
    for line in lines {
        if to.write_all(&line).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}
