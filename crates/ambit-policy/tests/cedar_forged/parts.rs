//! Programs word by word.

use ambit_core::Steps;
use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::code::{NONE, OP_BITS, Op};
use ambit_policy::cedar::{FORMAT, Halt, Input, MAGIC, Program, Selection};

/// The sections in their order, as words; the text apart.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) typed: bool,
    pub(crate) sections: [Vec<u32>; 10],
    pub(crate) text: &'static str,
}

pub(crate) const STRINGS: usize = 0;
pub(crate) const UIDS: usize = 1;
pub(crate) const CODE: usize = 2;
pub(crate) const POLICIES: usize = 3;
pub(crate) const KEYS: usize = 4;
pub(crate) const HASH: usize = 5;
pub(crate) const TREE: usize = 6;
pub(crate) const TYPES: usize = 7;
pub(crate) const ENTITIES: usize = 8;
pub(crate) const LISTS: usize = 9;

pub(crate) fn node(op: Op, words: u32) -> u32 {
    op.code() | words << OP_BITS
}

/// One policy `permit (principal, action, resource)` named `p`, without a schema.
pub(crate) fn sound() -> Parts {
    let sections = [
        vec![0, 1, 1, 1],
        vec![0, 1],
        vec![node(Op::And, 2), node(Op::True, 1)],
        vec![0, 0, 0, NONE, 1, NONE, NONE, NONE],
        vec![],
        vec![],
        vec![0, 1, 0, 0],
        vec![0, 0],
        vec![],
        vec![],
    ];
    Parts {
        typed: false,
        sections,
        text: "pq",
    }
}

impl Parts {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT.to_le_bytes());
        out.extend(u32::from(self.typed).to_le_bytes());
        let lengths = self.sections.iter().map(|section| section.len() * 4);
        for length in lengths.chain([self.text.len()]) {
            out.extend(u32::try_from(length).unwrap().to_le_bytes());
        }
        for word in self.sections.iter().flatten() {
            out.extend(word.to_le_bytes());
        }
        out.extend(self.text.as_bytes());
        out
    }

    pub(crate) fn verified(&self) -> Result<(), &'static str> {
        Program::open(&self.bytes())
            .expect("the header is sound")
            .verify()
    }

    pub(crate) fn with(section: usize, words: Vec<u32>) -> Self {
        let mut parts = sound();
        parts.sections[section] = words;
        parts
    }
}

/// Evaluates both ways; the first halt, if any.
pub(crate) fn ends(bytes: &[u8], request: &str) -> Option<Halt> {
    let program = Program::open(bytes)?;
    let document = Document::parse(request.as_bytes(), Profile::Request).unwrap();
    let input = Input::read(&program, document.root()).ok()?;
    [Selection::Scan, Selection::Index]
        .into_iter()
        .find_map(|selection| program.authorize(&input, &Steps::new(), selection).err())
}

pub(crate) const REQUEST: &str = r#"{"principal":{"type":"p","id":"q"},"action":{"type":"p","id":"q"},
    "resource":{"type":"p","id":"q"}}"#;

pub(crate) fn verified(section: usize, words: Vec<u32>) -> Result<(), &'static str> {
    Parts::with(section, words).verified()
}

/// Two entities of the policy's own, the first with an attribute and a parent.
pub(crate) fn with_entities() -> Parts {
    let mut parts = sound();
    parts.sections[UIDS] = vec![0, 1, 1, 0];
    parts.sections[CODE] = vec![
        node(Op::And, 2),
        node(Op::True, 1),
        node(Op::Record, 4),
        1,
        0,
        node(Op::True, 1),
    ];
    // `q::"p"` stands before `p::"q"`: identifiers are compared first.
    parts.sections[ENTITIES] = vec![1, 2, NONE, 0, 0, NONE, NONE, 2];
    parts.sections[LISTS] = vec![1, 0, 0];
    parts
}
