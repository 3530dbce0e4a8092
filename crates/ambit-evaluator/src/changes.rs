//! The smallest change of arguments that would be allowed.
//!
//! In every layer several entries may be there that nothing but arguments keeps from applying. One of
//! each together are a way to be allowed: their bounds must be met, and what they require of people
//! must be done. Of all ways the one that asks for the least is offered.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::{Ask, Mismatch, Place, broken, match_entry, unnamed};
use ambit_core::constraint;

use crate::Case;
use crate::authority::{self, Layer, Selected};
use crate::remedy::{Change, Remedy, Step};
use crate::requires;
use crate::witness;

/// So many ways are looked at, those first that change the fewest arguments of each layer.
const WAYS: usize = 256;
/// Steps after which no further way is looked at. Whoever passes a token on writes entries into it: what
/// they make a denial cost must stay small, and leave enough for the guard rails.
const STEPS: u32 = 100_000;

/// An entry that would apply, if these arguments were others.
struct Candidate<'s> {
    selected: Selected<'s>,
    changes: Vec<Change>,
}

/// A remedy without receipts, or with those of people who approve: then other entries may apply.
pub(crate) fn smallest<'s>(case: &Case<'s>, layers: &[Layer<'s>], ask: &Ask<'s>) -> Option<Remedy> {
    if ask.approved {
        return search(case, layers, ask, |_| true);
    }
    let alone = search(case, layers, ask, |remedy| !remedy.asks_approval());
    let approved = search(case, layers, &ask.with_receipts(), Remedy::asks_approval);
    alone.into_iter().chain(approved).min_by_key(Remedy::weight)
}

fn search<'s>(
    case: &Case<'s>,
    layers: &[Layer<'s>],
    ask: &Ask<'s>,
    fits: impl Fn(&Remedy) -> bool,
) -> Option<Remedy> {
    let enough = case.steps.left().saturating_sub(STEPS);
    let layers: Vec<Vec<Candidate<'s>>> = layers
        .iter()
        .map(|layer| candidates(case, layer, ask))
        .collect();
    let mut best: Option<(usize, Remedy)> = None;
    let mut choice = alloc::vec![0_usize; layers.len()];
    for _ in 0..WAYS {
        let way = layers.iter().zip(&choice);
        let way: Vec<&Candidate<'s>> = way
            .map(|(layer, at)| layer.get(*at))
            .collect::<Option<_>>()?;
        let remedy = remedy(case, &layers, &way, ask).filter(&fits);
        // A bound that was not judged for want of steps looks broken.
        if case.steps.exhausted() {
            break;
        }
        if let Some(remedy) = remedy {
            let weight = remedy.weight();
            if best.as_ref().is_none_or(|(least, _)| weight < *least) {
                best = Some((weight, remedy));
            }
        }
        if case.steps.left() < enough || !advance(&mut choice, &layers) {
            break;
        }
    }
    best.map(|(_, remedy)| remedy)
}

/// The next choice of one candidate a layer; `false` behind the last.
fn advance(choice: &mut [usize], layers: &[Vec<Candidate<'_>>]) -> bool {
    for (at, layer) in choice.iter_mut().zip(layers) {
        *at = at.saturating_add(1);
        if *at < layer.len() {
            return true;
        }
        *at = 0;
    }
    false
}

/// Those that need the fewest changes first.
fn candidates<'s>(case: &Case<'s>, layer: &Layer<'s>, ask: &Ask<'s>) -> Vec<Candidate<'s>> {
    let mut all: Vec<Candidate<'s>> = Vec::new();
    for selected in layer.all() {
        let changes = match match_entry(selected.entry, layer.place(), ask, case.steps) {
            // What matches and has no room for the charge is not helped here.
            Ok(()) if authority::limit_fault(selected.entry, ask).is_some() => continue,
            Ok(()) => Some(Vec::new()),
            Err(Mismatch::Unnamed { .. } | Mismatch::Constraint { .. }) => {
                changes(case, selected, layer.place(), ask)
            }
            Err(_) => None,
        };
        all.extend(changes.map(|changes| Candidate { selected, changes }));
    }
    all.sort_by_key(|candidate| candidate.changes.len());
    all
}

/// What this way asks for; `None` if its bounds exclude each other, no login can meet it, or another
/// entry would apply instead.
fn remedy<'s>(
    case: &Case<'s>,
    layers: &[Vec<Candidate<'s>>],
    way: &[&Candidate<'s>],
    ask: &Ask<'s>,
) -> Option<Remedy> {
    let mut changes: Vec<Change> = Vec::new();
    for change in way.iter().flat_map(|candidate| &candidate.changes) {
        add_change(&mut changes, change);
    }
    let chosen: Vec<Selected<'s>> = way.iter().map(|candidate| candidate.selected).collect();
    let possible = |change: &Change, other: Option<&Selected<'s>>| {
        witness::exists(case, ask, &chosen, &change.argument, other)
    };
    if !changes.iter().all(|change| possible(change, None)) {
        return None;
    }
    // An entry that stands before and would match as well is the one that applies.
    let is_changed = |one: &Change| changes.iter().any(|other| other.argument == one.argument);
    for (layer, chosen) in layers.iter().zip(&chosen) {
        for other in layer
            .iter()
            .filter(|other| other.selected.index < chosen.index)
        {
            let avoided = |change: &Change| possible(change, Some(&other.selected));
            if other.changes.iter().all(is_changed) && !changes.iter().any(avoided) {
                return None;
            }
        }
    }
    let mut steps = requires::remedy(case, &chosen)?.steps;
    if !changes.is_empty() {
        steps.insert(0, Step::ChangeRequest(changes));
    }
    (!steps.is_empty()).then_some(Remedy { steps })
}

/// Everything in this entry that would have to change: broken bounds, and arguments that it does
/// not cover. `None` where no change helps: an argument is not covered that the action needs.
fn changes<'s>(
    case: &Case<'s>,
    selected: Selected<'s>,
    place: Place,
    ask: &Ask<'s>,
) -> Option<Vec<Change>> {
    let action = case.bundle.action(case.request.action)?;
    let mut changes = Vec::new();
    for (argument, spec, value) in broken(selected.entry, ask, case.steps) {
        // A bound of an argument that the action does not have: nothing can be given for it.
        action.argument(argument)?;
        let unit = case.unit(argument);
        changes.push(Change {
            argument: String::from(argument),
            asked: constraint::value_text(value, unit),
            allowed: constraint::describe(spec, unit),
        });
    }
    if place == Place::Derived {
        return Some(changes);
    }
    for argument in unnamed(selected.entry, ask) {
        if action.argument(argument)?.required() {
            return None;
        }
        changes.push(Change {
            argument: String::from(argument),
            asked: constraint::value_text(ask.args.get(argument), case.unit(argument)),
            allowed: String::from("left out"),
        });
    }
    Some(changes)
}

/// One change an argument: the bounds of several layers hold together.
fn add_change(changes: &mut Vec<Change>, more: &Change) {
    let known = changes
        .iter_mut()
        .find(|change| change.argument == more.argument);
    match known {
        Some(change) if change.allowed == more.allowed => {}
        Some(change) => change.allowed = alloc::format!("{} and {}", change.allowed, more.allowed),
        None => changes.push(more.clone()),
    }
}
