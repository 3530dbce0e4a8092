//! Changed arguments before the guard rails: the call is judged as it would be with other values.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::capability::Ask;
use ambit_core::constraint;
use ambit_core::json::{Document, Json, Profile, Writer, canonical};
use ambit_policy::cedar::{Literal, texts};

use crate::Case;
use crate::authority::{self, Selected};
use crate::rails;
use crate::remedy::{Change, Example, Remedy, Step};
use crate::requires;
use crate::witness::{self, Entry};

/// So often the guard rails are asked, for all ways together.
const TRIALS: usize = 64;
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
}

/// A value of an argument; `None` where it is left out.
type Value<'p> = Option<Json<'p>>;

impl Way<'_, '_> {
    pub(crate) fn weight(&self) -> usize {
        self.remedy.weight()
    }

    fn changes(&self) -> &[Change] {
        match self.remedy.steps.first() {
            Some(Step::ChangeRequest(changes)) => changes,
            _ => &[],
        }
    }
}

impl Trials {
    pub(crate) const fn new() -> Self {
        Self { left: TRIALS }
    }

    /// Of ways in the order of their weight, the remedy that asks for the least after the guard rails
    /// asked for more.
    pub(crate) fn best(
        &mut self,
        case: &Case<'_>,
        ask: &Ask<'_>,
        ways: Vec<Way<'_, '_>>,
    ) -> Option<Remedy> {
        let mut best: Option<Remedy> = None;
        for way in ways {
            if is_least(best.as_ref(), &way) {
                break;
            }
            best = smaller(best, self.settle(case, ask, way));
        }
        best
    }

    fn settle(&mut self, case: &Case<'_>, ask: &Ask<'_>, way: Way<'_, '_>) -> Option<Remedy> {
        if case.bundle.program().is_none() {
            return Some(way.remedy);
        }
        let mut blocking = Vec::new();
        let values = way.changes().iter().map(|change| {
            let (values, _) = witness::fitting(case, ask, &way.entries, &change.argument);
            nearest_first(values, ask.args.get(&change.argument))
        });
        let values: Vec<Vec<Value<'_>>> = values.collect();
        let best = self.try_all(case, ask, &way, &values, &mut blocking);
        if is_least(best.as_ref(), &way) {
            return best;
        }
        // The policies that forbid say themselves which other values they would not forbid.
        let literals = literals(case, blocking);
        let literals = Document::parse(literals.as_bytes(), Profile::Signed).ok()?;
        let values = way
            .changes()
            .iter()
            .zip(values)
            .map(|(change, mut values)| {
                let name = &change.argument;
                let more = literals.root().elements().map(Some);
                let fits = |value: &Value<'_>| witness::fits(case, ask, &way.entries, name, *value);
                values.extend(more.filter(fits));
                nearest_first(values, ask.args.get(name))
            });
        let values: Vec<Vec<Value<'_>>> = values.collect();
        smaller(
            best,
            self.try_all(case, ask, &way, &values, &mut Vec::new()),
        )
    }

    /// Every combination of these values, until one needs nothing on top.
    fn try_all(
        &mut self,
        case: &Case<'_>,
        ask: &Ask<'_>,
        way: &Way<'_, '_>,
        values: &[Vec<Value<'_>>],
        blocking: &mut Vec<usize>,
    ) -> Option<Remedy> {
        let mut best = None;
        let mut choice = alloc::vec![0_usize; values.len()];
        while self.left > 0 && !is_least(best.as_ref(), way) {
            let chosen = values.iter().zip(&choice);
            let chosen: Vec<Value<'_>> = chosen
                .map(|(values, at)| values.get(*at).copied())
                .collect::<Option<_>>()?;
            self.left = self.left.saturating_sub(1);
            best = smaller(best, judged(case, ask, way, &chosen, blocking));
            if !advance(&mut choice, values) {
                break;
            }
        }
        best
    }
}

fn is_least(best: Option<&Remedy>, way: &Way<'_, '_>) -> bool {
    best.is_some_and(|best| best.weight() <= way.weight())
}

fn smaller(one: Option<Remedy>, other: Option<Remedy>) -> Option<Remedy> {
    one.into_iter().chain(other).min_by_key(Remedy::weight)
}

fn advance(choice: &mut [usize], values: &[Vec<Value<'_>>]) -> bool {
    for (at, values) in choice.iter_mut().zip(values) {
        *at = at.saturating_add(1);
        if *at < values.len() {
            return true;
        }
        *at = 0;
    }
    false
}

/// Integers by their distance from what was asked; everything else as it came.
fn nearest_first<'p>(mut values: Vec<Value<'p>>, asked: Value<'_>) -> Vec<Value<'p>> {
    let integer = |value: Value<'_>| value.and_then(Json::as_int);
    let asked = integer(asked).unwrap_or_default();
    values.sort_by_key(|value| integer(*value).map(|value| value.abs_diff(asked)));
    values.dedup_by(|one, other| integer(*one).is_some() && integer(*one) == integer(*other));
    values
}

/// The constants of these policies, and the integers beside them, as a JSON array.
fn literals(case: &Case<'_>, mut policies: Vec<usize>) -> String {
    policies.sort_unstable();
    policies.dedup();
    let program = case.bundle.program();
    let policies = policies.iter();
    let policies = policies.filter_map(|number| program?.policy(*number));
    let literals = policies.flat_map(|policy| policy.literals(case.steps));
    let mut out = Writer::default();
    out.array(|out| {
        for literal in literals.take(LITERALS) {
            match literal {
                Literal::Text(text) => drop(out.string(text)),
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

/// The call with these values instead, with receipts or without: the same entries must apply, and what
/// they require of people and the guard rails ask for on top is the rest of the remedy.
fn judged(
    case: &Case<'_>,
    ask: &Ask<'_>,
    way: &Way<'_, '_>,
    values: &[Value<'_>],
    blocking: &mut Vec<usize>,
) -> Option<Remedy> {
    let told = way.changes().iter().zip(values);
    let told = told.map(|(change, value)| Change {
        example: Some(Example {
            text: constraint::value_text(*value, case.unit(&change.argument)),
            json: value.map(|value| {
                let mut out = Writer::default();
                out.json(value);
                out.finish()
            }),
        }),
        ..change.clone()
    });
    let same = |selected: &[Selected<'_>]| {
        let mut pairs = selected.iter().zip(&way.entries);
        pairs.all(|(one, entry)| one.index == entry.selected.index)
    };
    changed(case, ask.approved, told.collect(), same, blocking)
}

/// The remedy of which these changes are the first step.
fn changed(
    case: &Case<'_>,
    approved: bool,
    changes: Vec<Change>,
    fits: impl FnOnce(&[Selected<'_>]) -> bool,
    blocking: &mut Vec<usize>,
) -> Option<Remedy> {
    let text = arguments(case.arguments, &changes)?;
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
    let mut steps = rails::settle(&other, remedy, &[], blocking)?.steps;
    if !changes.is_empty() {
        steps.insert(0, Step::ChangeRequest(changes));
    }
    Some(Remedy { steps })
}

/// The remedy without changes that are not needed: where the guard rails ask people for more, other
/// entries may apply than those for which the arguments were changed.
pub(crate) fn fewest_changes(case: &Case<'_>, mut remedy: Remedy) -> Remedy {
    while let Some(smaller) = with_one_less(case, &remedy) {
        remedy = smaller;
    }
    remedy
}

fn with_one_less(case: &Case<'_>, remedy: &Remedy) -> Option<Remedy> {
    let Some(Step::ChangeRequest(changes)) = remedy.steps.first() else {
        return None;
    };
    if changes.iter().any(|change| change.example.is_none()) {
        return None;
    }
    let less = (0..changes.len()).flat_map(|at| {
        let others = changes
            .iter()
            .enumerate()
            .filter(move |(one, _)| *one != at);
        let others: Vec<Change> = others.map(|(_, change)| change.clone()).collect();
        [false, true]
            .map(|approved| changed(case, approved, others.clone(), |_| true, &mut Vec::new()))
    });
    let mut less = less.flatten();
    less.find(|less| less.weight() < remedy.weight() && !less.steps.is_empty())
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
