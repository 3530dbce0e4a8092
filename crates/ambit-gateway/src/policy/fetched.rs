//! A policy that is fetched from an address, again and again; the last good one is kept on disk.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use ambit_host::{
    LoadError, LoadOptions, MemoryVersions, PolicyBundle, PolicyModule, VersionStore,
};
use ambit_policy::is_bundle;
use ambit_store::{Fetched, Keep, Marks, Remote};

use super::{Loaded, Origin, Policy, Source, refused};
use crate::fault::Fault;
use crate::files::Followed;

/// From where it is fetched, where it is kept, and how often the address is asked.
#[derive(Clone, Debug)]
pub struct Fetching {
    /// The address.
    pub remote: Arc<Remote>,
    /// The folder of the last good one.
    pub keep: Keep,
    /// The time between two looks.
    pub every: Duration,
}

/// What came of asking: a new policy, the same, or why not.
type Came = Result<Option<Fetched>, Fault>;

/// Asks on a thread of its own, which a slow server holds up and nobody else.
pub(super) struct Polling {
    shared: Arc<Shared>,
    /// The thread ends with it.
    _end: Sender<()>,
}

#[derive(Default)]
struct Shared {
    landed: Mutex<Option<Came>>,
    /// By what the policy that decides is known again.
    known: Mutex<Option<Marks>>,
}

impl Fetching {
    fn fetch(&self, known: Option<&Marks>) -> Came {
        self.remote
            .fetch(known)
            .map_err(|error| self.at(error.into()))
    }

    fn at(&self, fault: Fault) -> Fault {
        fault.at(&self.place())
    }

    fn place(&self) -> PathBuf {
        self.remote.address().to_string().into()
    }
}

impl Polling {
    fn start(fetching: Fetching, known: Option<Marks>, landed: Option<Came>) -> Self {
        let shared = Arc::new(Shared {
            landed: Mutex::new(landed),
            known: Mutex::new(known),
        });
        let (end, ended) = mpsc::channel();
        let polled = Arc::clone(&shared);
        thread::spawn(move || {
            while ended.recv_timeout(fetching.every) == Err(RecvTimeoutError::Timeout) {
                let known = lock(&polled.known).clone();
                let came = fetching.fetch(known.as_ref());
                *lock(&polled.landed) = Some(came);
            }
        });
        Self { shared, _end: end }
    }

    /// What came since it was asked last.
    pub(super) fn landed(&self) -> Option<Came> {
        lock(&self.shared.landed).take()
    }
}

impl Policy {
    /// Takes what lies at the address, or the last good one where it cannot be had.
    pub(super) fn open_address(mut source: Source, now: i64) -> Result<Self, Fault> {
        let Origin::Address(fetching) = &source.module else {
            return Self::open_path(source, now);
        };
        let fetching = fetching.clone();
        if let Some(signature) = &source.signature {
            let message = "what is fetched has its signature beside it, so no other can be named";
            return Err(Fault::new("store.signature", message).at(signature));
        }
        let stamp = source.stamp();
        let kept = source.load_kept(&fetching, now);
        if let Ok((kept, _)) = &kept {
            // What was kept says which policy it is, not what lies there today.
            let uid = kept.policy.uid();
            source.uid.get_or_insert_with(|| uid.to_owned());
        }
        let known = kept.as_ref().ok().map(|(_, marks)| marks.clone());
        let came = match fetching.fetch(known.as_ref()) {
            Ok(None) => None,
            Ok(Some(fetched)) => Some(
                source
                    .accept(&fetching, &fetched, now)
                    .map(|loaded| (loaded, fetched.marks)),
            ),
            Err(fault) => Some(Err(fault)),
        };
        let (loaded, marks, fault) = match (came, kept) {
            (Some(Ok((loaded, marks))), _) => (loaded, marks, None),
            (Some(Err(fault)), Ok((loaded, marks))) => (loaded, marks, Some(fault)),
            (Some(Err(fault)), Err(None)) => return Err(fault),
            (Some(Err(fault)), Err(Some(kept))) => return Err(fault.beside(&kept)),
            (None, Ok((loaded, marks))) => (loaded, marks, None),
            // Without marks nothing is the same.
            (None, Err(kept)) => return Err(kept.unwrap_or_else(|| unkept(&fetching))),
        };
        source
            .uid
            .get_or_insert_with(|| loaded.policy.uid().to_owned());
        Ok(Self {
            polling: Some(Polling::start(fetching, Some(marks), fault.map(Err))),
            source,
            current: RwLock::new(Arc::new(loaded)),
            followed: Mutex::new(Followed::new(stamp)),
            passed_over: Mutex::default(),
        })
    }

    /// Takes what came from the address.
    pub(super) fn landed(
        &self,
        came: Came,
        followed: &mut Followed,
        now: i64,
    ) -> Option<Result<u64, Fault>> {
        let (Origin::Address(fetching), Some(polling)) = (&self.source.module, &self.polling)
        else {
            return None;
        };
        let fetched = match came {
            Ok(Some(fetched)) => fetched,
            Ok(None) => {
                // Told again when it comes again.
                let _ = followed.beside(Ok(()));
                return None;
            }
            Err(fault) => return followed.beside(Err(fault)),
        };
        let accepted = self.source.accept(fetching, &fetched, now);
        followed.beside(accepted.map(|loaded| {
            *lock(&polling.shared.known) = Some(fetched.marks);
            self.swap(loaded)
        }))
    }
}

impl Source {
    /// The last good one, as long as it still is one. `None`: there is none.
    pub(super) fn load_kept(
        &self,
        fetching: &Fetching,
        now: i64,
    ) -> Result<(Loaded, Marks), Option<Fault>> {
        let mut last = None;
        for kept in fetching.keep.read(fetching.remote.address()) {
            // What a crash has left beside it goes the whole way.
            let loaded = match kept.is_next {
                true => self.accept(fetching, &kept.fetched, now),
                false => self.verify(fetching, &kept.fetched, now, &*self.seen),
            };
            match loaded {
                Ok(loaded) => return Ok((loaded, kept.fetched.marks)),
                Err(fault) => last = Some(fault),
            }
        }
        Err(last)
    }

    /// Verifies a policy and keeps it, on the disk, before its version is remembered and it decides. One that is
    /// refused leaves the kept one as it is.
    fn accept(&self, fetching: &Fetching, fetched: &Fetched, now: i64) -> Result<Loaded, Fault> {
        drop(self.verify(fetching, fetched, i64::MIN, &MemoryVersions::new())?);
        let kept = |error: ambit_store::StoreError| Fault::from(error).at(fetching.keep.folder());
        let offered = fetching
            .keep
            .offer(fetching.remote.address(), fetched)
            .map_err(kept)?;
        let loaded = self.verify(fetching, fetched, now, &*self.seen)?;
        offered.take().map_err(kept)?;
        Ok(loaded)
    }

    fn verify(
        &self,
        fetching: &Fetching,
        fetched: &Fetched,
        now: i64,
        seen: &dyn VersionStore,
    ) -> Result<Loaded, Fault> {
        let trust = self.trust()?;
        let options = LoadOptions {
            uid: self.uid.as_deref(),
            now,
            seen,
        };
        let (module, detached) = (&fetched.module, fetched.signature.as_deref());
        let policy: Result<PolicyBundle, LoadError> = if is_bundle(module) {
            PolicyBundle::load(module, detached, &trust, &options)
        } else {
            PolicyModule::load(module, detached, &trust, &options).map(|module| (*module).clone())
        };
        Self::ready(policy.map_err(|error| refused(&fetching.place(), &error))?)
    }
}

pub(super) fn unkept(fetching: &Fetching) -> Fault {
    let message = "the policy that was kept of this address is gone or damaged";
    fetching.at(Fault::new("store.kept", message))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
