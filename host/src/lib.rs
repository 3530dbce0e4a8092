//! Loads signed policy modules, answers requests, and enforces the answers.
//!
//! - [`PolicyModule`]: a module whose signature, policy and version were verified; [`PolicyBundle`]: the
//!   same of its bundle alone. They are the only way to an engine. There is no way around a signature.
//! - [`WasmEngine`] runs the module's own code in wasmtime, [`NativeEngine`] runs its bundle with
//!   the evaluator compiled into this crate; both are [`Evaluator`]s and give the same bytes.
//! - [`CodeCache`] keeps what wasmtime compiled, so that a module is loaded in milliseconds.
//! - [`Enforcer`] turns an answer into a [`Verdict`] and discharges its obligations;
//!   [`ledger`] has the budgets that `consume` takes from, [`audit`] the log,
//!   [`status`] the lists of revoked tokens, [`proposals`] the calls that wait for a person's yes.
//! - [`http::response`] says a refusal over HTTP; [`refuse`] makes one of the service's own, in the form
//!   of every other answer.
//!
//! ```no_run
//! use ambit_host::{
//!     Evaluator as _, Instances, LoadOptions, MemoryVersions, PolicyModule, Runtime, Trust, WasmEngine,
//! };
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let trust = Trust::parse(&std::fs::read("keys.json")?)?;
//! let seen = MemoryVersions::new();
//! let options = LoadOptions { uid: Some("acme/agents"), now: 1_772_000_400, seen: &seen };
//! let module = PolicyModule::read("policy.wasm".as_ref(), None, &trust, &options)?;
//! let engine = WasmEngine::new(&Runtime::new()?, &module, Instances::Pooled)?;
//! println!("{}", engine.evaluate(br#"{"evaluation": {}}"#));
//! # Ok(())
//! # }
//! ```
#![deny(unsafe_code)]

pub mod audit;
mod code;
mod enforce;
mod error;
mod evaluator;
mod files;
mod group;
mod heard;
mod journal;
pub mod ledger;
mod module;
mod native;
pub mod proposals;
mod rows;
mod runtime;
mod signer;
pub mod status;
mod versions;
mod wasm;
mod zones;

pub use ambit_core::http;
pub use ambit_enforce::ask;
pub use ambit_evaluator::{Standing, refuse};
pub use ambit_token::module::TrustedKeys as Trust;
pub use code::CodeCache;
pub use enforce::{Discharge, Enforcer, NotDischarged, Obligation, Turn, Verdict};
pub use error::LoadError;
pub use evaluator::{Evaluator, Fault};
pub use files::{bundle_path, detached_path};
pub use heard::HeardEpochs;
pub use journal::{Begun, Entry, Journal};
pub use module::{LoadOptions, PolicyBundle, PolicyModule};
pub use native::NativeEngine;
pub use rows::{RowError, RowKey, RowSettings};
pub use runtime::{Runtime, RuntimeOptions};
pub use signer::Signer;
pub use versions::{
    EPOCHS, FileVersions, MemoryVersions, STATUS, Seen, StatementVersions, Statements,
    VersionError, VersionStore,
};
pub use wasm::{Instances, WasmEngine};
pub use zones::Zones;

/// The example of the README, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
