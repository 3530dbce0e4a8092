//! The solver, cvc5, and the questions put to it.

use std::process::{Command, Stdio};

use cedar_policy::{Entities, PolicySet, Request, RequestEnv, Schema};
use cedar_policy_symcc::err::{EncodeError, Error};
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicySet};
use tokio::runtime::{Builder, Runtime};

use crate::ProveError;

/// Asks cvc5: one process for all questions.
#[derive(Debug)]
pub struct Solver {
    runtime: Runtime,
    compiler: Option<CedarSymCompiler<LocalSolver>>,
    /// Milliseconds for each question.
    most: u64,
    /// How many questions were asked.
    pub asked: usize,
}

/// What the solver says.
#[derive(Debug)]
pub(crate) enum Found {
    /// There is no such request.
    Nothing,
    /// This one.
    Request(Box<(Request, Entities)>),
    /// It does not know, and why.
    Unknown(String),
}

fn program() -> String {
    std::env::var("CVC5").unwrap_or_else(|_| "cvc5".to_owned())
}

impl Solver {
    /// Whether the solver is installed.
    #[must_use]
    pub fn is_there() -> bool {
        let started = Command::new(program())
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        started.is_ok_and(|status| status.success())
    }

    /// Starts the solver: `CVC5`, or `cvc5` of the path. It gets so many seconds for each question.
    ///
    /// # Errors
    ///
    /// `prove.solver` where it is not installed or does not start.
    pub fn start(seconds: u64) -> Result<Self, ProveError> {
        if !Self::is_there() {
            return Err(ProveError::new(
                "prove.solver",
                format!("the solver `{}` does not start", program()),
            ));
        }
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: runtime.map_err(|error| ProveError::new("prove.solver", error.to_string()))?,
            compiler: None,
            most: seconds.saturating_mul(1000),
            asked: 0,
        })
    }

    /// A request that the first set allows and the second does not.
    pub(crate) fn allowed_only_by(
        &mut self,
        first: &PolicySet,
        second: &PolicySet,
        env: &RequestEnv,
        schema: &Schema,
    ) -> Result<Found, ProveError> {
        let compile = |set: &PolicySet| {
            CompiledPolicySet::compile(set, env, schema).map_err(|error| strange(&error))
        };
        let (first, second) = (compile(first)?, compile(second)?);
        self.asked += 1;
        let _entered = self.runtime.enter();
        let compiler = match self.compiler.take() {
            Some(compiler) => compiler,
            None => {
                let limit = format!("--tlimit-per={}", self.most);
                // Strings searched in strings are still called experimental in cvc5 1.0.
                let arguments = [limit, "--strings-exp".to_owned()];
                let solver = LocalSolver::cvc5_with_args(arguments)
                    .map_err(|error| ProveError::new("prove.solver", error.to_string()))?;
                CedarSymCompiler::new(solver).map_err(|error| strange(&error))?
            }
        };
        // One that failed is not asked again.
        let compiler = self.compiler.insert(compiler);
        let asked = compiler.check_implies_with_counterexample_opt(&first, &second);
        let found = self.runtime.block_on(asked);
        if found.is_err() {
            self.compiler = None;
        }
        match found {
            Ok(None) => Ok(Found::Nothing),
            Ok(Some(found)) => Ok(Found::Request(Box::new((found.request, found.entities)))),
            Err(Error::SolverUnknown) => {
                let seconds = self.most / 1000;
                Ok(Found::Unknown(format!(
                    "the solver found no answer in {seconds} s"
                )))
            }
            Err(error @ (Error::SolverError(_) | Error::EncodeError(EncodeError::Io(_)))) => {
                let text = format!("the solver does not answer as cvc5 does: {error}");
                Err(ProveError::new("prove.solver", text))
            }
            Err(error) => Ok(Found::Unknown(error.to_string())),
        }
    }
}

/// Why a set is not well-typed in an environment.
pub(crate) fn fits(set: &PolicySet, env: &RequestEnv, schema: &Schema) -> Result<(), String> {
    let compiled = CompiledPolicySet::compile(set, env, schema);
    compiled.map(drop).map_err(|error| strange(&error).message)
}

fn strange(error: &Error) -> ProveError {
    let text = match error {
        Error::PolicyNotWellTyped { errs } => {
            // The policy is ours: its name helps nobody.
            let errors = errs.iter().map(|error| {
                let text = error.to_string();
                let rest = text
                    .strip_prefix("for policy `")
                    .and_then(|rest| rest.split_once("`, "));
                rest.map_or_else(|| text.clone(), |(_, rest)| rest.to_owned())
            });
            errors.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    };
    ProveError::new("prove.form", text)
}
