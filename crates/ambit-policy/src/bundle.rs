//! The bundle and what it says about itself, its keys and its manifests.

use alloc::vec::Vec;
use core::fmt;

use ambit_core::Power;
use ambit_core::constraint::Unit;
use ambit_core::json::{Elements, Json};
use ambit_core::limits::{BUNDLE_BYTES, Limits};
use sha2::{Digest as _, Sha256};

use crate::cedar::Program;
use crate::content;
use crate::format::{self, Sections, Table};
use crate::vocabulary::Action;

/// Why bytes are not a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BundleError {
    /// Larger than [`BUNDLE_BYTES`].
    Size,
    /// Not the header, format version or section layout of a bundle.
    Header,
    /// Of an older format, and so built by a version that is unsafe.
    Outdated,
    /// An offset, length, tag or text in the tape is out of bounds.
    Tape,
    /// A table of the index does not belong to the document.
    Index,
    /// The compiled policies are not sound, or are there without being asked for.
    Program(&'static str),
    /// The document lacks a member, or has one of the wrong form.
    Content(&'static str),
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size => f.write_str("larger than 8 MiB"),
            Self::Header => f.write_str("not a bundle of a known format"),
            Self::Outdated => f.write_str(
                "the bundle was built by a version before format 2, which is unsafe; build and sign it again",
            ),
            Self::Tape => f.write_str("the data is out of bounds"),
            Self::Index => f.write_str("the index does not belong to the data"),
            Self::Program(section) => write!(f, "the policies are not sound (`{section}`)"),
            Self::Content(member) => write!(f, "`{member}` is missing or malformed"),
        }
    }
}

impl core::error::Error for BundleError {}

/// A compiled policy, read in place.
#[derive(Clone, Debug)]
pub struct Bundle<'a> {
    bytes: &'a [u8],
    digest: [u8; 32],
    sections: Sections<'a>,
    program: Option<Program<'a>>,
}

impl<'a> Bundle<'a> {
    /// Checks the whole bundle once, in time linear in its size.
    ///
    /// # Errors
    ///
    /// [`BundleError`] says which part is not sound.
    pub fn verify(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let bundle = Self::open(bytes, Sha256::digest(bytes).into())?;
        if !bundle.sections.document.verify() {
            return Err(BundleError::Tape);
        }
        content::check(bundle.root()).map_err(BundleError::Content)?;
        if !bundle.sections.index_is_sound() {
            return Err(BundleError::Index);
        }
        bundle.check_program().map_err(BundleError::Program)?;
        Ok(bundle)
    }

    /// A bundle with guard rails has a sound program with a schema, one without has none.
    fn check_program(&self) -> Result<(), &'static str> {
        match (&self.program, self.guard_rails()) {
            (Some(program), "cedar") if program.typed() => program.verify(),
            (None, "none") if self.sections.program.is_empty() => Ok(()),
            _ => Err("header"),
        }
    }

    /// Opens a bundle that was verified before, with the SHA-256 of its bytes, in constant time:
    /// for a module instance that lives for one decision.
    ///
    /// Nothing unsafe follows from opening bytes that were not verified: every accessor is total,
    /// and what cannot be read denies.
    ///
    /// # Errors
    ///
    /// [`BundleError::Size`], [`BundleError::Header`] and [`BundleError::Outdated`].
    pub fn open(bytes: &'a [u8], digest: [u8; 32]) -> Result<Self, BundleError> {
        if bytes.len() > BUNDLE_BYTES {
            return Err(BundleError::Size);
        }
        if format::format(bytes).is_some_and(|format| format < format::FORMAT) {
            return Err(BundleError::Outdated);
        }
        let sections = format::open(bytes).ok_or(BundleError::Header)?;
        let program = Program::open(sections.program);
        Ok(Self {
            bytes,
            digest,
            sections,
            program,
        })
    }

    /// Writes a bundle around a document of the compiler and its program (empty without guard rails). `None` when it is too large, or lacks
    /// one of `actions`, `manifests`, `resources`, `keys`.
    #[must_use]
    pub fn encode(document: Json<'_>, program: &[u8]) -> Option<Vec<u8>> {
        format::encode(document, program).filter(|bytes| bytes.len() <= BUNDLE_BYTES)
    }

    /// The bytes themselves.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// SHA-256 of the bytes: what a token's `policy.s256` names.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The whole document.
    #[must_use]
    pub const fn root(&self) -> Json<'_> {
        self.sections.document.root()
    }

    fn text(&self, member: &str) -> &str {
        self.root().get_str(member).unwrap_or_default()
    }

    fn integer(&self, member: &str) -> i64 {
        self.root().get_int(member).unwrap_or_default()
    }

    /// The policy's name, for example `acme/agents`.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.text("uid")
    }

    /// The policy's version, at least 1.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.integer("version")
    }

    /// The lowest policy version for which a token may have been made.
    #[must_use]
    pub fn tokens_from_version(&self) -> i64 {
        self.integer("tokens_from_version")
    }

    /// When the policy was issued (seconds since 1970, UTC).
    #[must_use]
    pub fn issued(&self) -> i64 {
        self.integer("issued")
    }

    /// When the policy ends (seconds since 1970, UTC). A bundle that does not say has ended.
    #[must_use]
    pub fn expires(&self) -> i64 {
        self.integer("expires")
    }

    /// The bytes of the compiled policies; empty without guard rails.
    #[must_use]
    pub const fn program_bytes(&self) -> &'a [u8] {
        self.sections.program
    }

    /// The compiled Cedar policies, where there are any.
    #[must_use]
    pub const fn program(&self) -> Option<&Program<'a>> {
        self.program.as_ref()
    }

    /// The entity type in policies of a datatype of requests and tokens.
    #[must_use]
    pub fn resource_type(&self, datatype: &str) -> Option<&str> {
        self.sections
            .named(Table::Resources, datatype)?
            .get("cedar")?
            .as_str()
    }

    /// `cedar`: Cedar's own Allow is needed; `none`: capabilities alone decide.
    #[must_use]
    pub fn guard_rails(&self) -> &str {
        self.text("guard_rails")
    }

    /// `required` or `off`. Everything but `off` requires proof of possession.
    #[must_use]
    pub fn possession(&self) -> &str {
        self.text("possession")
    }

    /// The issuers whose revocation epochs every request must bring.
    pub fn epochs_from(&self) -> impl Iterator<Item = &str> {
        let list = self.root().get("epochs_from").into_iter();
        list.flat_map(Json::elements).filter_map(Json::as_str)
    }

    /// The bounds, as far as the project lowered them.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let defaults = Limits::default();
        let given = self.root().get("limits");
        let number = |member: &str| {
            given
                .and_then(|limits| limits.get(member))
                .and_then(Json::as_int)
        };
        let size = |member: &str, most: usize| {
            let given = number(member).and_then(|value| usize::try_from(value).ok());
            given.map_or(most, |value| value.min(most))
        };
        let seconds =
            |member: &str, most: i64| number(member).map_or(most, |value| value.min(most));
        Limits {
            token_bytes: size("token_bytes", defaults.token_bytes),
            token_blocks: size("token_blocks", defaults.token_blocks),
            request_bytes: size("request_bytes", defaults.request_bytes),
            root_life_seconds: seconds("root_life_seconds", defaults.root_life_seconds),
            clock_skew_seconds: seconds("clock_skew_seconds", defaults.clock_skew_seconds),
        }
    }

    /// In which unit people read an argument of an action.
    #[must_use]
    pub fn unit(&self, action: &str, argument: &str) -> Unit<'_> {
        let action = self.action(action);
        let Some(argument) = action.and_then(|action| action.argument(argument)) else {
            return Unit::None;
        };
        match (argument.money(), argument.unit()) {
            (Some(decimals), _) => Unit::Money { decimals },
            (None, unit) if argument.declared().holds_numbers() => Unit::Number(unit),
            (None, Some(name)) => Unit::Named(name),
            (None, None) => Unit::None,
        }
    }

    /// What the vocabulary says about an action.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<Action<'_>> {
        self.sections.named(Table::Actions, name).map(Action)
    }

    /// The label of a resource type, where the vocabulary has one.
    #[must_use]
    pub fn resource_label(&self, name: &str) -> Option<&str> {
        self.resource(name)?.get("label")?.as_str()
    }

    pub(crate) fn resource(&self, name: &str) -> Option<Json<'_>> {
        self.sections.named(Table::Resources, name)
    }

    /// The manifest of an agent class.
    #[must_use]
    pub fn manifest(&self, agent: &str) -> Option<Manifest<'_>> {
        self.sections.named(Table::Manifests, agent).map(Manifest)
    }

    /// The keys with this `kid`, of whatever issuer and role.
    pub fn keys(&self, kid: &str) -> impl Iterator<Item = Key<'_>> {
        self.sections.keys(kid).map(Key)
    }

    /// All keys.
    pub fn all_keys(&self) -> impl Iterator<Item = Key<'_>> {
        let keys = self.root().get("keys").into_iter();
        keys.flat_map(Json::elements).map(Key)
    }
}

/// A key that may sign one type of statement.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a>(Json<'a>);

impl<'a> Key<'a> {
    fn text(self, member: &str) -> &'a str {
        self.0.get_str(member).unwrap_or_default()
    }

    /// The issuer for whom the key signs.
    #[must_use]
    pub fn iss(self) -> &'a str {
        self.text("iss")
    }

    /// The key's name.
    #[must_use]
    pub fn kid(self) -> &'a str {
        self.text("kid")
    }

    /// The header `alg` that goes with the key: `Ed25519`, `EdDSA` where the issuer still says so,
    /// or `ES256`.
    #[must_use]
    pub fn alg(self) -> &'a str {
        self.text("alg")
    }

    /// The one `typ` that the key may sign.
    #[must_use]
    pub fn signs(self) -> &'a str {
        self.text("signs")
    }

    /// The public key, base64url; of a P-256 key the first coordinate.
    #[must_use]
    pub fn x(self) -> &'a str {
        self.text("x")
    }

    /// The second coordinate of a P-256 key, base64url.
    #[must_use]
    pub fn y(self) -> Option<&'a str> {
        self.0.get_str("y")
    }

    /// The one person for whom the key signs receipts; `None`: for all that it names.
    #[must_use]
    pub fn sub(self) -> Option<&'a str> {
        self.0.get_str("sub")
    }

    /// The whole row: what narrows the key, and its relying party where it is a WebAuthn credential.
    #[must_use]
    pub const fn row(self) -> Json<'a> {
        self.0
    }
}

/// What one agent class may ever be granted.
#[derive(Clone, Copy, Debug)]
pub struct Manifest<'a>(Json<'a>);

impl<'a> Manifest<'a> {
    /// Whether a list of the manifest (`models`, `environments`, `versions`) admits `value`. An
    /// absent list admits everything; a list admits no absent value.
    #[must_use]
    pub fn admits(self, list: &str, value: Option<&str>) -> bool {
        self.list(list)
            .is_none_or(|mut list| value.is_some() && list.any(|item| item.as_str() == value))
    }

    /// The elements of such a list, where the manifest has it.
    #[must_use]
    pub fn list(self, list: &str) -> Option<Elements<'a>> {
        self.0
            .get(list)
            .filter(|list| !list.is_null())
            .map(Json::elements)
    }

    /// What the agent is called, in this language, where the manifest says it.
    #[must_use]
    pub fn label_in(self, language: &str) -> Option<&'a str> {
        crate::vocabulary::label_in(self.0, language)
    }

    /// Seconds that a token for this agent may live, where the manifest bounds it.
    #[must_use]
    pub fn max_life_seconds(self) -> Option<i64> {
        self.0.get_int("max_life_seconds")
    }

    /// Seconds that the host's attestation of the agent may be old, where the manifest asks for one.
    #[must_use]
    pub fn attestation_max_age_seconds(self) -> Option<i64> {
        self.0.get_int("attestation_max_age_seconds")
    }

    /// Whether an agent that no longer runs as it was granted (another model, version, environment)
    /// keeps this power. None unless the manifest names it.
    #[must_use]
    pub fn keeps_on_drift(self, power: Power) -> bool {
        let powers = self.0.get("drift_powers").map(Json::elements);
        let mut powers = powers.into_iter().flatten();
        powers.any(|name| name.as_str() == Some(power.name()))
    }

    /// How often a token may be passed on; 0 unless the manifest says otherwise.
    #[must_use]
    pub fn max_depth(self) -> i64 {
        self.0.get_int("max_depth").unwrap_or_default()
    }

    /// The capabilities, in their order.
    #[must_use]
    pub fn capabilities(self) -> Elements<'a> {
        self.0.get("capabilities").unwrap_or(self.0).elements()
    }
}
