//! The tape: one eight-byte node a value, in document order.
//!
//! A node is two little-endian `u32`: `a` holds the tag in its low four bits and a length or count
//! above them; `b` holds an offset into the text, or, for arrays and objects, the index one past
//! the last node of the subtree. An object is followed by its members: a string node for the name,
//! then the value's subtree.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::build::Flattener;
use super::parse::{JsonError, Profile, parse};
use super::value::Json;

pub(super) const NODE_BYTES: usize = 8;
/// The largest length or count of a node, which has 28 bits.
const LENGTH_MAX: u64 = (1 << 28) - 1;

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

    const fn from_bits(bits: u64) -> Option<Self> {
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
pub(super) struct Node {
    pub(super) tag: Tag,
    pub(super) length: usize,
    pub(super) offset: usize,
}

impl Node {
    /// The node in these bytes; `None` for an unknown tag.
    pub(super) fn unpack(bytes: &[u8; NODE_BYTES]) -> Option<Self> {
        // Read at once: from single bytes, wasm would put them together one by one.
        let node = u64::from_le_bytes(*bytes);
        Some(Self {
            tag: Tag::from_bits(node & 15)?,
            length: usize::try_from((node >> 4) & LENGTH_MAX).ok()?,
            offset: usize::try_from(node >> 32).ok()?,
        })
    }

    /// Its bytes; `None` when the length or the offset does not fit its field.
    pub(super) fn pack(self) -> Option<[u8; NODE_BYTES]> {
        let length = u32::try_from(self.length)
            .ok()
            .filter(|length| u64::from(*length) <= LENGTH_MAX)?;
        let [a0, a1, a2, a3] = (length.checked_shl(4)? | self.tag.bits()).to_le_bytes();
        let [b0, b1, b2, b3] = u32::try_from(self.offset).ok()?.to_le_bytes();
        Some([a0, a1, a2, a3, b0, b1, b2, b3])
    }
}

/// A JSON text with its tape: parsed by [`Document::parse`], or kept in a bundle and used where it
/// lies.
#[derive(Clone, Debug, Default)]
pub struct Document<'t> {
    nodes: Cow<'t, [u8]>,
    text: Text<'t>,
    side: Cow<'t, str>,
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

    pub(super) const fn built(nodes: Vec<u8>, text: &'t str, side: String) -> Self {
        Self {
            nodes: Cow::Owned(nodes),
            text: Text::Parsed(text),
            side: Cow::Owned(side),
        }
    }

    /// A tape and its texts that were copied from a document ([`Document::parts`]).
    #[must_use]
    pub const fn kept(nodes: &'t [u8], text: &'t str, side: &'t str) -> Self {
        Self {
            nodes: Cow::Borrowed(nodes),
            text: Text::Parsed(text),
            side: Cow::Borrowed(side),
        }
    }

    /// The tape, the text it points into, and the unescaped strings, to keep them elsewhere.
    #[must_use]
    pub fn parts(&self) -> [&[u8]; 3] {
        [&self.nodes, self.text.bytes(), self.side.as_bytes()]
    }

    /// A tape and its text that lie elsewhere, as [`Document::flatten`] made them. Nothing is
    /// checked here; call [`Document::verify`] once before trusting it. Unverified bytes can give
    /// wrong values, never a panic.
    #[must_use]
    pub const fn in_place(nodes: &'t [u8], text: &'t [u8]) -> Self {
        Self {
            nodes: Cow::Borrowed(nodes),
            text: Text::InPlace(text),
            side: Cow::Borrowed(""),
        }
    }

    /// Copies a value into a tape of its own: nodes and text, every string written once. This is
    /// how a bundle keeps its data. `None` when a count or offset does not fit its field.
    #[must_use]
    pub fn flatten(value: Json<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
        Flattener::run(value)
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
        Json::at(self, index)
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

    pub(super) fn node(&self, at: usize) -> Option<Node> {
        self.nodes().node(at)
    }

    pub(super) fn nodes(&self) -> Nodes<'_> {
        Nodes(self.nodes.as_chunks().0)
    }

    pub(super) fn bytes(&self, node: Node) -> Option<&[u8]> {
        let from = match node.tag {
            Tag::Side => self.side.as_bytes(),
            _ => self.text.bytes(),
        };
        from.get(node.offset..node.offset.checked_add(node.length)?)
    }

    pub(super) fn utf8(&self, node: Node) -> Option<&str> {
        let place = node.offset..node.offset.checked_add(node.length)?;
        match (node.tag, self.text) {
            (Tag::Side, _) => self.side.get(place),
            (_, Text::Parsed(text)) => text.get(place),
            (_, Text::InPlace(bytes)) => core::str::from_utf8(bytes.get(place)?).ok(),
        }
    }

    pub(super) fn string(&self, node: Node) -> Option<&str> {
        matches!(node.tag, Tag::Text | Tag::Side)
            .then(|| self.utf8(node))
            .flatten()
    }

    /// The index one past the subtree that starts at `at`.
    pub(super) fn end(&self, at: usize) -> Option<usize> {
        self.nodes().end(at)
    }
}

/// The nodes of a document.
#[derive(Clone, Copy)]
pub(super) struct Nodes<'a>(&'a [[u8; NODE_BYTES]]);

impl Nodes<'_> {
    pub(super) fn node(self, at: usize) -> Option<Node> {
        self.0.get(at).and_then(Node::unpack)
    }

    pub(super) const fn count(self) -> usize {
        self.0.len()
    }

    pub(super) fn end(self, at: usize) -> Option<usize> {
        let node = self.node(at)?;
        match node.tag {
            // A corrupt tape must not send an iterator backwards.
            Tag::Array | Tag::Object if node.offset > at => Some(node.offset),
            Tag::Array | Tag::Object => None,
            _ => at.checked_add(1),
        }
    }
}
