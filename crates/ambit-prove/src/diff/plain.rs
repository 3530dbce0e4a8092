//! What can be compared without a solver: how long tokens live, who may sign, limits, demands.

use ambit_core::json::{Json, Writer};
use ambit_policy::Bundle;
use serde_json::{Map, Value};

/// Something that differs and is told without a solver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// What, in words.
    pub text: String,
    /// Whether more may come of it than before: whatever is not certainly narrower.
    pub wider: bool,
}

impl Plain {
    pub(super) fn wider(text: String) -> Self {
        Self { text, wider: true }
    }

    fn narrower(text: String) -> Self {
        Self { text, wider: false }
    }
}

/// What differs.
pub(super) fn compare(old: &Bundle<'_>, new: &Bundle<'_>) -> Vec<Plain> {
    let (old, new) = (document(old), document(new));
    let mut found = Vec::new();
    for name in [
        "uid",
        "tokens_from_version",
        "possession",
        "guard_rails",
        "limits",
    ] {
        differs(&format!("`{name}`"), &old[name], &new[name], &mut found);
    }
    keys(&old["keys"], &new["keys"], &mut found);
    let (old, new) = (&old["manifests"], &new["manifests"]);
    for (agent, manifest) in members(old) {
        match new.get(agent) {
            Some(other) => manifests(agent, manifest, other, &mut found),
            None => found.push(Plain::narrower(format!(
                "the manifest of `{agent}` is gone"
            ))),
        }
    }
    let added = members(new).filter(|(agent, _)| old.get(agent).is_none());
    // What it allows, the solver says.
    found.extend(
        added.map(|(agent, _)| Plain::narrower(format!("the manifest of `{agent}` is new"))),
    );
    found
}

fn document(bundle: &Bundle<'_>) -> Value {
    value(bundle.root())
}

pub(super) fn value(json: Json<'_>) -> Value {
    let mut out = Writer::default();
    out.json(json);
    serde_json::from_str(out.as_str()).unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn differs(what: &str, old: &Value, new: &Value, found: &mut Vec<Plain>) {
    if old.is_object() && new.is_object() {
        for (name, old) in members(old) {
            differs(
                &format!("{what}: `{name}`"),
                old,
                &new[name.as_str()],
                found,
            );
        }
        let added = members(new).filter(|(name, _)| old.get(name.as_str()).is_none());
        for (name, new) in added {
            differs(&format!("{what}: `{name}`"), &Value::Null, new, found);
        }
    } else if old != new {
        let text = format!("{what}: {} -> {}", shown(old), shown(new));
        found.push(Plain {
            text,
            wider: match what {
                // Tokens of older versions count again.
                "`tokens_from_version`" => !is_narrower(new, old),
                _ => !is_narrower(old, new),
            },
        });
    }
}

/// A bound where there was none, or a lower one.
fn is_narrower(old: &Value, new: &Value) -> bool {
    match (old.as_i64(), new.as_i64()) {
        (Some(old), Some(new)) => new < old,
        (None, Some(_)) => old.is_null(),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// Keys, by issuer and name.
fn keys(old: &Value, new: &Value, found: &mut Vec<Plain>) {
    let name = |key: &Value| {
        format!(
            "{} of {} (`{}`)",
            key["kid"],
            key["iss"],
            key["signs"].as_str().unwrap_or_default()
        )
    };
    let list = |keys: &Value| keys.as_array().cloned().unwrap_or_default();
    let (old, new) = (list(old), list(new));
    for key in &old {
        match new.iter().find(|other| name(other) == name(key)) {
            Some(other) => differs(&format!("the key {}", name(key)), key, other, found),
            None => found.push(Plain::narrower(format!("the key {} is gone", name(key)))),
        }
    }
    let added = new
        .iter()
        .filter(|key| !old.iter().any(|other| name(other) == name(key)));
    found.extend(added.map(|key| Plain::wider(format!("the key {} is new", name(key)))));
}

/// Everything of a manifest but what its entries match, which the solver compares.
fn manifests(agent: &str, old: &Value, new: &Value, found: &mut Vec<Plain>) {
    for (name, old) in members(old).filter(|(name, _)| *name != "capabilities" && *name != "label")
    {
        let what = format!("the manifest of `{agent}`: `{name}`");
        differs(&what, old, &new[name.as_str()], found);
    }
    const ASKED: [&str; 3] = ["requires", "consent", "limits"];
    let bare = |entry: &Value| {
        let mut entry = entry.clone();
        let members = entry.as_object_mut().into_iter();
        members.for_each(|members| members.retain(|name, _| !ASKED.contains(&name.as_str())));
        entry
    };
    let list = |manifest: &Value| {
        manifest["capabilities"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let old = list(old);
    // The first that matches is the one that is used, so equal ones are compared in their order.
    let mut others: Vec<Option<Value>> = list(new).into_iter().map(Some).collect();
    for (at, entry) in old.iter().enumerate() {
        let equal = |other: &Option<Value>| other.as_ref().map(&bare) == Some(bare(entry));
        let Some(other) = others.iter_mut().find(|other| equal(other)) else {
            let again = old
                .iter()
                .take(at)
                .any(|before| bare(before) == bare(entry));
            if again {
                let what = format!("the manifest of `{agent}`: `capabilities[{at}]`");
                found.push(Plain::wider(format!(
                    "{what}, which is there twice, is gone"
                )));
            }
            continue;
        };
        let other = other.take().unwrap_or_default();
        for name in ASKED {
            let what = format!("the manifest of `{agent}`: `capabilities[{at}].{name}`");
            if entry[name] != other[name] {
                let text = format!("{what}: {} -> {}", shown(&entry[name]), shown(&other[name]));
                let asked = entry[name].is_null() || entry[name] == "none";
                found.push(Plain {
                    text,
                    wider: !asked,
                });
            }
        }
    }
    for (at, other) in others.iter().enumerate() {
        let Some(other) = other else { continue };
        if old.iter().any(|entry| bare(entry) == bare(other)) {
            let what = format!("the manifest of `{agent}`: `capabilities[{at}]`");
            found.push(Plain::wider(format!("{what} is there once more")));
        }
    }
}
