//! Values of Cedar while a policy is evaluated.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use ambit_core::json::Json;

use super::extension::Ip;
use super::kind::Shape;
use super::program::Program;

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
    Made(Rc<[Value<'a>]>),
    /// Each element once, in the order of values, and so are the sets inside.
    Sorted(Rc<[Value<'a>]>),
}

/// The attributes of a record.
#[derive(Clone, Debug)]
pub enum Record<'a> {
    /// In a request, which was checked before.
    InPlace(InPlace<'a>),
    /// Made while evaluating: sorted by name.
    Made(Rc<[(&'a [u8], Value<'a>)]>),
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
        let members = self.json.byte_members();
        let members =
            members.filter_map(|(name, json)| Some((name, self.program.read(json, self.shape)?)));
        by_name(members.collect())
    }

    /// Steps for looking for a name among the members.
    pub(super) fn width(self) -> usize {
        self.json.len() / 8
    }

    /// The value of a member, where all members have this shape.
    pub(super) fn member(self, name: &[u8]) -> Option<Value<'a>> {
        self.program.read(self.json.get_bytes(name)?, self.shape)
    }
}

impl<'a> Value<'a> {
    /// A set of these elements.
    #[must_use]
    pub fn set(elements: Vec<Self>) -> Self {
        Self::Set(Set::Made(elements.into()))
    }

    /// A record of these attributes, no name twice.
    #[must_use]
    pub fn record(attributes: Vec<(&'a str, Self)>) -> Self {
        Self::Record(Record::made(attributes))
    }

    /// How many steps looking at all of the value costs.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Str(text) => text.len() / 16,
            Self::Entity(uid) => uid.id.len() / 16,
            Self::Set(Set::InPlace(place)) | Self::Record(Record::InPlace(place)) => {
                place.json.weight()
            }
            Self::Set(Set::Made(elements) | Set::Sorted(elements)) => sum(elements.iter()),
            Self::Record(Record::Made(attributes)) => {
                sum(attributes.iter().map(|(_, value)| value))
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
            (Self::Set(Set::Sorted(left)), Self::Set(Set::Sorted(right))) => left.cmp(right),
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
            other => Self::Sorted(other.sorted().into()),
        }
    }

    /// The elements as they are written.
    pub(super) fn elements(&self) -> Vec<Value<'a>> {
        match self {
            Self::InPlace(place) => place
                .json
                .elements()
                .filter_map(|json| place.program.read(json, place.shape))
                .collect(),
            Self::Made(elements) | Self::Sorted(elements) => elements.to_vec(),
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
    pub(super) fn sorted(&self) -> Vec<Value<'a>> {
        let mut elements = self.elements();
        if matches!(self, Self::Sorted(_)) {
            return elements;
        }
        elements = elements.into_iter().map(Value::settled).collect();
        elements.sort_unstable();
        elements.dedup();
        elements
    }
}

impl<'a> Record<'a> {
    /// A record of these attributes, no name twice.
    #[must_use]
    pub fn made(attributes: Vec<(&'a str, Value<'a>)>) -> Self {
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| (name.as_bytes(), value));
        Self::Made(by_name(attributes.collect()).into())
    }

    /// Steps for looking for a name: a few names cost one.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::InPlace(place) => place.width(),
            Self::Made(_) => 1,
        }
    }

    /// The attribute with this name.
    pub(super) fn get(&self, name: &[u8]) -> Option<Value<'a>> {
        match self {
            Self::InPlace(place) => {
                let json = place.json.get_bytes(name)?;
                let shape = place.program.attribute_shape(place.shape, name)?;
                place.program.read(json, shape)
            }
            Self::Made(attributes) => {
                let at = attributes
                    .binary_search_by(|(known, _)| (*known).cmp(name))
                    .ok()?;
                attributes.get(at).map(|(_, value)| value.clone())
            }
        }
    }

    fn settled(self) -> Self {
        let sorted = self.sorted().into_iter();
        Self::Made(
            sorted
                .map(|(name, value)| (name, value.settled()))
                .collect(),
        )
    }

    fn sorted(&self) -> Vec<(&'a [u8], Value<'a>)> {
        match self {
            Self::InPlace(place) => {
                let members = place.json.byte_members().filter_map(|(name, json)| {
                    let shape = place.program.attribute_shape(place.shape, name)?;
                    Some((name, place.program.read(json, shape)?))
                });
                by_name(members.collect())
            }
            Self::Made(attributes) => attributes.to_vec(),
        }
    }
}

/// Members in the order of their names, none of which occurs twice.
fn by_name<'a>(mut members: Vec<(&'a [u8], Value<'a>)>) -> Vec<(&'a [u8], Value<'a>)> {
    members.sort_unstable_by_key(|(name, _)| *name);
    members
}
