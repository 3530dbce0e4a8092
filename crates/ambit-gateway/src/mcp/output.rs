//! What is written to one side: by a thread of its own, so that a side that reads nothing stops nobody for long.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::session::lock;

/// Lines that wait to be written, and their bytes: two of the longest.
const LINES: usize = 16;
const BYTES: usize = 32 * 1024 * 1024 + 2;
/// How long a side may take none of them.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what waits may take to be written at the end.
const FAREWELL: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(5);

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is sent, or nobody wants it.
    Done,
    /// This side is gone.
    Gone,
    /// It takes nothing, while more waits for it.
    Untaken,
}

/// One side of a session, as what is sent to it.
pub(super) trait Side: Send + Sync {
    /// Has a message sent. If that is not done, this side is sent nothing from now on.
    fn send(&self, line: &[u8]) -> Sent;

    /// Nothing more comes. What waits is still sent, if it is taken soon.
    fn close(&self);

    /// The same, and waits for it.
    fn finish(&self);
}

pub(super) struct Output {
    lines: Mutex<Option<SyncSender<Vec<u8>>>>,
    /// Of those that wait, and of the one that is being written.
    bytes: Arc<AtomicUsize>,
    writer: JoinHandle<()>,
}

impl Output {
    pub(super) fn start(name: &str, to: Box<dyn Write + Send>) -> io::Result<Self> {
        let (sender, lines) = sync_channel(LINES);
        let bytes = Arc::<AtomicUsize>::default();
        let left = Arc::clone(&bytes);
        let writer = thread::Builder::new().name(name.to_owned());
        Ok(Self {
            lines: Mutex::new(Some(sender)),
            bytes,
            writer: writer.spawn(move || write(&lines, to, &left))?,
        })
    }
}

impl Side for Output {
    fn send(&self, line: &[u8]) -> Sent {
        let Some(sender) = lock(&self.lines).clone() else {
            return Sent::Gone;
        };
        let mut sent = Sent::Untaken;
        let begun = Instant::now();
        let mut is_counted = false;
        let mut whole = None;
        while begun.elapsed() < PATIENCE {
            is_counted = is_counted || self.count(line.len() + 1);
            if is_counted {
                let next = whole.take().unwrap_or_else(|| [line, b"\n"].concat());
                match sender.try_send(next) {
                    Ok(()) => return Sent::Done,
                    Err(TrySendError::Full(next)) => whole = Some(next),
                    Err(TrySendError::Disconnected(_)) => {
                        sent = Sent::Gone;
                        break;
                    }
                }
            }
            thread::sleep(LOOK);
        }
        lock(&self.lines).take();
        sent
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

impl Output {
    /// Whether there is room for so many more bytes, which count then.
    fn count(&self, many: usize) -> bool {
        let counted = self
            .bytes
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |bytes| {
                Some(bytes + many).filter(|bytes| *bytes <= BYTES)
            });
        counted.is_ok()
    }
}

fn write(lines: &Receiver<Vec<u8>>, mut to: Box<dyn Write + Send>, left: &AtomicUsize) {
    for line in lines {
        if to.write_all(&line).and_then(|()| to.flush()).is_err() {
            return;
        }
        left.fetch_sub(line.len(), Ordering::SeqCst);
    }
}
