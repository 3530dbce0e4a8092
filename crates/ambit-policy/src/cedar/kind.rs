//! Types of the schema, as far as input is checked against them.

use super::extension::Extension;

/// What a JSON value is to be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Without a schema: escapes say what is an entity or an extension value.
    Any,
    /// A type of the schema: where it stands in the program's types.
    Of(usize),
    /// An extension type, for the arguments of extension functions.
    Extension(Extension),
    /// A string, for the same.
    Text,
}

/// A type, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Bool,
    Long,
    Str,
    /// The number of the entity type's name.
    Entity(usize),
    /// Where the type of the elements stands.
    Set(usize),
    /// Where the record itself stands.
    Record(usize),
    Extension(Extension),
}

/// The tags of types in a program; public for the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeTag {
    /// One word, nothing behind it.
    Bool,
    /// One word, nothing behind it.
    Long,
    /// One word, nothing behind it.
    Str,
    /// The number of the entity type's name.
    Entity,
    /// The place of the elements' type.
    Set,
    /// How many attributes are required; a count; then for each, sorted by name: the name, 1 if it
    /// is required, the place of its type.
    Record,
    /// One word, nothing behind it.
    Decimal,
    /// One word, nothing behind it.
    Ip,
    /// One word, nothing behind it.
    Datetime,
    /// One word, nothing behind it.
    Duration,
}

impl TypeTag {
    /// The tag's number.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Bool => 1,
            Self::Long => 2,
            Self::Str => 3,
            Self::Entity => 4,
            Self::Set => 5,
            Self::Record => 6,
            Self::Decimal => 7,
            Self::Ip => 8,
            Self::Datetime => 9,
            Self::Duration => 10,
        }
    }

    /// The tag with this number.
    #[must_use]
    pub const fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            1 => Self::Bool,
            2 => Self::Long,
            3 => Self::Str,
            4 => Self::Entity,
            5 => Self::Set,
            6 => Self::Record,
            7 => Self::Decimal,
            8 => Self::Ip,
            9 => Self::Datetime,
            10 => Self::Duration,
            _ => return None,
        })
    }
}
