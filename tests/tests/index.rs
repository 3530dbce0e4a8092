//! The index changes no answer, and the answers are those of the `cedar-policy` crate.

use std::collections::BTreeSet;

use ambit_compiler::cedar::{Options, compile};
use ambit_core::Steps;
use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::{Input, Program, Selection, Verdict};
use ambit_tests::families::{Family, SCHEMA, requests};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Response, Schema,
    ValidationMode, Validator,
};
use proptest::prelude::*;
use serde_json::Value;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn index_scan_and_cedar_agree(
        family in proptest::sample::select(Family::ALL.to_vec()),
        count in 1_u64..120,
        other in 1_u64..120,
        seed in any::<u64>(),
    ) {
        let policies: PolicySet = family.policies(count, seed).parse().unwrap();
        let schema: Schema = SCHEMA.parse().unwrap();
        let validator = Validator::new(schema.clone());
        prop_assert!(validator.validate(&policies, ValidationMode::Strict).validation_passed());
        let options = Options { schema: Some(&schema), validated: true };
        let bytes = compile(&policies, options).unwrap();
        let program = Program::open(&bytes).unwrap();
        prop_assert!(program.verify().is_ok());
        // Requests for a set of another size: some meet a policy, some meet none. A level too low
        // for the policy and a user without its entity are among them.
        for (number, mut request) in requests(other, 6, seed).into_iter().enumerate() {
            if number == 5 {
                request["entities"].as_array_mut().unwrap().remove(0);
            }
            let text = request.to_string();
            let document = Document::parse(text.as_bytes(), Profile::Request).unwrap();
            let input = Input::read(&program, document.root()).unwrap();
            let ask = |selection| program.authorize(&input, &Steps::new(), selection).unwrap();
            let found = ask(Selection::Index);
            prop_assert_eq!(&found, &ask(Selection::Scan));
            agree(&program, &found, &cedar(&policies, &schema, &request))?;
        }
    }
}

fn agree(program: &Program<'_>, found: &Verdict, wanted: &Response) -> Result<(), TestCaseError> {
    let id = |number: &usize| program.policy(*number).unwrap().id().to_string();
    prop_assert_eq!(found.allows(), wanted.decision() == Decision::Allow);
    let reasons: BTreeSet<String> = found.determining().iter().map(id).collect();
    let diagnostics = wanted.diagnostics();
    prop_assert_eq!(
        reasons,
        diagnostics.reason().map(ToString::to_string).collect()
    );
    let errors: BTreeSet<String> = found.errors.iter().map(|(number, _)| id(number)).collect();
    let wanted = diagnostics.errors().map(|error| match error {
        cedar_policy::AuthorizationError::PolicyEvaluationError(error) => {
            error.policy_id().to_string()
        }
    });
    prop_assert_eq!(errors, wanted.collect());
    Ok(())
}

fn cedar(policies: &PolicySet, schema: &Schema, json: &Value) -> Response {
    let uid = |name: &str| EntityUid::from_json(json[name].clone()).unwrap();
    let action = uid("action");
    let context = Context::from_json_value(json["context"].clone(), Some((schema, &action)));
    let (principal, resource) = (uid("principal"), uid("resource"));
    let request = Request::new(principal, action, resource, context.unwrap(), Some(schema));
    let entities = Entities::from_json_value(json["entities"].clone(), Some(schema)).unwrap();
    Authorizer::new().is_authorized(&request.unwrap(), policies, &entities)
}
