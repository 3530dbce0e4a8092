//! The form of the Cedar integration tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr as _;

use cedar_policy::{PolicyId, PolicySet, Schema, SchemaFragment, SlotId};
use serde::Deserialize;
use serde_json::Value;

use super::files::Files;
use crate::subject::reference::{uid, with_causes};
use crate::subject::{SchemaSource, Uid};

/// One test: a policy set, entities, and requests with the answers expected.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Test {
    schema: String,
    policies: String,
    entities: String,
    /// The links of templates among the policies.
    #[serde(default, alias = "links")]
    template_links: Vec<Link>,
    /// What is asked.
    pub requests: Vec<Case>,
}

/// A template filled in, as in Cedar's JSON policy sets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    template_id: String,
    #[serde(alias = "linkId", alias = "resultPolicyId")]
    new_id: String,
    #[serde(alias = "args")]
    values: BTreeMap<String, Value>,
}

/// A request and its answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    /// Who.
    pub principal: Uid,
    /// Does what.
    pub action: Uid,
    /// To what.
    pub resource: Uid,
    /// The circumstances.
    pub context: Value,
    /// `allow` or `deny`.
    pub decision: Decision,
    /// The determining policies.
    pub reason: BTreeSet<String>,
    /// The erroring policies.
    pub errors: BTreeSet<String>,
}

/// As the tests write it; older ones begin with a capital.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Decision {
    /// Yes.
    #[serde(alias = "Allow")]
    Allow,
    /// No.
    #[serde(alias = "Deny")]
    Deny,
}

/// The files that a test names, read.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// Its schema.
    pub schema: SchemaSource,
    /// Its policies, with their links.
    pub policies: PolicySet,
    /// Its entities, as text.
    pub entities: String,
}

impl Test {
    /// Reads the test's JSON.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            format!("it is no test ({error}): compare it with one of the Cedar integration tests")
        })
    }

    /// Reads the files that it names.
    pub(crate) fn inputs(&self, files: &Files, test: &Path) -> Result<Inputs, String> {
        let read = |name: &str| files.read(&files.resolve(test, name)?);
        let schema = read(&self.schema)?;
        let schema = parse_schema(&self.schema, &schema)
            .map_err(|error| format!("its schema `{}`: {error}", self.schema))?;
        let policies = read(&self.policies)?;
        let mut policies = parse_policies(&self.policies, &policies)
            .map_err(|error| format!("its policies `{}`: {error}", self.policies))?;
        for link in &self.template_links {
            link.add(&mut policies)
                .map_err(|error| format!("its link `{}`: {error}", link.new_id))?;
        }
        let entities = read(&self.entities)?;
        Ok(Inputs {
            schema,
            policies,
            entities,
        })
    }
}

impl Link {
    fn add(&self, policies: &mut PolicySet) -> Result<(), String> {
        let values = self.values.iter().map(|(slot, value)| {
            let slot = match slot.as_str() {
                "?principal" => SlotId::principal(),
                "?resource" => SlotId::resource(),
                _ => return Err(format!("`{slot}` is no slot")),
            };
            let value = value.get("__entity").unwrap_or(value);
            let value = Uid::deserialize(value).map_err(|error| error.to_string())?;
            Ok((slot, uid(&value)?))
        });
        let values = values.collect::<Result<_, String>>()?;
        policies
            .link(
                PolicyId::new(&self.template_id),
                PolicyId::new(&self.new_id),
                values,
            )
            .map_err(|error| with_causes(&error))
    }
}

fn parse_schema(name: &str, text: &str) -> Result<SchemaSource, String> {
    if name.ends_with(".json") {
        let schema = Schema::from_json_str(text).map_err(|error| with_causes(&error))?;
        let json = text.to_owned();
        return Ok(SchemaSource { schema, json });
    }
    let (fragment, _) =
        SchemaFragment::from_cedarschema_str(text).map_err(|error| with_causes(&error))?;
    let json = fragment
        .to_json_string()
        .map_err(|error| with_causes(&error))?;
    let schema = Schema::from_schema_fragments([fragment]).map_err(|error| with_causes(&error))?;
    Ok(SchemaSource { schema, json })
}

fn parse_policies(name: &str, text: &str) -> Result<PolicySet, String> {
    if name.ends_with(".json") {
        return PolicySet::from_json_str(text).map_err(|error| with_causes(&error));
    }
    PolicySet::from_str(text).map_err(|error| with_causes(&error))
}
