//! A verified policy module.

use std::path::Path;
use std::sync::Arc;

use ambit_evaluator::{ABI, bundle_claims};
use ambit_token::module::{self, Expect};

use crate::Trust;
use crate::error::LoadError;
use crate::files;
use crate::versions::{Seen, VersionStore};

/// What a module is measured against.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// The policy that is expected; a module of another is refused. `None` takes any policy that
    /// a trusted key signed: for tools that look at modules, not for services.
    pub uid: Option<&'a str>,
    /// Seconds since 1970, UTC.
    pub now: i64,
    /// The versions accepted before.
    pub seen: &'a dyn VersionStore,
}

impl std::fmt::Debug for LoadOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadOptions")
            .field("uid", &self.uid)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// A module whose signature, statement, bundle and version were verified. Made only by
/// [`PolicyModule::load`] and [`PolicyModule::read`].
#[derive(Clone)]
pub struct PolicyModule {
    file: Arc<[u8]>,
    bundle: Arc<[u8]>,
    bundle_digest: [u8; 32],
    uid: String,
    seen: Seen,
    issued: i64,
    expires: i64,
    signers: Vec<String>,
}

impl PolicyModule {
    /// Verifies a module in memory, with its detached signature if it carries none.
    ///
    /// In this order: sizes, what [`ambit_token::module::verify`] checks, the version, its end. A
    /// module that was verified is remembered as seen, also one that has ended.
    ///
    /// # Errors
    ///
    /// [`LoadError`], whose code says which of them failed.
    pub fn load(
        bytes: &[u8],
        detached: Option<&[u8]>,
        trust: &Trust,
        options: &LoadOptions<'_>,
    ) -> Result<Self, LoadError> {
        // Whether it has ended is asked last: what was verified is remembered all the same, or an
        // older one, which was to last longer, could come after it.
        let expect = Expect {
            uid: options.uid,
            now: i64::MIN,
            abi: ABI.unsigned_abs(),
        };
        let verified = module::verify(bytes, detached, trust, &expect, bundle_claims)?;
        let statement = &verified.statement;
        let module = Self {
            file: bytes.into(),
            bundle: verified.bundle.into(),
            bundle_digest: verified.bundle_digest,
            uid: statement.uid.clone(),
            seen: Seen {
                version: statement.version,
                digest: statement.file_s256,
            },
            issued: statement.issued,
            expires: statement.expires,
            signers: verified.signers.clone(),
        };
        options.seen.accept(&module.uid, module.seen)?;
        module::check_end(statement, options.now)?;
        Ok(module)
    }

    /// Reads a module from a file, bounded, and [loads](Self::load) it. A detached signature is
    /// read where one is named; [`detached_path`](crate::detached_path) says where it usually is.
    ///
    /// # Errors
    ///
    /// [`LoadError::Read`] and [`LoadError::Size`] besides those of [`Self::load`].
    pub fn read(
        path: &Path,
        detached: Option<&Path>,
        trust: &Trust,
        options: &LoadOptions<'_>,
    ) -> Result<Self, LoadError> {
        let bytes = files::read_module(path)?;
        let signature = detached.map(files::read_signature).transpose()?;
        Self::load(&bytes, signature.as_deref(), trust, options)
    }

    /// The policy's name.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The policy's version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.seen.version
    }

    /// What a [`VersionStore`] remembers of this module.
    #[must_use]
    pub const fn seen(&self) -> Seen {
        self.seen
    }

    /// When the policy was issued (seconds since 1970, UTC).
    #[must_use]
    pub const fn issued(&self) -> i64 {
        self.issued
    }

    /// When the policy ends (seconds since 1970, UTC). Engines deny from then on by themselves.
    #[must_use]
    pub const fn expires(&self) -> i64 {
        self.expires
    }

    /// The keys whose signatures count, by `kid`.
    #[must_use]
    pub fn signers(&self) -> &[String] {
        &self.signers
    }

    /// The bytes of the bundle.
    #[must_use]
    pub fn bundle(&self) -> &[u8] {
        &self.bundle
    }

    /// SHA-256 of the bundle.
    #[must_use]
    pub const fn bundle_digest(&self) -> &[u8; 32] {
        &self.bundle_digest
    }

    /// The bytes that were verified, which are the bytes to compile.
    pub(crate) fn file(&self) -> &[u8] {
        &self.file
    }

    pub(crate) fn shared_bundle(&self) -> Arc<[u8]> {
        Arc::clone(&self.bundle)
    }
}

impl std::fmt::Debug for PolicyModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyModule")
            .field("uid", &self.uid)
            .field("version", &self.seen.version)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
