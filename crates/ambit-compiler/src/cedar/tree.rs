//! The index over the policies: see `ambit_policy::cedar` for what it must guarantee.

use std::collections::BTreeMap;

use ambit_policy::cedar::{Dimension, Key as RowKey, PROBES, Uid as RowUid};

use super::expr::{Binary, Expr, Uid, Var};
use super::pool::{Pool, number};
use super::safety::{Known, name_of};
use super::source::{Scope, Source};

/// Policies up to this many are looked at one by one: finding fewer costs more.
const SMALL: usize = 3;
/// Comparisons of attributes by which one policy is found; more make the index large, not fast.
const PATHS: usize = 3;
/// Places in which one policy may stand. A comparison with more constants is not indexed.
const PLACES: usize = 64;

/// A constant that policies compare with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Entity(Uid),
    Str(String),
    Long(i64),
    Bool(bool),
    Type(String),
}

/// The index, not yet laid out.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: BTreeMap<Key, usize>,
    /// Paths with whether they are guarded, by name; the number counts from 0.
    paths: BTreeMap<(String, bool), usize>,
    path_list: Vec<(Expr, bool)>,
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    policies: Vec<u32>,
    /// By dimension, then by key.
    groups: BTreeMap<usize, BTreeMap<usize, Self>>,
}

/// One step towards a policy's place: any of these keys in this dimension.
struct Step {
    dimension: usize,
    keys: Vec<usize>,
}

impl Index {
    pub(super) fn build(policies: &[Source], typed: bool) -> Self {
        let mut index = Self::default();
        for (policy, source) in policies.iter().enumerate() {
            let steps = if policies.len() > SMALL {
                index.steps(source, typed)
            } else {
                Vec::new()
            };
            index.root.insert(number(policy), &steps);
        }
        index.number_keys();
        index
    }

    /// The comparisons by which a policy is found. All are false without an error, or come before
    /// anything that could err.
    fn steps(&mut self, source: &Source, typed: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        self.scope(&source.action, ACTION, &mut steps);
        self.scope(&source.resource, RESOURCE, &mut steps);
        self.scope(&source.principal, PRINCIPAL, &mut steps);
        let Expr::And(parts) = Expr::and(source.conditions.clone()) else {
            return steps;
        };
        let mut known = Known::new(typed);
        let mut paths = 0;
        for part in &parts {
            if let Some((path, keys)) = comparison(part).filter(|_| paths < PATHS) {
                let guarded = known.guards(path);
                let dimension = self.path(path, guarded);
                paths += usize::from(self.step(dimension, keys, &mut steps));
            } else if let Some((sides, keys)) = membership(part) {
                let keys = keys.into_iter().map(Key::Entity).collect();
                self.step(sides as usize, keys, &mut steps);
            } else if !known.is_safe_truth(part) {
                break;
            }
            known.learn(part);
        }
        steps
    }

    fn scope(&mut self, scope: &Scope, sides: Sides, steps: &mut Vec<Step>) {
        let (dimension, keys) = match scope {
            Scope::Any => return,
            Scope::Eq(uid) => (sides.eq, vec![Key::Entity(uid.clone())]),
            Scope::In(list) => (
                sides.within,
                list.iter().cloned().map(Key::Entity).collect(),
            ),
            Scope::IsIn(_, uid) => (sides.within, vec![Key::Entity(uid.clone())]),
            Scope::Is(kind) => match sides.is {
                Some(is) => (is, vec![Key::Type(kind.clone())]),
                None => return,
            },
        };
        self.step(dimension as usize, keys, steps);
    }

    /// Adds a step unless the policy would then stand in too many places, or has one in this
    /// dimension already.
    fn step(&mut self, dimension: usize, keys: Vec<Key>, steps: &mut Vec<Step>) -> bool {
        let places = steps.iter().map(|step| step.keys.len());
        let places: usize = places.product::<usize>().saturating_mul(keys.len());
        // A comparison with nothing would leave the policy without any place.
        if keys.is_empty()
            || places > PLACES
            || steps.iter().any(|step| step.dimension == dimension)
        {
            return false;
        }
        let mut numbers: Vec<usize> = keys
            .into_iter()
            .map(|key| {
                let next = self.keys.len();
                *self.keys.entry(key).or_insert(next)
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let keys = numbers;
        steps.push(Step { dimension, keys });
        true
    }

    fn path(&mut self, path: &Expr, guarded: bool) -> usize {
        let name = name_of(path).unwrap_or_default();
        let next = self.path_list.len();
        let found = *self.paths.entry((name, guarded)).or_insert(next);
        if found == next {
            self.path_list.push((path.clone(), guarded));
        }
        Dimension::ALL.len() + found
    }

    /// Keys get their final numbers: the order of their values.
    fn number_keys(&mut self) {
        let mut renamed = vec![0; self.keys.len()];
        for (sorted, first) in self.keys.values_mut().enumerate() {
            renamed[*first] = sorted;
            *first = sorted;
        }
        self.root.rename(&renamed);
    }

    /// The expressions that the index evaluates, and whether `has` guards them.
    pub(super) fn paths(&self) -> &[(Expr, bool)] {
        &self.path_list
    }

    /// The rows of the keys.
    pub(super) fn key_rows(&self, pool: &mut Pool) -> Vec<u32> {
        let mut rows = Vec::with_capacity(self.keys.len() * 3);
        for key in self.keys.keys() {
            let (a, b) = match key {
                Key::Entity(uid) => (pool.uid(uid), 0),
                Key::Str(text) | Key::Type(text) => (pool.string(text), 0),
                Key::Long(value) => {
                    let [low, high] = super::code::halves(*value);
                    (low, high)
                }
                Key::Bool(value) => (u32::from(*value), 0),
            };
            rows.extend([key.row().tag(), a, b]);
        }
        rows
    }

    /// The table in which keys are searched: at least twice their number, and large enough that
    /// every search ends in time.
    pub(super) fn hash_table(&self) -> Vec<u32> {
        if self.keys.is_empty() {
            return Vec::new();
        }
        let mut size = (self.keys.len() * 2).next_power_of_two().max(PROBES);
        loop {
            if let Some(table) = self.fill(size) {
                return table;
            }
            size *= 2;
        }
    }

    fn fill(&self, size: usize) -> Option<Vec<u32>> {
        let mut table = vec![0_u32; size];
        for (at, key) in self.keys.keys().enumerate() {
            let start = usize::try_from(key.row().hash()).ok()?;
            let place = (0..PROBES)
                .map(|probe| start.wrapping_add(probe) & (size - 1))
                .find(|place| table[*place] == 0)?;
            table[place] = number(at + 1);
        }
        Some(table)
    }

    /// The nodes, level by level; `codes` are the places of the paths.
    pub(super) fn layout(&self, codes: &[u32]) -> Vec<u32> {
        let mut out = vec![number(codes.len())];
        for (code, (_, guarded)) in codes.iter().zip(&self.path_list) {
            out.extend([*code, u32::from(*guarded)]);
        }
        let mut next = out.len() + self.root.words();
        let mut level = vec![&self.root];
        while !level.is_empty() {
            let mut below = Vec::new();
            for node in level {
                out.push(number(node.policies.len()));
                out.extend(&node.policies);
                out.push(number(node.groups.len()));
                for (dimension, edges) in &node.groups {
                    out.extend([number(*dimension), number(edges.len())]);
                    for (key, child) in edges {
                        out.extend([number(*key), number(next)]);
                        next += child.words();
                        below.push(child);
                    }
                }
            }
            level = below;
        }
        out
    }
}

impl Node {
    fn insert(&mut self, policy: u32, steps: &[Step]) {
        let Some((step, rest)) = steps.split_first() else {
            self.policies.push(policy);
            return;
        };
        let group = self.groups.entry(step.dimension).or_default();
        for key in &step.keys {
            group.entry(*key).or_default().insert(policy, rest);
        }
    }

    fn rename(&mut self, renamed: &[usize]) {
        for group in self.groups.values_mut() {
            let old = core::mem::take(group);
            for (key, mut child) in old {
                child.rename(renamed);
                group.insert(renamed[key], child);
            }
        }
    }

    fn words(&self) -> usize {
        let groups = self.groups.values().map(|edges| 2 + 2 * edges.len());
        2 + self.policies.len() + groups.sum::<usize>()
    }
}

impl Key {
    fn row(&self) -> RowKey<'_> {
        match self {
            Self::Entity(uid) => RowKey::Entity(RowUid::new(&uid.kind, &uid.id)),
            Self::Str(text) => RowKey::Str(text.as_bytes()),
            Self::Long(value) => RowKey::Long(*value),
            Self::Bool(value) => RowKey::Bool(*value),
            Self::Type(name) => RowKey::Type(name.as_bytes()),
        }
    }
}

/// The dimensions of one variable.
#[derive(Clone, Copy)]
struct Sides {
    eq: Dimension,
    within: Dimension,
    is: Option<Dimension>,
}

const PRINCIPAL: Sides = Sides {
    eq: Dimension::PrincipalEq,
    within: Dimension::PrincipalIn,
    is: Some(Dimension::PrincipalIs),
};
const ACTION: Sides = Sides {
    eq: Dimension::ActionEq,
    within: Dimension::ActionIn,
    is: None,
};
const RESOURCE: Sides = Sides {
    eq: Dimension::ResourceEq,
    within: Dimension::ResourceIn,
    is: Some(Dimension::ResourceIs),
};

/// `path == constant`, either way round, `constants.contains(path)`, or several of these with one
/// path joined by `||`.
fn comparison(expr: &Expr) -> Option<(&Expr, Vec<Key>)> {
    match expr {
        Expr::Binary(Binary::Eq, sides) => {
            let [left, right] = &**sides;
            let (path, constant) = match (is_path(left), is_path(right)) {
                (true, false) => (left, right),
                (false, true) => (right, left),
                _ => return None,
            };
            Some((path, vec![key(constant)?]))
        }
        Expr::Binary(Binary::Contains, sides) => {
            let [Expr::Set(list), path] = &**sides else {
                return None;
            };
            let keys: Vec<Key> = list.iter().map(key).collect::<Option<_>>()?;
            is_path(path).then_some((path, keys))
        }
        Expr::Or(parts) => {
            let mut found: Option<(&Expr, Vec<Key>)> = None;
            for part in parts {
                let (path, keys) = comparison(part)?;
                match &mut found {
                    None => found = Some((path, keys)),
                    Some((known, all)) if *known == path => all.extend(keys),
                    Some(_) => return None,
                }
            }
            found
        }
        _ => None,
    }
}

/// `var in entity` or `var in [entities]` among the conditions.
fn membership(expr: &Expr) -> Option<(Dimension, Vec<Uid>)> {
    let Expr::Binary(Binary::In, sides) = expr else {
        return None;
    };
    let (dimension, right) = match &**sides {
        [Expr::Var(Var::Principal), right] => (Dimension::PrincipalIn, right),
        [Expr::Var(Var::Action), right] => (Dimension::ActionIn, right),
        [Expr::Var(Var::Resource), right] => (Dimension::ResourceIn, right),
        _ => return None,
    };
    let uid = |expr: &Expr| match expr {
        Expr::Entity(uid) => Some(uid.clone()),
        _ => None,
    };
    let keys = match right {
        Expr::Set(list) => list.iter().map(uid).collect::<Option<_>>()?,
        other => vec![uid(other)?],
    };
    Some((dimension, keys))
}

/// A variable, or attributes of one.
fn is_path(expr: &Expr) -> bool {
    match expr {
        Expr::Var(_) => true,
        Expr::GetAttr(inner, _) => is_path(inner),
        _ => false,
    }
}

fn key(expr: &Expr) -> Option<Key> {
    Some(match expr {
        Expr::Entity(uid) => Key::Entity(uid.clone()),
        Expr::Str(text) => Key::Str(text.clone()),
        Expr::Long(value) => Key::Long(*value),
        Expr::Bool(value) => Key::Bool(*value),
        _ => return None,
    })
}
