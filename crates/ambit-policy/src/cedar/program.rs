//! The bytes of a program, and what stands where. All numbers are little-endian `u32`.
//!
//! ```text
//!  0  magic "CEDARPGM"
//!  8  format (1)
//! 12  1 if there is a schema, else 0
//! 16  length in bytes of each section, in the order of `Section`
//!     the sections, in that order, without gaps
//! ```
//!
//! | section | content |
//! |---|---|
//! | strings | for each string: offset and length in the text |
//! | uids | for each entity: the numbers of type and identifier |
//! | code | expressions, one after another (see `code`) |
//! | policies | a row of eight words a policy (see [`Policy`]) |
//! | keys | a row of three words for each constant that the index knows (see `index`) |
//! | hash | the numbers of the keys by their hash, empty places 0 |
//! | tree | the index (see `index`) |
//! | types | entity types, actions, and the types that they use (see `schema`) |
//! | entities | a row of four words for each entity of the policy itself |
//! | lists | counts with words behind them |
//! | text | all strings |

use alloc::string::String;

use super::code::NONE;
use super::extension::Extension;
use super::kind::{Kind, Shape, TypeTag};
use super::value::Uid;
use super::words::{List, Words};

/// The first bytes of a program.
pub const MAGIC: &[u8; 8] = b"CEDARPGM";
/// The version of the layout.
pub const FORMAT: u32 = 1;
const SECTIONS: usize = 11;
const HEADER: usize = 16 + 4 * SECTIONS;
/// Words of a policy's row.
pub const POLICY_WORDS: usize = 8;
/// Words of the row of an entity of the policy itself: its number, attributes, tags (code), parents
/// (list).
pub const ENTITY_WORDS: usize = 4;
/// Words of a key's row.
pub const KEY_WORDS: usize = 3;

/// A compiled policy set.
#[derive(Clone, Debug)]
pub struct Program<'a> {
    pub(super) typed: bool,
    pub(super) strings: Words<'a>,
    pub(super) uids: Words<'a>,
    pub(super) code: Words<'a>,
    pub(super) policies: Words<'a>,
    pub(super) keys: Words<'a>,
    pub(super) hash: Words<'a>,
    pub(super) tree: Words<'a>,
    pub(super) types: Words<'a>,
    pub(super) entities: Words<'a>,
    pub(super) lists: Words<'a>,
    pub(super) text: &'a [u8],
}

impl<'a> Program<'a> {
    /// Opens a program: constant time. Whatever the bytes are, reading them is total; a part that is
    /// not sound ends a decision with [`Halt::Program`](super::Halt::Program).
    #[must_use]
    pub fn open(bytes: &'a [u8]) -> Option<Self> {
        let head = Words::new(bytes.get(..HEADER)?);
        if bytes.get(..8)? != MAGIC || head.get(2)? != FORMAT || head.get(3)? > 1 {
            return None;
        }
        let mut sections: [&[u8]; SECTIONS] = [&[]; SECTIONS];
        let mut rest = bytes.get(HEADER..)?;
        for (number, section) in sections.iter_mut().enumerate() {
            let length = head.index(number.checked_add(4)?)?;
            let whole = length.is_multiple_of(4) || number.checked_add(1)? == SECTIONS;
            (*section, rest) = rest.split_at_checked(length).filter(|_| whole)?;
        }
        let [
            strings,
            uids,
            code,
            policies,
            keys,
            hash,
            tree,
            types,
            entities,
            lists,
            text,
        ] = sections;
        rest.is_empty().then_some(Self {
            typed: head.get(3)? == 1,
            strings: Words::new(strings),
            uids: Words::new(uids),
            code: Words::new(code),
            policies: Words::new(policies),
            keys: Words::new(keys),
            hash: Words::new(hash),
            tree: Words::new(tree),
            types: Words::new(types),
            entities: Words::new(entities),
            lists: Words::new(lists),
            text,
        })
    }

    /// Bytes of all sections.
    pub(super) fn size(&self) -> usize {
        let words = [
            self.strings,
            self.uids,
            self.code,
            self.policies,
            self.keys,
            self.hash,
            self.tree,
            self.types,
            self.entities,
            self.lists,
        ];
        words.iter().fold(self.text.len(), |sum, words| {
            sum.saturating_add(words.len().saturating_mul(4))
        })
    }

    /// Whether requests are checked against a schema. Without one the program is for tests.
    #[must_use]
    pub const fn typed(&self) -> bool {
        self.typed
    }

    /// How many policies there are.
    #[must_use]
    pub const fn policies(&self) -> usize {
        self.policies.len() / POLICY_WORDS
    }

    /// A policy.
    #[must_use]
    pub fn policy(&self, number: usize) -> Option<Policy<'_, 'a>> {
        (number < self.policies()).then_some(Policy {
            program: self,
            number,
        })
    }

    pub(super) fn bytes(&self, string: usize) -> Option<&'a [u8]> {
        let row = string.checked_mul(2)?;
        let offset = self.strings.index(row)?;
        let length = self.strings.index(row.checked_add(1)?)?;
        self.text.get(offset..offset.checked_add(length)?)
    }

    pub(super) fn string(&self, string: usize) -> Option<&'a str> {
        core::str::from_utf8(self.bytes(string)?).ok()
    }

    pub(super) fn uid(&self, uid: usize) -> Option<Uid<'a>> {
        let row = uid.checked_mul(2)?;
        Some(Uid {
            kind: self.bytes(self.uids.index(row)?)?,
            id: self.bytes(self.uids.index(row.checked_add(1)?)?)?,
        })
    }

    pub(super) fn list(&self, at: usize) -> Option<List<'a>> {
        self.lists.list(at)
    }

    pub(super) fn kind(&self, shape: Shape) -> Option<Kind> {
        let at = match shape {
            Shape::Any => return Some(Kind::Any),
            Shape::Text => return Some(Kind::Str),
            Shape::Extension(extension) => return Some(Kind::Extension(extension)),
            Shape::Of(at) => at,
        };
        let operand = || self.types.index(at.checked_add(1)?);
        Some(match TypeTag::from_code(self.types.get(at)?)? {
            TypeTag::Bool => Kind::Bool,
            TypeTag::Long => Kind::Long,
            TypeTag::Str => Kind::Str,
            TypeTag::Entity => Kind::Entity(operand()?),
            TypeTag::Set => Kind::Set(operand()?),
            TypeTag::Record => Kind::Record(at),
            TypeTag::Decimal => Kind::Extension(Extension::Decimal),
            TypeTag::Ip => Kind::Extension(Extension::Ip),
            TypeTag::Datetime => Kind::Extension(Extension::Datetime),
            TypeTag::Duration => Kind::Extension(Extension::Duration),
        })
    }
}

/// One policy of a program. Its row: 1 for `forbid`, 0 for `permit`; the code of its condition; the
/// strings of identifier, file, then a line; the strings of `@reason`, `@advice`, `@step_up`.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'p, 'a> {
    program: &'p Program<'a>,
    number: usize,
}

impl<'a> Policy<'_, 'a> {
    fn word(self, column: usize) -> Option<u32> {
        let row = self.number.checked_mul(POLICY_WORDS)?;
        self.program.policies.get(row.checked_add(column)?)
    }

    fn text(self, column: usize) -> Option<&'a str> {
        let word = self.word(column).filter(|word| *word != NONE)?;
        self.program.string(usize::try_from(word).ok()?)
    }

    /// Whether it forbids. A row that cannot be read does.
    #[must_use]
    pub fn forbids(self) -> bool {
        self.word(0) != Some(0)
    }

    /// Where its condition stands in the code.
    pub(super) fn condition(self) -> Option<usize> {
        usize::try_from(self.word(1)?).ok()
    }

    /// Its name: `@id`, or the one that Cedar gives it.
    #[must_use]
    pub fn id(self) -> &'a str {
        self.text(2).unwrap_or_default()
    }

    /// The file that it was written in.
    #[must_use]
    pub fn file(self) -> Option<&'a str> {
        self.text(3)
    }

    /// The line in that file, from 1.
    #[must_use]
    pub fn line(self) -> i64 {
        self.word(4).map(i64::from).unwrap_or_default()
    }

    /// `@reason`: why, for people.
    #[must_use]
    pub fn reason(self) -> Option<&'a str> {
        self.text(5)
    }

    /// `@advice`: what would help, for people.
    #[must_use]
    pub fn advice(self) -> Option<&'a str> {
        self.text(6)
    }

    /// `@step_up`: what a person can do, so that the policy no longer forbids.
    #[must_use]
    pub fn step_up(self) -> Option<&'a str> {
        self.text(7)
    }

    /// `file:line`, where both are known.
    #[must_use]
    pub fn place(self) -> Option<String> {
        Some(alloc::format!("{}:{}", self.file()?, self.line()))
    }
}
