//! The entities of a request, beside those of the policy itself.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Ordering;

use ambit_core::json::{Elements, Json, Kind as JsonKind};

use super::code::NONE;
use super::conform::lossy;
use super::fault::InputFault;
use super::kind::Shape;
use super::program::{ENTITY_WORDS, Program};
use super::read;
use super::value::{InPlace, Record, Uid, Value};
use super::words::{List, lower_bound};

/// Entities that were checked: each once, no cycle among them.
#[derive(Clone, Debug, Default)]
pub struct Entities<'a> {
    /// Sorted by identity.
    list: Vec<Entity<'a>>,
}

#[derive(Clone, Debug)]
struct Entity<'a> {
    uid: Uid<'a>,
    attributes: Record<'a>,
    tags: Option<InPlace<'a>>,
    parents: Parents<'a>,
}

/// Where the parents of an entity of a request stand.
#[derive(Clone, Debug)]
enum Parents<'a> {
    Json(Json<'a>),
    Made(Vec<Uid<'a>>),
}

/// An entity, wherever it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'e, 'a> {
    Request(&'e Record<'a>, Option<InPlace<'a>>),
    /// The places of attributes and tags in the code.
    Policy(Option<usize>, Option<usize>),
}

impl<'a> Entities<'a> {
    /// Reads Cedar's entity JSON: `[{"uid", "attrs", "parents", "tags"?}, …]`.
    ///
    /// # Errors
    ///
    /// [`InputFault`] for the first entity that is malformed, does not conform to the schema, is
    /// given twice, is one of the policy's own, or is its own ancestor.
    pub fn read(program: &'a Program<'a>, json: Json<'a>) -> Result<Self, InputFault> {
        if json.kind() != JsonKind::Array {
            return Err(InputFault::new("an array of Cedar entities"));
        }
        let mut list = Vec::with_capacity(json.len());
        for (at, entity) in json.elements().enumerate() {
            let read = Entity::read(program, entity).map_err(|fault| fault.element(at))?;
            list.extend(read);
        }
        Self::of(list)
    }

    fn of(list: Vec<Entity<'a>>) -> Result<Self, InputFault> {
        // A heap sort, because it is small.
        let mut list = if list.is_sorted() {
            list
        } else {
            BinaryHeap::from(list).into_sorted_vec()
        };
        // As in Cedar, the same may be said twice: hosts put entities together from several places.
        let mut contradicted = None;
        list.dedup_by(|next, before| {
            let twice = next.uid == before.uid;
            if twice && !next.says_the_same(before) {
                contradicted = Some(before.uid);
            }
            twice
        });
        if let Some(uid) = contradicted {
            return Err(about(uid, "described once, and two descriptions differ"));
        }
        let entities = Self { list };
        match entities.cycle() {
            Some(uid) => Err(about(uid, "not its own ancestor")),
            None => Ok(entities),
        }
    }

    /// Adds an entity that the evaluator itself makes, which is trusted to conform. One that is
    /// there already is replaced.
    pub fn put(&mut self, uid: Uid<'a>, attributes: Record<'a>, parents: Vec<Uid<'a>>) {
        let entity = Entity {
            uid,
            attributes,
            tags: None,
            parents: Parents::Made(parents),
        };
        let at = self.place(uid);
        match self.list.get_mut(at).filter(|known| known.uid == uid) {
            Some(known) => *known = entity,
            None => self.list.insert(at, entity),
        }
    }

    fn place(&self, uid: Uid<'_>) -> usize {
        lower_bound(self.list.len(), |at| {
            self.list.get(at).is_some_and(|entity| entity.uid < uid)
        })
    }

    fn position(&self, uid: Uid<'_>) -> Option<usize> {
        let at = self.place(uid);
        (self.list.get(at)?.uid == uid).then_some(at)
    }

    /// Looks for an entity here and in the policy.
    pub(super) fn find(&self, program: &Program<'a>, uid: Uid<'_>) -> Option<Found<'_, 'a>> {
        if let Some(entity) = self.position(uid).and_then(|at| self.list.get(at)) {
            return Some(Found::Request(&entity.attributes, entity.tags));
        }
        let row = program.own_entity(uid)?;
        Some(Found::Policy(
            program.own_code(row, 1),
            program.own_code(row, 2),
        ))
    }

    /// Calls `visit` with each parent of an entity.
    pub(super) fn parents(
        &self,
        program: &Program<'a>,
        uid: Uid<'_>,
        visit: &mut dyn FnMut(Uid<'a>),
    ) {
        if let Some(entity) = self.position(uid).and_then(|at| self.list.get(at)) {
            entity.parents.each(visit);
        } else if let Some(parents) = program.own_parents(uid) {
            parents
                .iter()
                .filter_map(|uid| program.uid(uid))
                .for_each(visit);
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
        let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
        for start in 0..self.list.len() {
            if marks.get(start) != Some(&Mark::New) {
                continue;
            }
            *marks.get_mut(start)? = Mark::Open;
            path.push((start, self.inner_parents(start)));
            while let Some((at, left)) = path.last_mut() {
                let Some(next) = left.pop() else {
                    *marks.get_mut(*at)? = Mark::Done;
                    path.pop();
                    continue;
                };
                let mark = marks.get_mut(next)?;
                match mark {
                    Mark::Open => return self.list.get(next).map(|entity| entity.uid),
                    Mark::Done => {}
                    Mark::New => {
                        *mark = Mark::Open;
                        path.push((next, self.inner_parents(next)));
                    }
                }
            }
        }
        None
    }

    /// The positions of the parents that are entities of the request.
    fn inner_parents(&self, at: usize) -> Vec<usize> {
        let mut found = Vec::new();
        if let Some(entity) = self.list.get(at) {
            entity
                .parents
                .each(&mut |uid| found.extend(self.position(uid)));
        }
        found
    }
}

impl<'a> Entity<'a> {
    /// `None`: an action that says what the schema says.
    fn read(program: &'a Program<'a>, json: Json<'a>) -> Result<Option<Self>, InputFault> {
        for (name, _) in json.byte_members() {
            if !matches!(name, b"uid" | b"attrs" | b"parents" | b"tags") {
                let fault = InputFault::new("nothing: known are `uid`, `attrs`, `parents`, `tags`");
                return Err(fault.member(&lossy(name)));
            }
        }
        let object = |name: &str| {
            let value = json
                .get(name)
                .filter(|json| json.kind() == JsonKind::Object);
            value.ok_or_else(|| InputFault::new("an object").member(name))
        };
        let uid = read::uid(object("uid")?);
        let uid = uid.ok_or_else(|| InputFault::new("{\"type\", \"id\"}").member("uid"))?;
        program
            .check_uid(uid)
            .map_err(|fault| fault.member("uid"))?;
        let parents = json
            .get("parents")
            .filter(|json| json.kind() == JsonKind::Array);
        let parents = parents.ok_or_else(|| InputFault::new("an array").member("parents"))?;
        let attributes = object("attrs")?;
        let tags = json.get("tags").map(|_| object("tags")).transpose()?;
        check_parents(program, uid, parents)?;
        if program.typed && uid.is_action() {
            return check_action(program, uid, attributes, tags, parents).map(|()| None);
        }
        let (shape, tag_shape) = check_content(program, uid, attributes, tags)?;
        Ok(Some(Self {
            uid,
            attributes: Record::InPlace(program.in_place(attributes, shape)),
            tags: tags.map(|tags| program.in_place(tags, tag_shape)),
            parents: Parents::Json(parents),
        }))
    }
}

impl<'a> Entity<'a> {
    fn says_the_same(&self, other: &Self) -> bool {
        let tags = |entity: &Self| entity.tags.map(InPlace::sorted_members).unwrap_or_default();
        let parents = |entity: &Self| {
            let mut list = Vec::new();
            entity.parents.each(&mut |uid| list.push(uid));
            list.sort_unstable();
            list.dedup();
            list
        };
        let attributes = |entity: &Self| Value::Record(entity.attributes.clone());
        attributes(self) == attributes(other)
            && tags(self) == tags(other)
            && parents(self) == parents(other)
    }
}

/// Each parent: well-formed, and with a schema, of a type that an ancestor may have.
fn check_parents<'a>(
    program: &'a Program<'a>,
    child: Uid<'a>,
    parents: Json<'a>,
) -> Result<(), InputFault> {
    let allowed = program.entity_type(child.kind).map(|kind| kind.ancestors);
    for (at, parent) in parents.elements().enumerate() {
        let inner = |fault: InputFault| fault.element(at).member("parents");
        let uid = read::uid(parent).ok_or_else(|| InputFault::new("{\"type\", \"id\"}"));
        let uid = uid.map_err(inner)?;
        program.check_uid(uid).map_err(inner)?;
        if child.is_action() {
            if !uid.is_action() {
                return Err(inner(InputFault::new("an action")));
            }
        } else if allowed.is_some_and(|allowed| !program.lists(allowed, uid.kind)) {
            let wanted = "an entity of a type that the schema allows as a parent";
            return Err(inner(InputFault::new(wanted)));
        }
    }
    Ok(())
}

/// Attributes and tags; gives the shapes that they are to be read as.
fn check_content<'a>(
    program: &'a Program<'a>,
    uid: Uid<'a>,
    attributes: Json<'a>,
    tags: Option<Json<'a>>,
) -> Result<(Shape, Shape), InputFault> {
    let (shape, tag_shape) = if program.typed {
        let kind = program.entity_type(uid.kind).ok_or_else(|| {
            InputFault::new("an entity of a type that the schema declares").member("uid")
        })?;
        (Shape::Of(kind.attributes), kind.tags.map(Shape::Of))
    } else {
        (Shape::Any, Some(Shape::Any))
    };
    let checked = match shape {
        Shape::Of(record) => program.check_record(attributes, record),
        _ => each(program, attributes, Shape::Any),
    };
    checked.map_err(|fault| fault.member("attrs"))?;
    if let Some(tags) = tags {
        let checked = match tag_shape {
            Some(shape) => each(program, tags, shape),
            None if tags.is_empty() => Ok(()),
            None => Err(InputFault::new("nothing: the type has no tags")),
        };
        checked.map_err(|fault| fault.member("tags"))?;
    }
    Ok((shape, tag_shape.unwrap_or(Shape::Any)))
}

fn each<'a>(program: &'a Program<'a>, object: Json<'a>, shape: Shape) -> Result<(), InputFault> {
    object.byte_members().try_for_each(|(name, value)| {
        let checked = program.check(value, shape);
        checked.map_err(|fault| fault.member(&lossy(name)))
    })
}

/// An action from outside must say exactly what the schema says; then it says nothing new.
fn check_action<'a>(
    program: &'a Program<'a>,
    uid: Uid<'a>,
    attributes: Json<'a>,
    tags: Option<Json<'a>>,
    parents: Json<'a>,
) -> Result<(), InputFault> {
    let none = Entities::default();
    let mut known = none.ancestors(program, uid);
    let mut given: Vec<Uid<'a>> = Vec::new();
    for parent in parents.elements().filter_map(read::uid) {
        given.push(parent);
        given.extend(none.ancestors(program, parent));
    }
    given.sort_unstable();
    given.dedup();
    known.sort_unstable();
    if attributes.is_empty() && tags.is_none_or(Json::is_empty) && given == known {
        return Ok(());
    }
    Err(InputFault::new("the action as the schema declares it"))
}

impl<'a> Parents<'a> {
    fn each(&self, visit: &mut dyn FnMut(Uid<'a>)) {
        match self {
            Self::Json(json) => {
                let elements: Elements<'a> = json.elements();
                elements.filter_map(read::uid).for_each(visit);
            }
            Self::Made(list) => list.iter().copied().for_each(visit),
        }
    }
}

impl<'a> Entities<'a> {
    /// All ancestors of an entity, sorted; itself only if it is on a cycle.
    pub(super) fn ancestors(&self, program: &Program<'a>, uid: Uid<'_>) -> Vec<Uid<'a>> {
        let mut found: Vec<Uid<'a>> = Vec::new();
        let mut open: Vec<Uid<'a>> = Vec::new();
        self.parents(program, uid, &mut |parent| open.push(parent));
        while let Some(next) = open.pop() {
            if let Err(place) = found.binary_search(&next) {
                found.insert(place, next);
                self.parents(program, next, &mut |parent| open.push(parent));
            }
        }
        found
    }
}

impl<'a> Program<'a> {
    /// The row of an entity of the policy itself.
    fn own_entity(&self, uid: Uid<'_>) -> Option<usize> {
        let count = self.entities.len() / ENTITY_WORDS;
        let row = |at: usize| at.checked_mul(ENTITY_WORDS);
        let uid_at = |at: usize| self.uid(self.entities.index(row(at)?)?);
        let at = lower_bound(count, |at| uid_at(at).is_some_and(|known| known < uid));
        (at < count && uid_at(at)? == uid)
            .then(|| row(at))
            .flatten()
    }

    fn own_code(&self, row: usize, column: usize) -> Option<usize> {
        let word = self.entities.get(row.checked_add(column)?)?;
        usize::try_from(word).ok().filter(|_| word != NONE)
    }

    fn own_parents(&self, uid: Uid<'_>) -> Option<List<'a>> {
        let row = self.own_entity(uid)?;
        self.list(self.entities.index(row.checked_add(3)?)?)
    }
}

fn about(uid: Uid<'_>, wanted: &str) -> InputFault {
    InputFault::new(alloc::format!(
        "that `{}::\"{}\"` is {wanted}",
        lossy(uid.kind),
        lossy(uid.id)
    ))
}

impl Ord for Entity<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uid.cmp(&other.uid)
    }
}

impl PartialOrd for Entity<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entity<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.uid == other.uid
    }
}

impl Eq for Entity<'_> {}
