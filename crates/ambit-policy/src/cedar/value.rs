//! Values of Cedar while a policy is evaluated.

use alloc::borrow::Cow;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use ambit_core::json::{Json, Kind as JsonKind};
use ambit_core::limits::STEP_BYTES;
use ambit_core::{Steps, sort, sort_by};

use super::extension::Ip;
use super::kind::{Kind, Shape};
use super::program::Program;

/// What a value that is kept costs in steps, for the memory that it takes.
pub(super) const KEPT: usize = 48 / STEP_BYTES;
/// What parsing a decimal, an address or a time costs, where comparing its text costs one step.
pub(super) const PARSED: usize = 12;
const _: () = assert!(
    size_of::<Value<'_>>() <= 48,
    "a value is larger than what is paid"
);

/// The identity of an entity. Identifiers are compared first: many entities share a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uid<'a> {
    /// Its identifier within the type.
    pub id: &'a [u8],
    /// The full name of its type, for example `Ambit::Agent`.
    pub kind: &'a [u8],
}

impl<'a> Uid<'a> {
    /// An entity from its type and identifier.
    #[must_use]
    pub const fn new(kind: &'a str, id: &'a str) -> Self {
        Self {
            kind: kind.as_bytes(),
            id: id.as_bytes(),
        }
    }

    /// What comparing it costs in steps, beside one.
    pub(super) const fn weight(self) -> usize {
        Steps::for_bytes(self.id.len().saturating_add(self.kind.len()))
    }

    /// Whether the entity is an action.
    pub(super) fn is_action(self) -> bool {
        self.kind == b"Action" || self.kind.ends_with(b"::Action")
    }
}

/// A Cedar value. Sets and records of a request stay where they lie until something looks inside.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Long(i64),
    /// A string, as UTF-8.
    Str(&'a [u8]),
    /// A reference to an entity.
    Entity(Uid<'a>),
    /// `decimal`: ten-thousandths.
    Decimal(i64),
    /// `datetime`: milliseconds since 1970.
    Datetime(i64),
    /// `duration`: milliseconds.
    Duration(i64),
    /// `ipaddr`
    Ip(Ip),
    /// A set.
    Set(Set<'a>),
    /// A record.
    Record(Record<'a>),
}

/// The elements of a set, in any order, possibly more than once.
#[derive(Clone, Debug)]
pub enum Set<'a> {
    /// In a request, which was checked before.
    InPlace(InPlace<'a>),
    /// Made while evaluating.
    Made(Rc<Vec<Value<'a>>>),
    /// Each element once, in the order of values, and so are the sets inside.
    Sorted(Rc<Vec<Value<'a>>>),
}

/// The attributes of a record.
#[derive(Clone, Debug)]
pub enum Record<'a> {
    /// In a request, which was checked before.
    InPlace(InPlace<'a>),
    /// Made while evaluating: sorted by name.
    Made(Rc<Vec<(&'a [u8], Value<'a>)>>),
}

/// JSON of a request, to be read as a set or record of a shape.
#[derive(Clone, Copy, Debug)]
pub struct InPlace<'a> {
    pub(super) program: &'a Program<'a>,
    pub(super) json: Json<'a>,
    /// Of the elements of a set; of the record itself.
    pub(super) shape: Shape,
}

impl<'a> InPlace<'a> {
    /// The members in the order of their names, where all have this shape.
    pub(super) fn sorted_members(self) -> Vec<(&'a [u8], Value<'a>)> {
        let mut members = Vec::new();
        for (name, json) in self.json.byte_members() {
            if let Some(value) = self.program.read(json, self.shape) {
                members.push((name, value));
            }
        }
        by_name(members)
    }

    /// Steps for looking for a name among the members.
    pub(super) fn width(self, name: &[u8]) -> usize {
        let each = Steps::for_bytes(name.len()).saturating_add(1);
        self.json.len().saturating_mul(each) / 2
    }

    /// A member, where all members have this shape.
    pub(super) fn member(self, name: &[u8]) -> Option<Slot<'a>> {
        let json = self.json.get_bytes(name)?;
        Some(Slot::InPlace(Self { json, ..self }))
    }

    /// Steps for reading it: sets and records are left where they lie.
    fn cost(self) -> usize {
        let kind = self.program.kind(self.shape);
        match (kind, self.json.kind()) {
            (Some(Kind::Record(_)), _) | (_, JsonKind::Array) => 1,
            // What may be an escape is looked into; a record of several members is none.
            (Some(Kind::Any), JsonKind::Object) if self.json.len() > 1 => 1,
            (Some(Kind::Extension(_)), _) => self.json.weight().saturating_mul(PARSED),
            _ => self.json.weight(),
        }
    }
}

/// A value where it was found, to be paid for before it is read.
pub(super) enum Slot<'a> {
    Value(Value<'a>),
    InPlace(InPlace<'a>),
}

impl<'a> Slot<'a> {
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Value(_) => 0,
            Self::InPlace(place) => place.cost(),
        }
    }

    pub(super) fn read(self) -> Option<Value<'a>> {
        match self {
            Self::Value(value) => Some(value),
            Self::InPlace(place) => place.program.read(place.json, place.shape),
        }
    }
}

impl<'a> Value<'a> {
    /// A set of these elements.
    #[must_use]
    pub fn set(elements: Vec<Self>) -> Self {
        Self::Set(Set::Made(Rc::new(elements)))
    }

    /// A record of these attributes, no name twice.
    #[must_use]
    pub fn record(attributes: Vec<(&'a str, Self)>) -> Self {
        Self::Record(Record::made(attributes))
    }

    /// Steps for bringing it into the form of [`Self::settled`], and for keeping that.
    pub(super) fn settling(&self) -> usize {
        match self {
            Self::Set(_) | Self::Record(_) => {
                let weight = self.weight();
                let each = Steps::for_halving(weight) / 2;
                weight.saturating_mul(each.saturating_add(KEPT))
            }
            _ => 0,
        }
    }

    /// How many steps looking at all of the value costs.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Str(text) => Steps::for_bytes(text.len()),
            Self::Entity(uid) => uid.weight(),
            Self::Set(Set::InPlace(place)) | Self::Record(Record::InPlace(place)) => {
                place.json.weight()
            }
            Self::Set(Set::Made(elements) | Set::Sorted(elements)) => sum(elements.iter()),
            Self::Record(Record::Made(attributes)) => {
                let names = attributes.iter().map(|(name, _)| name.len());
                let names = Steps::for_bytes(names.fold(0, usize::saturating_add));
                sum(attributes.iter().map(|(_, value)| value)).saturating_add(names)
            }
            _ => 0,
        }
    }

    /// The same value in a form in which equal values are the same piece by piece, so that comparing
    /// it again and again does not sort again what lies inside.
    pub(super) fn settled(self) -> Self {
        match self {
            Self::Set(set) => Self::Set(set.settled()),
            Self::Record(record) => Self::Record(record.settled()),
            plain => plain,
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Long(_) => 1,
            Self::Str(_) => 2,
            Self::Entity(_) => 3,
            Self::Decimal(_) => 4,
            Self::Datetime(_) => 5,
            Self::Duration(_) => 6,
            Self::Ip(_) => 7,
            Self::Set(_) => 8,
            Self::Record(_) => 9,
        }
    }
}

fn sum<'v, 'a: 'v>(values: impl Iterator<Item = &'v Value<'a>>) -> usize {
    values.fold(0, |sum, value| {
        sum.saturating_add(value.weight()).saturating_add(1)
    })
}

/// A total order, for sorting sets. Cedar's own comparisons are elsewhere; what it calls equal is
/// equal here.
impl Ord for Value<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Long(left), Self::Long(right))
            | (Self::Decimal(left), Self::Decimal(right))
            | (Self::Datetime(left), Self::Datetime(right))
            | (Self::Duration(left), Self::Duration(right)) => left.cmp(right),
            (Self::Str(left), Self::Str(right)) => left.cmp(right),
            (Self::Entity(left), Self::Entity(right)) => left.cmp(right),
            (Self::Ip(left), Self::Ip(right)) => left.cmp(right),
            (Self::Set(left), Self::Set(right)) => left.sorted().cmp(&right.sorted()),
            (Self::Record(left), Self::Record(right)) => left.sorted().cmp(&right.sorted()),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value<'_> {}

impl<'a> Set<'a> {
    /// How many elements are written; a set of a request may hold one twice.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::InPlace(place) => place.json.len(),
            Self::Made(elements) | Self::Sorted(elements) => elements.len(),
        }
    }

    fn settled(self) -> Self {
        match self {
            Self::Sorted(_) => self,
            other => Self::Sorted(Rc::new(other.sorted().into_owned())),
        }
    }

    /// The elements as they are written.
    pub(super) fn elements(&self) -> Cow<'_, [Value<'a>]> {
        match self {
            Self::InPlace(place) => {
                // With room for all at once: what grows leaves holes in the memory of a call.
                let mut elements = Vec::with_capacity(place.json.len());
                for json in place.json.elements() {
                    if let Some(element) = place.program.read(json, place.shape) {
                        elements.push(element);
                    }
                }
                Cow::Owned(elements)
            }
            Self::Made(elements) | Self::Sorted(elements) => Cow::Borrowed(elements),
        }
    }

    /// Steps for [`Self::elements`].
    pub(super) fn listing(&self) -> usize {
        match self {
            Self::InPlace(place) => place
                .json
                .weight()
                .saturating_add(place.json.len().saturating_mul(KEPT)),
            Self::Made(elements) | Self::Sorted(elements) => elements.len(),
        }
    }

    /// Whether an element is the value, which is best settled if it is a set or record.
    pub(super) fn contains(&self, value: &Value<'a>) -> bool {
        match self {
            Self::InPlace(place) => place.json.elements().any(|json| {
                let element = place.program.read(json, place.shape);
                element.as_ref() == Some(value)
            }),
            Self::Made(elements) | Self::Sorted(elements) => elements.contains(value),
        }
    }

    /// Each element once, in the order of values.
    pub(super) fn sorted(&self) -> Cow<'_, [Value<'a>]> {
        let elements = self.elements();
        if matches!(self, Self::Sorted(_)) {
            return elements;
        }
        let mut elements = elements.into_owned();
        for element in &mut elements {
            if matches!(element, Value::Set(_) | Value::Record(_)) {
                let settled = element.clone().settled();
                *element = settled;
            }
        }
        sort(&mut elements);
        elements.dedup();
        Cow::Owned(elements)
    }
}

impl<'a> Record<'a> {
    /// A record of these attributes, no name twice.
    #[must_use]
    pub fn made(attributes: Vec<(&'a str, Value<'a>)>) -> Self {
        let mut members = Vec::with_capacity(attributes.len());
        for (name, value) in attributes {
            members.push((name.as_bytes(), value));
        }
        Self::Made(Rc::new(by_name(members)))
    }

    /// Steps for looking for a name.
    pub(super) fn width(&self, name: &[u8]) -> usize {
        match self {
            Self::InPlace(place) => place.width(name),
            Self::Made(attributes) => {
                let each = Steps::for_bytes(name.len()).saturating_add(1);
                Steps::for_halving(attributes.len()).saturating_mul(each) / 4
            }
        }
    }

    /// The attribute with this name.
    pub(super) fn get(&self, name: &[u8]) -> Option<Slot<'a>> {
        match self {
            Self::InPlace(place) => {
                let json = place.json.get_bytes(name)?;
                let shape = place.program.attribute_shape(place.shape, name)?;
                let program = place.program;
                Some(Slot::InPlace(program.in_place(json, shape)))
            }
            Self::Made(attributes) => {
                let at = attributes
                    .binary_search_by(|(known, _)| (*known).cmp(name))
                    .ok()?;
                attributes
                    .get(at)
                    .map(|(_, value)| Slot::Value(value.clone()))
            }
        }
    }

    fn settled(self) -> Self {
        let mut sorted = self.sorted().into_owned();
        for (_, value) in &mut sorted {
            if matches!(value, Value::Set(_) | Value::Record(_)) {
                let settled = value.clone().settled();
                *value = settled;
            }
        }
        Self::Made(Rc::new(sorted))
    }

    fn sorted(&self) -> Cow<'_, [(&'a [u8], Value<'a>)]> {
        match self {
            Self::InPlace(place) => {
                let mut members = Vec::with_capacity(place.json.len());
                for (name, json) in place.json.byte_members() {
                    if let Some(shape) = place.program.attribute_shape(place.shape, name)
                        && let Some(value) = place.program.read(json, shape)
                    {
                        members.push((name, value));
                    }
                }
                Cow::Owned(by_name(members))
            }
            Self::Made(attributes) => Cow::Borrowed(attributes),
        }
    }
}

/// Members in the order of their names, none of which occurs twice.
fn by_name<'a>(mut members: Vec<(&'a [u8], Value<'a>)>) -> Vec<(&'a [u8], Value<'a>)> {
    sort_by(&mut members, |(one, _), (other, _)| one < other);
    members
}
