//! Capabilities of manifests, their bounds and what they ask of people.

use std::collections::BTreeMap;

use ambit_compiler::{CompileError, EntryPlace, Project};
use ambit_core::capability::{self, Ask, Place};
use ambit_core::json::{Json, Kind};
use ambit_core::{Reason, Steps};
use ambit_evaluator::{Case as Judged, ChainCache, rooms, with_case};
use ambit_policy::Bundle;

use super::{Item, Part};
use crate::run::Outcome;

const USED: &str = "used";
const HELD: &str = "kept";
const BROKEN: &str = "broken";
const ROOM: &str = "kept";
const FULL: &str = "exceeded";
const ASKED: &str = "asked for";
const MET: &str = "met";

#[derive(Debug)]
pub(super) struct Entries {
    /// The capabilities of each agent class, in their order.
    manifests: BTreeMap<String, Vec<Entry>>,
    cache: ChainCache,
}

/// A capability by the places of its items in the list.
#[derive(Debug)]
struct Entry {
    item: usize,
    constraints: BTreeMap<String, usize>,
    /// Those that are budgets.
    limits: Vec<usize>,
    approval: Option<usize>,
    login: Option<usize>,
}

impl Entries {
    pub(super) fn new(project: &Project, bundle: &Bundle<'_>, items: &mut Vec<Item>) -> Self {
        let mut manifests = BTreeMap::new();
        let known = bundle
            .root()
            .get("manifests")
            .into_iter()
            .flat_map(Json::members);
        for (agent, _) in known {
            let manifest = bundle.manifest(agent).into_iter();
            let capabilities = manifest.flat_map(|manifest| manifest.capabilities());
            let places = project.entry_places(agent);
            let numbered = capabilities.zip(places).enumerate();
            let entries =
                numbered.map(|(at, (entry, place))| Entry::new(agent, at, entry, place, items));
            let entries: Vec<Entry> = entries.collect();
            manifests.insert(agent.to_owned(), entries);
        }
        Self {
            manifests,
            cache: ChainCache::new(),
        }
    }

    /// Adds what one request matches.
    pub(super) fn add(
        &mut self,
        bundle: &Bundle<'_>,
        outcome: &Outcome,
        request: &[u8],
        items: &mut [Item],
    ) -> Result<(), CompileError> {
        let agent = outcome.request.claims["agent"]["uid"]
            .as_str()
            .unwrap_or_default();
        let Some(entries) = self.manifests.get(agent) else {
            return Ok(());
        };
        with_case(bundle, request, &mut self.cache, &mut |case| {
            let Ok(case) = case else { return };
            // What steps 3 to 5 deny comes to no manifest.
            if case.with_steps(&Steps::new()).judge().in_force {
                look(case, entries, outcome, items);
            }
        });
        Ok(())
    }
}

fn look(case: &Judged<'_>, entries: &[Entry], outcome: &Outcome, items: &mut [Item]) {
    let approved = outcome.request.json.get("approvals").is_some();
    let layers = case.layers();
    let manifest = layers.iter().find(|layer| layer.place() == Place::Manifest);
    let asked = case.asked();
    asked.with_ask(case.bundle(), approved, &mut |ask| {
        let mut used = false;
        let listed = manifest.map_or(&[][..], |manifest| manifest.entries());
        for (entry, json) in entries.iter().zip(listed) {
            used |= entry.add(*json, ask, used, outcome, items);
        }
    });
}

/// A capability while its items are listed.
struct Listing<'a> {
    place: &'a EntryPlace,
    items: &'a mut Vec<Item>,
    /// The capability's own item.
    whole: usize,
}

impl Listing<'_> {
    /// Lists a part, which stands under `key`.
    fn add(&mut self, part: Part, name: String, key: &str, sides: &[&'static str]) -> usize {
        let line = self.place.parts.get(key).copied();
        let line = line.unwrap_or(self.place.line);
        let item = Item::new(part, name, &self.place.file, line, sides);
        self.items.push(item.part_of(self.whole));
        self.items.len() - 1
    }

    /// Bounds on arguments. What holds for any value bounds nothing.
    fn constraints(&mut self, entry: Json<'_>) -> BTreeMap<String, usize> {
        let constraints = entry.get("constraints").into_iter().flat_map(Json::members);
        let kind = |spec: &Json<'_>| {
            spec.get("constraint_type").and_then(Json::as_str) != Some("wildcard")
        };
        let bounds = constraints.filter(|(_, spec)| kind(spec));
        let add = |(name, _): (&str, Json<'_>)| {
            let key = format!("constraints.{name}");
            let item = self.add(
                Part::Constraint,
                format!("the bound of `{name}`"),
                &key,
                &[HELD, BROKEN],
            );
            (name.to_owned(), item)
        };
        bounds.map(add).collect()
    }

    /// Budgets. How often a token was used only a ledger knows.
    fn limits(&mut self, entry: Json<'_>) -> Vec<usize> {
        let limits = entry
            .get("limits")
            .into_iter()
            .flat_map(Json::elements)
            .enumerate();
        let spend = |limit: &Json<'_>| limit.get("type").and_then(Json::as_str) == Some("spend");
        let spends = limits.filter(|(_, limit)| spend(limit));
        let add = |(at, _): (usize, Json<'_>)| {
            let key = format!("limits.{at}");
            self.add(
                Part::Limit,
                format!("the budget `limits[{at}]`"),
                &key,
                &[ROOM, FULL],
            )
        };
        spends.map(add).collect()
    }

    fn step_up(&mut self, what: &str, key: &str) -> usize {
        let name = format!("the {what} that it requires");
        self.add(Part::StepUp, name, key, &[ASKED, MET])
    }
}

impl Entry {
    fn new(
        agent: &str,
        at: usize,
        entry: Json<'_>,
        place: &EntryPlace,
        items: &mut Vec<Item>,
    ) -> Self {
        let actions = entry.get("actions").into_iter().flat_map(Json::elements);
        let actions: Vec<&str> = actions.filter_map(Json::as_str).collect();
        let whole = items.len();
        let name = format!(
            "capability {} of `{agent}` ({})",
            at + 1,
            actions.join(", ")
        );
        items.push(Item::new(
            Part::Capability,
            name,
            &place.file,
            place.line,
            &[USED],
        ));
        let mut listing = Listing {
            place,
            items,
            whole,
        };
        let requires = |name: &str| {
            entry
                .get("requires")
                .is_some_and(|one| one.get(name).is_some())
        };
        let login = requires("acr") || requires("max_age");
        let approval = match requires("approval") {
            true => Some("requires"),
            false => asks_each_time(entry).then_some("consent"),
        };
        Self {
            item: whole,
            constraints: listing.constraints(entry),
            limits: listing.limits(entry),
            login: login.then(|| listing.step_up("login", "requires")),
            approval: approval.map(|key| listing.step_up("approval", key)),
        }
    }

    /// Whether this entry is the one that is used, `taken`: an earlier one is already.
    fn add(
        &self,
        entry: Json<'_>,
        ask: &Ask<'_>,
        taken: bool,
        outcome: &Outcome,
        items: &mut [Item],
    ) -> bool {
        let mut see = |item: usize, side: &str| {
            if let Some(item) = items.get_mut(item) {
                item.see(side);
            }
        };
        let steps = Steps::new();
        let matched = capability::match_entry(entry, Place::Manifest, ask, &steps);
        if matched.as_ref().is_err_and(|miss| miss.rank() < BOUNDS) {
            return false;
        }
        let broken = capability::broken(entry, ask, &Steps::new());
        for (name, item) in &self.constraints {
            let broke = broken.iter().any(|(other, ..)| other == name);
            see(*item, if broke { BROKEN } else { HELD });
        }
        if matched.is_err() {
            reach(items, self.item);
            return false;
        }
        let mut room = true;
        for (item, holds) in self.limits.iter().zip(room_of(entry, ask)) {
            room &= holds;
            see(*item, if holds { ROOM } else { FULL });
        }
        if !room || taken {
            reach(items, self.item);
            return false;
        }
        see(self.item, USED);
        let code = Reason::from_code(outcome.code());
        let asked = code == Some(Reason::ApprovalRequired);
        let given = outcome.allowed() && ask.approved;
        for (item, asked, given) in [
            (self.approval, asked, given),
            (
                self.login,
                code == Some(Reason::LoginRequired),
                outcome.allowed(),
            ),
        ] {
            if let Some(item) = item.filter(|_| asked) {
                see(item, ASKED);
            }
            if let Some(item) = item.filter(|_| given) {
                see(item, MET);
            }
        }
        true
    }
}

/// The rank of a miss by arguments alone: action, resource, purpose and power fit.
const BOUNDS: u8 = 5;

fn reach(items: &mut [Item], item: usize) {
    if let Some(item) = items.get_mut(item) {
        item.reached = true;
    }
}

/// Whether the entry's `consent` wants a yes to each call.
fn asks_each_time(entry: Json<'_>) -> bool {
    let consent = entry.get("consent");
    consent
        .is_some_and(|consent| consent.kind() == Kind::Object || consent.as_str() == Some("each"))
}

/// Whether each budget of an entry has room for the call. Only `execute` spends.
fn room_of(entry: Json<'_>, ask: &Ask<'_>) -> Vec<bool> {
    let rooms: Vec<bool> = rooms(entry, ask.power)
        .map(|(name, room)| room.holds(ask.args.get(name)))
        .collect();
    // Of each the amount and the currency.
    rooms.chunks(2).map(|pair| !pair.contains(&false)).collect()
}
