//! Guard rails taken apart, to see what each of their conditions comes to.
//!
//! [`bundles`] gives a policy that differs from the project's own in its guard rails alone: each policy and
//! each of its conditions is a `permit` of its own there. So the evaluator itself says, in the `policies` of
//! its answer, what of them a request satisfies. Such a bundle is for looking at a policy, and never for
//! deciding.

use ambit_core::json::{Document, Profile, Writer};
use ambit_policy::Bundle;

use crate::cedar::{self, Expr, Notes, Source};
use crate::error::CompileError;
use crate::project::Project;

/// The `permit` that every request satisfies which comes to the guard rails at all.
pub const REACHED: &str = "reached";

/// Probes in one bundle: telling each that is satisfied costs some 150 of a decision's million steps.
const PROBES: usize = 1000;

/// A guard rail, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rail {
    /// Its `@id`.
    pub id: String,
    /// Whether it is a `forbid`.
    pub forbids: bool,
    /// Its file, relative to the project.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What would lift it.
    pub step_up: Option<String>,
    /// Whether its head names a principal, an action or a resource.
    pub scoped: bool,
    /// Its conditions, in the order in which Cedar evaluates them.
    pub conditions: Vec<Condition>,
}

/// One condition of a guard rail: a `when`, an `unless`, or a part of a `when` that `&&` joins to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// As it is written, in one line.
    pub text: String,
    /// Whether it is an `unless`, so that the policy goes on where it does not hold.
    pub unless: bool,
    /// Its line, from 1.
    pub line: usize,
}

/// The guard rails of a project, in their order.
#[must_use]
pub fn rails(project: &Project) -> Vec<Rail> {
    sources(project).iter().map(rail).collect()
}

fn sources(project: &Project) -> &[Source] {
    project.guard.as_ref().map_or(&[], |guard| &guard.policies)
}

fn rail(source: &Source) -> Rail {
    let conditions = source.clauses.iter().map(|clause| Condition {
        text: clause.text.clone(),
        unless: clause.unless,
        line: clause.line,
    });
    Rail {
        id: source.id.clone(),
        forbids: source.forbids,
        file: source.notes.file.clone().unwrap_or_default(),
        line: usize::try_from(source.notes.line).unwrap_or_default(),
        step_up: source.notes.step_up.clone(),
        scoped: source.is_scoped(),
        conditions: conditions.collect(),
    }
}

/// The name of the probe that says whether the head of a rail and its first conditions hold, as many as
/// `conditions` says. Rails are numbered as in [`rails`].
#[must_use]
pub fn name(rail: usize, conditions: usize) -> String {
    format!("{rail}.{conditions}")
}

/// The bundle of a project with probes in the place of its guard rails, several times with a part of them
/// where they are many: a decision tells only so many. `bundle` is the project's own.
///
/// # Errors
///
/// `build.size` where the probes do not fit, `build.bundle` where `bundle` is none.
pub fn bundles(project: &Project, bundle: &[u8]) -> Result<Vec<Vec<u8>>, CompileError> {
    let unsound =
        |error: &dyn std::fmt::Display| CompileError::new("build.bundle", error.to_string());
    let own = Bundle::verify(bundle).map_err(|error| unsound(&error))?;
    let Some(guard) = &project.guard else {
        return Ok(Vec::new());
    };
    let mut probes = Vec::new();
    for (number, source) in guard.policies.iter().enumerate() {
        let counts = 0..=source.clauses.len();
        probes.extend(counts.map(|count| probe(name(number, count), source, count)));
    }
    let options = cedar::Options {
        schema: project.vocabulary.cedar.as_ref(),
        validated: true,
    };
    let mut text = Writer::default();
    text.json(own.root());
    let document = Document::parse(text.as_str().as_bytes(), Profile::Signed)
        .map_err(|error| unsound(&error))?;
    let of = |probes: &[Source]| {
        let mut probes = probes.to_vec();
        probes.push(probe(REACHED.to_owned(), &Source::any(), 0));
        let program = cedar::write(&probes, options, &guard.entities)?;
        let too_large = || {
            let message = "the guard rails taken apart would be larger than 8 MiB";
            CompileError::new("build.size", message)
        };
        Bundle::encode(document.root(), &program).ok_or_else(too_large)
    };
    probes.chunks(PROBES).map(of).collect()
}

/// The head of a policy and its first conditions, as a `permit`.
fn probe(id: String, source: &Source, count: usize) -> Source {
    let clauses = source.clauses.iter().take(count);
    Source {
        id,
        forbids: false,
        conditions: clauses
            .map(|clause| clause.expr.clone())
            .collect::<Vec<Expr>>(),
        clauses: Vec::new(),
        notes: Notes::default(),
        ..source.clone()
    }
}
