//! A signed policy that follows its file, the highest version in a folder, or an address.

mod fetched;
mod folder;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ambit_host::http::Scheme;
use ambit_host::{
    LoadError, LoadOptions, NativeEngine, PolicyBundle, PolicyModule, StatementVersions, Trust,
    VersionError, VersionStore, Zones, detached_path,
};
use ambit_policy::{Bundle, is_bundle};

use crate::fault::Fault;
use crate::files::{self, Followed, Stamp};
pub use fetched::Fetching;
use fetched::Polling;

/// Remembers versions of policies and of signed statements.
pub trait Versions: VersionStore + StatementVersions {}

impl<T: VersionStore + StatementVersions> Versions for T {}

/// Where a policy comes from, and whose it must be.
pub struct Source {
    /// The module, or its bundle alone.
    pub module: Origin,
    /// The detached signature; `None` for the usual place, or one that the module carries.
    pub signature: Option<PathBuf>,
    /// The public keys whose signatures count (`keys.json`).
    pub trust: PathBuf,
    /// The policy that is expected; `None` takes the first one that is loaded, and no other later.
    pub uid: Option<String>,
    /// What was seen before, so that no older version comes back.
    pub seen: Arc<dyn Versions>,
}

/// Where it lies.
#[derive(Debug)]
pub enum Origin {
    /// A file; or a folder of them, of which the highest version decides.
    Path(PathBuf),
    /// An address, and the folder in which the last good one is kept.
    Address(Fetching),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("module", &self.module)
            .field("uid", &self.uid)
            .finish_non_exhaustive()
    }
}

/// The policy that decides now. A call that has begun ends with the policy that it began with.
pub struct Policy {
    source: Source,
    current: RwLock<Arc<Loaded>>,
    followed: Mutex<Followed>,
    passed_over: Mutex<Vec<Fault>>,
    polling: Option<Polling>,
}

/// One version of it.
pub(crate) struct Loaded {
    pub(crate) engine: NativeEngine,
    pub(crate) policy: PolicyBundle,
    pub(crate) zones: Zones,
}

impl Policy {
    /// Loads it for the first time.
    ///
    /// # Errors
    ///
    /// [`Fault`]: without a policy that is signed by a trusted key nothing starts.
    pub fn open(source: Source, now: i64) -> Result<Self, Fault> {
        match &source.module {
            Origin::Path(_) => Self::open_path(source, now),
            Origin::Address(_) => Self::open_address(source, now),
        }
    }

    fn open_path(mut source: Source, now: i64) -> Result<Self, Fault> {
        let stamp = source.stamp();
        let mut passed_over = Vec::new();
        let loaded = source.load(now, &mut passed_over).map_err(|fault| {
            // What was passed over may be what was meant.
            passed_over
                .iter()
                .fold(fault, |fault, passed| fault.beside(passed))
        })?;
        source
            .uid
            .get_or_insert_with(|| loaded.policy.uid().to_owned());
        Ok(Self {
            source,
            current: RwLock::new(Arc::new(loaded)),
            followed: Mutex::new(Followed::new(stamp)),
            passed_over: Mutex::new(passed_over),
            polling: None,
        })
    }

    /// Loads it anew where a file has changed. `None`: nothing has, or the fault was told before. After a fault
    /// the last good one stays, to its own end, and the next call tries again.
    pub fn refresh(&self, now: i64) -> Option<Result<u64, Fault>> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(landed) = self.polling.as_ref().and_then(Polling::landed) {
            return self.landed(landed, &mut followed, now);
        }
        followed.follow(self.source.stamp(), || {
            let mut passed_over = Vec::new();
            let loaded = self.source.load(now, &mut passed_over);
            self.passed_over().append(&mut passed_over);
            Ok(self.swap(loaded?))
        })
    }

    /// Lets this one decide from now on.
    fn swap(&self, loaded: Loaded) -> u64 {
        let version = loaded.policy.version();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        version
    }

    /// Files of the folder that are no policy for here, and were not told yet.
    #[must_use]
    pub fn take_passed_over(&self) -> Vec<Fault> {
        std::mem::take(&mut *self.passed_over())
    }

    fn passed_over(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.passed_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The version that decides now.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.current().policy.version()
    }

    /// The policy's name.
    #[must_use]
    pub fn uid(&self) -> String {
        self.current().policy.uid().to_owned()
    }

    /// What remembers versions here.
    #[must_use]
    pub fn versions(&self) -> Arc<dyn Versions> {
        Arc::clone(&self.source.seen)
    }

    /// Whether whoever uses a token must prove to hold it.
    #[must_use]
    pub fn demands_proofs(&self) -> bool {
        let demands = self.with_bundle(|bundle| Ok(bundle.possession() != "off"));
        demands.unwrap_or(true)
    }

    /// How clients of the service show their tokens.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        let scheme = self.with_bundle(|bundle| Ok(Scheme::of(bundle.possession())));
        scheme.unwrap_or(Scheme::Dpop)
    }

    /// Looks at the bundle that decides now, which was verified when it was loaded.
    ///
    /// # Errors
    ///
    /// Those of `look`.
    pub fn with_bundle<R>(
        &self,
        look: impl FnOnce(&Bundle<'_>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        opened(&self.current().policy, look)
    }

    /// Time zones of its manifests that are not known here: what they bound is denied.
    #[must_use]
    pub fn unknown_zones(&self) -> Vec<String> {
        let loaded = self.current();
        let unknown = loaded.zones.unknown();
        unknown.into_iter().map(str::to_owned).collect()
    }

    pub(crate) fn current(&self) -> Arc<Loaded> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

fn opened<R>(
    policy: &PolicyBundle,
    look: impl FnOnce(&Bundle<'_>) -> Result<R, Fault>,
) -> Result<R, Fault> {
    let bundle = Bundle::open(policy.bundle(), *policy.bundle_digest())
        .map_err(|error| Fault::new("policy.malformed", error.to_string()))?;
    look(&bundle)
}

impl Source {
    fn load(&self, now: i64, passed_over: &mut Vec<Fault>) -> Result<Loaded, Fault> {
        let trust = self.trust()?;
        let path = match &self.module {
            Origin::Path(path) => path,
            Origin::Address(fetching) => {
                let kept = self.load_kept(fetching, now);
                return kept
                    .map(|(loaded, _)| loaded)
                    .map_err(|fault| fault.unwrap_or_else(|| fetched::unkept(fetching)));
            }
        };
        let module = if path.is_dir() {
            self.highest(path, &trust, passed_over)?
        } else {
            path.clone()
        };
        let policy = self.read(&module, &trust, now, &*self.seen)?;
        Self::ready(policy)
    }

    fn trust(&self) -> Result<Trust, Fault> {
        Trust::parse(files::text(&self.trust)?.as_bytes())
            .map_err(|error| Fault::new(error.code(), error.to_string()).at(&self.trust))
    }

    /// What decides by this policy.
    fn ready(policy: PolicyBundle) -> Result<Loaded, Fault> {
        let zones = opened(&policy, |bundle| Ok(Zones::of(bundle)))?;
        Ok(Loaded {
            engine: NativeEngine::new(&policy),
            policy,
            zones,
        })
    }

    fn read(
        &self,
        module: &Path,
        trust: &Trust,
        now: i64,
        seen: &dyn VersionStore,
    ) -> Result<PolicyBundle, Fault> {
        let options = LoadOptions {
            uid: self.uid.as_deref(),
            now,
            seen,
        };
        let signature = self.signature(module);
        let detached = signature.as_deref();
        let policy = if begins_like_a_bundle(module) {
            PolicyBundle::read(module, detached, trust, &options)
        } else {
            PolicyModule::read(module, detached, trust, &options).map(|module| (*module).clone())
        };
        policy.map_err(|error| refused(module, &error))
    }

    /// A signature that is named must be there; the usual one may be carried instead.
    fn signature(&self, module: &Path) -> Option<PathBuf> {
        let usual = || Some(detached_path(module)).filter(|path| path.exists());
        self.signature.clone().or_else(usual)
    }

    fn stamp(&self) -> Stamp {
        let modules = match &self.module {
            // What is fetched comes by itself.
            Origin::Address(_) => Vec::new(),
            // The folder itself changes with whatever else is written there.
            Origin::Path(path) if path.is_dir() => folder::candidates(path).unwrap_or_default(),
            Origin::Path(path) => vec![path.clone()],
        };
        let mut paths = vec![self.trust.clone()];
        for module in modules {
            let detached = self.signature.clone();
            paths.push(detached.unwrap_or_else(|| detached_path(&module)));
            paths.push(module);
        }
        Stamp::of(&paths)
    }
}

fn begins_like_a_bundle(module: &Path) -> bool {
    use std::io::Read as _;
    let mut mark = [0; 8];
    if !module.is_file() {
        return false;
    }
    let file = std::fs::File::open(module);
    file.is_ok_and(|mut file| file.read_exact(&mut mark).is_ok()) && is_bundle(&mark)
}

fn refused(module: &Path, error: &LoadError) -> Fault {
    let fault = Fault::new(error.code(), error.to_string());
    match error {
        LoadError::Version(VersionError::Store(_)) => fault,
        _ => fault.at(module),
    }
}
