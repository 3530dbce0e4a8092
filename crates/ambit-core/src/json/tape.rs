//! The tape: one eight-byte node a value, in document order.
//!
//! A node is two little-endian `u32`: `a` holds the tag in its low four bits and a length or count
//! above them; `b` holds an offset into the text, or, for arrays and objects, the index one past
//! the last node of the subtree. An object is followed by its members: a string node for the name,
//! then the value's subtree.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::parse::{JsonError, Profile, parse};
use crate::Steps;
use crate::limits::INTEGER_MAX;

const NODE_BYTES: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Null,
    False,
    True,
    Number,
    /// A string that stands in the text as it is.
    Text,
    /// A string with escapes, unescaped into the side buffer.
    Side,
    Array,
    Object,
}

impl Tag {
    const fn bits(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::False => 1,
            Self::True => 2,
            Self::Number => 3,
            Self::Text => 4,
            Self::Side => 5,
            Self::Array => 6,
            Self::Object => 7,
        }
    }

    const fn from_bits(bits: u32) -> Option<Self> {
        Some(match bits {
            0 => Self::Null,
            1 => Self::False,
            2 => Self::True,
            3 => Self::Number,
            4 => Self::Text,
            5 => Self::Side,
            6 => Self::Array,
            7 => Self::Object,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy)]
struct Node {
    tag: Tag,
    length: usize,
    offset: usize,
}

/// A JSON text with its tape: parsed by [`Document::parse`], or kept in a bundle and used where it
/// lies.
#[derive(Clone, Debug, Default)]
pub struct Document<'t> {
    nodes: Cow<'t, [u8]>,
    text: Text<'t>,
    side: String,
}

/// The text that nodes point into.
#[derive(Clone, Copy, Debug)]
enum Text<'t> {
    /// Known to be UTF-8 since it was parsed.
    Parsed(&'t str),
    /// Part of a bundle, which may be opened without reading it all: each string is looked at when
    /// it is used.
    InPlace(&'t [u8]),
}

impl<'t> Text<'t> {
    const fn bytes(self) -> &'t [u8] {
        match self {
            Self::Parsed(text) => text.as_bytes(),
            Self::InPlace(bytes) => bytes,
        }
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self::Parsed("")
    }
}

impl<'t> Document<'t> {
    /// Reads a whole text. At most [`crate::limits::JSON_DEPTH`] levels, no duplicate members, no
    /// byte order mark, nothing after the value.
    ///
    /// # Errors
    ///
    /// [`JsonError`] says what is wrong and at which byte.
    pub fn parse(text: &'t [u8], profile: Profile) -> Result<Self, JsonError> {
        parse(text, profile)
    }

    /// A tape and its text that lie elsewhere, as [`Document::flatten`] made them. Nothing is
    /// checked here; call [`Document::verify`] once before trusting it. Unverified bytes can give
    /// wrong values, never a panic.
    #[must_use]
    pub const fn in_place(nodes: &'t [u8], text: &'t [u8]) -> Self {
        Self {
            nodes: Cow::Borrowed(nodes),
            text: Text::InPlace(text),
            side: String::new(),
        }
    }

    /// Copies a value into a tape of its own: nodes and text, every string written once. This is
    /// how a bundle keeps its data. `None` when a count or offset does not fit its field.
    #[must_use]
    pub fn flatten(value: Json<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut flat = Flattener {
            out: Builder::default(),
            text: Vec::new(),
            known: BTreeMap::new(),
        };
        flat.value(value)?;
        Some((flat.out.nodes, flat.text))
    }

    /// The value of the document.
    #[must_use]
    pub const fn root(&self) -> Json<'_> {
        self.value_at(0)
    }

    /// The value whose node has this index, or `null` when there is none. For index tables kept
    /// beside a tape.
    #[must_use]
    pub const fn value_at(&self, index: usize) -> Json<'_> {
        Json {
            document: self,
            at: index,
        }
    }

    /// Checks every tag, length, offset and subtree end once, in time linear in the size, so that
    /// the accessors can rely on them.
    #[must_use]
    pub fn verify(&self) -> bool {
        if !self.nodes.len().is_multiple_of(NODE_BYTES) {
            return false;
        }
        let count = self.nodes.len() / NODE_BYTES;
        self.verify_value(0, 0, count) == Some(count)
    }

    fn verify_value(&self, at: usize, depth: usize, count: usize) -> Option<usize> {
        let node = self.node(at)?;
        match node.tag {
            Tag::Null | Tag::False | Tag::True => at.checked_add(1),
            Tag::Number | Tag::Text | Tag::Side => {
                self.utf8(node)?;
                at.checked_add(1)
            }
            Tag::Array | Tag::Object => {
                if depth >= crate::limits::JSON_DEPTH || node.offset > count {
                    return None;
                }
                let mut next = at.checked_add(1)?;
                for _ in 0..node.length {
                    if node.tag == Tag::Object {
                        let name = self.node(next)?;
                        if !matches!(name.tag, Tag::Text | Tag::Side) {
                            return None;
                        }
                        next = self.verify_value(next, depth, count)?;
                    }
                    next = self.verify_value(next, depth.checked_add(1)?, count)?;
                }
                (next == node.offset).then_some(next)
            }
        }
    }

    fn node(&self, at: usize) -> Option<Node> {
        unpack(
            self.nodes
                .get(at.checked_mul(NODE_BYTES)?..)?
                .first_chunk::<NODE_BYTES>()?,
        )
    }

    fn bytes(&self, node: Node) -> Option<&[u8]> {
        let from = match node.tag {
            Tag::Side => self.side.as_bytes(),
            _ => self.text.bytes(),
        };
        from.get(node.offset..node.offset.checked_add(node.length)?)
    }

    fn utf8(&self, node: Node) -> Option<&str> {
        let place = node.offset..node.offset.checked_add(node.length)?;
        match (node.tag, self.text) {
            (Tag::Side, _) => self.side.get(place),
            (_, Text::Parsed(text)) => text.get(place),
            (_, Text::InPlace(bytes)) => core::str::from_utf8(bytes.get(place)?).ok(),
        }
    }

    fn string(&self, node: Node) -> Option<&str> {
        matches!(node.tag, Tag::Text | Tag::Side)
            .then(|| self.utf8(node))
            .flatten()
    }

    /// The index one past the subtree that starts at `at`.
    fn end(&self, at: usize) -> Option<usize> {
        let node = self.node(at)?;
        match node.tag {
            // A corrupt tape must not send an iterator backwards.
            Tag::Array | Tag::Object if node.offset > at => Some(node.offset),
            Tag::Array | Tag::Object => None,
            _ => at.checked_add(1),
        }
    }
}

/// A tape under construction.
#[derive(Debug, Default)]
pub(super) struct Builder {
    nodes: Vec<u8>,
    pub(super) side: String,
}

impl Builder {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            nodes: Vec::with_capacity(bytes),
            side: String::new(),
        }
    }

    pub(super) fn finish(self, text: &str) -> Document<'_> {
        Document {
            nodes: Cow::Owned(self.nodes),
            text: Text::Parsed(text),
            side: self.side,
        }
    }

    pub(super) fn next_index(&self) -> usize {
        self.nodes.len() / NODE_BYTES
    }

    /// Appends a node; `None` when a length or offset does not fit its field.
    pub(super) fn push(&mut self, tag: Tag, length: usize, offset: usize) -> Option<()> {
        self.nodes.extend_from_slice(&pack(tag, length, offset)?);
        Some(())
    }

    /// Fills in count and end of the container at `at`, now that they are known.
    pub(super) fn close(&mut self, at: usize, tag: Tag, length: usize) -> Option<()> {
        let node = pack(tag, length, self.next_index())?;
        let start = at.checked_mul(NODE_BYTES)?;
        let place = self
            .nodes
            .get_mut(start..)?
            .first_chunk_mut::<NODE_BYTES>()?;
        *place = node;
        Some(())
    }

    /// The names of the object at `at`, as slices of `text` or of the side buffer.
    pub(super) fn names<'b>(
        &'b self,
        at: usize,
        text: &'b [u8],
    ) -> impl Iterator<Item = &'b [u8]> + Clone {
        let mut next = at.saturating_add(1);
        let end = self.next_index();
        core::iter::from_fn(move || {
            let name = self.node(next).filter(|_| next < end)?;
            next = self.after(next.checked_add(1)?)?;
            let from = if name.tag == Tag::Side {
                self.side.as_bytes()
            } else {
                text
            };
            from.get(name.offset..name.offset.checked_add(name.length)?)
        })
    }

    fn node(&self, at: usize) -> Option<Node> {
        unpack(
            self.nodes
                .get(at.checked_mul(NODE_BYTES)?..)?
                .first_chunk::<NODE_BYTES>()?,
        )
    }

    fn after(&self, at: usize) -> Option<usize> {
        let node = self.node(at)?;
        match node.tag {
            Tag::Array | Tag::Object => Some(node.offset),
            _ => at.checked_add(1),
        }
    }
}

fn pack(tag: Tag, length: usize, offset: usize) -> Option<[u8; NODE_BYTES]> {
    let length = u32::try_from(length)
        .ok()
        .filter(|length| *length < 1 << 28)?;
    let [a0, a1, a2, a3] = (length.checked_shl(4)? | tag.bits()).to_le_bytes();
    let [b0, b1, b2, b3] = u32::try_from(offset).ok()?.to_le_bytes();
    Some([a0, a1, a2, a3, b0, b1, b2, b3])
}

fn unpack(bytes: &[u8; NODE_BYTES]) -> Option<Node> {
    let [a0, a1, a2, a3, b0, b1, b2, b3] = *bytes;
    let a = u32::from_le_bytes([a0, a1, a2, a3]);
    let b = u32::from_le_bytes([b0, b1, b2, b3]);
    Some(Node {
        tag: Tag::from_bits(a & 15)?,
        length: usize::try_from(a >> 4).ok()?,
        offset: usize::try_from(b).ok()?,
    })
}

/// Builds the tape of [`Document::flatten`].
struct Flattener<'a> {
    out: Builder,
    text: Vec<u8>,
    known: BTreeMap<&'a str, usize>,
}

impl<'a> Flattener<'a> {
    fn value(&mut self, value: Json<'a>) -> Option<()> {
        match value.kind() {
            Kind::Null => self.out.push(Tag::Null, 0, 0),
            Kind::Bool if value.as_bool()? => self.out.push(Tag::True, 0, 0),
            Kind::Bool => self.out.push(Tag::False, 0, 0),
            Kind::Number => self.text(Tag::Number, value.number_text()?),
            Kind::String => self.text(Tag::Text, value.as_str()?),
            Kind::Array => self.container(value, Tag::Array),
            Kind::Object => self.container(value, Tag::Object),
        }
    }

    fn text(&mut self, tag: Tag, text: &'a str) -> Option<()> {
        let offset = *self.known.entry(text).or_insert_with(|| {
            let offset = self.text.len();
            self.text.extend_from_slice(text.as_bytes());
            offset
        });
        self.out.push(tag, text.len(), offset)
    }

    fn container(&mut self, value: Json<'a>, tag: Tag) -> Option<()> {
        let at = self.out.next_index();
        self.out.push(tag, 0, 0)?;
        for element in value.elements() {
            self.value(element)?;
        }
        for (name, member) in value.members() {
            self.text(Tag::Text, name)?;
            self.value(member)?;
        }
        self.out.close(at, tag, value.len())
    }
}

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

impl<'a> Json<'a> {
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
    pub fn get(self, name: &str) -> Option<Self> {
        // Names are compared as bytes: most looked at are not the one.
        let mut children = self.children(Tag::Object);
        for _ in 0..children.left {
            let member = self.document.node(children.at)?;
            children.at = children.at.checked_add(1)?;
            let found = self.document.bytes(member) == Some(name.as_bytes());
            let value = children.step()?;
            if found {
                return Some(value);
            }
        }
        None
    }

    /// The members of an object in their written order; none for everything else.
    #[must_use]
    pub fn members(self) -> Members<'a> {
        Members(self.children(Tag::Object))
    }

    /// The elements of an array; none for everything else.
    #[must_use]
    pub fn elements(self) -> Elements<'a> {
        Elements(self.children(Tag::Array))
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
/// Spends one step a value and byte; an empty budget answers `false`.
#[must_use]
pub fn same_value(left: Json<'_>, right: Json<'_>, steps: &Steps) -> bool {
    if left.kind() != right.kind() || !steps.take(1) {
        return false;
    }
    match left.kind() {
        Kind::Null => true,
        Kind::Bool => left.as_bool() == right.as_bool(),
        Kind::Number => left.as_int().is_some() && left.as_int() == right.as_int(),
        Kind::String => match (left.as_str(), right.as_str()) {
            (Some(left), Some(right)) => {
                left.len() == right.len() && steps.take(left.len()) && left == right
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
