//! Work that is numbered, spread over threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many threads to take when nobody says.
#[must_use]
pub fn threads(wanted: Option<usize>) -> usize {
    let there = || std::thread::available_parallelism().map_or(1, Into::into);
    wanted.unwrap_or_else(there).max(1)
}

/// Does the pieces `0..count` and returns what came of them, in their order. After a piece whose
/// result is `last` no new one is begun; those before it are all done, so that the first such
/// result is the same whatever the number of threads.
pub fn run<T: Send>(
    threads: usize,
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    last: impl Fn(&T) -> bool + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let done = Mutex::new(Vec::with_capacity(count.min(1 << 16)));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    if piece >= count {
                        break;
                    }
                    let result = work(piece);
                    if last(&result) {
                        stop.store(true, Ordering::Relaxed);
                    }
                    // A poisoned lock means that another piece panicked, and the scope panics then.
                    if let Ok(mut done) = done.lock() {
                        done.push((piece, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(piece, _)| *piece);
    done.into_iter().map(|(_, result)| result).collect()
}
