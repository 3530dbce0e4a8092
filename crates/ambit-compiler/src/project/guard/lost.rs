//! What stands in `entities.json` and did not come out of Cedar's reader, which passes over members
//! that it does not know.

use std::collections::BTreeSet;

use serde_json::Value as Json;

const SECTIONS: [&str; 4] = ["uid", "attrs", "parents", "tags"];
/// Names that mark entities and extension values: left out in one of Cedar's two spellings.
const MARKS: [&str; 7] = ["__entity", "__extn", "type", "id", "fn", "arg", "args"];

/// Names and texts in the source that are in none of the entities that were read.
pub(super) fn find(text: &str, read: &[Json]) -> BTreeSet<String> {
    let source: Json = serde_json::from_str(text).unwrap_or_default();
    let mut lost = BTreeSet::new();
    for entity in source.as_array().into_iter().flatten() {
        let found = read.iter().find(|one| uid(one) == uid(entity));
        for (section, written) in entity.as_object().into_iter().flatten() {
            let mut words = BTreeSet::new();
            if let Some(found) = found.filter(|_| SECTIONS.contains(&section.as_str())) {
                collect(&found[section], &mut words);
            } else {
                lost.insert(section.clone());
                continue;
            }
            let mut wanted = BTreeSet::new();
            collect(written, &mut wanted);
            lost.extend(wanted.difference(&words).cloned());
        }
    }
    lost
}

fn uid(entity: &Json) -> Option<(&str, &str)> {
    let uid = entity.get("uid")?;
    let uid = uid.get("__entity").unwrap_or(uid);
    Some((uid.get("type")?.as_str()?, uid.get("id")?.as_str()?))
}

/// The names of members and the values without parts.
fn collect(json: &Json, out: &mut BTreeSet<String>) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                if !MARKS.contains(&name.as_str()) {
                    out.insert(name.clone());
                }
                collect(value, out);
            }
        }
        Json::Array(list) => list.iter().for_each(|one| collect(one, out)),
        Json::String(text) => {
            out.insert(text.clone());
        }
        other => {
            out.insert(other.to_string());
        }
    }
}
