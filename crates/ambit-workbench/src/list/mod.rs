//! What an agent may do: every action with its powers, bounds and demands, by manifest, token and guard rails.
//!
//! A request needs a matching entry in the manifest and in every block of the token. So each choice of one
//! entry a layer that can match together is a *way*, and its bounds are those of all its entries.

mod merge;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use ambit_core::Power;
use ambit_core::capability::{Place, well_formed};
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_policy::Bundle;
use serde_json::Value;

pub use merge::Held;
use merge::Merged;

/// Ways of one action that are looked at: entries of the layers multiply.
const WAYS: usize = 256;

/// What is asked of the guard rails.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The action.
    pub action: &'a str,
    /// The power.
    pub power: Power,
    /// The purpose, where the way names one.
    pub purpose: Option<&'a str>,
    /// The kind of resource, as tokens name it.
    pub datatype: &'a str,
}

/// What the guard rails say of all such calls.
#[derive(Clone, Debug, Default)]
pub struct Ruling {
    /// Why none of them is ever allowed.
    pub never: Option<String>,
    /// The numbers of the policies that forbid some of them.
    pub may_forbid: Vec<usize>,
}

/// What an agent may do.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The actions that it may use, by name.
    pub actions: Vec<Listed>,
    /// Actions of the vocabulary that nothing grants it.
    pub not_granted: Vec<String>,
    /// Actions that have more ways than are listed.
    pub cut: Vec<String>,
    /// Entries that match nothing, as they are malformed or contradict the vocabulary.
    pub unusable: usize,
}

/// One action.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub label: Option<String>,
    /// The MCP tools that it is.
    pub mcp: Vec<String>,
    /// The OAuth scopes that it is.
    pub oauth: Vec<String>,
    /// What was guessed of it, if nobody has confirmed it.
    pub guessed: Option<String>,
    /// How it may be used; none of them where the guard rails allow nothing.
    pub ways: Vec<Way>,
    /// What entries grant and the guard rails never allow: power and why.
    pub never: Vec<(Power, String)>,
}

/// One choice of entries that can match together.
#[derive(Clone, Debug)]
pub struct Way {
    /// The powers, and whether a person's approval of exactly the call is needed.
    pub powers: BTreeMap<Power, Held>,
    /// Bounds and demands of all its entries, as one entry of a manifest.
    pub entry: Value,
    /// The same in the words of consent texts; further demands in further lines.
    pub texts: Vec<String>,
    /// Its arguments as JSON Schema, as far as that can say them.
    pub input_schema: Value,
    /// The numbers of the policies that may still forbid it.
    pub may_forbid: BTreeSet<usize>,
}

impl Way {
    /// Whether a person must approve exactly the call before it is carried out.
    #[must_use]
    pub fn needs_approval(&self, power: Power) -> bool {
        let consent = &self.entry["consent"];
        let each = consent == "each" || consent.is_object();
        let asked = each || !self.entry["requires"]["approval"].is_null();
        power == Power::Execute && (asked || self.powers.get(&power) == Some(&Held::Approved))
    }
}

/// What the agent may do. `blocks` are the entries of a token's blocks, the root first; none: the manifest
/// alone. `None` where the policy has no manifest for it.
pub fn list(
    bundle: &Bundle<'_>,
    agent: &str,
    blocks: &[Vec<Value>],
    judge: &mut dyn FnMut(&Asked<'_>) -> Ruling,
) -> Option<Listing> {
    let manifest = bundle.manifest(agent)?;
    let manifest: Vec<Value> = manifest.capabilities().map(value).collect();
    let mut unusable = 0;
    let mut usable = |entries: &[Value], place: Place| {
        let all = entries.len();
        let kept = entries
            .iter()
            .filter(|entry| is_usable(bundle, entry, place));
        let kept: Vec<Value> = kept.cloned().collect();
        unusable += all - kept.len();
        kept
    };
    let mut layers = vec![usable(&manifest, Place::Manifest)];
    for (at, block) in blocks.iter().enumerate() {
        let place = if at == 0 { Place::Root } else { Place::Derived };
        layers.push(usable(block, place));
    }
    let mut listing = Listing {
        actions: Vec::new(),
        not_granted: Vec::new(),
        cut: Vec::new(),
        unusable,
    };
    let actions = bundle.root().get("actions").map(Json::members);
    for (name, json) in actions.into_iter().flatten() {
        let (ways, cut) = ways(bundle, name, &layers);
        listing.cut.extend(cut.then(|| name.to_owned()));
        if ways.is_empty() {
            listing.not_granted.push(name.to_owned());
            continue;
        }
        listing
            .actions
            .push(listed(bundle, name, json, ways, judge));
    }
    Some(listing)
}

fn listed(
    bundle: &Bundle<'_>,
    name: &str,
    json: Json<'_>,
    ways: Vec<Merged>,
    judge: &mut dyn FnMut(&Asked<'_>) -> Ruling,
) -> Listed {
    let texts = |member: &str| {
        let list = json.get(member).map(Json::elements).into_iter().flatten();
        list.filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let text = |member: &str| json.get(member).and_then(Json::as_str).map(str::to_owned);
    let mut listed = Listed {
        name: name.to_owned(),
        label: text("label"),
        mcp: texts("mcp"),
        oauth: texts("oauth"),
        guessed: text("guessed"),
        ways: Vec::new(),
        never: Vec::new(),
    };
    for mut way in ways {
        let may_forbid = way.rule(name, judge, &mut listed.never);
        if way.powers.is_empty() {
            continue;
        }
        let shown = Way {
            input_schema: schema::of_way(bundle, name, &way),
            texts: way.texts(bundle),
            powers: way.powers.clone(),
            entry: way.entry(),
            may_forbid,
        };
        if !listed.ways.iter().any(|known| known.texts == shown.texts) {
            listed.ways.push(shown);
        }
    }
    listed.never.sort();
    listed.never.dedup();
    listed
}

/// Every choice of one entry a layer that can match a call of this action together, and whether there are
/// more than [`WAYS`].
fn ways(bundle: &Bundle<'_>, action: &str, layers: &[Vec<Value>]) -> (Vec<Merged>, bool) {
    let mut ways: Vec<Vec<&Value>> = vec![Vec::new()];
    let mut cut = false;
    for layer in layers {
        let of_action: Vec<&Value> = layer.iter().filter(|entry| names(entry, action)).collect();
        let longer = ways.iter().flat_map(|way| {
            of_action.iter().map(move |entry| {
                let mut way = way.clone();
                way.push(*entry);
                way
            })
        });
        // What cannot match together is left out at once, so that choices do not multiply.
        let together = longer.filter(|way| Merged::of(bundle, action, way).is_some());
        let mut found: Vec<Vec<&Value>> = together.take(WAYS + 1).collect();
        cut |= found.len() > WAYS;
        found.truncate(WAYS);
        ways = found;
    }
    let merged = ways
        .iter()
        .filter_map(|way| Merged::of(bundle, action, way));
    (merged.collect(), cut)
}

fn names(entry: &Value, action: &str) -> bool {
    let actions = entry.get("actions").and_then(Value::as_array);
    actions.is_none_or(|list| list.iter().any(|name| name == action))
}

fn is_usable(bundle: &Bundle<'_>, entry: &Value, place: Place) -> bool {
    let text = entry.to_string();
    let document = Document::parse(text.as_bytes(), Profile::Signed);
    document.is_ok_and(|document| {
        well_formed(document.root(), place) && bundle.contradiction(document.root()).is_none()
    })
}

/// A part of a bundle or token as a value.
#[must_use]
pub fn value(json: Json<'_>) -> Value {
    let mut out = Writer::default();
    out.json(json);
    serde_json::from_str(out.as_str()).unwrap_or_default()
}
