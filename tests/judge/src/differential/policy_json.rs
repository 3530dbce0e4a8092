//! Cedar's JSON form of the policies.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

use super::data::One;
use super::expr::Expr;
use super::policy::{ActionScope, Link, Name, Policy, Scope};

/// The policy set in Cedar's JSON.
pub(crate) fn set_json(policies: &[Policy]) -> String {
    let mut statics = BTreeMap::new();
    let mut templates = BTreeMap::new();
    let mut links = Vec::new();
    for (index, policy) in policies.iter().enumerate() {
        if !policy.is_template() {
            statics.insert(format!("policy{index}"), policy);
            continue;
        }
        let id = format!("template{index}");
        for (number, link) in policy.links.iter().enumerate() {
            links.push(linked(&id, &format!("policy{index}.{number}"), link));
        }
        templates.insert(id, policy);
    }
    super::data::json(&Set {
        statics,
        templates,
        links,
    })
}

#[derive(Serialize)]
struct Set<'a> {
    #[serde(rename = "staticPolicies")]
    statics: BTreeMap<String, &'a Policy>,
    templates: BTreeMap<String, &'a Policy>,
    #[serde(rename = "templateLinks")]
    links: Vec<serde_json::Value>,
}

fn linked(template: &str, id: &str, link: &Link) -> serde_json::Value {
    let mut values = serde_json::Map::new();
    for (slot, uid) in [
        ("?principal", &link.principal),
        ("?resource", &link.resource),
    ] {
        if let Some(uid) = uid {
            values.insert(slot.to_owned(), serde_json::json!({"__entity": uid}));
        }
    }
    serde_json::json!({"templateId": template, "newId": id, "values": values})
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut policy = serializer.serialize_struct("Policy", 5)?;
        policy.serialize_field("effect", if self.permit { "permit" } else { "forbid" })?;
        policy.serialize_field("principal", &self.principal)?;
        policy.serialize_field("action", &self.action)?;
        policy.serialize_field("resource", &self.resource)?;
        let clauses: Vec<Clause<'_>> = self
            .clauses
            .iter()
            .map(|(when, body)| Clause {
                kind: if *when { "when" } else { "unless" },
                body,
            })
            .collect();
        policy.serialize_field("conditions", &clauses)?;
        policy.end()
    }
}

#[derive(Serialize)]
struct Clause<'a> {
    kind: &'static str,
    body: &'a Expr,
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Uid(uid) => One("entity", uid).serialize(serializer),
            Self::Slot(slot) => One("slot", slot).serialize(serializer),
        }
    }
}

#[derive(Serialize)]
struct Op<T> {
    op: &'static str,
    #[serde(flatten)]
    more: T,
}

#[derive(Serialize)]
struct IsType<'a> {
    entity_type: &'a str,
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    within: &'a Option<Name>,
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => One("op", "All").serialize(serializer),
            Self::Eq(more) => Op { op: "==", more }.serialize(serializer),
            Self::In(more) => Op { op: "in", more }.serialize(serializer),
            Self::Is(entity_type, within) => {
                let more = IsType {
                    entity_type,
                    within,
                };
                Op { op: "is", more }.serialize(serializer)
            }
        }
    }
}

impl Serialize for ActionScope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => One("op", "All").serialize(serializer),
            Self::Eq(uid) => Op {
                op: "==",
                more: One("entity", uid),
            }
            .serialize(serializer),
            Self::In(uid) => Op {
                op: "in",
                more: One("entity", uid),
            }
            .serialize(serializer),
            Self::InAny(uids) => Op {
                op: "in",
                more: One("entities", uids),
            }
            .serialize(serializer),
        }
    }
}
