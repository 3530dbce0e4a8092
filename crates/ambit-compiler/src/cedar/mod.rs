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
pub(crate) use expr::{Binary, Expr, Slots, Uid, Var, uid, value};
pub(crate) use program::{OwnEntity, write};
pub(crate) use source::{Clause, Notes, Scope, Source};
pub(crate) use types::{Enumerations, actions, enumerations, uid_of};

/// What a set is compiled for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'s> {
    /// Requests are checked against it. Without one they are read as Cedar reads them without a
    /// schema.
    pub schema: Option<&'s Schema>,
    /// Whether the set passed Cedar's strict validation against the schema; the index then knows more
    /// about what cannot err.
    pub validated: bool,
}

/// Whether a policy alone compiles, so that one that does not can be shown where it stands.
pub(crate) fn check(policy: &Source) -> Result<(), CompileError> {
    code::emit(
        &policy.condition(),
        &mut Vec::new(),
        &mut pool::Pool::default(),
    )
    .map(drop)
}

/// Whether a policy that passed strict validation can err for some request.
pub(crate) fn can_err(policy: &Source) -> bool {
    !safety::Known::new(true).is_safe_truth(&policy.condition())
}

/// Where brackets stand too deep in each other for Cedar's parser, in a policy or expression. To be asked
/// before it runs.
#[must_use]
pub fn too_deep(text: &str) -> Option<core::ops::Range<usize>> {
    crate::schema::policy_too_deep(text)
}

/// Compiles a policy set, its templates linked. Any set compiles, validated or not: a project's
/// policies are validated before they come here, tests also need those that are not.
///
/// Policies are numbered in the order of their identifiers, numbers in them counted as numbers.
///
/// # Errors
///
/// `cedar.form` and `cedar.function` for an expression that this version does not know, `cedar.depth`
/// for one that is nested too deeply, `cedar.schema` for a type that is not known, `build.size` for a
/// set that is too large.
pub fn compile(policies: &PolicySet, options: Options<'_>) -> Result<Vec<u8>, CompileError> {
    write(&source::of_set(policies)?, options, &[])
}
