//! What a program keeps of the schema.
//!
//! The section `types` begins with the number of entity types and the number of actions. Then come
//! the rows of the entity types, sorted by name: the name, the record of the attributes, the type
//! of the tags or [`NONE`], the list of the types that its ancestors may have, the list of the
//! identifiers of an enumeration or [`NONE`]. Then the rows of the actions, sorted by entity: the
//! entity, the record of the context, the lists of principal and resource types. Then the types;
//! a type stands behind those that it uses.

use super::code::NONE;
use super::kind::Shape;
use super::program::Program;
use super::value::Uid;
use super::words::{List, find};

/// Words of the row of an entity type.
pub const ENTITY_TYPE_WORDS: usize = 5;
/// Words of the row of an action.
pub const ACTION_WORDS: usize = 4;
/// Words before the rows.
pub const TYPES_HEAD: usize = 2;
/// Words of a record's type before its attributes.
pub(super) const RECORD_HEAD: usize = 3;
/// Words of an attribute in a record's type.
pub(super) const ATTRIBUTE_WORDS: usize = 3;

/// An entity type of the schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntityType<'a> {
    pub(super) attributes: usize,
    pub(super) tags: Option<usize>,
    /// The names of the types that its ancestors may have.
    pub(super) ancestors: List<'a>,
    /// The identifiers that there are, of an enumeration.
    pub(super) identifiers: Option<List<'a>>,
}

/// An action of the schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActionType<'a> {
    pub(super) context: usize,
    pub(super) principals: List<'a>,
    pub(super) resources: List<'a>,
}

impl<'a> Program<'a> {
    /// How many entity types and actions the schema has.
    pub(super) fn declared(&self) -> Option<(usize, usize)> {
        Some((self.types.index(0)?, self.types.index(1)?))
    }

    pub(super) fn entity_type(&self, name: &[u8]) -> Option<EntityType<'a>> {
        let (count, _) = self.declared()?;
        let row = |at: usize| TYPES_HEAD.checked_add(at.checked_mul(ENTITY_TYPE_WORDS)?);
        let name_at = |at: usize| self.bytes(self.types.index(row(at)?)?);
        let row = row(find(count, name_at, name)?)?;
        let word = |column: usize| self.types.get(row.checked_add(column)?);
        let optional = |column| word(column).filter(|word| *word != NONE);
        let list = |at: u32| self.list(usize::try_from(at).ok()?);
        Some(EntityType {
            attributes: usize::try_from(word(1)?).ok()?,
            tags: optional(2).and_then(|at| usize::try_from(at).ok()),
            ancestors: list(word(3)?)?,
            identifiers: optional(4).and_then(list),
        })
    }

    pub(super) fn action_type(&self, uid: Uid<'_>) -> Option<ActionType<'a>> {
        let (types, count) = self.declared()?;
        let first = TYPES_HEAD.checked_add(types.checked_mul(ENTITY_TYPE_WORDS)?)?;
        let row = |at: usize| first.checked_add(at.checked_mul(ACTION_WORDS)?);
        let uid_at = |at: usize| self.uid(self.types.index(row(at)?)?);
        let row = row(find(count, uid_at, uid)?)?;
        let word = |column: usize| self.types.index(row.checked_add(column)?);
        Some(ActionType {
            context: word(1)?,
            principals: self.list(word(2)?)?,
            resources: self.list(word(3)?)?,
        })
    }

    /// How many attributes a record must have.
    pub(super) fn required(&self, record: usize) -> Option<usize> {
        self.types.index(record.checked_add(1)?)
    }

    /// An attribute of a record: whether it is required, and where its type stands.
    pub(super) fn attribute(&self, record: usize, name: &[u8]) -> Option<(bool, usize)> {
        let count = self.types.index(record.checked_add(2)?)?;
        let first = record.checked_add(RECORD_HEAD)?;
        let row = |at: usize| first.checked_add(at.checked_mul(ATTRIBUTE_WORDS)?);
        let name_at = |at: usize| self.bytes(self.types.index(row(at)?)?);
        let row = row(find(count, name_at, name)?)?;
        let required = self.types.get(row.checked_add(1)?)? == 1;
        Some((required, self.types.index(row.checked_add(2)?)?))
    }

    /// The names of a record's required attributes that `has` does not know.
    pub(super) fn missing(&self, record: usize, has: impl Fn(&[u8]) -> bool) -> Option<&'a str> {
        let count = self.types.index(record.checked_add(2)?)?;
        let first = record.checked_add(RECORD_HEAD)?;
        // Only as far as there are words: a forged count must not be counted to.
        let mut rows = (0..count).map_while(|at| {
            let row = first.checked_add(at.checked_mul(ATTRIBUTE_WORDS)?)?;
            let required = self.types.get(row.checked_add(1)?)? == 1;
            Some((required, self.types.index(row)?))
        });
        rows.find_map(|(required, name)| {
            let lacks = required && !has(self.bytes(name)?);
            lacks.then(|| self.string(name)).flatten()
        })
    }

    /// What an attribute of a record of this shape is to be read as.
    pub(super) fn attribute_shape(&self, shape: Shape, name: &[u8]) -> Option<Shape> {
        match shape {
            Shape::Of(record) => Some(Shape::Of(self.attribute(record, name)?.1)),
            other => Some(other),
        }
    }

    /// Whether a list of names, which are in ascending order, has this one.
    pub(super) fn lists(&self, list: List<'a>, name: &[u8]) -> bool {
        let name_at = |at: usize| self.bytes(list.get(at)?);
        find(list.len(), name_at, name).is_some()
    }
}
