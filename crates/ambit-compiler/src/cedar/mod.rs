//! Cedar policies as a program that `ambit_policy::cedar` evaluates.

mod code;
mod expr;
mod pool;
mod program;
mod safety;
mod source;
mod tree;
mod types;

use cedar_policy::{PolicySet, Schema};

use crate::error::CompileError;

/// Compiles a policy set, its templates linked. With a schema, requests are checked against it; the
/// set is taken to have passed Cedar's strict validation. Without one, any set compiles, validated
/// or not, and requests are read as Cedar reads them without a schema: for tests.
///
/// Policies are numbered in the order of their identifiers, numbers in them counted as numbers.
///
/// # Errors
///
/// `cedar.form` for an expression that this version does not know, `cedar.depth` for one that is
/// nested too deeply, `cedar.schema` for a type that is not known, `build.size` for a set that is too
/// large.
pub fn compile(policies: &PolicySet, schema: Option<&Schema>) -> Result<Vec<u8>, CompileError> {
    program::write(&source::of_set(policies)?, schema, &[])
}
