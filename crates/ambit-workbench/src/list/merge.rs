//! Entries that must match together, as one.

use std::collections::{BTreeMap, BTreeSet};

use ambit_core::Power;
use ambit_core::json::{Document, Profile};
use ambit_policy::Bundle;
use serde_json::{Map, Value, json};

use super::Ruling;

/// Limits that one entry can have.
const LIMITS: usize = ambit_core::limits::BUDGETS;

/// How a power is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// By every entry.
    Yes,
    /// Once a person has approved exactly the call: some entry holds `propose` only.
    Approved,
}

/// One entry for several.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    pub(super) powers: BTreeMap<Power, Held>,
    action: String,
    purpose: Option<Value>,
    identifier: Option<Value>,
    locations: Option<Vec<Value>>,
    datatypes: Option<Vec<String>>,
    /// Those, or where no entry names any, all that the action applies to.
    types: Vec<String>,
    /// Arguments that all entries cover by `"*"` alone.
    others: BTreeSet<String>,
    /// Whether every argument may be given.
    covers_all: bool,
    /// By argument: what all entries ask of it. What is not there may not be given.
    pub(super) constraints: Map<String, Value>,
    /// Hours, limits, requirements and consent of each entry.
    demands: Vec<Map<String, Value>>,
}

impl Merged {
    /// `None` where no call matches all of them.
    pub(super) fn of(bundle: &Bundle<'_>, action: &str, entries: &[&Value]) -> Option<Self> {
        let declared = bundle.action(action)?;
        let powers = powers(entries, |power| declared.powers().contains(power));
        let locations = shared(entries, "locations");
        let named = shared(entries, "datatypes").map(|list| {
            let texts = list.iter().filter_map(Value::as_str);
            texts
                .filter(|name| declared.applies_to(name))
                .map(str::to_owned)
                .collect::<Vec<String>>()
        });
        let empty = locations.as_ref().is_some_and(Vec::is_empty)
            || named.as_ref().is_some_and(Vec::is_empty);
        if powers.is_empty() || empty {
            return None;
        }
        let mut constraints = Map::new();
        let mut others = BTreeSet::new();
        let mut covers_all = true;
        for (name, argument) in declared.arguments() {
            match constraint(entries, name) {
                Presence::Bound(spec, named) => {
                    constraints.insert(name.to_owned(), spec);
                    others.extend((!named).then(|| name.to_owned()));
                }
                // With it a call is refused; so it must be possible without.
                Presence::Absent if !argument.required() => covers_all = false,
                Presence::Absent | Presence::Never => return None,
            }
        }
        let all = || declared.resources().map(str::to_owned).collect();
        Some(Self {
            types: named.clone().unwrap_or_else(all),
            covers_all,
            others,
            powers,
            action: action.to_owned(),
            purpose: same(entries, "purpose")?,
            identifier: same(entries, "identifier")?,
            locations,
            datatypes: named,
            constraints,
            demands: entries.iter().map(|entry| demands(entry)).collect(),
        })
    }

    /// Takes out what the guard rails never allow, with why; gives the policies that may forbid the rest.
    pub(super) fn rule(
        &mut self,
        action: &str,
        judge: &mut dyn FnMut(&super::Asked<'_>) -> Ruling,
        never: &mut Vec<(Power, String)>,
    ) -> BTreeSet<usize> {
        let purpose = self.purpose.as_ref().and_then(Value::as_str);
        let mut may_forbid = BTreeSet::new();
        let mut kept_types = BTreeSet::new();
        let types = core::mem::take(&mut self.types);
        self.powers.retain(|power, _| {
            let mut why = None;
            let mut kept = false;
            for datatype in &types {
                let asked = super::Asked {
                    action,
                    power: *power,
                    purpose,
                    datatype,
                };
                let ruling = judge(&asked);
                match ruling.never {
                    Some(reason) => why = Some(reason),
                    None => {
                        kept = true;
                        kept_types.insert(datatype.clone());
                        may_forbid.extend(ruling.may_forbid);
                    }
                }
            }
            if let (false, Some(why)) = (kept, &why) {
                never.push((*power, why.clone()));
            }
            kept || why.is_none()
        });
        if let Some(types) = &mut self.datatypes {
            types.retain(|name| kept_types.contains(name));
        }
        may_forbid
    }

    /// As an entry of a manifest, with what the first entries that say so demand.
    pub(super) fn entry(&self) -> Value {
        let mut entry = self.scope();
        for demands in &self.demands {
            for (name, value) in demands {
                match (entry.get_mut(name), name.as_str()) {
                    (None, _) => drop(entry.insert(name.clone(), value.clone())),
                    (Some(known), "limits") => add_limits(known, value),
                    (Some(_), _) => {}
                }
            }
        }
        Value::Object(entry)
    }

    /// Action, powers, things, purpose and bounds.
    fn scope(&self) -> Map<String, Value> {
        let mut privileges: Vec<&str> = Vec::new();
        for (power, held) in &self.powers {
            let name = match held {
                Held::Yes => power.name(),
                Held::Approved => Power::Propose.name(),
            };
            if !privileges.contains(&name) {
                privileges.push(name);
            }
        }
        let mut entry = Map::new();
        entry.insert("actions".to_owned(), json!([self.action]));
        entry.insert("privileges".to_owned(), json!(privileges));
        for (name, value) in [
            ("locations", self.locations.clone().map(Value::from)),
            ("datatypes", self.datatypes.clone().map(Value::from)),
            ("identifier", self.identifier.clone()),
            ("purpose", self.purpose.clone()),
        ] {
            if let Some(value) = value {
                entry.insert(name.to_owned(), value);
            }
        }
        let mut constraints = self.constraints.clone();
        if self.covers_all && !self.others.is_empty() {
            constraints.retain(|name, _| !self.others.contains(name));
            constraints.insert("*".to_owned(), json!({"constraint_type": "wildcard"}));
        }
        if !constraints.is_empty() {
            entry.insert("constraints".to_owned(), Value::Object(constraints));
        }
        entry
    }

    /// In the words of consent texts: the whole, then demands that one entry could not say beside others.
    pub(super) fn texts(&self, bundle: &Bundle<'_>) -> Vec<String> {
        let whole = self.entry();
        let mut texts = vec![line(bundle, &whole)];
        for demands in &self.demands {
            let said = demands.iter().all(|(name, value)| match name.as_str() {
                "limits" => contains_all(whole.get("limits"), value),
                name => whole.get(name) == Some(value),
            });
            if !said {
                let mut entry = self.scope();
                entry.extend(demands.clone());
                texts.push(line(bundle, &Value::Object(entry)));
            }
        }
        texts.dedup();
        texts
    }
}

fn line(bundle: &Bundle<'_>, entry: &Value) -> String {
    let text = entry.to_string();
    let document = Document::parse(text.as_bytes(), Profile::Signed);
    document.map_or_else(
        |error| error.to_string(),
        |document| ambit_advice::capability_line(bundle, document.root()),
    )
}

/// Powers that every entry holds; and `execute` after an approval, where some hold only `propose`.
fn powers(entries: &[&Value], possible: impl Fn(Power) -> bool) -> BTreeMap<Power, Held> {
    let holds = |entry: &Value, power: Power| {
        let list = entry.get("privileges").and_then(Value::as_array);
        list.is_none_or(|list| list.iter().any(|name| name == power.name()))
    };
    let all = |power: Power| entries.iter().all(|entry| holds(entry, power));
    let approved = entries
        .iter()
        .all(|entry| holds(entry, Power::Execute) || holds(entry, Power::Propose));
    let mut found = BTreeMap::new();
    for power in Power::ALL.into_iter().filter(|power| possible(*power)) {
        if all(power) {
            found.insert(power, Held::Yes);
        } else if power == Power::Execute && approved {
            found.insert(power, Held::Approved);
        }
    }
    found
}

/// What all lists of this name share; `None` where no entry has one.
fn shared(entries: &[&Value], name: &str) -> Option<Vec<Value>> {
    let mut lists = entries
        .iter()
        .filter_map(|entry| entry.get(name)?.as_array());
    let first = lists.next()?.clone();
    Some(lists.fold(first, |mut kept, list| {
        kept.retain(|one| list.contains(one));
        kept
    }))
}

/// The value that all entries with this member have. `None`: they differ. Inside, `None`: none has it.
fn same(entries: &[&Value], name: &str) -> Option<Option<Value>> {
    let mut values = entries.iter().filter_map(|entry| entry.get(name));
    let Some(first) = values.next() else {
        return Some(None);
    };
    values
        .all(|value| value == first)
        .then(|| Some(first.clone()))
}

/// What all entries together ask of an argument.
enum Presence {
    /// That it meets this; and whether some entry names it.
    Bound(Value, bool),
    /// That it is not there.
    Absent,
    /// That it is there, and that it is not.
    Never,
}

fn constraint(entries: &[&Value], name: &str) -> Presence {
    let mut specs: Vec<Value> = Vec::new();
    let (mut named, mut absent) = (false, false);
    for (at, entry) in entries.iter().enumerate() {
        let constraints = entry.get("constraints").and_then(Value::as_object);
        let spec = constraints.and_then(|all| all.get(name));
        let rest = constraints.is_some_and(|all| all.contains_key("*"));
        match spec {
            Some(spec) => {
                named = true;
                specs.extend((!specs.contains(spec)).then(|| spec.clone()));
            }
            // Manifest and root must cover every argument; a derived entry bounds what it names.
            None => absent |= !rest && at <= 1,
        }
    }
    if absent {
        let optional = specs
            .iter()
            .all(|spec| spec["constraint_type"] == "optional");
        return if optional {
            Presence::Absent
        } else {
            Presence::Never
        };
    }
    specs.retain(|spec| !is_free(spec));
    // A wildcard asks only that the argument is there, as others do that are not optional.
    let asks = |spec: &Value| {
        !matches!(
            spec["constraint_type"].as_str(),
            Some("wildcard" | "optional")
        )
    };
    if specs.iter().any(asks) {
        specs.retain(|spec| spec["constraint_type"] != "wildcard");
    }
    let spec = match specs.as_slice() {
        [] => json!({"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}}),
        [only] => only.clone(),
        _ => all_of(&specs),
    };
    Presence::Bound(spec, named)
}

/// Whether an argument may be anything, or left out.
fn is_free(spec: &Value) -> bool {
    spec["constraint_type"] == "optional" && spec["constraint"]["constraint_type"] == "wildcard"
}

/// Several constraints as one. An argument may be absent if all of them take that.
fn all_of(specs: &[Value]) -> Value {
    let inner = |spec: &Value| match spec["constraint_type"] == "optional" {
        true => spec["constraint"].clone(),
        false => spec.clone(),
    };
    let all = json!({"constraint_type": "all", "constraints": specs.iter().map(inner).collect::<Vec<_>>()});
    let optional = specs
        .iter()
        .all(|spec| spec["constraint_type"] == "optional");
    match optional {
        true => json!({"constraint_type": "optional", "constraint": all}),
        false => all,
    }
}

fn demands(entry: &Value) -> Map<String, Value> {
    let members = ["hours", "limits", "requires", "consent"].into_iter();
    let found = members.filter_map(|name| Some((name.to_owned(), entry.get(name)?.clone())));
    found.collect()
}

fn contains_all(known: Option<&Value>, wanted: &Value) -> bool {
    let known = known.and_then(Value::as_array);
    let mut wanted = wanted.as_array().into_iter().flatten();
    wanted.all(|one| known.is_some_and(|known| known.contains(one)))
}

fn add_limits(known: &mut Value, more: &Value) {
    let Some(known) = known.as_array_mut() else {
        return;
    };
    for limit in more.as_array().into_iter().flatten() {
        if !known.contains(limit) && known.len() < LIMITS {
            known.push(limit.clone());
        }
    }
}
