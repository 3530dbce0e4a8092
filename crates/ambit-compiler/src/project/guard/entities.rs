//! `entities.json`: what the policy itself knows of entities, in Cedar's JSON form.

use std::collections::BTreeMap;
use std::path::Path;

use cedar_policy::{Entities, Schema};
use serde_json::Value as Json;

use super::super::{file, files};
use super::words;
use crate::cedar::{Expr, OwnEntity, uid, value};
use crate::diagnostics::Sink;

const NAME: &str = "entities.json";

pub(super) fn read(dir: &Path, sink: &Sink, schema: &Schema) -> Vec<OwnEntity> {
    if std::fs::symlink_metadata(dir.join(NAME)).is_err() {
        return Vec::new();
    }
    let Some(text) = files::text(dir, NAME, sink) else {
        return Vec::new();
    };
    let wrong = |message: String| {
        file(NAME, sink).error(
            "project.entities",
            None,
            message,
            "write an array of `{\"uid\": {\"type\", \"id\"}, \"attrs\": {}, \"parents\": []}`, as the schema declares",
        );
    };
    let entities = match Entities::from_json_str(&text, Some(schema)) {
        Ok(entities) => entities,
        Err(error) => {
            wrong(words(&error));
            return Vec::new();
        }
    };
    // Cedar writes them out again with every entity and extension value marked as such.
    let Ok(Json::Array(list)) = entities.to_json_value() else {
        wrong("the entities cannot be written out".to_owned());
        return Vec::new();
    };
    let mut own = Vec::new();
    for json in &list {
        let Some(entity) = entity(json) else {
            wrong("an entity has a form that is not known".to_owned());
            continue;
        };
        let kind = entity.uid.kind.as_str();
        if kind.starts_with("Ambit::") {
            wrong(format!(
                "`{kind}` entities are made by the evaluator itself"
            ));
        } else if kind != "Action" && !kind.ends_with("::Action") {
            own.push(entity);
        }
    }
    own
}

fn entity(json: &Json) -> Option<OwnEntity> {
    let record = |name: &str| {
        let members = json.get(name).and_then(Json::as_object);
        let members = members.into_iter().flatten();
        let members = members.map(|(name, json)| Some((name.clone(), value(json).ok()?)));
        members.collect::<Option<BTreeMap<String, Expr>>>()
    };
    let parents = json.get("parents")?.as_array()?.iter();
    Some(OwnEntity {
        uid: uid(json.get("uid")?)?,
        attributes: record("attrs")?,
        tags: record("tags")?,
        parents: parents.map(uid).collect::<Option<_>>()?,
    })
}
