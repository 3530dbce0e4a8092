//! The judge's own opinion: the `cedar-policy` crate.

use std::str::FromStr as _;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, EntityId, EntityTypeName,
    EntityUid, EvaluationError, PolicySet, Request, Response, Schema,
};

use super::{Answer, ErrorKind, Uid};

/// What the crate answers to a request that it has read.
pub(crate) fn answer(request: &Request, policies: &PolicySet, entities: &Entities) -> Answer {
    // An authorizer has no state: making one costs nothing.
    simplify(&Authorizer::new().is_authorized(request, policies, entities))
}

fn simplify(response: &Response) -> Answer {
    let diagnostics = response.diagnostics();
    Answer {
        allow: response.decision() == Decision::Allow,
        determining: diagnostics.reason().map(ToString::to_string).collect(),
        erroring: diagnostics
            .errors()
            .map(|error| match error {
                AuthorizationError::PolicyEvaluationError(error) => {
                    (error.policy_id().to_string(), kind(error.inner()))
                }
            })
            .collect(),
    }
}

fn kind(error: &EvaluationError) -> ErrorKind {
    match error {
        EvaluationError::EntityDoesNotExist(_) => ErrorKind::EntityDoesNotExist,
        EvaluationError::EntityAttrDoesNotExist(_) => ErrorKind::EntityAttrDoesNotExist,
        EvaluationError::RecordAttrDoesNotExist(_) => ErrorKind::RecordAttrDoesNotExist,
        EvaluationError::FailedExtensionFunctionLookup(_) => {
            ErrorKind::FailedExtensionFunctionLookup
        }
        EvaluationError::TypeError(_) => ErrorKind::TypeError,
        EvaluationError::WrongNumArguments(_) => ErrorKind::WrongNumArguments,
        EvaluationError::IntegerOverflow(_) => ErrorKind::IntegerOverflow,
        EvaluationError::UnlinkedSlot(_) => ErrorKind::UnlinkedSlot,
        EvaluationError::FailedExtensionFunctionExecution(_) => {
            ErrorKind::FailedExtensionFunctionExecution
        }
        EvaluationError::NonValue(_) => ErrorKind::NonValue,
        EvaluationError::RecursionLimit(_) => ErrorKind::RecursionLimit,
        #[expect(
            unreachable_patterns,
            reason = "a feature of the crate that another crate may switch on adds variants"
        )]
        _ => ErrorKind::Unknown,
    }
}

/// The entities of a list in Cedar's JSON; an error when they do not conform.
pub(crate) fn entities(json: &str, schema: Option<&Schema>) -> Result<Entities, String> {
    Entities::from_json_str(json, schema).map_err(|error| with_causes(&error))
}

/// A request, its context in Cedar's JSON; an error when it does not conform.
pub(crate) fn request(
    principal: &Uid,
    action: &Uid,
    resource: &Uid,
    context: &str,
    schema: Option<&Schema>,
) -> Result<Request, String> {
    let action = uid(action)?;
    let context = Context::from_json_str(context, schema.map(|schema| (schema, &action)))
        .map_err(|error| with_causes(&error))?;
    Request::new(uid(principal)?, action, uid(resource)?, context, schema)
        .map_err(|error| with_causes(&error))
}

/// The crate's form of an entity's name.
pub(crate) fn uid(uid: &Uid) -> Result<EntityUid, String> {
    let ty = EntityTypeName::from_str(&uid.ty);
    let ty = ty.map_err(|error| format!("`{}` is no entity type: {error}", uid.ty))?;
    Ok(EntityUid::from_type_name_and_id(ty, EntityId::new(&uid.id)))
}

/// The crate puts what matters into the causes of an error.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.ends_with(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}
