//! One question to one policy set, as models that can be made smaller.

use cedar_policy::Validator;

use super::data::{Ask, Store};
use super::policy::Policy;
use super::prepare::{self, Asked, Expected, Stored};
use crate::subject::{Answer, Refusal, SchemaSource, Subject};

/// Everything that one answer depends on, but for the schema.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// The policies.
    pub policies: Vec<Policy>,
    /// Whether they go through Cedar's text.
    pub by_text: bool,
    /// The entities.
    pub store: Store,
    /// The request.
    pub ask: Ask,
    /// How the engines get the JSON, see [`super::style`].
    pub style: Option<u64>,
}

/// Two answers that are not the same.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// The reference's.
    pub expected: Expected,
    /// The engine's.
    pub found: Result<Answer, Refusal>,
}

impl Difference {
    /// Refusals and answers are different failures: making one smaller must not end in another.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let refused = |expected: &Expected| matches!(expected, Expected::Refused(_));
        let conforms = |found: &Result<Answer, Refusal>| match found {
            Ok(_) => 0,
            Err(Refusal::Conformance(_)) => 1,
            Err(Refusal::Other(_)) => 2,
        };
        refused(&self.expected) == refused(&other.expected)
            && conforms(&self.found) == conforms(&other.found)
    }
}

impl Trial {
    /// Asks both; nothing when they agree, or when the trial is none: then it is no smaller form
    /// of one that failed.
    pub(crate) fn difference(
        &self,
        subject: &dyn Subject,
        schema: Option<&SchemaSource>,
    ) -> Option<Difference> {
        let policies = prepare::policies(&self.policies, self.by_text).ok()?;
        if let Some(source) = schema
            && !prepare::invalid(&Validator::new(source.schema.clone()), &policies).is_empty()
        {
            return None;
        }
        let bare = schema.map(|source| &source.schema);
        let stored = Stored::new(&self.store, bare).ok()?;
        let asked = Asked::new(&self.ask, self.style, &stored, bare).ok()?;
        let expected = asked.expected(&policies, &stored);
        let found = match subject.compile(&policies, schema) {
            Ok(mut engine) => prepare::found(engine.as_mut(), &asked.bytes),
            Err(why) => Err(Refusal::Other(format!("not compiled: {why}"))),
        };
        (!expected.allows(&found)).then_some(Difference { expected, found })
    }
}
