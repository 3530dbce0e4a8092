//! Bodies that come slowly make room for others where there is none.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// A body that is not there by then may be left for others. Honest ones come in one piece.
const PATIENCE: Duration = Duration::from_millis(250);
/// Between two looks for a place, and looks.
const PAUSE: Duration = Duration::from_millis(10);
const LOOKS: usize = 100;
/// Looks after which another one is told.
const AGAIN: usize = 25;

/// Who is read now, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Readers(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    next: u64,
    readers: BTreeMap<u64, (Instant, Arc<Notify>)>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reader<'r> {
    all: &'r Readers,
    number: u64,
    told: Arc<Notify>,
}

impl Readers {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another one begins.
    pub(crate) fn begin(&self) -> Reader<'_> {
        let told = Arc::new(Notify::new());
        let mut all = self.all();
        let number = all.next;
        all.next += 1;
        all.readers
            .insert(number, (Instant::now(), Arc::clone(&told)));
        drop(all);
        Reader {
            all: self,
            number,
            told,
        }
    }

    /// Tells the oldest, if it had its time, to leave its place.
    fn hurry(&self) -> bool {
        let mut all = self.all();
        let Some(oldest) = all.readers.first_entry() else {
            return false;
        };
        if oldest.get().0.elapsed() < PATIENCE {
            return false;
        }
        oldest.remove().1.notify_one();
        true
    }

    /// A place that `enter` finds, once somebody slow has left theirs.
    pub(crate) async fn make_room<P>(&self, enter: impl Fn() -> Option<P>) -> Option<P> {
        let mut told = self.hurry();
        for look in 1..=LOOKS {
            tokio::time::sleep(PAUSE).await;
            if let Some(place) = enter() {
                return Some(place);
            }
            // One for each that waits, or more are told than have to go. Somebody else may have taken the place.
            told = (told && look % AGAIN != 0) || self.hurry();
        }
        None
    }
}

impl Reader<'_> {
    /// What comes first: the body, or that others need the place.
    pub(crate) async fn read<T>(
        &self,
        body: impl Future<Output = T>,
        late: impl FnOnce() -> T,
    ) -> T {
        let (mut body, mut told) = (pin!(body), pin!(self.told.notified()));
        let read = poll_fn(|context| match body.as_mut().poll(context) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => told.as_mut().poll(context).map(|()| None),
        });
        read.await.unwrap_or_else(late)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.all.all().readers.remove(&self.number);
    }
}
