//! Running one test.

use std::collections::BTreeSet;
use std::path::Path;

use cedar_policy::{ValidationMode, Validator};
use serde_json::value::RawValue;

use super::files::Files;
use super::form::{Case, Decision, Inputs, Test};
use crate::subject::{Answer, Compiled, Refusal, Subject, Wire, reference};
use crate::ui::Tally;

/// How a test came out; each of its requests is one check.
#[derive(Debug)]
pub(crate) struct Report {
    /// The checks.
    pub tally: Tally,
    /// How many requests were asked of the typed engine too.
    pub typed: usize,
    /// One line for each request that failed, and one for a test that cannot be run.
    pub failures: Vec<String>,
}

/// Runs the test in the file `path`.
pub(crate) fn test(files: &Files, path: &Path, subject: &dyn Subject) -> Report {
    let broken = |requests: usize, why: &str| Report {
        tally: Tally {
            passed: 0,
            failed: requests.max(1),
        },
        typed: 0,
        failures: vec![format!("{}: {why}", path.display())],
    };
    let test = match files.read(path).and_then(|text| Test::parse(&text)) {
        Ok(test) => test,
        Err(why) => return broken(1, &why),
    };
    let engines = test
        .inputs(files, path)
        .and_then(|inputs| Engines::start(inputs, subject));
    let mut engines = match engines {
        Ok(engines) => engines,
        Err(why) => return broken(test.requests.len(), &why),
    };
    let mut report = Report {
        tally: Tally::default(),
        typed: 0,
        failures: Vec::new(),
    };
    for (index, case) in test.requests.iter().enumerate() {
        let outcome = engines.check(case, &mut report.typed);
        report.tally += Tally::one(outcome.is_ok());
        if let Err(why) = outcome {
            let place = format!("{}, request {index}", path.display());
            report.failures.push(format!("{place}: {why}"));
        }
    }
    report
}

/// A test's policies compiled: for any request, and, where they pass validation, for those that
/// conform to the schema.
struct Engines {
    inputs: Inputs,
    /// The entities with all that the schema says about them written out.
    plain_entities: String,
    untyped: Box<dyn Compiled>,
    typed: Option<Box<dyn Compiled>>,
}

impl Engines {
    fn start(inputs: Inputs, subject: &dyn Subject) -> Result<Self, String> {
        let schema = &inputs.schema;
        // As Cedar's own harness does, which is where the actions' hierarchy comes from.
        let entities = reference::entities(&inputs.entities, Some(&schema.schema))
            .map_err(|error| format!("its entities do not fit its schema: {error}"))?;
        let plain_entities = entities
            .to_json_value()
            .map_err(|error| format!("its entities: {error}"))?
            .to_string();
        let untyped = subject
            .compile(&inputs.policies, None)
            .map_err(|why| format!("not compiled: {why}"))?;
        let validator = Validator::new(schema.schema.clone());
        let typed = validator
            .validate(&inputs.policies, ValidationMode::Strict)
            .validation_passed()
            .then(|| subject.compile(&inputs.policies, Some(schema)))
            .transpose()
            .map_err(|why| format!("not compiled with its schema: {why}"))?;
        Ok(Self {
            inputs,
            plain_entities,
            untyped,
            typed,
        })
    }

    fn check(&mut self, case: &Case, typed: &mut usize) -> Result<(), String> {
        let context = case.context.to_string();
        let schema = &self.inputs.schema.schema;
        let (principal, action, resource) = (&case.principal, &case.action, &case.resource);
        let conforming = reference::request(principal, action, resource, &context, Some(schema));
        let plain = match &conforming {
            Ok(request) => written_out(request)?,
            Err(_) => context.clone(),
        };
        let bytes = wire(case, &plain, &self.plain_entities)?;
        compare(case, self.untyped.authorize(&bytes))
            .map_err(|why| format!("without schema: {why}"))?;
        if let Some(engine) = &mut self.typed {
            *typed += 1;
            let bytes = wire(case, &context, &self.inputs.entities)?;
            let answer = engine.authorize(&bytes);
            match conforming {
                Ok(_) => compare(case, answer),
                Err(why) => expect_refusal(&why, answer),
            }
            .map_err(|why| format!("with its schema: {why}"))?;
        }
        Ok(())
    }
}

/// The context with extension values and entities marked as such.
fn written_out(request: &cedar_policy::Request) -> Result<String, String> {
    let context = request.context().ok_or("the request lost its context")?;
    let json = context
        .to_json_value()
        .map_err(|error| format!("its context: {error}"))?;
    Ok(json.to_string())
}

fn wire(case: &Case, context: &str, entities: &str) -> Result<Vec<u8>, String> {
    let raw =
        |text: &str| RawValue::from_string(text.to_owned()).map_err(|error| error.to_string());
    let (context, entities) = (raw(context)?, raw(entities)?);
    Ok(Wire {
        principal: case.principal.clone(),
        action: case.action.clone(),
        resource: case.resource.clone(),
        context: &context,
        entities: &entities,
    }
    .to_bytes())
}

fn expect_refusal(why: &str, answer: Result<Answer, Refusal>) -> Result<(), String> {
    match answer {
        Err(Refusal::Conformance(_)) => Ok(()),
        Err(other) => Err(other.to_string()),
        Ok(answer) => Err(format!("{answer}, where it had to be refused: {why}")),
    }
}

fn compare(case: &Case, answer: Result<Answer, Refusal>) -> Result<(), String> {
    let answer = answer.map_err(|refusal| refusal.to_string())?;
    let mut differences = Vec::new();
    let decision = if answer.allow {
        Decision::Allow
    } else {
        Decision::Deny
    };
    if decision != case.decision {
        differences.push(format!(
            "decision {decision:?}, expected {:?}",
            case.decision
        ));
    }
    let erroring: BTreeSet<String> = answer.erroring.into_keys().collect();
    for (what, found, expected) in [
        ("determining policies", &answer.determining, &case.reason),
        ("erroring policies", &erroring, &case.errors),
    ] {
        if found != expected {
            differences.push(format!("{what} {found:?}, expected {expected:?}"));
        }
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(differences.join("; "))
    }
}
