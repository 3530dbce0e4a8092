//! The reference as an engine under test: it shows that the judge itself works, since it agrees in
//! everything but the faults that are planted in it.

use std::collections::HashMap;

use cedar_policy::{Entities, PolicySet, Schema};

use super::{Answer, Compiled, Fault, Refusal, SchemaSource, Subject, Wire, reference};

/// The `cedar-policy` crate behind the trait of the engines.
#[derive(Debug)]
pub(crate) struct Mirror(Option<Fault>);

impl Mirror {
    /// A mirror with a fault, or a true one.
    pub(crate) const fn new(fault: Option<Fault>) -> Self {
        Self(fault)
    }
}

impl Subject for Mirror {
    fn compile(
        &self,
        policies: &PolicySet,
        schema: Option<&SchemaSource>,
    ) -> Result<Box<dyn Compiled>, String> {
        let policies = match self.0 {
            Some(fault) => fault.plant(policies)?,
            None => policies.clone(),
        };
        Ok(Box::new(Reflection {
            policies,
            schema: schema.map(|source| source.schema.clone()),
            fault: self.0,
            seen: HashMap::new(),
        }))
    }
}

struct Reflection {
    policies: PolicySet,
    schema: Option<Schema>,
    fault: Option<Fault>,
    /// The entities seen, by their text: most requests to a policy set come with the same few.
    seen: HashMap<String, Result<Entities, String>>,
}

impl Compiled for Reflection {
    fn authorize(&mut self, request: &[u8]) -> Result<Answer, Refusal> {
        let wire: Wire<'_> = serde_json::from_slice(request)
            .map_err(|error| Refusal::Other(format!("no request: {error}")))?;
        let lax = self.fault == Some(Fault::AnyContext);
        let schema = self.schema.as_ref();
        let request = reference::request(
            &wire.principal,
            &wire.action,
            &wire.resource,
            wire.context.get(),
            schema.filter(|_| !lax),
        )
        .map_err(Refusal::Conformance)?;
        let text = wire.entities.get();
        if !self.seen.contains_key(text) {
            let entities = self.read(text);
            self.seen.insert(text.to_owned(), entities);
        }
        let entities = match self.seen.get(text) {
            Some(Ok(entities)) => entities,
            Some(Err(why)) => return Err(Refusal::Conformance(why.clone())),
            None => return Err(Refusal::Other("the entities were lost".to_owned())),
        };
        let answer = reference::answer(&request, &self.policies, entities);
        Ok(match self.fault {
            Some(fault) => fault.change_answer(answer),
            None => answer,
        })
    }
}

impl Reflection {
    fn read(&self, text: &str) -> Result<Entities, String> {
        let seen = match self.fault {
            Some(fault) => fault.change_entities(text),
            None => text.to_owned(),
        };
        reference::entities(&seen, self.schema.as_ref())
    }
}
