//! The policy that a command speaks of: in a module, or built from a project.

use std::path::{Path, PathBuf};

use ambit_compiler::Project;
use ambit_compiler::build::{self, BuildOptions};
use ambit_core::limits::MODULE_BYTES;
use ambit_policy::Bundle;
use clap::Args;

use crate::failure::Failure;
use crate::keys::compile;
use crate::module::{Refused, Trusting};
use crate::{bundle, files, time};

/// Which policy.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// The policy module, or its bundle
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "project",
        conflicts_with = "project"
    )]
    module: Option<PathBuf>,
    /// Check first that a key of this trust file (`keys.json`) signed the module
    #[arg(long, value_name = "FILE", conflicts_with = "project")]
    trust: Option<PathBuf>,
    /// The project of the policy, instead of a module
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
}

impl PolicyArgs {
    /// The same, named in another way: a module, or else a project.
    pub(crate) fn of(module: Option<PathBuf>, project: PathBuf) -> Self {
        Self {
            project: module.is_none().then_some(project),
            module,
            trust: None,
        }
    }

    /// Reads it: the module as it is, or verified where somebody is to be trusted; or the project,
    /// compiled.
    pub(crate) fn read(&self, now: i64) -> Result<Policy, Failure> {
        match (&self.module, &self.project) {
            (Some(path), _) => {
                let Some(trust) = &self.trust else {
                    return Ok(Policy::Module(
                        path.clone(),
                        files::read(path, MODULE_BYTES)?,
                    ));
                };
                let signed = Trusting::by(trust.clone(), now)
                    .load(path)
                    .map_err(Refused::into_unusable)?;
                Ok(Policy::Bundle(signed.bundle().to_vec()))
            }
            (None, Some(dir)) => Policy::of_project(dir),
            // clap asks for one of them.
            (None, None) => Err(Failure::unusable("usage", "give --module or --project")),
        }
    }
}

/// A policy at hand.
pub(crate) enum Policy {
    Module(PathBuf, Vec<u8>),
    Bundle(Vec<u8>),
}

impl Policy {
    fn of_project(dir: &Path) -> Result<Self, Failure> {
        let project = Project::load(dir).map_err(|faults| Failure::report(faults.render(true)))?;
        let options = BuildOptions {
            issued: None,
            default_issued: time::default_issued()?,
        };
        let bundle =
            build::bundle(&project, options.issued(&project)).map_err(|error| compile(&error))?;
        Ok(Self::Bundle(bundle))
    }

    /// The bytes of the bundle.
    pub(crate) fn bundle_bytes(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Module(path, bytes) => bundle::bytes_in_file(bytes)
                .map(<[u8]>::to_vec)
                .map_err(|failure| failure.at(path)),
            Self::Bundle(bytes) => Ok(bytes.clone()),
        }
    }

    pub(crate) fn bundle(&self) -> Result<Bundle<'_>, Failure> {
        match self {
            Self::Module(path, bytes) => bundle::in_file(bytes).map_err(|failure| failure.at(path)),
            Self::Bundle(bytes) => Bundle::verify(bytes)
                .map_err(|error| Failure::tool("build.bundle", error.to_string())),
        }
    }
}
