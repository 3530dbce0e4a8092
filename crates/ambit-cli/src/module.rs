//! Loading a policy module, or its bundle, that a trusted key signed.

use std::fs::File;
use std::io::Read as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambit_gateway::{Origin, Source, Versions};
use ambit_host::audit::Clock;
use ambit_host::{
    FileVersions, LoadError, LoadOptions, MemoryVersions, PolicyBundle, PolicyModule, Trust,
    VersionError, VersionStore, detached_path,
};
use ambit_policy::is_bundle;
use clap::Args;

use crate::advice;
use crate::failure::Failure;
use crate::fetching::FetchingArgs;
use crate::{files, time};

/// Whom to trust, and for what.
#[derive(Debug, Args)]
pub(crate) struct Trusting {
    /// The public keys whose signatures count (`keys.json`)
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// The detached signature; by default MODULE.dsse.json, if it is there (of NAME.bundle:
    /// NAME.wasm.dsse.json)
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Refuse a module of any other policy than this
    #[arg(long, value_name = "UID")]
    uid: Option<String>,
    /// Remember the highest version in this file, and refuse older ones; of the policy, and of the
    /// revocation epochs that decisions were made by
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,
    /// Check at this time (2026-02-25T09:00:00Z, or seconds since 1970) instead of now
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    now: Option<i64>,
}

/// A policy that trusted keys signed.
#[derive(Debug)]
pub(crate) enum Signed {
    /// With its code.
    Module(PolicyModule),
    /// Its bundle alone.
    Bundle(PolicyBundle),
}

impl Deref for Signed {
    type Target = PolicyBundle;

    fn deref(&self) -> &PolicyBundle {
        match self {
            Self::Module(module) => module,
            Self::Bundle(bundle) => bundle,
        }
    }
}

/// A module that is not loaded, and why.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A file cannot be used at all.
    File(Failure),
    /// The module was looked at and does not pass.
    Module(PathBuf, LoadError),
}

impl Refused {
    /// For a command that only needs the module: it cannot work with this one.
    pub(crate) fn into_unusable(self) -> Failure {
        self.failure(Failure::unusable)
    }

    /// For the command whose question this is: the answer is no.
    pub(crate) fn into_denied(self) -> Failure {
        self.failure(Failure::denied)
    }

    fn failure(self, make: fn(&'static str, String) -> Failure) -> Failure {
        let (path, error) = match self {
            Self::File(failure) => return failure,
            Self::Module(path, error) => (path, error),
        };
        let code = error.code();
        let failure = match &error {
            LoadError::Read(_) | LoadError::Version(VersionError::Store(_)) => {
                Failure::unusable(code, error.to_string())
            }
            _ => make(code, error.to_string()),
        };
        let failure = failure.at(&path);
        match advice::find(code) {
            Some(advice) => failure.help(advice.action),
            None => failure,
        }
    }
}

impl Trusting {
    /// A trust file, a time, and nothing else.
    pub(crate) const fn by(trust: PathBuf, now: i64) -> Self {
        Self {
            trust,
            signature: None,
            uid: None,
            seen: None,
            now: Some(now),
        }
    }

    /// The time of the check.
    pub(crate) fn now(&self) -> i64 {
        self.now.unwrap_or_else(time::now)
    }

    /// The memory of versions, where one is named.
    pub(crate) fn versions(&self) -> Option<FileVersions> {
        self.seen.as_ref().map(FileVersions::new)
    }

    /// The same policy for a service, which loads it again and again. Without a file for versions they are
    /// remembered as long as it runs.
    pub(crate) fn source(
        &self,
        module: &Path,
        fetching: &FetchingArgs,
        beside: Option<&Path>,
    ) -> Result<Source, Failure> {
        let origin = fetching.origin(module, beside)?;
        let seen: Arc<dyn Versions> = match (self.versions(), &origin) {
            (Some(versions), _) => Arc::new(versions),
            // What is fetched must not go back, whoever answers.
            (None, Origin::Address(fetching)) => {
                Arc::new(FileVersions::new(fetching.keep.folder().join("seen.json")))
            }
            (None, Origin::Path(_)) => Arc::new(MemoryVersions::new()),
        };
        Ok(Source {
            module: origin,
            signature: self.signature.clone(),
            trust: self.trust.clone(),
            uid: self.uid.clone(),
            seen,
        })
    }

    /// A second policy of this name, whose versions are remembered nowhere.
    pub(crate) fn source_beside(
        &self,
        module: &Path,
        fetching: &FetchingArgs,
        uid: String,
    ) -> Result<Source, Failure> {
        Ok(Source {
            module: fetching.beside().origin(module, Some(module))?,
            signature: None,
            trust: self.trust.clone(),
            uid: Some(uid),
            seen: Arc::new(MemoryVersions::new()),
        })
    }

    /// The signature that is named for a policy.
    pub(crate) fn signature(&self) -> Option<&Path> {
        self.signature.as_deref()
    }

    /// Verifies a policy that was read or fetched already; `place` is where it lies.
    pub(crate) fn check(
        &self,
        place: &Path,
        bytes: &[u8],
        signature: Option<&[u8]>,
    ) -> Result<Signed, Refused> {
        let trust = self.trusted().map_err(Refused::File)?;
        let seen = self.remembering();
        let options = self.options(&*seen);
        let loaded = if is_bundle(bytes) {
            PolicyBundle::load(bytes, signature, &trust, &options).map(Signed::Bundle)
        } else {
            PolicyModule::load(bytes, signature, &trust, &options).map(Signed::Module)
        };
        loaded.map_err(|error| self.refused(place, None, error))
    }

    fn remembering(&self) -> Box<dyn VersionStore> {
        match &self.seen {
            Some(file) => Box::new(FileVersions::new(file)),
            None => Box::new(MemoryVersions::new()),
        }
    }

    fn options<'s>(&'s self, seen: &'s dyn VersionStore) -> LoadOptions<'s> {
        LoadOptions {
            uid: self.uid.as_deref(),
            now: self.now(),
            seen,
        }
    }

    /// What time it is: always the same where the command line says one.
    pub(crate) fn clock(&self) -> Clock {
        match self.now {
            Some(now) => Box::new(move || now),
            None => Box::new(time::now),
        }
    }

    /// What is said where it cannot be read or written.
    pub(crate) fn store_failed(&self, error: &VersionError) -> Failure {
        let failure = Failure::unusable(error.code(), error.to_string());
        match &self.seen {
            Some(path) => failure.at(path),
            None => failure,
        }
    }

    /// Verifies and loads a module, or a bundle alone: what the file begins like.
    pub(crate) fn load(&self, module: &Path) -> Result<Signed, Refused> {
        let trust = self.trusted().map_err(Refused::File)?;
        let seen = self.remembering();
        let options = self.options(&*seen);
        // A signature that is named must be there; the usual one may be carried instead.
        let usual = Some(detached_path(module)).filter(|path| path.exists());
        let signature = self.signature.clone().or(usual);
        let detached = signature.as_deref();
        let loaded = if begins_like_a_bundle(module) {
            PolicyBundle::read(module, detached, &trust, &options).map(Signed::Bundle)
        } else {
            PolicyModule::read(module, detached, &trust, &options).map(Signed::Module)
        };
        loaded.map_err(|error| self.refused(module, signature, error))
    }

    /// Says which file is meant: of two that are read, and the memory of versions.
    fn refused(&self, module: &Path, signature: Option<PathBuf>, error: LoadError) -> Refused {
        let place = match &error {
            LoadError::Version(VersionError::Store(_)) => self.seen.clone(),
            LoadError::Read(_) if module.is_file() => signature,
            _ => None,
        };
        Refused::Module(place.unwrap_or_else(|| module.to_owned()), error)
    }

    fn trusted(&self) -> Result<Trust, Failure> {
        let text = files::read(&self.trust, files::SMALL)?;
        Trust::parse(&text).map_err(|error| {
            let failure = Failure::unusable(error.code(), error.to_string()).at(&self.trust);
            match advice::find("module.trust") {
                Some(advice) => failure.help(advice.action),
                None => failure,
            }
        })
    }
}

fn begins_like_a_bundle(path: &Path) -> bool {
    let mut mark = [0; 8];
    let is_file = path.is_file();
    is_file
        && File::open(path).is_ok_and(|mut file| file.read_exact(&mut mark).is_ok())
        && is_bundle(&mark)
}
