//! How tapes are made: node by node while a text is read, or from a value that is copied.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::tape::{Document, NODE_BYTES, Node, Tag};
use super::value::{Json, Kind};

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
        Document::built(self.nodes, text, self.side)
    }

    pub(super) fn next_index(&self) -> usize {
        self.nodes.len() / NODE_BYTES
    }

    /// Appends a node; `None` when a length or offset does not fit its field.
    pub(super) fn push(&mut self, tag: Tag, length: usize, offset: usize) -> Option<()> {
        let node = Node {
            tag,
            length,
            offset,
        };
        self.nodes.extend_from_slice(&node.pack()?);
        Some(())
    }

    /// Fills in count and end of the container at `at`, now that they are known.
    pub(super) fn close(&mut self, at: usize, tag: Tag, length: usize) -> Option<()> {
        let node = Node {
            tag,
            length,
            offset: self.next_index(),
        };
        let node = node.pack()?;
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
        Node::unpack(
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

/// Builds the tape of [`Document::flatten`].
pub(super) struct Flattener<'a> {
    out: Builder,
    text: Vec<u8>,
    known: BTreeMap<&'a str, usize>,
}

impl<'a> Flattener<'a> {
    /// Nodes and text of `value`, every string written once.
    pub(super) fn run(value: Json<'a>) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut flat = Self {
            out: Builder::default(),
            text: Vec::new(),
            known: BTreeMap::new(),
        };
        flat.value(value)?;
        Some((flat.out.nodes, flat.text))
    }

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
