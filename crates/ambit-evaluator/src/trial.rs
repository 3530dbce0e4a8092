//! Changed arguments before the guard rails: the call is judged as it would be with other values.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Steps;
use ambit_core::capability::Ask;
use ambit_core::constraint;
use ambit_core::json::{Document, Json, Profile, Writer, canonical};
use ambit_policy::cedar::{Literal, texts};

use crate::Case;
use crate::authority::{self, Selected};
use crate::order;
use crate::rails;
use crate::remedy::{Change, Example, Remedy, Step};
use crate::requires;
use crate::witness::{self, Entry};

/// So often the guard rails are asked, for all ways together.
const TRIALS: usize = 64;
/// Steps after which nothing more is tried.
const STEPS: u32 = 1_000_000;
/// And so often for each choice of changed arguments, whether fewer would do.
const RETRIALS: usize = 100;
/// So often, while more policies turn out to forbid.
const ROUNDS: usize = 3;
/// So many constants of the policies that forbid are looked at.
const LITERALS: usize = 32;

/// One entry of each layer, and what would have to be done so that they apply.
pub(crate) struct Way<'l, 'p> {
    pub(crate) entries: Vec<&'l Entry<'p>>,
    pub(crate) remedy: Remedy,
}

/// What the guard rails may still be asked.
pub(crate) struct Trials {
    left: usize,
    /// With so few steps left no more is asked.
    reserve: u32,
    /// The policies that forbade something that was tried.
    blocking: Vec<usize>,
}

/// A value of an argument; `None` where it is left out.
type Value<'p> = Option<Json<'p>>;

impl Way<'_, '_> {
    /// The least that it can come to.
    pub(crate) fn least(&self) -> usize {
        self.remedy.least_weight()
    }

    fn changes(&self) -> &[Change] {
        match self.remedy.steps.first() {
            Some(Step::ChangeRequest(changes)) => changes,
            _ => &[],
        }
    }
}

impl Trials {
    pub(crate) const fn new(steps: &Steps) -> Self {
        Self {
            left: TRIALS,
            reserve: steps.left().saturating_sub(STEPS),
            blocking: Vec::new(),
        }
    }

    /// Of ways in the order of their weight, the remedy that asks for the least after the guard rails
    /// asked for more.
    pub(crate) fn best<'p>(
        &mut self,
        case: &Case<'_>,
        ask: &Ask<'_>,
        entries: &[Vec<Entry<'p>>],
        ways: Vec<Way<'_, 'p>>,
    ) -> Option<Remedy> {
        let mut best: Option<(Way<'_, 'p>, Remedy)> = None;
        for way in ways {
            let least = best.as_ref().map(|(_, least)| least.weight());
            if least.is_some_and(|least| least <= way.least()) {
                break;
            }
            if let Some(remedy) = self.settle(case, ask, &way)
                && least.is_none_or(|least| remedy.weight() < least)
            {
                best = Some((way, remedy));
            }
        }
        let (way, remedy) = best?;
        Some(self.fewest(case, ask, entries, &way, remedy))
    }

    /// The remedy without what is not needed: where the guard rails want more changed than the
    /// capabilities do, other entries may apply with other values of the same arguments.
    fn fewest(
        &mut self,
        case: &Case<'_>,
        ask: &Ask<'_>,
        entries: &[Vec<Entry<'_>>],
        way: &Way<'_, '_>,
        mut remedy: Remedy,
    ) -> Remedy {
        for _ in 0..ROUNDS {
            if case.bundle.program().is_none() || remedy.weight() <= 1 {
                break;
            }
            let known = self.blocking.len();
            let literals = self.literals(case);
            let Ok(literals) = Document::parse(literals.as_bytes(), Profile::Signed) else {
                break;
            };
            let values = way.changes().iter().map(|change| {
                let all = entries.iter().flatten();
                let all = all.flat_map(|entry| entry.values(&change.argument));
                let all = all.chain(literals.root().elements().map(Some));
                fitting(case, ask, way, change, all)
            });
            let values: Vec<Vec<Value<'_>>> = values.collect();
            // All of them with other values, or all but one.
            let left_out = (0..values.len()).map(Some);
            for out in [None].into_iter().chain(left_out) {
                remedy = self.without(case, way, &values, out, remedy);
            }
            if self.blocking.len() == known {
                break;
            }
        }
        remedy
    }

    /// The remedy, or a smaller one that leaves this argument as it was asked.
    fn without(
        &mut self,
        case: &Case<'_>,
        way: &Way<'_, '_>,
        values: &[Vec<Value<'_>>],
        out: Option<usize>,
        mut remedy: Remedy,
    ) -> Remedy {
        let kept = way.changes().iter().zip(values).enumerate();
        let kept = kept.filter(|(at, _)| Some(*at) != out);
        let kept: Vec<(&Change, &Vec<Value<'_>>)> = kept.map(|(_, one)| one).collect();
        let mut choice = alloc::vec![0_usize; kept.len()];
        for _ in 0..RETRIALS {
            if case.steps.left() <= self.reserve {
                break;
            }
            let told = kept.iter().zip(&choice).map(|((change, values), at)| {
                told(case, change, values.get(*at).copied().flatten())
            });
            let told: Vec<Change> = told.collect();
            for approved in [false, true] {
                let less = |changed: &Remedy| changed.least_weight() < remedy.weight();
                let blocking = &mut self.blocking;
                let other = changed(case, approved, told.clone(), |_| true, less, blocking);
                let other = other.filter(|other| !other.steps.is_empty());
                remedy = smaller(Some(remedy), other).unwrap_or_default();
            }
            if !order::advance(&mut choice, kept.iter().map(|(_, values)| values.len())) {
                break;
            }
        }
        remedy
    }

    /// What the way comes to, with values that the guard rails want the least on top of.
    fn settle(&mut self, case: &Case<'_>, ask: &Ask<'_>, way: &Way<'_, '_>) -> Option<Remedy> {
        if case.bundle.program().is_none() {
            return Some(way.remedy.clone());
        }
        let found = |change: &Change| witness::fitting(case, ask, &way.entries, &change.argument).0;
        let values: Vec<Vec<Value<'_>>> = way
            .changes()
            .iter()
            .map(|change| nearest_first(found(change), ask.args.get(&change.argument)))
            .collect();
        let before = core::mem::take(&mut self.blocking);
        let best = self.try_all(case, ask, way, &values);
        if self.blocking.is_empty() {
            self.blocking = before;
            return best;
        }
        // The policies that forbid say themselves which other values they would not forbid: those may be
        // nearer, or need less on top.
        let literals = self.literals(case);
        self.blocking.extend(before);
        let literals = Document::parse(literals.as_bytes(), Profile::Signed).ok()?;
        let values = way.changes().iter().zip(&values).map(|(change, values)| {
            let more = literals.root().elements().map(Some);
            fitting(case, ask, way, change, values.iter().copied().chain(more))
        });
        let values: Vec<Vec<Value<'_>>> = values.collect();
        let nearer = self.try_all(case, ask, way, &values);
        smaller(nearer, best)
    }

    /// The constants of the policies that forbade, and the integers beside them, as a JSON array.
    fn literals(&mut self, case: &Case<'_>) -> String {
        let blocking = core::mem::take(&mut self.blocking);
        self.blocking = order::by_key(blocking, |number| order::count(*number));
        self.blocking.dedup();
        let program = case.bundle.program();
        let policies = self.blocking.iter();
        let policies = policies.filter_map(|number| program?.policy(*number));
        let literals = policies.flat_map(|policy| policy.literals(case.steps));
        let mut out = Writer::default();
        out.array(|out| {
            for literal in literals.take(LITERALS) {
                match literal {
                    Literal::Text(text) => {
                        out.string(text);
                    }
                    Literal::Long(value) => {
                        for value in [value.saturating_sub(1), value, value.saturating_add(1)] {
                            out.integer(value);
                        }
                    }
                }
            }
        });
        out.finish()
    }

    /// Every combination of these values, until one needs nothing on top.
    fn try_all(
        &mut self,
        case: &Case<'_>,
        ask: &Ask<'_>,
        way: &Way<'_, '_>,
        values: &[Vec<Value<'_>>],
    ) -> Option<Remedy> {
        let mut best = None;
        let mut choice = alloc::vec![0_usize; values.len()];
        while self.left > 0 && case.steps.left() > self.reserve && !is_least(best.as_ref(), way) {
            let chosen = values.iter().zip(&choice);
            let chosen: Vec<Value<'_>> = chosen
                .map(|(values, at)| values.get(*at).copied())
                .collect::<Option<_>>()?;
            self.left = self.left.saturating_sub(1);
            let less = |judged: &Remedy| {
                let least = best.as_ref().map(Remedy::weight);
                least.is_none_or(|least| judged.least_weight() < least)
            };
            let judged = judged(case, ask, way, &chosen, less, &mut self.blocking);
            best = smaller(best, judged);
            if !order::advance(&mut choice, values.iter().map(Vec::len)) {
                break;
            }
        }
        best
    }
}

fn is_least(best: Option<&Remedy>, way: &Way<'_, '_>) -> bool {
    best.is_some_and(|best| best.weight() <= way.least())
}

fn smaller(one: Option<Remedy>, other: Option<Remedy>) -> Option<Remedy> {
    one.into_iter().chain(other).min_by_key(Remedy::weight)
}

/// Integers by their distance from what was asked; everything else as it came.
fn nearest_first<'p>(values: Vec<Value<'p>>, asked: Value<'_>) -> Vec<Value<'p>> {
    let integer = |value: Value<'_>| value.and_then(Json::as_int);
    let asked = integer(asked).unwrap_or_default();
    let distance = |value: &Value<'_>| match integer(*value) {
        Some(value) => value.abs_diff(asked).saturating_add(1),
        None => 0,
    };
    let mut values = order::by_key(values, distance);
    values.dedup_by(|one, other| integer(*one).is_some() && integer(*one) == integer(*other));
    values
}

/// Of these values those that the way allows, the nearest first.
fn fitting<'p>(
    case: &Case<'_>,
    ask: &Ask<'_>,
    way: &Way<'_, '_>,
    change: &Change,
    values: impl Iterator<Item = Value<'p>>,
) -> Vec<Value<'p>> {
    let name = &change.argument;
    let fits = |value: &Value<'_>| witness::fits(case, ask, &way.entries, name, *value);
    nearest_first(values.filter(fits).collect(), ask.args.get(name))
}

/// The call with these values instead, with receipts or without: the same entries must apply, and what
/// they require of people and the guard rails ask for on top is the rest of the remedy.
fn judged(
    case: &Case<'_>,
    ask: &Ask<'_>,
    way: &Way<'_, '_>,
    values: &[Value<'_>],
    less: impl FnOnce(&Remedy) -> bool,
    blocking: &mut Vec<usize>,
) -> Option<Remedy> {
    let pairs = way.changes().iter().zip(values);
    let changes = pairs.map(|(change, value)| told(case, change, *value));
    let same = |selected: &[Selected<'_>]| {
        let mut pairs = selected.iter().zip(&way.entries);
        pairs.all(|(one, entry)| one.index == entry.selected.index)
    };
    changed(case, ask.approved, changes.collect(), same, less, blocking)
}

/// The remedy of which these changes are the first step. What cannot become `less` is not put before the
/// guard rails.
fn changed(
    case: &Case<'_>,
    approved: bool,
    changes: Vec<Change>,
    fits: impl FnOnce(&[Selected<'_>]) -> bool,
    less: impl FnOnce(&Remedy) -> bool,
    blocking: &mut Vec<usize>,
) -> Option<Remedy> {
    // Every trial reads, writes and hashes the arguments once more.
    let read = case.arguments_text.len().saturating_mul(4);
    let text = Some(()).filter(|()| case.steps.take(read));
    let text = text.and_then(|()| arguments(case.arguments, &changes))?;
    let arguments = Document::parse(text.as_bytes(), Profile::Signed).ok()?;
    let action = case.bundle.action(case.request.action)?;
    let texts = texts(action, arguments.root());
    let other = Case {
        arguments: arguments.root(),
        arguments_text: &text,
        texts: &texts,
        ..*case
    };
    let selected = authority::select(&other, approved, true)?;
    let remedy = requires::remedy(&other, &selected, &[]).filter(|_| fits(&selected))?;
    let remedy = Some(remedy).filter(|remedy| remedy.asks_approval() == approved)?;
    let with_changes = |mut remedy: Remedy| {
        if !changes.is_empty() {
            let first = Step::ChangeRequest(changes.clone());
            remedy.steps.insert(0, first);
        }
        remedy
    };
    if !less(&with_changes(remedy.clone())) {
        return None;
    }
    rails::settle(&other, remedy, &[], blocking).map(with_changes)
}

/// The change with this value.
fn told(case: &Case<'_>, change: &Change, value: Value<'_>) -> Change {
    let json = value.map(|value| {
        let mut out = Writer::default();
        out.json(value);
        out.finish()
    });
    Change {
        example: Some(Example {
            text: constraint::value_text(value, case.unit(&change.argument)),
            json,
        }),
        ..change.clone()
    }
}

/// The arguments with these changes, in RFC 8785 form.
fn arguments(before: Json<'_>, changes: &[Change]) -> Option<String> {
    let is_changed = |name: &str| changes.iter().any(|change| change.argument == name);
    let mut out = Writer::default();
    out.object(|out| {
        for (name, value) in before.members().filter(|(name, _)| !is_changed(name)) {
            out.name(name).json(value);
        }
        for change in changes {
            let example = change.example.as_ref();
            if let Some(value) = example.and_then(|example| example.json.as_ref()) {
                out.name(&change.argument).raw(value);
            }
        }
    });
    let text = out.finish();
    let whole = Document::parse(text.as_bytes(), Profile::Signed).ok()?;
    let mut out = Writer::with_capacity(text.len());
    canonical(whole.root(), &mut out).then(|| out.finish())
}
