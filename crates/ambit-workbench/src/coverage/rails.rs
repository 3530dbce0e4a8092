//! Guard rails and their conditions.

use std::collections::BTreeSet;

use ambit_compiler::probe::{self, Condition, REACHED, Rail};
use ambit_compiler::{CompileError, Project};
use ambit_core::Reason;
use ambit_evaluator::ChainCache;
use serde_json::Value as Json;

use super::{Item, Part, disagrees};
use crate::cases::Case;
use crate::run::{Bench, Kept, Outcome};

const SATISFIED: &str = "satisfied";
const UNSATISFIED: &str = "unsatisfied";
const HELD: &str = "true";
const BROKEN: &str = "false";
const ASKED: &str = "asked for";

#[derive(Debug)]
pub(super) struct Rails {
    rails: Vec<Seen>,
    /// The policy with probes in the place of its guard rails, a part of them in each.
    probes: Vec<Kept>,
}

/// A rail and its items by their places in the list.
#[derive(Debug)]
struct Seen {
    rail: Rail,
    item: usize,
    conditions: Vec<usize>,
    step_up: Option<usize>,
}

impl Rails {
    pub(super) fn new(
        project: &Project,
        bench: &Bench,
        items: &mut Vec<Item>,
    ) -> Result<Self, CompileError> {
        let rails = probe::rails(project)
            .into_iter()
            .map(|rail| Seen::new(rail, items));
        Ok(Self {
            rails: rails.collect(),
            probes: bench.probes(project)?,
        })
    }

    /// Adds what one request satisfies, where it comes to the guard rails.
    pub(super) fn add(
        &self,
        case: &Case,
        outcome: &Outcome,
        request: &[u8],
        items: &mut [Item],
    ) -> Result<(), CompileError> {
        if self.rails.is_empty() {
            return Ok(());
        }
        let fault = |what: &str| disagrees(&case.name, what);
        let mut probes = Probes::default();
        for bundle in &self.probes {
            let answer =
                ambit_evaluator::evaluate(&bundle.open()?, request, &mut ChainCache::new());
            let answer: Json = serde_json::from_str(&answer).unwrap_or_default();
            if !probes.add(&answer) {
                // Something before the guard rails decided, and so it did with the rails themselves.
                let code = answer["context"]["reason"]["code"]
                    .as_str()
                    .unwrap_or_default();
                return match code == outcome.code() {
                    true => Ok(()),
                    false => Err(fault(&format!("taken apart, the policy answers {code}"))),
                };
            }
        }
        for (number, seen) in self.rails.iter().enumerate() {
            seen.add(number, &probes, outcome, items);
        }
        self.compare(case, &probes, outcome)
    }

    /// Each `forbid` that errs.
    fn erring(&self, probes: &Probes) -> BTreeSet<&str> {
        let rails = self.rails.iter().enumerate();
        let erring = rails.filter(|(number, seen)| {
            seen.rail.forbids && probes.errs(*number, seen.conditions.len())
        });
        erring.map(|(_, seen)| seen.rail.id.as_str()).collect()
    }

    /// The rails that decided are those whose probes are satisfied, or err.
    fn compare(&self, case: &Case, probes: &Probes, outcome: &Outcome) -> Result<(), CompileError> {
        let all = |forbids: bool| {
            let rails = self.rails.iter().enumerate();
            let satisfied = rails.filter(move |(number, seen)| {
                seen.rail.forbids == forbids && probes.holds(*number, seen.conditions.len())
            });
            satisfied
                .map(|(_, seen)| seen.rail.id.as_str())
                .collect::<BTreeSet<&str>>()
        };
        let (permits, forbids) = (all(false), all(true));
        let wanted = match (outcome.allowed(), Reason::from_code(outcome.code())) {
            (true, _) if forbids.is_empty() => permits,
            (_, Some(Reason::PolicyForbid)) => forbids,
            (_, Some(Reason::PolicyNoPermit)) if permits.is_empty() && forbids.is_empty() => {
                permits
            }
            (_, Some(Reason::PolicyError)) if forbids.is_empty() => self.erring(probes),
            _ => {
                return Err(disagrees(
                    &case.name,
                    "the guard rails taken apart decide something else",
                ));
            }
        };
        let decided: BTreeSet<&str> = outcome.policies().into_iter().collect();
        match decided == wanted {
            true => Ok(()),
            false => Err(disagrees(
                &case.name,
                "other guard rails decide when they are taken apart",
            )),
        }
    }
}

impl Seen {
    fn new(rail: Rail, items: &mut Vec<Item>) -> Self {
        let effect = if rail.forbids { "forbid" } else { "permit" };
        // A policy that everything satisfies has one side.
        let sides: &[&str] = match rail.scoped || !rail.conditions.is_empty() {
            true => &[SATISFIED, UNSATISFIED],
            false => &[SATISFIED],
        };
        let item = items.len();
        let name = format!("{effect} `{}`", rail.id);
        items.push(Item::new(Part::Policy, name, &rail.file, rail.line, sides));
        let condition = |condition: &Condition| {
            let word = if condition.unless { "unless " } else { "" };
            let name = format!("{word}`{}`", shortened(&condition.text));
            items.push(
                Item::new(
                    Part::Condition,
                    name,
                    &rail.file,
                    condition.line,
                    &[HELD, BROKEN],
                )
                .part_of(item),
            );
            items.len() - 1
        };
        let conditions = rail.conditions.iter().map(condition).collect();
        let step_up = rail.step_up.as_ref().map(|kind| {
            let name = format!("@step_up(\"{kind}\") of `{}`", rail.id);
            items
                .push(Item::new(Part::StepUp, name, &rail.file, rail.line, &[ASKED]).part_of(item));
            items.len() - 1
        });
        Self {
            rail,
            item,
            conditions,
            step_up,
        }
    }

    fn add(&self, number: usize, probes: &Probes, outcome: &Outcome, items: &mut [Item]) {
        let mut see = |item: usize, side: &str| {
            if let Some(item) = items.get_mut(item) {
                item.see(side);
            }
        };
        let last = self.conditions.len();
        if probes.holds(number, last) {
            see(self.item, SATISFIED);
        } else if !probes.errs(number, last) {
            // Where its head fits, a case came to it; elsewhere it is seen not to be satisfied, and still
            // no case touches what it says.
            match probes.holds(number, 0) {
                true => see(self.item, UNSATISFIED),
                false => see_only(items, self.item, UNSATISFIED),
            }
        }
        for (at, (item, condition)) in self
            .conditions
            .iter()
            .zip(&self.rail.conditions)
            .enumerate()
        {
            if !probes.holds(number, at) || probes.errs(number, at + 1) {
                continue;
            }
            // An `unless` is compiled to its opposite.
            let held = probes.holds(number, at + 1) != condition.unless;
            if let Some(item) = items.get_mut(*item) {
                item.see(if held { HELD } else { BROKEN });
            }
        }
        let wanted = self.step_up.filter(|_| {
            !outcome.step_ups().is_empty() && outcome.policies().contains(&self.rail.id.as_str())
        });
        if let Some(item) = wanted.and_then(|item| items.get_mut(item)) {
            item.see(ASKED);
        }
    }
}

/// Counts a side without saying that a case came there.
fn see_only(items: &mut [Item], item: usize, side: &str) {
    if let Some(item) = items.get_mut(item) {
        let reached = item.reached;
        item.see(side);
        item.reached = reached;
    }
}

/// What the evaluator said of the probes.
#[derive(Default)]
struct Probes {
    satisfied: BTreeSet<String>,
    erring: BTreeSet<String>,
}

impl Probes {
    /// Whether the request came to the guard rails.
    fn add(&mut self, answer: &Json) -> bool {
        let listed = answer["context"]["policies"].as_array();
        for policy in listed.into_iter().flatten() {
            let id = policy["id"].as_str().unwrap_or_default().to_owned();
            match policy["satisfied"] == true {
                true => self.satisfied.insert(id),
                false => self.erring.insert(id),
            };
        }
        self.satisfied.contains(REACHED)
    }

    fn holds(&self, rail: usize, conditions: usize) -> bool {
        self.satisfied.contains(&probe::name(rail, conditions))
    }

    fn errs(&self, rail: usize, conditions: usize) -> bool {
        self.erring.contains(&probe::name(rail, conditions))
    }
}

/// So much of a condition that a person finds it again.
fn shortened(text: &str) -> String {
    const MOST: usize = 90;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
