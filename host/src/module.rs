//! A verified policy module, and the bundle of one.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use ambit_evaluator::{ABI, bundle_claims};
use ambit_token::module::{self, Expect, Statement, VerifiedModule};

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

/// A policy whose signature, statement, bundle and version were verified: what an evaluator needs, with or
/// without the module's code. Made by [`PolicyBundle::load`] and [`PolicyBundle::read`] of a bundle that
/// travels alone; a [`PolicyModule`] has one.
#[derive(Clone)]
pub struct PolicyBundle {
    bytes: Arc<[u8]>,
    statement: Statement,
    signers: Vec<String>,
}

impl PolicyBundle {
    /// Verifies the bundle of a module in memory, with the module's detached signature.
    ///
    /// It says the same of a bundle as of a module, and both are one version: what is remembered of one
    /// counts for the other.
    ///
    /// # Errors
    ///
    /// [`LoadError`], whose code says what does not hold.
    pub fn load(
        bytes: &[u8],
        detached: Option<&[u8]>,
        trust: &Trust,
        options: &LoadOptions<'_>,
    ) -> Result<Self, LoadError> {
        let expect = expected(options);
        let verified = module::verify_bundle(bytes, detached, trust, &expect, bundle_claims)?;
        Self::accept(&verified, options)
    }

    /// Reads a bundle and its detached signature from files, bounded, and [loads](Self::load) it.
    /// [`detached_path`](crate::detached_path) says where the signature usually is.
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
        let bytes = files::read_bundle(path)?;
        let signature = detached.map(files::read_signature).transpose()?;
        Self::load(&bytes, signature.as_deref(), trust, options)
    }

    /// Whether it has ended is asked last: what was verified is remembered all the same, or an older
    /// one, which was to last longer, could come after it.
    fn accept(verified: &VerifiedModule<'_>, options: &LoadOptions<'_>) -> Result<Self, LoadError> {
        let policy = Self {
            bytes: verified.bundle.into(),
            statement: verified.statement.clone(),
            signers: verified.signers.clone(),
        };
        options.seen.accept(policy.uid(), policy.seen())?;
        module::check_end(&policy.statement, options.now)?;
        Ok(policy)
    }

    /// The policy's name.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.statement.uid
    }

    /// The policy's version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.statement.version
    }

    /// What a [`VersionStore`] remembers of this version.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen {
            version: self.statement.version,
            digest: self.statement.content_s256(),
        }
    }

    /// When the policy was issued (seconds since 1970, UTC).
    #[must_use]
    pub const fn issued(&self) -> i64 {
        self.statement.issued
    }

    /// When the policy ends (seconds since 1970, UTC). Engines deny from then on by themselves.
    #[must_use]
    pub const fn expires(&self) -> i64 {
        self.statement.expires
    }

    /// The keys whose signatures count, by `kid`.
    #[must_use]
    pub fn signers(&self) -> &[String] {
        &self.signers
    }

    /// The bytes of the bundle.
    #[must_use]
    pub fn bundle(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bundle.
    #[must_use]
    pub const fn bundle_digest(&self) -> &[u8; 32] {
        &self.statement.bundle_s256
    }

    /// SHA-256 of the guest that the module was built with, as its signers state.
    #[must_use]
    pub const fn guest_digest(&self) -> &[u8; 32] {
        &self.statement.guest_s256
    }

    /// SHA-256 of the results of the policy's tests, where its signers state one.
    #[must_use]
    pub const fn tests_digest(&self) -> Option<&[u8; 32]> {
        self.statement.tests_s256.as_ref()
    }

    /// SHA-256 of what is signed of the module's file, as its signers state.
    #[must_use]
    pub const fn file_digest(&self) -> &[u8; 32] {
        &self.statement.file_s256
    }

    pub(crate) fn shared_bundle(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }
}

impl AsRef<Self> for PolicyBundle {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl std::fmt::Debug for PolicyBundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyBundle")
            .field("uid", &self.uid())
            .field("version", &self.version())
            .field("expires", &self.expires())
            .finish_non_exhaustive()
    }
}

/// A module whose signature, statement, code, bundle and version were verified. Made only by
/// [`PolicyModule::load`] and [`PolicyModule::read`].
#[derive(Clone, Debug)]
pub struct PolicyModule {
    file: Arc<Vec<u8>>,
    policy: PolicyBundle,
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
        Self::of(bytes.to_vec(), detached, trust, options)
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
        Self::of(bytes, signature.as_deref(), trust, options)
    }

    /// A large file is not copied once more.
    fn of(
        file: Vec<u8>,
        detached: Option<&[u8]>,
        trust: &Trust,
        options: &LoadOptions<'_>,
    ) -> Result<Self, LoadError> {
        let expect = expected(options);
        let verified = module::verify(&file, detached, trust, &expect, bundle_claims)?;
        Ok(Self {
            policy: PolicyBundle::accept(&verified, options)?,
            file: Arc::new(file),
        })
    }

    /// The bytes that were verified, which are the bytes to compile.
    pub(crate) fn file(&self) -> &[u8] {
        &self.file
    }
}

/// A module is a policy with code.
impl Deref for PolicyModule {
    type Target = PolicyBundle;

    fn deref(&self) -> &PolicyBundle {
        &self.policy
    }
}

impl AsRef<PolicyBundle> for PolicyModule {
    fn as_ref(&self) -> &PolicyBundle {
        &self.policy
    }
}

/// All but the end, which is asked last.
const fn expected<'o>(options: &LoadOptions<'o>) -> Expect<'o> {
    Expect {
        uid: options.uid,
        now: i64::MIN,
        abi: ABI.unsigned_abs(),
    }
}
