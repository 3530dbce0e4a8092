//! A case's parts as the reference and the engines take them.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cedar_policy::{
    Entities, Policy, PolicySet, Request, Schema, Template, ValidationMode, Validator,
};
use serde_json::value::RawValue;

use super::data::{self, Ask, Store};
use super::policy::Policy as Model;
use super::policy_json;
use super::style;
use crate::subject::reference::{self, with_causes};
use crate::subject::{Answer, Compiled, Refusal, SchemaSource, Wire};

/// What the reference says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A decision.
    Answer(Answer),
    /// The request is no good.
    Refused(String),
}

impl Expected {
    /// Whether an engine may say that.
    pub(crate) fn allows(&self, found: &Result<Answer, Refusal>) -> bool {
        match (self, found) {
            (Self::Answer(expected), Ok(found)) => expected == found,
            (Self::Refused(_), Err(Refusal::Conformance(_))) => true,
            _ => false,
        }
    }
}

/// The schema of a case.
pub(crate) fn schema(json: &serde_json::Value) -> Result<SchemaSource, String> {
    let json = json.to_string();
    let schema = Schema::from_json_str(&json);
    let schema = schema.map_err(|error| format!("the schema: {}\n{json}", with_causes(&error)))?;
    Ok(SchemaSource { schema, json })
}

/// The policy set, directly from JSON or by way of Cedar's text.
pub(crate) fn policies(models: &[Model], by_text: bool) -> Result<PolicySet, String> {
    let json = policy_json::set_json(models);
    let set = PolicySet::from_json_str(&json);
    let set = set.map_err(|error| format!("the policies: {}\n{json}", with_causes(&error)))?;
    // What the text cannot say, such as too many arguments, stays as it is.
    let read_again = by_text.then(|| through_text(&set)).flatten();
    Ok(read_again.unwrap_or(set))
}

fn through_text(set: &PolicySet) -> Option<PolicySet> {
    let mut again = PolicySet::new();
    for template in set.templates() {
        let template = Template::parse(Some(template.id().clone()), template.to_cedar()).ok()?;
        again.add_template(template).ok()?;
    }
    for policy in set.policies() {
        match policy.template_id().zip(policy.template_links()) {
            Some((template, links)) => {
                again
                    .link(template.clone(), policy.id().clone(), links)
                    .ok()?;
            }
            None => {
                let policy = Policy::parse(Some(policy.id().clone()), policy.to_cedar()?).ok()?;
                again.add(policy).ok()?;
            }
        }
    }
    Some(again)
}

/// The ids of the policies and templates that strict validation refuses.
pub(crate) fn invalid(validator: &Validator, set: &PolicySet) -> BTreeSet<String> {
    let result = validator.validate(set, ValidationMode::Strict);
    result
        .validation_errors()
        .map(|error| error.policy_id().to_string())
        .collect()
}

/// Whether the model with this number has one of these ids.
pub(crate) fn is_among(ids: &BTreeSet<String>, index: usize) -> bool {
    ids.iter().any(|id| {
        let number = id
            .trim_start_matches("policy")
            .trim_start_matches("template");
        number.split('.').next() == Some(index.to_string().as_str())
    })
}

/// Entities as both sides take them.
#[derive(Debug)]
pub(crate) struct Stored {
    json: Box<RawValue>,
    entities: Result<Entities, String>,
}

impl Stored {
    /// Reads a store.
    pub(crate) fn new(store: &Store, schema: Option<&Schema>) -> Result<Self, String> {
        let json = RawValue::from_string(store.to_json()).map_err(|error| error.to_string())?;
        let entities = reference::entities(json.get(), schema);
        Ok(Self { json, entities })
    }
}

/// A request as both sides take it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What the engines get.
    pub bytes: Vec<u8>,
    request: Result<Request, String>,
}

impl Asked {
    /// Reads a request. With a `style` the engines get the same JSON written in another way.
    pub(crate) fn new(
        ask: &Ask,
        style: Option<u64>,
        stored: &Stored,
        schema: Option<&Schema>,
    ) -> Result<Self, String> {
        let context = RawValue::from_string(data::json(&ask.context));
        let context = context.map_err(|error| error.to_string())?;
        let (principal, action, resource) = (&ask.principal, &ask.action, &ask.resource);
        let request = reference::request(principal, action, resource, context.get(), schema);
        let wire = Wire {
            principal: principal.clone(),
            action: action.clone(),
            resource: resource.clone(),
            context: &context,
            entities: &stored.json,
        };
        let bytes = wire.to_bytes();
        let bytes = match style {
            Some(seed) => style::restyled(&bytes, seed)?,
            None => bytes,
        };
        Ok(Self { bytes, request })
    }

    /// What the reference says.
    pub(crate) fn expected(&self, policies: &PolicySet, stored: &Stored) -> Expected {
        match (&self.request, &stored.entities) {
            (Ok(request), Ok(entities)) => {
                Expected::Answer(reference::answer(request, policies, entities))
            }
            (Err(why), _) | (_, Err(why)) => Expected::Refused(why.clone()),
        }
    }
}

/// What the engine says; that it panics is an answer too.
pub(crate) fn found(engine: &mut dyn Compiled, request: &[u8]) -> Result<Answer, Refusal> {
    let answer = catch_unwind(AssertUnwindSafe(|| engine.authorize(request)));
    answer.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Refusal::Other(format!(
            "a panic: {}",
            text.unwrap_or("without words")
        )))
    })
}
