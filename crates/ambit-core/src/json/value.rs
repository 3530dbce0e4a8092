//! Values: views into a tape.

use alloc::vec::Vec;
use core::ops::Range;

use super::tape::{Document, Tag};
use crate::limits::INTEGER_MAX;
use crate::{Number, Steps, same_bytes};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number; its text is kept, see [`Json::number_text`].
    Number,
    /// A string
    String,
    /// An array
    Array,
    /// An object
    Object,
}

/// One value in a [`Document`] or bundle. Copying it is cheap.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a> {
    document: &'a Document<'a>,
    at: usize,
}

/// [`Json::null`].
impl Default for Json<'_> {
    fn default() -> Self {
        Self::null()
    }
}

impl<'a> Json<'a> {
    pub(super) const fn at(document: &'a Document<'a>, at: usize) -> Self {
        Self { document, at }
    }

    /// A `null` that belongs to no text.
    #[must_use]
    pub const fn null() -> Self {
        const NOTHING: &Document<'static> = &Document::in_place(&[], &[]);
        NOTHING.root()
    }

    /// What the value is.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.document.node(self.at).map(|node| node.tag) {
            None | Some(Tag::Null) => Kind::Null,
            Some(Tag::False | Tag::True) => Kind::Bool,
            Some(Tag::Number) => Kind::Number,
            Some(Tag::Text | Tag::Side) => Kind::String,
            Some(Tag::Array) => Kind::Array,
            Some(Tag::Object) => Kind::Object,
        }
    }

    /// Whether the value is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The truth value, if it is one.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self.document.node(self.at)?.tag {
            Tag::False => Some(false),
            Tag::True => Some(true),
            _ => None,
        }
    }

    /// The string, unescaped, if it is one.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        self.document.string(self.document.node(self.at)?)
    }

    /// The bytes of the string, unescaped, if it is one. In a bundle that was not verified they need
    /// not be UTF-8; for comparing that does not matter, and it saves looking at every byte.
    #[must_use]
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        let node = self.document.node(self.at)?;
        matches!(node.tag, Tag::Text | Tag::Side)
            .then(|| self.document.bytes(node))
            .flatten()
    }

    /// Where in the text the string stands, if it is one that is written without escapes.
    #[must_use]
    pub fn place(self) -> Option<Range<usize>> {
        let node = self.document.node(self.at)?;
        let end = node.offset.checked_add(node.length)?;
        (node.tag == Tag::Text).then_some(node.offset..end)
    }

    /// The number exactly as it was written, if it is one.
    #[must_use]
    pub fn number_text(self) -> Option<&'a str> {
        let node = self.document.node(self.at)?;
        (node.tag == Tag::Number)
            .then(|| self.document.utf8(node))
            .flatten()
    }

    /// The integer, if the value is a number without fraction and exponent within
    /// +-(2^53 - 1).
    #[must_use]
    pub fn as_int(self) -> Option<i64> {
        // `i64::from_str` refuses `.` and `e`, and the JSON grammar has refused `+` and `01`.
        let value = self.number_text()?.parse::<i64>().ok()?;
        (-INTEGER_MAX..=INTEGER_MAX)
            .contains(&value)
            .then_some(value)
    }

    /// The number, exactly, if it is one with few enough digits ([`Number`]).
    #[must_use]
    pub fn as_number(self) -> Option<Number> {
        Number::parse(self.number_text()?)
    }

    /// How many elements or members an array or object has; 0 for everything else.
    #[must_use]
    pub fn len(self) -> usize {
        self.document
            .node(self.at)
            .filter(|node| matches!(node.tag, Tag::Array | Tag::Object))
            .map_or(0, |node| node.length)
    }

    /// Whether [`Json::len`] is 0.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The member with this name, if the value is an object that has it.
    #[must_use]
    #[inline]
    pub fn get(self, name: &str) -> Option<Self> {
        self.get_bytes(name.as_bytes())
    }

    /// The string that a member is. Said often, and one call where `get` and `as_str` would be two.
    #[must_use]
    #[inline(never)]
    pub fn get_str(self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    /// The integer that a member is, as [`Json::as_int`] reads it.
    #[must_use]
    #[inline(never)]
    pub fn get_int(self, name: &str) -> Option<i64> {
        self.get(name)?.as_int()
    }

    /// The elements of the array that a member is; none where there is no such member.
    #[must_use]
    #[inline(never)]
    pub fn get_elements(self, name: &str) -> Elements<'a> {
        self.get(name).unwrap_or_default().elements()
    }

    /// The members of the object that a member is; none where there is no such member.
    #[must_use]
    #[inline(never)]
    pub fn get_members(self, name: &str) -> Members<'a> {
        self.get(name).unwrap_or_default().members()
    }

    /// [`Json::get`] with a name that is not known to be UTF-8.
    #[must_use]
    pub fn get_bytes(self, name: &[u8]) -> Option<Self> {
        let document = self.document;
        let nodes = document.nodes();
        let mut at = self.at.checked_add(1)?;
        for _ in 0..nodes
            .node(self.at)
            .filter(|node| node.tag == Tag::Object)?
            .length
        {
            let member = nodes.node(at)?;
            let value = at.checked_add(1)?;
            // Most are not the one, and are passed over without looking at their bytes.
            if member.length == name.len()
                && document
                    .bytes(member)
                    .is_some_and(|found| same_bytes(found, name))
            {
                return Some(Self::at(document, value));
            }
            at = nodes.end(value)?;
        }
        None
    }

    /// The members of an object in their written order; none for everything else.
    #[must_use]
    pub fn members(self) -> Members<'a> {
        Members(self.children(Tag::Object))
    }

    /// The members of an object with their names as bytes; none for everything else.
    #[must_use]
    pub fn byte_members(self) -> ByteMembers<'a> {
        ByteMembers(self.children(Tag::Object))
    }

    /// The elements of an array; none for everything else.
    #[must_use]
    pub fn elements(self) -> Elements<'a> {
        Elements(self.children(Tag::Array))
    }

    /// The strings among the elements of an array.
    #[must_use]
    pub fn texts(self) -> Vec<&'a str> {
        let mut texts = Vec::new();
        for element in self.elements() {
            texts.extend(element.as_str());
        }
        texts
    }

    /// Whether two elements of an array are the same string.
    #[must_use]
    pub fn has_repeated_text(self) -> bool {
        super::parse::repeats(self.elements().filter_map(Json::as_bytes))
    }

    /// What looking at the whole value costs, in steps: one a node, and [`Steps::for_bytes`] of text.
    #[must_use]
    pub fn weight(self) -> usize {
        let nodes = self.document.nodes();
        // A corrupt tape may say that a container ends far behind the last node.
        let end = nodes.end(self.at).unwrap_or(self.at).min(nodes.count());
        (self.at..end).fold(0, |sum: usize, at| {
            let bytes = match nodes.node(at).map(|node| (node.tag, node.length)) {
                Some((Tag::Number | Tag::Text | Tag::Side, length)) => length,
                _ => 0,
            };
            sum.saturating_add(1)
                .saturating_add(Steps::for_bytes(bytes))
        })
    }

    /// The index of the value's node, for tables kept beside a tape ([`Document::value_at`]).
    #[must_use]
    pub const fn index(self) -> usize {
        self.at
    }

    fn children(self, tag: Tag) -> Children<'a> {
        let left = self
            .document
            .node(self.at)
            .filter(|node| node.tag == tag)
            .map_or(0, |node| node.length);
        Children {
            document: self.document,
            at: self.at.saturating_add(1),
            left,
        }
    }
}

#[derive(Clone, Debug)]
struct Children<'a> {
    document: &'a Document<'a>,
    at: usize,
    left: usize,
}

impl<'a> Children<'a> {
    fn step(&mut self) -> Option<Json<'a>> {
        let value = Json {
            document: self.document,
            at: self.at,
        };
        self.at = self.document.end(self.at)?;
        Some(value)
    }
}

/// Iterates over the members of an object.
#[derive(Clone, Debug)]
pub struct Members<'a>(Children<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.left = self.0.left.checked_sub(1)?;
        let name = self.0.step()?.as_str()?;
        Some((name, self.0.step()?))
    }
}

/// Iterates over the members of an object, their names as bytes.
#[derive(Clone, Debug)]
pub struct ByteMembers<'a>(Children<'a>);

impl<'a> Iterator for ByteMembers<'a> {
    type Item = (&'a [u8], Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.left = self.0.left.checked_sub(1)?;
        let name = self.0.step()?.as_bytes()?;
        Some((name, self.0.step()?))
    }
}

/// Iterates over the elements of an array.
#[derive(Clone, Debug)]
pub struct Elements<'a>(Children<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.left = self.0.left.checked_sub(1)?;
        self.0.step()
    }
}

/// Whether two values are the same JSON value: arrays in order, objects member by member in any
/// order, strings code point by code point without normalisation, numbers by their integer value.
/// A number that is no integer within +-(2^53 - 1) is the same as nothing.
///
/// Spends two steps a value, and those of comparing its text; an empty budget answers `false`.
#[must_use]
pub fn same_value(left: Json<'_>, right: Json<'_>, steps: &Steps) -> bool {
    if !steps.take(2) || left.kind() != right.kind() {
        return false;
    }
    match left.kind() {
        Kind::Null => true,
        Kind::Bool => left.as_bool() == right.as_bool(),
        Kind::Number => left.as_int().is_some() && left.as_int() == right.as_int(),
        Kind::String => match (left.as_str(), right.as_str()) {
            (Some(left), Some(right)) => {
                left.len() == right.len()
                    && steps.take(Steps::for_bytes(left.len()))
                    && left == right
            }
            _ => false,
        },
        Kind::Array => {
            left.len() == right.len()
                && left
                    .elements()
                    .zip(right.elements())
                    .all(|(left, right)| same_value(left, right, steps))
        }
        Kind::Object => {
            left.len() == right.len()
                && left.members().all(|(name, left)| {
                    steps.take(right.len())
                        && right
                            .get(name)
                            .is_some_and(|right| same_value(left, right, steps))
                })
        }
    }
}
