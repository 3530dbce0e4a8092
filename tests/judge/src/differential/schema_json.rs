//! Cedar's JSON form of the schemas.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schema::{Action, Attr, EntityType, Model, NAMESPACES, Ty};
use crate::subject::Uid;

impl Model {
    /// The schema in Cedar's JSON.
    pub(crate) fn to_json(&self) -> Value {
        let mut namespaces: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        let mut put = |namespace: &str, kind: &str, name: &str, value: Value| {
            let known = NAMESPACES.iter().find(|known| **known == namespace);
            let space = namespaces
                .entry(known.copied().unwrap_or(""))
                .or_insert_with(|| {
                    let empty = json!({"entityTypes": {}, "actions": {}, "commonTypes": {}});
                    empty.as_object().cloned().unwrap_or_default()
                });
            if let Some(Value::Object(members)) = space.get_mut(kind) {
                members.insert(name.to_owned(), value);
            }
        };
        for entity_type in &self.types {
            let (namespace, name) = split(&entity_type.name);
            put(
                namespace,
                "entityTypes",
                name,
                self.entity_type_json(entity_type),
            );
        }
        for action in &self.actions {
            let (namespace, _) = split(&action.uid.ty);
            put(
                namespace,
                "actions",
                &action.uid.id,
                self.action_json(action),
            );
        }
        for (name, ty) in &self.commons {
            put("App", "commonTypes", name, self.inner_type_json(ty));
        }
        json!(namespaces)
    }

    fn entity_type_json(&self, entity_type: &EntityType) -> Value {
        if entity_type.is_enum {
            return json!({"enum": entity_type.ids});
        }
        let parents: Vec<&str> = entity_type
            .parents
            .iter()
            .map(|index| self.name(*index))
            .collect();
        let mut json =
            json!({"memberOfTypes": parents, "shape": self.record_json(&entity_type.attrs)});
        if let Some(tags) = &entity_type.tags {
            json["tags"] = self.type_json(tags);
        }
        json
    }

    fn action_json(&self, action: &Action) -> Value {
        let names = |types: &[usize]| -> Vec<&str> {
            types.iter().map(|index| self.name(*index)).collect()
        };
        let groups: Vec<&Uid> = action
            .groups
            .iter()
            .map(|index| &self.actions[*index].uid)
            .collect();
        json!({
            "memberOf": groups,
            "appliesTo": {
                "principalTypes": names(&action.principals),
                "resourceTypes": names(&action.resources),
                "context": self.record_json(&action.context),
            },
        })
    }

    fn record_json(&self, attrs: &[Attr]) -> Value {
        let members: Map<String, Value> = attrs
            .iter()
            .map(|attr| {
                let mut json = self.type_json(&attr.ty);
                json["required"] = json!(attr.required);
                (attr.name.clone(), json)
            })
            .collect();
        json!({"type": "Record", "attributes": members})
    }

    fn type_json(&self, ty: &Ty) -> Value {
        match self.commons.iter().find(|(_, common)| common == ty) {
            Some((name, _)) => json!({"type": format!("App::{name}")}),
            None => self.inner_type_json(ty),
        }
    }

    fn inner_type_json(&self, ty: &Ty) -> Value {
        match ty {
            Ty::Bool => json!({"type": "Boolean"}),
            Ty::Long => json!({"type": "Long"}),
            Ty::Str => json!({"type": "String"}),
            Ty::Ext("ip") => json!({"type": "Extension", "name": "ipaddr"}),
            Ty::Ext(name) => json!({"type": "Extension", "name": name}),
            Ty::Entity(index) => json!({"type": "Entity", "name": self.name(*index)}),
            // No attribute has this type.
            Ty::Action => json!({"type": "Entity", "name": "Action"}),
            Ty::Set(element) => json!({"type": "Set", "element": self.type_json(element)}),
            Ty::Record(attrs) => self.record_json(attrs),
        }
    }
}

/// `A::B::C` as `A::B` and `C`.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once("::").unwrap_or(("", name))
}
