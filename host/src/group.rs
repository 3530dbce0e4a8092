//! Many who wait for one disk: one of them does the work of all.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Whose turn it is to write. While one writes, others line up; the next of them writes for all that did.
#[derive(Debug, Default)]
pub(crate) struct Lead {
    busy: Mutex<bool>,
    free: Condvar,
}

impl Lead {
    /// Returns when `done`: because somebody else did it meanwhile, or because `lead` did it here. `lead` runs in one
    /// thread at a time, and does whatever waits when it begins.
    pub(crate) fn until(&self, done: impl Fn() -> bool, lead: impl Fn()) {
        let mut busy = self.lock();
        while !done() {
            if *busy {
                busy = self.free.wait(busy).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            *busy = true;
            drop(busy);
            let leaving = Leaving(self);
            lead();
            drop(leaving);
            busy = self.lock();
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the next one lead, also where this one panicked.
struct Leaving<'a>(&'a Lead);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        *self.0.lock() = false;
        self.0.free.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::Lead;

    #[test]
    fn one_does_what_many_wait_for() {
        let (lead, queue, ended) = (
            Lead::default(),
            Mutex::new(Vec::new()),
            Mutex::new(Vec::new()),
        );
        let rounds = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for number in 0..64 {
                let (lead, queue, ended, rounds) = (&lead, &queue, &ended, &rounds);
                scope.spawn(move || {
                    queue.lock().unwrap().push(number);
                    let done = || ended.lock().unwrap().contains(&number);
                    lead.until(done, || {
                        rounds.fetch_add(1, Ordering::Relaxed);
                        let taken = std::mem::take(&mut *queue.lock().unwrap());
                        std::thread::sleep(Duration::from_millis(20));
                        ended.lock().unwrap().extend(taken);
                    });
                });
            }
        });
        assert_eq!(ended.lock().unwrap().len(), 64);
        assert!(rounds.into_inner() < 16, "each did its own");
    }

    #[test]
    fn who_panics_keeps_nobody_waiting() {
        let lead = Lead::default();
        let panics = std::panic::AssertUnwindSafe(|| lead.until(|| false, || panic!("on purpose")));
        assert!(std::panic::catch_unwind(panics).is_err());
        let done = Mutex::new(false);
        lead.until(|| *done.lock().unwrap(), || *done.lock().unwrap() = true);
    }
}
