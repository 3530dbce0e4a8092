//! `entities.json`: what the policy itself knows of entities, in Cedar's JSON form.

use core::ops::Range;
use std::collections::BTreeMap;
use std::path::Path;

use ambit_core::json::{Document, Profile};
use cedar_policy::{Entities, Schema};
use serde_json::Value as Json;

use super::super::{file, files};
use super::{lost, words};
use crate::cedar::{Expr, OwnEntity, uid, value};
use crate::diagnostics::Sink;
use crate::schema::quoted;

const NAME: &str = "entities.json";

pub(super) fn read(dir: &Path, sink: &Sink, schema: &Schema) -> Vec<OwnEntity> {
    if std::fs::symlink_metadata(dir.join(NAME)).is_err() {
        return Vec::new();
    }
    let Some(text) = files::text(dir, NAME, sink) else {
        return Vec::new();
    };
    let wrong = |place: Option<Range<usize>>, message: String| {
        file(NAME, sink).error(
            "project.entities",
            place,
            message,
            "write an array of `{\"uid\": {\"type\", \"id\"}, \"attrs\": {}, \"parents\": []}`, as the schema declares",
        );
    };
    // Of two members with one name Cedar takes the last.
    if let Err(error) = Document::parse(text.as_bytes(), Profile::Signed) {
        wrong(
            Some(error.at..error.at),
            format!("not strict JSON: {error}"),
        );
        return Vec::new();
    }
    let entities = match Entities::from_json_str(&text, Some(schema)) {
        Ok(entities) => entities,
        Err(error) => {
            let message = words(&error);
            wrong(quoted(&text, &message), message);
            return Vec::new();
        }
    };
    // Cedar writes them out again with every entity and extension value marked as such.
    let Ok(Json::Array(list)) = entities.to_json_value() else {
        wrong(None, "the entities cannot be written out".to_owned());
        return Vec::new();
    };
    for lost in lost::find(&text, &list) {
        wrong(
            quoted(&text, &format!("`{lost}`")),
            format!("`{lost}` is no part of an entity, and Cedar passes over it"),
        );
    }
    let mut own = Vec::new();
    for json in &list {
        let Some(entity) = entity(json) else {
            wrong(None, "an entity has a form that is not known".to_owned());
            continue;
        };
        let kind = entity.uid.kind.as_str();
        if kind.starts_with("Ambit::") {
            wrong(
                quoted(&text, &format!("`{}`", entity.uid.id)),
                format!("`{kind}` entities are made by the evaluator itself"),
            );
        } else if kind != "Action" && !kind.ends_with("::Action") {
            own.push(entity);
        }
    }
    own
}

fn entity(json: &Json) -> Option<OwnEntity> {
    let record = |name: &str| {
        let members = json.get(name).and_then(Json::as_object);
        members
            .into_iter()
            .flatten()
            .map(|(name, json)| Some((name.clone(), value(json).ok()?)))
            .collect::<Option<BTreeMap<String, Expr>>>()
    };
    let parents = json.get("parents")?.as_array()?.iter();
    Some(OwnEntity {
        uid: uid(json.get("uid")?)?,
        attributes: record("attrs")?,
        tags: record("tags")?,
        parents: parents.map(uid).collect::<Option<_>>()?,
    })
}
