//! The instructions of compiled policies.
//!
//! An expression is a node: a header word (the operation in the low 8 bits, the words of the whole
//! node, its children included, above them), operands, then the children one after another. A
//! node's children are found by their lengths, so code needs no offsets and cannot loop.

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)+) => {
        /// What a node does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Op {
            $($(#[$doc])* $name,)+
        }

        impl Op {
            /// The number in a header word.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self { $(Self::$name => $code,)+ }
            }

            /// The operation with this number.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$name),)+ _ => None }
            }

            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

operations! {
    /// The boolean `false`.
    False = 0;
    /// The boolean `true`.
    True = 1;
    /// An integer: two words.
    Long = 2;
    /// A string: its number.
    Str = 3;
    /// An entity: its number.
    Entity = 4;
    /// `principal`
    Principal = 5;
    /// `action`
    Action = 6;
    /// `resource`
    Resource = 7;
    /// `context`
    Context = 8;
    /// `&&` of all children, from the left.
    And = 9;
    /// `||` of all children, from the left.
    Or = 10;
    /// `!`
    Not = 11;
    /// `-` of one child.
    Neg = 12;
    /// `if`, `then`, `else`: three children.
    If = 13;
    /// `==`
    Eq = 14;
    /// `<`
    Less = 15;
    /// `<=`
    LessEq = 16;
    /// `+`
    Add = 17;
    /// `-` of two children.
    Sub = 18;
    /// `*`
    Mul = 19;
    /// `in`
    In = 20;
    /// `.contains`
    Contains = 21;
    /// `.containsAll`
    ContainsAll = 22;
    /// `.containsAny`
    ContainsAny = 23;
    /// `.isEmpty`
    IsEmpty = 24;
    /// `.getTag`
    GetTag = 25;
    /// `.hasTag`
    HasTag = 26;
    /// `.name`: the name's number; one child.
    GetAttr = 27;
    /// `has` with a path: a count, that many names; one child.
    Has = 28;
    /// `like`: a count, that many strings or [`WILDCARD`]s; one child.
    Like = 29;
    /// `is`: the type's name; one child.
    Is = 30;
    /// A set of its children.
    Set = 31;
    /// A record: a count, that many names in ascending order; as many children.
    Record = 32;
    /// An extension function: its number ([`Function`](super::Function)); its arguments.
    Call = 33;
    /// A decimal: two words, ten-thousandths.
    Decimal = 34;
    /// A datetime: two words, milliseconds since 1970.
    Datetime = 35;
    /// A duration: two words, milliseconds.
    Duration = 36;
    /// An address: 4 or 6, the prefix, four words (an IPv4 address in the last).
    Ip = 37;
}

/// Any run of characters in the pattern of [`Op::Like`].
pub const WILDCARD: u32 = u32::MAX;
/// In a row: there is none.
pub const NONE: u32 = u32::MAX;
/// Bits of a header word that hold the operation.
pub const OP_BITS: u32 = 8;
/// Deepest nesting of nodes. Cedar's own evaluator stops at its stack's end; this is a number.
pub const DEPTH: usize = 128;

/// A node's header, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) op: Op,
    /// Words of the node, header and children included.
    pub(super) words: usize,
}

impl Header {
    pub(super) fn unpack(word: u32) -> Option<Self> {
        Some(Self {
            op: Op::from_code(word & 0xff)?,
            words: usize::try_from(word >> OP_BITS).ok()?,
        })
    }
}

/// How many words behind the header are operands; `count` is the first of them.
pub(super) fn operands(op: Op, count: Option<u32>) -> Option<usize> {
    Some(match op {
        Op::Long | Op::Decimal | Op::Datetime | Op::Duration => 2,
        Op::Str | Op::Entity | Op::GetAttr | Op::Is | Op::Call => 1,
        Op::Ip => 6,
        Op::Has | Op::Like | Op::Record => usize::try_from(count?).ok()?.checked_add(1)?,
        _ => 0,
    })
}

/// How many children a node must have; `None`: any number.
pub(super) const fn arity(op: Op) -> Option<usize> {
    Some(match op {
        Op::And | Op::Or | Op::Set | Op::Record | Op::Call => return None,
        Op::Not | Op::Neg | Op::IsEmpty | Op::GetAttr | Op::Has | Op::Like | Op::Is => 1,
        Op::If => 3,
        Op::Eq
        | Op::Less
        | Op::LessEq
        | Op::Add
        | Op::Sub
        | Op::Mul
        | Op::In
        | Op::Contains
        | Op::ContainsAll
        | Op::ContainsAny
        | Op::GetTag
        | Op::HasTag => 2,
        _ => 0,
    })
}
