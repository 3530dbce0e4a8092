//! The entities of a request, beside those of the policy itself.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ambit_core::json::{Json, Kind as JsonKind};
use ambit_core::limits::STEP_BYTES;
use ambit_core::{Steps, foreign, sort, sort_by};

use super::code::NONE;
use super::conform::{UNREADABLE, lossy};
use super::described::Described;
use super::fault::InputFault;
use super::program::{ENTITY_WORDS, Program};
use super::value::{InPlace, Record, Uid, Value};
use super::words::{List, find};

/// Entities that were checked: each once, no cycle among them.
#[derive(Clone, Debug, Default)]
pub struct Entities<'a> {
    /// Sorted by identity.
    list: Vec<Entity<'a>>,
    /// The parents of all of them.
    parents: Vec<Uid<'a>>,
}

#[derive(Clone, Debug)]
struct Entity<'a> {
    uid: Uid<'a>,
    attributes: Record<'a>,
    tags: Option<InPlace<'a>>,
    /// A part of [`Entities::parents`].
    parents: (usize, usize),
}

/// An entity, wherever it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'e, 'a> {
    Request(&'e Record<'a>, Option<InPlace<'a>>),
    /// The places of attributes and tags in the code.
    Policy(Option<usize>, Option<usize>),
}

/// What an entity that is kept costs in steps, its parents aside.
const KEPT: usize = 128 / STEP_BYTES;
/// What a parent that is kept costs in steps, doubled because the list grows.
const PARENT: usize = 2 * 32 / STEP_BYTES;

/// How many ancestors are few.
const FEW: usize = 8;

/// Where an entity was found, to mark it.
#[derive(Clone, Copy)]
enum Place {
    Request(usize),
    Policy(usize),
}

impl<'a> Entities<'a> {
    /// Reads Cedar's entity JSON: `[{"uid", "attrs", "parents", "tags"?}, …]`.
    ///
    /// # Errors
    ///
    /// [`InputFault`] for the first entity that is malformed or does not conform to the schema, for
    /// one that is described twice and differently, and for one that is its own ancestor. Where the
    /// steps are exhausted, what it says is of no use.
    pub fn read(
        program: &'a Program<'a>,
        json: Json<'a>,
        steps: &Steps,
    ) -> Result<Self, Box<InputFault>> {
        if json.kind() != JsonKind::Array {
            return Err(InputFault::new("an array of Cedar entities"));
        }
        let kept = KEPT.saturating_add(PARENT).saturating_mul(json.len());
        if !steps.take(kept) {
            return Ok(Self::default());
        }
        let mut entities = Self {
            list: Vec::with_capacity(json.len()),
            parents: Vec::with_capacity(json.len()),
        };
        for (at, entity) in json.elements().enumerate() {
            let from = entities.parents.len();
            let described = Described::read(program, entity, &mut entities.parents);
            match described.map_err(|fault| fault.element(at))? {
                Some(described) => entities.list.push(Entity {
                    uid: described.uid,
                    attributes: described.attributes,
                    tags: described.tags,
                    parents: (from, entities.parents.len()),
                }),
                None => entities.parents.truncate(from),
            }
        }
        // Sorting them, and looking each parent up.
        let looks = Steps::for_halving(entities.list.len()).saturating_mul(2);
        let uids = entities.list.iter().map(|entity| entity.uid);
        let uids = uids.chain(entities.parents.iter().copied());
        let whole = uids.fold(0_usize, |sum, uid| {
            sum.saturating_add(uid.weight()).saturating_add(1)
        });
        let parents = entities.parents.len().saturating_mul(PARENT);
        if !steps.take(whole.saturating_mul(looks).saturating_add(parents)) {
            return Ok(entities);
        }
        entities.put_in_order(steps)?;
        match entities.cycle() {
            Some(uid) => Err(about(uid, "not its own ancestor")),
            None => Ok(entities),
        }
    }

    /// Sorts. As in Cedar, the same may be said twice: hosts put entities together from several
    /// places.
    fn put_in_order(&mut self, steps: &Steps) -> Result<(), Box<InputFault>> {
        sort_by(&mut self.list, |one, other| one.uid < other.uid);
        let mut contradicted = None;
        let parents = &self.parents;
        self.list.dedup_by(|next, before| {
            let twice = next.uid == before.uid;
            if twice && contradicted.is_none() && !next.says_the_same(before, parents, steps) {
                contradicted = Some(before.uid);
            }
            twice
        });
        match contradicted {
            Some(uid) => Err(about(uid, "described once, and two descriptions differ")),
            None => Ok(()),
        }
    }

    /// Adds an entity that the evaluator itself makes, which is trusted to conform. One that is
    /// there already is replaced.
    pub fn put(&mut self, uid: Uid<'a>, attributes: Record<'a>, parents: &[Uid<'a>]) {
        let from = self.parents.len();
        self.parents.extend_from_slice(parents);
        let entity = Entity {
            uid,
            attributes,
            tags: None,
            parents: (from, self.parents.len()),
        };
        match self.search(uid) {
            Ok(at) => drop(self.list.get_mut(at).map(|known| *known = entity)),
            Err(at) => self.list.insert(at, entity),
        }
    }

    /// The place of an entity, or where it would stand.
    fn search(&self, uid: Uid<'_>) -> Result<usize, usize> {
        self.list.binary_search_by(|entity| entity.uid.cmp(&uid))
    }

    /// Steps for a copy.
    #[must_use]
    pub fn copying(&self) -> usize {
        let entities = self.list.len().saturating_add(4).saturating_mul(KEPT);
        entities.saturating_add(self.parents.len().saturating_mul(PARENT))
    }

    /// Steps for [`Self::find`].
    pub(super) fn search_cost(&self, program: &Program<'a>, uid: Uid<'_>) -> usize {
        let own = Steps::for_halving(program.entities.len() / ENTITY_WORDS);
        let looks = Steps::for_halving(self.list.len()).saturating_add(own);
        uid.weight().saturating_add(1).saturating_mul(looks) / 2
    }

    /// Looks for an entity here and in the policy.
    pub(super) fn find(&self, program: &Program<'a>, uid: Uid<'_>) -> Option<Found<'_, 'a>> {
        match self.locate(program, uid)? {
            Place::Request(at) => {
                let entity = self.list.get(at)?;
                Some(Found::Request(&entity.attributes, entity.tags))
            }
            Place::Policy(row) => Some(Found::Policy(
                program.own_code(row, 1),
                program.own_code(row, 2),
            )),
        }
    }

    fn locate(&self, program: &Program<'a>, uid: Uid<'_>) -> Option<Place> {
        let here = self.search(uid).ok().map(Place::Request);
        here.or_else(|| program.own_entity(uid).map(Place::Policy))
    }

    fn parents_at(&self, at: usize) -> &[Uid<'a>] {
        let range = self.list.get(at).map(|entity| entity.parents);
        let (from, to) = range.unwrap_or_default();
        self.parents.get(from..to).unwrap_or_default()
    }

    /// All ancestors of an entity, sorted; itself only if it is on a cycle. Each entity is looked
    /// into once, one of the first few twice. `spend` is told of every step before it is taken.
    pub(super) fn ancestors<E>(
        &self,
        program: &Program<'a>,
        uid: Uid<'a>,
        spend: &mut dyn FnMut(usize) -> Result<(), E>,
    ) -> Result<Vec<Uid<'a>>, E> {
        let mut found: Vec<Uid<'a>> = Vec::new();
        let mut seen: Vec<bool> = Vec::new();
        let own = program.entities.len() / ENTITY_WORDS;
        spend(self.search_cost(program, uid))?;
        self.push_parents(program, self.locate(program, uid), &mut found);
        let mut next = 0_usize;
        while let Some(uid) = found.get(next).copied() {
            spend(self.search_cost(program, uid).saturating_add(PARENT))?;
            let before = found.get(..next).unwrap_or_default();
            next = next.saturating_add(1);
            // Marks cost more than looking through a few.
            if next < FEW && before.contains(&uid) {
                continue;
            }
            let Some(place) = self.locate(program, uid) else {
                continue;
            };
            if next < FEW {
                self.push_parents(program, Some(place), &mut found);
                continue;
            }
            let mark = match place {
                Place::Request(at) => own.saturating_add(at),
                Place::Policy(row) => row / ENTITY_WORDS,
            };
            if seen.is_empty() {
                let all = own.saturating_add(self.list.len());
                spend(all / STEP_BYTES)?;
                seen.resize(all, false);
            }
            let Some(seen) = seen.get_mut(mark) else {
                continue;
            };
            if !core::mem::replace(seen, true) {
                self.push_parents(program, Some(place), &mut found);
            }
        }
        let weight = |sum: usize, uid: &Uid<'_>| sum.saturating_add(uid.weight()).saturating_add(1);
        let looks = Steps::for_halving(found.len());
        spend(found.iter().fold(0, weight).saturating_mul(looks))?;
        sort(&mut found);
        found.dedup();
        Ok(found)
    }

    fn push_parents(&self, program: &Program<'a>, place: Option<Place>, out: &mut Vec<Uid<'a>>) {
        match place {
            Some(Place::Request(at)) => out.extend_from_slice(self.parents_at(at)),
            Some(Place::Policy(row)) => {
                let Some(parents) = program.own_parents(row) else {
                    return;
                };
                for uid in parents.iter() {
                    if let Some(uid) = program.uid(uid) {
                        out.push(uid);
                    }
                }
            }
            None => {}
        }
    }

    /// An entity on a cycle, by a search in depth that looks at each entity once.
    fn cycle(&self) -> Option<Uid<'a>> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = alloc::vec![Mark::New; self.list.len()];
        // Entities on the way, each with how many of its parents were looked at.
        let mut path: Vec<(usize, usize)> = Vec::new();
        for start in 0..self.list.len() {
            if marks.get(start) != Some(&Mark::New) {
                continue;
            }
            *marks.get_mut(start)? = Mark::Open;
            path.push((start, 0));
            while let Some((at, looked)) = path.last_mut() {
                let Some(parent) = self.parents_at(*at).get(*looked).copied() else {
                    *marks.get_mut(*at)? = Mark::Done;
                    path.pop();
                    continue;
                };
                *looked = looked.saturating_add(1);
                let Ok(next) = self.search(parent) else {
                    continue;
                };
                match marks.get_mut(next)? {
                    Mark::Open => return Some(parent),
                    Mark::Done => {}
                    mark => {
                        *mark = Mark::Open;
                        path.push((next, 0));
                    }
                }
            }
        }
        None
    }
}

impl<'a> Entity<'a> {
    /// Steps that are exhausted say so too: who reads them denies.
    fn says_the_same(&self, other: &Self, parents: &[Uid<'a>], steps: &Steps) -> bool {
        let cost = |entity: &Self| {
            let tags = entity.tags.map(|tags| Value::Record(Record::InPlace(tags)));
            let attributes = Value::Record(entity.attributes.clone()).settling();
            let (from, to) = entity.parents;
            let parents = to.saturating_sub(from).saturating_mul(PARENT);
            let tags = tags.map_or(0, |tags| tags.settling());
            attributes.saturating_add(tags).saturating_add(parents)
        };
        if !steps.take(cost(self)) || !steps.take(cost(other)) {
            return true;
        }
        let tags = |entity: &Self| entity.tags.map(InPlace::sorted_members).unwrap_or_default();
        let parents = |entity: &Self| {
            let (from, to) = entity.parents;
            let mut list = parents.get(from..to).unwrap_or_default().to_vec();
            sort(&mut list);
            list.dedup();
            list
        };
        let attributes = |entity: &Self| Value::Record(entity.attributes.clone());
        attributes(self) == attributes(other)
            && tags(self) == tags(other)
            && parents(self) == parents(other)
    }
}

impl<'a> Program<'a> {
    /// The row of an entity of the policy itself.
    fn own_entity(&self, uid: Uid<'_>) -> Option<usize> {
        let count = self.entities.len() / ENTITY_WORDS;
        let row = |at: usize| at.checked_mul(ENTITY_WORDS);
        let uid_at = |at: usize| self.uid(self.entities.index(row(at)?)?);
        row(find(count, uid_at, uid)?)
    }

    fn own_code(&self, row: usize, column: usize) -> Option<usize> {
        let word = self.entities.get(row.checked_add(column)?)?;
        usize::try_from(word).ok().filter(|_| word != NONE)
    }

    fn own_parents(&self, row: usize) -> Option<List<'a>> {
        self.list(self.entities.index(row.checked_add(3)?)?)
    }
}

fn about(uid: Uid<'_>, wanted: &str) -> Box<InputFault> {
    let id = core::str::from_utf8(uid.id).unwrap_or(UNREADABLE);
    let id = foreign(&alloc::format!("{}::\"{id}\"", lossy(uid.kind)));
    InputFault::new(alloc::format!("that {id} is {wanted}"))
}
