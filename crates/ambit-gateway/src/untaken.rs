//! What was said and not taken yet: its bytes are bounded, of one owner and of all.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Bytes;

/// Of one owner: four answers of the largest size. And of all.
const OF_ONE: usize = 64 * 1024 * 1024;
const OF_ALL: usize = 512 * 1024 * 1024;
/// How often whoever waits for room looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// All that is not taken.
#[derive(Debug)]
pub(crate) struct Untaken {
    of_one: usize,
    of_all: usize,
    held: Mutex<Held>,
    taken: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by: BTreeMap<String, usize>,
}

impl Default for Untaken {
    fn default() -> Self {
        Self::bounded(OF_ONE, OF_ALL)
    }
}

impl Untaken {
    fn bounded(of_one: usize, of_all: usize) -> Self {
        Self {
            of_one,
            of_all,
            held: Mutex::default(),
            taken: Condvar::new(),
        }
    }

    /// That of this owner.
    pub(crate) fn of(self: &Arc<Self>, owner: String) -> Account {
        Account(Arc::new(Of {
            all: Arc::clone(self),
            owner,
        }))
    }
}

/// What one owner has not taken, in whatever session.
#[derive(Clone, Debug)]
pub(crate) struct Account(Arc<Of>);

#[derive(Debug)]
struct Of {
    all: Arc<Untaken>,
    owner: String,
}

/// Bytes that count until the last of them is dropped.
struct Counted {
    bytes: Vec<u8>,
    of: Account,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Of { all, owner } = &*self.of.0;
        let mut held = all.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= self.bytes.len();
        if let Some(by) = held.by.get_mut(owner) {
            *by -= self.bytes.len();
            if *by == 0 {
                held.by.remove(owner);
            }
        }
        drop(held);
        all.taken.notify_all();
    }
}

impl Account {
    /// Holds these bytes until they are taken. `None`: there was no room for them in this time, or nobody wants them any more.
    pub(crate) fn hold(
        &self,
        bytes: Vec<u8>,
        time: Duration,
        is_wanted: impl Fn() -> bool,
    ) -> Option<Bytes> {
        let Of { all, owner } = &*self.0;
        let begun = Instant::now();
        let mut held = all.held.lock().unwrap_or_else(PoisonError::into_inner);
        while is_wanted() {
            let by = held.by.get(owner).copied().unwrap_or_default();
            if by + bytes.len() <= all.of_one && held.all + bytes.len() <= all.of_all {
                drop(held);
                return Some(self.hold_anyway(bytes));
            }
            let left = time.checked_sub(begun.elapsed())?;
            let waited = all.taken.wait_timeout(held, left.min(LOOK));
            held = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    /// Holds a few bytes, whether or not there is room for them.
    pub(crate) fn hold_anyway(&self, bytes: Vec<u8>) -> Bytes {
        let Of { all, owner } = &*self.0;
        let mut held = all.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all += bytes.len();
        *held.by.entry(owner.clone()).or_default() += bytes.len();
        drop(held);
        Bytes::from_owner(Counted {
            bytes,
            of: self.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTLY: Duration = Duration::from_millis(20);

    fn of(account: &Account, many: usize) -> Option<Bytes> {
        account.hold(vec![0; many], SHORTLY, || true)
    }

    #[test]
    fn one_owner_is_bounded_and_all_are_until_something_is_taken() {
        let all = Arc::new(Untaken::bounded(10, 15));
        let (ann, bob) = (all.of("ann".to_owned()), all.of("bob".to_owned()));
        // Another session of hers.
        let again = all.of("ann".to_owned());
        let first = of(&ann, 6).unwrap();
        assert!(of(&again, 5).is_none());
        let second = of(&again, 4).unwrap();
        assert!(of(&ann, 1).is_none());
        let third = of(&bob, 5).unwrap();
        assert!(of(&bob, 1).is_none());
        // A part of what is held keeps all of it.
        let part = first.slice(1..2);
        drop(first);
        assert!(of(&ann, 1).is_none());
        drop(part);
        assert!(of(&ann, 6).is_some());
        drop((second, third));
        assert!(of(&bob, 10).is_some());
        assert_eq!(all.held.lock().unwrap().all, 0);
        assert!(all.held.lock().unwrap().by.is_empty());
    }

    #[test]
    fn whoever_waits_for_room_gets_it_or_is_not_wanted_any_more() {
        let all = Arc::new(Untaken::bounded(10, 10));
        let ann = all.of("ann".to_owned());
        let first = of(&ann, 10).unwrap();
        let waiting = {
            let ann = ann.clone();
            std::thread::spawn(move || ann.hold(vec![0; 10], Duration::from_secs(20), || true))
        };
        drop(first);
        let second = waiting.join().unwrap().unwrap();
        let wanted = std::cell::Cell::new(3);
        let is_wanted = || wanted.replace(wanted.get() - 1) > 0;
        assert!(
            ann.hold(vec![0; 10], Duration::from_secs(20), is_wanted)
                .is_none()
        );
        assert_eq!(ann.hold_anyway(vec![0; 3]).len(), 3);
        drop(second);
    }
}
