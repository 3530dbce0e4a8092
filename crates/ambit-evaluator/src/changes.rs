//! The smallest change of arguments that would be allowed.
//!
//! In every layer several entries may be there that nothing but arguments keeps from applying. One of
//! each together are a way to be allowed: their bounds must be met, and what they require of people
//! must be done. Of all ways the one that asks for the least is offered, where the guard rails would
//! allow it.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::{Ask, Mismatch, Place, broken, match_entry, unnamed};
use ambit_core::constraint::{self, Ends};
use ambit_core::json::{Document, Json, Profile};

use crate::Case;
use crate::authority::{Layer, Selected};
use crate::budget;
use crate::order;
use crate::remedy::{Change, Remedy, Step};
use crate::requires;
use crate::trial::{Trials, Way};
use crate::witness::{self, Entry};

/// So many ways are looked at, those first that change the fewest arguments of each layer.
const WAYS: usize = 256;
/// Steps after which no further way is looked at. Whoever passes a token on writes entries into it: what
/// they make a denial cost must stay small, and leave enough for the guard rails.
const STEPS: u32 = 100_000;

/// An entry that would apply, if these arguments were others.
struct Candidate<'p> {
    entry: Entry<'p>,
    changes: Vec<Change>,
}

/// A remedy without receipts, or with those of people who approve: then other entries may apply. Receipts
/// that were given are for the call as it was.
pub(crate) fn smallest(case: &Case<'_>, layers: &[Layer<'_>], ask: &Ask<'_>) -> Option<Remedy> {
    let enough = case.steps.left().saturating_sub(STEPS);
    let budgets = budget::constraints(layers, ask.power);
    let budgets = Document::parse(budgets.as_bytes(), Profile::Signed).ok()?;
    let places: Vec<Place> = layers.iter().map(Layer::place).collect();
    let entries = witness::entries(layers, budgets.root(), Json::null());
    let asks = [false, true].map(|approved| Ask { approved, ..*ask });
    let names = changed(case, &entries, &places, &asks);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let pool = witness::pool(case, ask, &entries, &names, enough);
    let pool = Document::parse(pool.as_bytes(), Profile::Signed).ok()?;
    let entries = witness::entries(layers, budgets.root(), pool.root());
    let mut trials = Trials::new(case.steps);
    let found = asks.map(|ask| {
        let layers = candidates(case, &entries, &places, &ask);
        let ways = ways(case, &layers, &ask, enough);
        trials.best(case, &ask, &entries, ways)
    });
    found.into_iter().flatten().min_by_key(Remedy::weight)
}

/// The arguments that any entry wants changed.
fn changed(
    case: &Case<'_>,
    entries: &[Vec<Entry<'_>>],
    places: &[Place],
    asks: &[Ask<'_>],
) -> Vec<String> {
    let layers = asks
        .iter()
        .flat_map(|ask| candidates(case, entries, places, ask));
    let changes = layers.flatten().flat_map(|candidate| candidate.changes);
    let mut names: Vec<String> = Vec::new();
    for change in changes {
        if !names.contains(&change.argument) {
            names.push(change.argument);
        }
    }
    names
}

/// Every way that may be possible, those first that ask for the least.
fn ways<'l, 'p>(
    case: &Case<'_>,
    layers: &'l [Vec<Candidate<'p>>],
    ask: &Ask<'_>,
    enough: u32,
) -> Vec<Way<'l, 'p>> {
    let mut ways = Vec::new();
    let mut choice = alloc::vec![0_usize; layers.len()];
    for _ in 0..WAYS {
        let chosen = layers.iter().zip(&choice);
        let chosen: Option<Vec<&Candidate<'p>>> =
            chosen.map(|(layer, at)| layer.get(*at)).collect();
        let Some(chosen) = chosen else { break };
        let way = way(case, layers, &chosen, ask);
        // A bound that was not judged for want of steps looks broken.
        if case.steps.exhausted() {
            break;
        }
        ways.extend(way);
        let counts = layers.iter().map(Vec::len);
        if case.steps.left() < enough || !order::advance(&mut choice, counts) {
            break;
        }
    }
    order::by_key(ways, |way| order::count(way.least()))
}

/// The entries of each layer that nothing but arguments keeps from applying, those first that need the
/// fewest changes.
fn candidates<'p>(
    case: &Case<'_>,
    entries: &[Vec<Entry<'p>>],
    places: &[Place],
    ask: &Ask<'_>,
) -> Vec<Vec<Candidate<'p>>> {
    let layers = entries.iter().zip(places);
    let layers = layers.map(|(entries, place)| {
        let mut all: Vec<Candidate<'p>> = Vec::new();
        for entry in entries {
            let changes = match match_entry(entry.selected.entry, *place, ask, case.steps) {
                Ok(()) | Err(Mismatch::Unnamed { .. } | Mismatch::Constraint { .. }) => {
                    changes(case, entry, *place, ask)
                }
                Err(_) => None,
            };
            all.extend(changes.map(|changes| Candidate {
                entry: *entry,
                changes,
            }));
        }
        order::by_key(all, |candidate| order::count(candidate.changes.len()))
    });
    layers.collect()
}

/// What this way asks for; `None` if its bounds exclude each other, no login can meet it, or another
/// entry would apply instead.
fn way<'l, 'p>(
    case: &Case<'_>,
    layers: &'l [Vec<Candidate<'p>>],
    chosen: &[&'l Candidate<'p>],
    ask: &Ask<'_>,
) -> Option<Way<'l, 'p>> {
    let entries: Vec<&Entry<'p>> = chosen.iter().map(|candidate| &candidate.entry).collect();
    let mut changes: Vec<Change> = Vec::new();
    for change in chosen.iter().flat_map(|candidate| &candidate.changes) {
        let name = &change.argument;
        if changes.iter().any(|known| known.argument == *name) {
            continue;
        }
        // Another value must meet what the asked one meets as well.
        for bound in entries.iter().flat_map(|entry| entry.bounds(name)) {
            let paid = bound.is_none_or(|bound| case.steps.take(bound.weight()));
            let change = Change::of(case, ask, name, bound).without_least(case, ask);
            if let Some(change) = change.filter(|_| paid) {
                add_change(case, &mut changes, change);
            }
        }
        // A bound that any value meets wants one all the same.
        if changes.iter().all(|known| known.argument != *name) {
            changes.push(change.clone());
        }
    }
    let possible = |change: &Change, other: Option<&Entry<'p>>| {
        witness::exists(case, ask, &entries, &change.argument, other)
    };
    if !changes.iter().all(|change| possible(change, None)) {
        return None;
    }
    // An entry that stands before and would match as well is the one that applies.
    let is_changed = |one: &Change| changes.iter().any(|other| other.argument == one.argument);
    for (layer, chosen) in layers.iter().zip(&entries) {
        let before = |other: &&Candidate<'p>| other.entry.selected.index < chosen.selected.index;
        for other in layer.iter().filter(before) {
            let avoided = |change: &Change| possible(change, Some(&other.entry));
            if other.changes.iter().all(is_changed) && !changes.iter().any(avoided) {
                return None;
            }
        }
    }
    let selected: Vec<Selected<'p>> = entries.iter().map(|entry| entry.selected).collect();
    let Remedy { mut steps } = requires::remedy(case, &selected, &[])?;
    let fits = ask.approved
        == steps
            .iter()
            .any(|step| matches!(step, Step::Approval { .. }));
    if !changes.is_empty() {
        steps.insert(0, Step::ChangeRequest(changes));
    }
    (fits && !steps.is_empty()).then_some(Way {
        entries,
        remedy: Remedy { steps },
    })
}

/// Everything in this entry that would have to change: broken bounds, and arguments that it does
/// not cover. `None` where no change helps: an argument is not covered that the action needs.
fn changes(case: &Case<'_>, entry: &Entry<'_>, place: Place, ask: &Ask<'_>) -> Option<Vec<Change>> {
    let action = case.bundle.action(case.request.action)?;
    let mut changes = Vec::new();
    let budgets = entry.budgets.members().flat_map(|(argument, budgets)| {
        let budgets = budgets.elements();
        budgets.map(move |spec| (argument, spec))
    });
    let budgets = budgets
        .filter(|(argument, spec)| !constraint::matches(*spec, ask.args.get(argument), case.steps));
    let bounds = broken(entry.selected.entry, ask, case.steps);
    let bounds = bounds.iter().map(|(argument, spec, _)| (*argument, *spec));
    for (argument, spec) in bounds.chain(budgets) {
        // A bound of an argument that the action does not have: nothing can be given for it.
        action.argument(argument)?;
        add_change(
            case,
            &mut changes,
            Change::of(case, ask, argument, Some(spec)),
        );
    }
    if place == Place::Derived {
        return Some(changes);
    }
    for argument in unnamed(entry.selected.entry, ask) {
        if action.argument(argument)?.required() {
            return None;
        }
        changes.push(Change::of(case, ask, argument, None));
    }
    Some(changes)
}

impl Change {
    /// Into what this bound allows; without one the argument must be left out.
    fn of(case: &Case<'_>, ask: &Ask<'_>, argument: &str, bound: Option<Json<'_>>) -> Self {
        let unit = case.unit(argument);
        Self {
            argument: String::from(argument),
            asked: constraint::value_text(ask.args.get(argument), unit),
            allowed: bound.map_or_else(
                || String::from("left out"),
                |bound| constraint::describe(bound, unit),
            ),
            ends: bound.and_then(constraint::ends),
            example: None,
        }
    }

    /// That an amount is at least one unit goes without saying where what was asked is in the range. `None`
    /// if nothing else is said.
    fn without_least(self, case: &Case<'_>, ask: &Ask<'_>) -> Option<Self> {
        let least = |min: i64| (0..=budget::LEAST).contains(&min);
        let ends = self.ends.filter(|(min, _)| min.is_some_and(least));
        let Some((Some(min), max)) = ends else {
            return Some(self);
        };
        let asked = ask.args.get(&self.argument).and_then(Json::as_int);
        if asked.is_none_or(|asked| asked < min || max.is_some_and(|max| max < asked)) {
            return Some(self);
        }
        max.map(|_| Self {
            allowed: constraint::describe_ends(None, max, case.unit(&self.argument)),
            ends: Some((None, max)),
            ..self
        })
    }
}

/// One change an argument: the bounds of several layers hold together. Of ranges what they share is
/// told, and the only value where there is one.
fn add_change(case: &Case<'_>, changes: &mut Vec<Change>, more: Change) {
    let known = changes
        .iter_mut()
        .find(|change| change.argument == more.argument);
    let Some(change) = known else {
        changes.push(more);
        return;
    };
    let only = |change: &Change| {
        change.allowed.starts_with("exactly ") && !change.allowed.contains(" or ")
    };
    match (change.ends, more.ends) {
        _ if only(change) => {}
        _ if only(&more) => *change = more,
        (Some(one), Some(two)) => {
            let (min, max) = shared(one, two);
            change.ends = Some((min, max));
            change.allowed = constraint::describe_ends(min, max, case.unit(&more.argument));
        }
        _ => {
            let more = clause(&more.allowed);
            change.allowed = clause(&change.allowed);
            change.ends = None;
            if !change.allowed.split(AND).any(|part| part == more) {
                change.allowed.push_str(AND);
                change.allowed.push_str(&more);
            }
        }
    }
}

/// Alternatives in brackets.
fn clause(text: &str) -> String {
    if text.contains(" or ") && !text.contains('(') {
        return alloc::format!("({text})");
    }
    String::from(text)
}

/// Between bounds that hold together.
const AND: &str = " and ";

/// The larger lower end and the smaller upper end.
fn shared(one: Ends, two: Ends) -> Ends {
    let max = [one.1, two.1].into_iter().flatten().min();
    (one.0.max(two.0), max)
}
