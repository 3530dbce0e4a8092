//! Runs cases on engines.

use std::collections::BTreeMap;

use crate::case::Case;
use crate::engine::{Engines, Question};
use crate::project::SignedPolicy;

/// Engines with the policies that they have loaded.
#[derive(Debug)]
pub struct Runner {
    engines: Engines,
    policies: BTreeMap<String, SignedPolicy>,
}

impl Runner {
    /// With these engines.
    #[must_use]
    pub const fn new(engines: Engines) -> Self {
        Self {
            engines,
            policies: BTreeMap::new(),
        }
    }

    /// The engines.
    #[must_use]
    pub const fn engines(&self) -> &Engines {
        &self.engines
    }

    /// Asks every engine: the same bytes from each, the second time too, and the answer expected.
    ///
    /// # Errors
    ///
    /// What is not as it should be.
    pub fn run(&mut self, case: &Case) -> Result<(), String> {
        let id = case.policy.id();
        if !self.policies.contains_key(&id) {
            let policy = SignedPolicy::make(&case.policy)?;
            self.engines.load(&policy)?;
            // Whatever an engine says about a policy must be the same too.
            self.engines.ask(&policy, Question::Info)?;
            self.policies.insert(id.clone(), policy);
        }
        let policy = self.policies.get(&id).ok_or("the policy is not loaded")?;
        let request = case.request(&policy.bundle_s256())?;
        let mut ask = |question| self.engines.ask(policy, question);
        let answer = ask(Question::Evaluate(&request))?;
        case.expect.check(&answer, &request)?;
        // The second time the chain may be known; no answer may depend on it.
        if ask(Question::Evaluate(&request))? != answer {
            return Err("the second answer differs from the first".to_owned());
        }
        // The npm package takes a text, which is UTF-8.
        if std::str::from_utf8(&request).is_ok() {
            let advice = ask(Question::Advise(&request))?;
            case.expect.check_advice(&advice, &answer)?;
        }
        ask(Question::Describe(&case.capabilities()?)).map(drop)
    }
}
