//! Why a module is not loaded.

use std::fmt;

use ambit_token::module::ModuleError;

use crate::versions::VersionError;

/// Why a policy module was refused. Nothing of a refused module runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read, or is not a plain file.
    Read(std::io::Error),
    /// Larger than a module may be, known before it was read.
    Size {
        /// The limit in bytes.
        limit: usize,
    },
    /// The signature or what it says does not hold.
    Module(ModuleError),
    /// The version goes back, or differs from what was seen under the same number, or the memory
    /// of versions failed.
    Version(VersionError),
    /// The code has an older ABI: it was built by a version whose evaluator is unsafe.
    Outdated,
    /// The code does not have the interface of a policy module.
    Interface(String),
    /// The code does not compile with the features that policy modules may use.
    Compile(String),
    /// The code and the bundle section of the module are not the same policy.
    Mismatch,
}

impl LoadError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "module.read",
            Self::Size { .. } => "module.size",
            Self::Module(error) => error.code(),
            Self::Version(error) => error.code(),
            Self::Outdated => "module.outdated",
            Self::Interface(_) => "module.abi",
            Self::Compile(_) => "module.compile",
            Self::Mismatch => "module.mismatch",
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "the module cannot be read: {error}"),
            Self::Size { limit } => write!(f, "the module is larger than {limit} bytes"),
            Self::Module(error) => error.fmt(f),
            Self::Version(error) => error.fmt(f),
            Self::Outdated => write!(
                f,
                "the module's code was built by a version before ABI {}, which is unsafe; build and sign it again",
                ambit_evaluator::ABI
            ),
            Self::Interface(what) => write!(f, "not a policy module: {what}"),
            Self::Compile(what) => write!(f, "the module's code is not accepted: {what}"),
            Self::Mismatch => {
                f.write_str("the module's code holds another policy than its bundle section")
            }
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Module(error) => Some(error),
            Self::Version(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ModuleError> for LoadError {
    fn from(error: ModuleError) -> Self {
        Self::Module(error)
    }
}

impl From<VersionError> for LoadError {
    fn from(error: VersionError) -> Self {
        Self::Version(error)
    }
}
