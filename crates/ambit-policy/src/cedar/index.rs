//! The index: which policies can matter for a request.
//!
//! A policy whose scope, or whose leading equality conditions, are false for a request is false
//! without an error, so it need not be looked at. The compiler puts each policy where a search finds
//! it whenever that cannot be said.
//!
//! The section `tree` begins with a count and that many *paths*: the place of an expression like
//! `resource.owner.team` in the code, and 1 if `has` guards it (a missing attribute then makes the
//! policy false, not erring). Then come nodes, the root first, each level after the one above it:
//!
//! ```text
//! count, policies in ascending order
//! count of groups; each: dimension, count, then (key, node) in ascending order of the keys
//! ```
//!
//! A *dimension* is one thing that a request has a value for: whom the principal equals, what it
//! is in, its type, the same for action and resource, then the paths. A *key* is a constant that
//! some policy compares with. A policy stands in the node that is reached by all its comparisons.

use alloc::vec::Vec;

use ambit_core::{Steps, sort};

use super::fault::{ErrorKind, Halt, Stop};
use super::machine::Machine;
use super::program::{KEY_WORDS, Program};
use super::value::{Uid, Value};
use super::words::find;

/// What a request is looked up by; paths come behind these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// `principal ==`
    PrincipalEq,
    /// `principal in`
    PrincipalIn,
    /// `principal is`
    PrincipalIs,
    /// `action ==`
    ActionEq,
    /// `action in`
    ActionIn,
    /// `resource ==`
    ResourceEq,
    /// `resource in`
    ResourceIn,
    /// `resource is`
    ResourceIs,
}

impl Dimension {
    /// All of them, by number.
    pub const ALL: [Self; 8] = [
        Self::PrincipalEq,
        Self::PrincipalIn,
        Self::PrincipalIs,
        Self::ActionEq,
        Self::ActionIn,
        Self::ResourceEq,
        Self::ResourceIn,
        Self::ResourceIs,
    ];
}

/// A constant that policies compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key<'a> {
    /// An entity.
    Entity(Uid<'a>),
    /// A string.
    Str(&'a [u8]),
    /// An integer.
    Long(i64),
    /// A boolean.
    Bool(bool),
    /// The name of an entity type.
    Type(&'a [u8]),
}

impl<'a> Key<'a> {
    const fn of(value: &Value<'a>) -> Option<Self> {
        Some(match value {
            Value::Entity(uid) => Self::Entity(*uid),
            Value::Str(text) => Self::Str(text),
            Value::Long(value) => Self::Long(*value),
            Value::Bool(value) => Self::Bool(*value),
            _ => return None,
        })
    }

    /// Bytes that comparing or hashing it looks at.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Entity(uid) => uid.kind.len().saturating_add(uid.id.len()),
            Self::Str(text) | Self::Type(text) => text.len(),
            Self::Long(_) | Self::Bool(_) => 8,
        }
    }

    /// The number of the kind in a key's row.
    #[must_use]
    pub const fn tag(self) -> u32 {
        match self {
            Self::Entity(_) => 1,
            Self::Str(_) => 2,
            Self::Long(_) => 3,
            Self::Bool(_) => 4,
            Self::Type(_) => 5,
        }
    }

    /// Where a search for the key begins. Any mixing will do: keys come from the policy's author,
    /// and a search ends after [`PROBES`] places.
    #[must_use]
    pub fn hash(self) -> u32 {
        let hash = match self {
            Self::Entity(uid) => mix(mix(1, uid.id), uid.kind),
            Self::Str(text) => mix(2, text),
            Self::Long(value) => mix(3, &value.to_le_bytes()),
            Self::Bool(value) => mix(4, &[u8::from(value)]),
            Self::Type(name) => mix(5, name),
        };
        let [.., a, b, c, d] = hash.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

/// Mixes eight bytes at a time (the multiplier of Steele and Vigna, "Computationally easy,
/// spectrally good multipliers").
fn mix(seed: u64, bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;
    let step = |hash: u64, word: u64| (hash.rotate_left(26) ^ word).wrapping_mul(FACTOR);
    let mut words = bytes.chunks_exact(8);
    let mut hash = seed;
    for word in &mut words {
        let word = word.first_chunk::<8>().copied().unwrap_or_default();
        hash = step(hash, u64::from_le_bytes(word));
    }
    let mut last = [0_u8; 8];
    for (place, byte) in last.iter_mut().zip(words.remainder()) {
        *place = *byte;
    }
    // The length keeps "a" and "a\0" apart.
    let length = u64::try_from(bytes.len()).unwrap_or_default();
    let mixed = step(step(hash, u64::from_le_bytes(last)), length);
    mixed ^ (mixed >> 29)
}

/// How many places a search for a key looks at. The compiler makes the table large enough.
pub const PROBES: usize = 32;

impl<'a> Program<'a> {
    pub(super) fn key(&self, number: usize) -> Option<Key<'a>> {
        let row = number.checked_mul(KEY_WORDS)?;
        let a = row.checked_add(1)?;
        let index = || self.keys.index(a);
        Some(match self.keys.get(row)? {
            1 => Key::Entity(self.uid(index()?)?),
            2 => Key::Str(self.bytes(index()?)?),
            3 => Key::Long(self.keys.long(a)?),
            4 => Key::Bool(index()? == 1),
            5 => Key::Type(self.bytes(index()?)?),
            _ => return None,
        })
    }

    /// The number of a key, if some policy compares with it, and how many places were looked at.
    pub(super) fn find_key(&self, key: Key<'_>) -> (Option<usize>, usize) {
        let start = usize::try_from(key.hash()).ok();
        let (Some(mask), Some(start)) = (self.hash.len().checked_sub(1), start) else {
            return (None, 0);
        };
        for probe in 0..PROBES {
            let slot = self.hash.index(start.wrapping_add(probe) & mask);
            let number = slot.and_then(|slot| slot.checked_sub(1));
            match number {
                None => return (None, probe),
                Some(number) if self.key(number) == Some(key) => return (Some(number), probe),
                Some(_) => {}
            }
        }
        (None, PROBES)
    }
}

/// The keys of a request in one dimension.
#[derive(Clone, Copy, Debug)]
enum Keys {
    /// These, a part of [`Search::keys`].
    Few { from: usize, to: usize },
    /// The path erred: every policy that compares it may err as well.
    All,
}

/// Room for the keys and the policies of a usual request.
const FEW: usize = 16;

/// A search for the policies that can matter.
#[derive(Debug)]
pub(super) struct Search<'s, 'm, 'a> {
    machine: &'s Machine<'m, 'a>,
    /// By dimension of the scope; found when first needed.
    scope: [Option<Keys>; Dimension::ALL.len()],
    /// By path.
    paths: Vec<Option<Keys>>,
    keys: Vec<usize>,
    found: Vec<usize>,
    /// Nodes to be looked at, and whether everything below is to be found.
    open: Vec<(usize, bool)>,
}

fn sound<T>(part: Option<T>) -> Result<T, Halt> {
    match part {
        Some(part) => Ok(part),
        None => Err(Halt::Program),
    }
}

impl<'s, 'm, 'a> Search<'s, 'm, 'a> {
    /// The numbers of the policies, in ascending order.
    pub(super) fn run(machine: &'s Machine<'m, 'a>) -> Result<Vec<usize>, Halt> {
        let paths = sound(machine.program.tree.index(0))?;
        if paths > machine.program.tree.len() {
            return Err(Halt::Program);
        }
        let kept = paths.saturating_mul(2);
        machine.spend(kept).map_err(halted)?;
        let root = sound(paths.checked_mul(2).and_then(|words| words.checked_add(1)))?;
        let mut search = Self {
            machine,
            scope: [None; Dimension::ALL.len()],
            paths: alloc::vec![None; paths],
            keys: Vec::with_capacity(FEW),
            found: Vec::with_capacity(FEW),
            open: alloc::vec![(root, false)],
        };
        while let Some((at, all)) = search.open.pop() {
            search.node(at, all)?;
        }
        sort(&mut search.found);
        search.found.dedup();
        Ok(search.found)
    }

    fn node(&mut self, at: usize, all: bool) -> Result<(), Halt> {
        let tree = self.machine.program.tree;
        let policies = sound(tree.list(at))?;
        // Kept, and sorted in the end.
        let steps = policies.len().saturating_mul(4).saturating_add(1);
        self.machine.spend(steps).map_err(halted)?;
        self.found.extend(policies.iter());
        let mut at = at.saturating_add(1).saturating_add(policies.len());
        let groups = sound(tree.index(at))?;
        at = at.saturating_add(1);
        for _ in 0..groups {
            let dimension = sound(tree.index(at))?;
            let count = sound(tree.index(at.saturating_add(1)))?;
            let edges = at.saturating_add(2);
            self.group(dimension, edges, count, all)?;
            at = edges.saturating_add(count.saturating_mul(2));
        }
        Ok(())
    }

    fn group(&mut self, dimension: usize, at: usize, count: usize, all: bool) -> Result<(), Halt> {
        let tree = self.machine.program.tree;
        let edge = |number: usize| at.saturating_add(number.saturating_mul(2));
        let keys = if all {
            Keys::All
        } else {
            self.keys(dimension)?
        };
        match keys {
            Keys::All => {
                // Before anything is kept: an index that nobody verified can lead to the same
                // long row again and again.
                let kept = count.saturating_mul(2);
                self.machine.spend(kept).map_err(halted)?;
                for number in 0..count {
                    let child = sound(tree.index(edge(number).saturating_add(1)))?;
                    self.open.push((child, true));
                }
            }
            Keys::Few { from, to } => {
                let keys = to.saturating_sub(from);
                let looks = Steps::for_halving(count);
                let steps = keys.saturating_mul(looks).saturating_add(1);
                self.machine.spend(steps).map_err(halted)?;
                for key in self.keys.get(from..to).unwrap_or_default() {
                    let number = find(count, |number| tree.index(edge(number)), *key);
                    if let Some(number) = number {
                        let child = sound(tree.index(edge(number).saturating_add(1)))?;
                        self.open.push((child, false));
                    }
                }
            }
        }
        Ok(())
    }

    fn keys(&mut self, dimension: usize) -> Result<Keys, Halt> {
        if let Some(known) = *sound(self.known(dimension))? {
            return Ok(known);
        }
        let from = self.keys.len();
        let all = self.collect(dimension)?;
        let keys = if all {
            Keys::All
        } else {
            let to = self.keys.len();
            Keys::Few { from, to }
        };
        if let Some(place) = self.known(dimension) {
            *place = Some(keys);
        }
        Ok(keys)
    }

    fn known(&mut self, dimension: usize) -> Option<&mut Option<Keys>> {
        match dimension.checked_sub(Dimension::ALL.len()) {
            None => self.scope.get_mut(dimension),
            Some(path) => self.paths.get_mut(path),
        }
    }

    /// Adds the keys of a dimension; `true` when every key counts.
    fn collect(&mut self, dimension: usize) -> Result<bool, Halt> {
        let input = self.machine.input;
        match Dimension::ALL.get(dimension) {
            Some(Dimension::PrincipalEq) => self.add(Key::Entity(input.principal))?,
            Some(Dimension::ActionEq) => self.add(Key::Entity(input.action))?,
            Some(Dimension::ResourceEq) => self.add(Key::Entity(input.resource))?,
            Some(Dimension::PrincipalIn) => self.add_ancestors(input.principal)?,
            Some(Dimension::ActionIn) => self.add_ancestors(input.action)?,
            Some(Dimension::ResourceIn) => self.add_ancestors(input.resource)?,
            Some(Dimension::PrincipalIs) => self.add(Key::Type(input.principal.kind))?,
            Some(Dimension::ResourceIs) => self.add(Key::Type(input.resource.kind))?,
            None => return self.add_path(dimension.saturating_sub(Dimension::ALL.len())),
        }
        Ok(false)
    }

    fn add(&mut self, key: Key<'_>) -> Result<(), Halt> {
        // Hashing the key, and comparing it with those that stand where it could.
        let each = Steps::for_bytes(key.len()).saturating_add(1);
        self.machine.spend(each.saturating_mul(2)).map_err(halted)?;
        let (found, probes) = self.machine.program.find_key(key);
        let more = each.saturating_mul(probes) / 2;
        self.machine.spend(more).map_err(halted)?;
        self.keys.extend(found);
        Ok(())
    }

    fn add_ancestors(&mut self, uid: Uid<'a>) -> Result<(), Halt> {
        self.add(Key::Entity(uid))?;
        let ancestors = self.machine.ancestors(uid).map_err(halted)?;
        for ancestor in ancestors.iter() {
            self.add(Key::Entity(*ancestor))?;
        }
        Ok(())
    }

    fn add_path(&mut self, path: usize) -> Result<bool, Halt> {
        let tree = self.machine.program.tree;
        let row = path.saturating_mul(2).saturating_add(1);
        let code = sound(tree.index(row))?;
        let guarded = sound(tree.get(row.saturating_add(1)))? == 1;
        match self.machine.value(code, 0) {
            Ok(value) => {
                if let Some(key) = Key::of(&value) {
                    self.add(key)?;
                }
                Ok(false)
            }
            Err(Stop::Error(kind)) => Ok(!(guarded && is_absence(kind))),
            Err(stop) => Err(halted(stop)),
        }
    }
}

const fn is_absence(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::EntityDoesNotExist
            | ErrorKind::EntityAttrDoesNotExist
            | ErrorKind::RecordAttrDoesNotExist
    )
}

const fn halted(stop: Stop) -> Halt {
    match stop {
        Stop::Halt(halt) => halt,
        // Only conditions err, and those are evaluated elsewhere.
        Stop::Error(_) => Halt::Program,
    }
}
