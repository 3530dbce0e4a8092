//! From what an organisation writes to a signed policy module and to tokens.
//!
//! - [`Project::load`] reads `ambit.toml`, `schema.cedarschema` and `agents/*.toml`; every fault is
//!   a [`Diagnostic`] with the offending text underlined.
//! - [`build::bundle`] makes the deterministic bundle, [`module::assemble`] puts it into the guest.
//! - [`sign::module`] signs the result; [`keys`] keeps private keys in files that only their owner
//!   can read.
//! - [`mint::root`] and [`mint::attenuate`] make tokens that the evaluator accepts, or none.
//!
//! Nothing here is needed to verify or to decide.
//!
//! ```no_run
//! use ambit_compiler::{Project, build, keys, module, sign};
//! use std::path::Path;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let guest = Vec::new();
//! let project = Project::load(Path::new("acme"))?;
//! project.check_publishable()?;
//! let bundle = build::bundle(&project, 1_771_977_600)?;
//! let file = module::assemble(&guest, &bundle)?;
//! let key = keys::load(Path::new("release.jwk"))?;
//! let options = sign::SignOptions { carried: true, tests_s256: None };
//! let signed = sign::module(&file, &[key], options)?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod build;
pub mod cedar;
mod diagnostics;
mod encoding;
mod error;
pub mod format;
pub mod keys;
mod lint;
pub mod mint;
pub mod module;
pub mod probe;
mod project;
pub mod reader;
mod schema;
mod secret;
mod sets;
pub mod sign;
pub mod sql;
pub mod suggest;

pub use diagnostics::{Diagnostic, Diagnostics, Place, Severity, Sink};
pub use error::CompileError;
pub use project::{EntryPlace, Project, check_vocabulary, files, on_a_large_stack};
pub use secret::conceal;
