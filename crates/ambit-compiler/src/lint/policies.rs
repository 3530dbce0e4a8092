//! Policies that change nothing: what they ask for cannot be, or another policy decides the same anyway.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::Schema;

use super::logic::{self, implies, impossible};
use super::scope::{self, Kinds, Reach};
use super::{Rules, file};
use crate::cedar::{Binary, Expr, Scope, Source, Var, can_err};
use crate::schema::Vocabulary;
use crate::suggest;

/// One policy with what is asked of it over and over.
struct Rule<'p> {
    policy: &'p Source,
    reach: Vec<Reach<'p>>,
    /// What must hold, part by part.
    parts: Vec<&'p Expr>,
    /// What its parts look at, by number: a policy that covers another looks at nothing else.
    asks: BTreeSet<usize>,
    /// The same with all that stands inside the parts.
    looks: BTreeSet<usize>,
    /// What it compares for equality: only a policy that has all of these is covered by it.
    pins: Vec<usize>,
}

pub(super) fn check(rules: &Rules<'_>, schema: &Schema, vocabulary: &Vocabulary) {
    let kinds = Kinds::of(schema);
    let mut numbers = Numbers::default();
    let policies = rules.guard.policies.iter();
    let mut alive: Vec<Rule<'_>> = policies
        .map(|policy| rule(policy, &kinds, &mut numbers))
        .collect();
    alive.retain(|rule| match dead(rule, &kinds, vocabulary) {
        Some(why) => {
            never_matches(rules, rule.policy, &why);
            false
        }
        None => true,
    });
    let candidates = Candidates::of(&alive);
    for (at, rule) in alive.iter().enumerate() {
        let others = candidates.for_rule(rule);
        let others = others
            .iter()
            .filter_map(|other| Some((*other, alive.get(*other)?)));
        let mut wider = others.filter(|(other, wide)| *other != at && covers(wide, rule));
        // A `forbid` that errs denies, whatever another says.
        let counts_alone = rule.policy.forbids && can_err(rule.policy);
        let found = wider.find(|(other, wide)| {
            if rule.policy.forbids != wide.policy.forbids {
                return wide.policy.forbids;
            }
            // Of two that say the same, the first one counts.
            !counts_alone && (*other < at || !covers(rule, wide))
        });
        if let Some((_, wide)) = found {
            irrelevant(rules, rule.policy, wide.policy);
        }
    }
}

/// The policies by one of their pins, so that thousands need not be compared with each other.
struct Candidates {
    pinned: BTreeMap<usize, Vec<usize>>,
    free: Vec<usize>,
}

impl Candidates {
    fn of(rules: &[Rule<'_>]) -> Self {
        let mut found = Self {
            pinned: BTreeMap::new(),
            free: Vec::new(),
        };
        for (at, rule) in rules.iter().enumerate() {
            match rule.pins.first() {
                Some(pin) => found.pinned.entry(*pin).or_default().push(at),
                None => found.free.push(at),
            }
        }
        found
    }

    /// The policies that may cover one, in their order.
    fn for_rule(&self, rule: &Rule<'_>) -> Vec<usize> {
        let pinned = rule.pins.iter().filter_map(|pin| self.pinned.get(pin));
        let mut all: Vec<usize> = pinned.flatten().chain(&self.free).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn rule<'p>(policy: &'p Source, kinds: &Kinds, numbers: &mut Numbers) -> Rule<'p> {
    let parts = policy
        .conditions
        .iter()
        .flat_map(|condition| match condition {
            Expr::And(parts) => parts.iter().collect(),
            other => vec![other],
        });
    let parts: Vec<&Expr> = parts.collect();
    let asks = parts.iter().map(|part| numbers.of(logic::subject(part)));
    let asks: BTreeSet<usize> = asks.collect();
    let mut looks = asks.clone();
    for part in &parts {
        numbers.all(part, &mut looks);
    }
    let pins = pins(policy, &parts, numbers);
    Rule {
        policy,
        reach: kinds.reach(policy),
        parts,
        asks,
        looks,
        pins,
    }
}

fn pins(policy: &Source, parts: &[&Expr], numbers: &mut Numbers) -> Vec<usize> {
    let mut pins = Vec::new();
    for (scope, var) in [
        (&policy.principal, Var::Principal),
        (&policy.resource, Var::Resource),
    ] {
        if let Scope::Eq(uid) = scope {
            let entity = Expr::Entity(uid.clone());
            pins.push(numbers.of(&Expr::binary(Binary::Eq, Expr::Var(var), entity)));
        }
    }
    let equal = |part: &&&Expr| matches!(part, Expr::Binary(Binary::Eq, _));
    pins.extend(parts.iter().filter(equal).map(|part| numbers.of(part)));
    pins
}

/// Expressions by number: comparing numbers is cheap.
#[derive(Default)]
struct Numbers(BTreeMap<String, usize>);

impl Numbers {
    fn of(&mut self, expr: &Expr) -> usize {
        let next = self.0.len();
        *self.0.entry(format!("{expr:?}")).or_insert(next)
    }

    /// What the parts of a condition look at, through `&&`, `||`, `!` and `if`.
    fn all(&mut self, expr: &Expr, out: &mut BTreeSet<usize>) {
        match expr {
            Expr::And(_) | Expr::Or(_) | Expr::Not(_) | Expr::If(_) => {
                for child in expr.children() {
                    self.all(child, out);
                }
            }
            atom => {
                out.insert(self.of(logic::subject(atom)));
            }
        }
    }
}

/// Why a policy can never match.
fn dead(rule: &Rule<'_>, kinds: &Kinds, vocabulary: &Vocabulary) -> Option<String> {
    if rule.reach.is_empty() {
        return Some("no action applies to the principal and resource of its scope".to_owned());
    }
    let parts = || rule.parts.iter().map(|part| (*part, true));
    if impossible(parts()) {
        return Some("its conditions contradict each other".to_owned());
    }
    let actions = kinds.actions(&rule.reach);
    let declared = actions
        .iter()
        .filter_map(|name| vocabulary.actions.get(*name));
    let powers: BTreeSet<&str> = declared
        .flat_map(|action| action.powers.iter())
        .map(ambit_core::Power::name)
        .collect();
    let power = Expr::GetAttr(Box::new(Expr::Var(Var::Context)), "power".to_owned());
    let known = powers.iter().map(|name| Expr::Str((*name).to_owned()));
    let known = Expr::binary(Binary::Contains, Expr::Set(known.collect()), power);
    if impossible(parts().chain([(&known, true)])) {
        let who = match actions.as_slice() {
            [only] => format!("`{only}` can be used"),
            _ => "the actions of its scope can be used".to_owned(),
        };
        return Some(format!("{who} only with {}", suggest::one_of(powers)));
    }
    None
}

fn covers(wide: &Rule<'_>, narrow: &Rule<'_>) -> bool {
    scope::covers(&wide.reach, &narrow.reach)
        && wide.asks.is_subset(&narrow.looks)
        && wide.parts.iter().all(|part| implies(&narrow.parts, part))
}

fn never_matches(rules: &Rules<'_>, policy: &Source, why: &str) {
    if rules.knows("check.never_matches", policy) {
        return;
    }
    file(policy, rules.sink).warning(
        "check.never_matches",
        policy.notes.span.clone(),
        format!("`{}` can never match: {why}", policy.id),
        "correct or remove it",
    );
}

fn irrelevant(rules: &Rules<'_>, policy: &Source, wide: &Source) {
    let place = format!(
        "`{}` ({} line {})",
        wide.id,
        wide.notes.file.as_deref().unwrap_or_default(),
        wide.notes.line
    );
    let (message, help) = match (policy.forbids, wide.forbids) {
        (true, _) => (
            format!(
                "`{}` forbids nothing that {place} does not forbid already",
                policy.id
            ),
            "remove one of the two, or narrow the wider one",
        ),
        (false, false) => (
            format!(
                "`{}` permits nothing that {place} does not permit already",
                policy.id
            ),
            "remove one of the two, or narrow the wider one",
        ),
        (false, true) => (
            format!("`{}` permits nothing: {place} forbids all of it", policy.id),
            "remove this one, or narrow the `forbid`",
        ),
    };
    file(policy, rules.sink).warning("check.irrelevant", policy.notes.span.clone(), message, help);
}
