//! All cases of a suite, one after the other.

use std::time::{Duration, Instant};

use ambit_compiler::{CompileError, Project};

use super::{Bench, Engine, Outcome};
use crate::cases::{Case, Suite};
use crate::coverage::Coverage;

/// What came of a suite.
#[derive(Debug)]
pub struct Results {
    /// The cases in their order.
    pub tried: Vec<Tried>,
    /// What they touch.
    pub coverage: Coverage,
}

/// A case and what came of it.
#[derive(Debug)]
pub struct Tried {
    /// The case.
    pub case: Case,
    /// What came of it, or why it could not be asked.
    pub result: Result<Outcome, CompileError>,
    /// How long it took.
    pub took: Duration,
}

impl Results {
    /// Tries all cases of a suite.
    ///
    /// # Errors
    ///
    /// Those of [`Coverage::new`] and [`Coverage::add`].
    pub fn of(
        project: &Project,
        bench: &Bench,
        suite: Suite,
        engine: &Engine,
    ) -> Result<Self, CompileError> {
        let mut coverage = Coverage::new(project, bench)?;
        let mut tried = Vec::new();
        for case in suite.cases {
            let started = Instant::now();
            let result = bench.run(project, &case, engine);
            let took = started.elapsed();
            if let Ok(outcome) = &result {
                coverage.add(bench, &case, outcome)?;
            }
            tried.push(Tried { case, result, took });
        }
        Ok(Self { tried, coverage })
    }

    /// How many cases came out as expected.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.tried.iter().filter(|one| one.passed()).count()
    }

    /// How many did not, those included that could not be asked.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.tried.len() - self.passed()
    }
}

impl Tried {
    /// Whether the answer is the one expected. A token that cannot be made, for the very reason that is
    /// expected, is one.
    #[must_use]
    pub fn passed(&self) -> bool {
        match &self.result {
            Ok(outcome) => outcome.passed(),
            Err(error) => self.case.expect.is_code(error.code),
        }
    }

    /// How the answer differs from what is expected.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        match &self.result {
            _ if self.passed() => Vec::new(),
            Ok(outcome) => outcome.faults.clone(),
            Err(error) => vec![format!("the token of this case cannot be made: {error}")],
        }
    }
}
