//! Why a module is refused.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::ops::Deref;

/// Why a module is refused, as a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModuleErrorCode {
    /// No signature, carried or detached.
    Unsigned,
    /// The envelope is malformed, or a trusted key's signature in it is wrong.
    Signature,
    /// The file ends inside a section.
    Truncated,
    /// The file is not the one that was signed, or has bytes after its signature.
    Altered,
    /// Fewer trusted keys than needed signed.
    Threshold,
    /// The module has expired.
    Expired,
    /// A higher version was seen before.
    Rollback,
    /// Another file was seen with this version.
    SameVersion,
    /// A module of another policy.
    Uid,
    /// Built with a guest that is not among those demanded.
    Guest,
    /// Statement and bundle do not agree.
    Mismatch,
    /// Larger than a module may be.
    Size,
    /// For an ABI that is not known here.
    Abi,
    /// Built by a version whose evaluator is unsafe, as its ABI or its bundle's format says.
    Outdated,
    /// No sound bundle section, or two.
    Bundle,
    /// Not a WebAssembly module of the form, or not a statement of the form.
    Format,
    /// The trusted keys are not usable.
    Trust,
}

impl ModuleErrorCode {
    /// The code as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "module.unsigned",
            Self::Signature => "module.signature",
            Self::Truncated => "module.truncated",
            Self::Altered => "module.altered",
            Self::Threshold => "module.threshold",
            Self::Expired => "module.expired",
            Self::Rollback => "module.rollback",
            Self::SameVersion => "module.same_version",
            Self::Uid => "module.uid",
            Self::Guest => "module.guest",
            Self::Mismatch => "module.mismatch",
            Self::Size => "module.size",
            Self::Abi => "module.abi",
            Self::Outdated => "module.outdated",
            Self::Bundle => "module.bundle",
            Self::Format => "module.format",
            Self::Trust => "module.trust",
        }
    }
}

impl fmt::Display for ModuleErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a module is refused, as one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleError(Box<ModuleRefusal>);

/// What a [`ModuleError`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleRefusal {
    /// The stable code.
    pub code: ModuleErrorCode,
    /// What exactly, for administrators.
    pub detail: String,
}

impl ModuleError {
    /// An error with this code and these words for administrators.
    #[must_use]
    pub fn new(code: ModuleErrorCode, detail: impl Into<String>) -> Self {
        Self(Box::new(ModuleRefusal {
            code,
            detail: detail.into(),
        }))
    }

    /// What exactly, for administrators.
    #[must_use]
    pub fn into_detail(self) -> String {
        self.0.detail
    }

    /// The stable code as text.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code.as_str()
    }
}

impl Deref for ModuleError {
    type Target = ModuleRefusal;

    fn deref(&self) -> &ModuleRefusal {
        &self.0
    }
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl core::error::Error for ModuleError {}
