//! Whether bytes are a sound program, checked once in time linear in their size.
//!
//! What passes cannot make evaluation trap, loop or read outside: every offset leads to a part of
//! the right kind, code is a sequence of trees of bounded depth, the index is a tree, and a search for
//! a key ends. Parts stand in the order in which others refer to them, so that one cursor a section
//! checks all references.

use alloc::vec::Vec;
use core::cell::Cell;

use super::code::{DEPTH, Header, NONE, Op, WILDCARD, arity, operands};
use super::extension::{Function, Ip};
use super::index::{Dimension, PROBES};
use super::kind::TypeTag;
use super::program::{ENTITY_WORDS, KEY_WORDS, POLICY_WORDS, Program};
use super::schema::{ACTION_WORDS, ATTRIBUTE_WORDS, ENTITY_TYPE_WORDS, RECORD_HEAD, TYPES_HEAD};
use super::value::Uid;
use super::words::Words;

/// Deepest nesting of types: that of JSON, which their values come in, with some to spare.
pub(super) const TYPE_DEPTH: u8 = 64;

/// Goes over a program; each cursor is the first word of a section that nothing has referred to yet.
struct Verifier<'v, 'a> {
    program: &'v Program<'a>,
    code: usize,
    lists: usize,
    /// Bytes that may still be compared or hashed. An honest program needs a few times its size; one
    /// in which a thousand rows name the same long string would need a thousand times as many.
    bytes: Cell<usize>,
}

impl<'a> Program<'a> {
    /// Checks every part once.
    ///
    /// # Errors
    ///
    /// The name of the first section that is not sound.
    pub fn verify(&self) -> Result<(), &'static str> {
        let mut verifier = Verifier {
            program: self,
            code: 0,
            lists: 0,
            bytes: Cell::new(self.size().saturating_mul(COMPARED)),
        };
        let checks: [(&'static str, Option<()>); 8] = [
            ("strings", verifier.strings()),
            ("uids", verifier.uids()),
            ("policies", verifier.policies()),
            ("keys", verifier.keys()),
            ("tree", verifier.tree()),
            ("types", verifier.types()),
            ("entities", verifier.entities()),
            ("code", verifier.ends()),
        ];
        for (section, sound) in checks {
            sound.ok_or(section)?;
        }
        Ok(())
    }
}

/// How many times its size a program may cost in comparisons.
const COMPARED: usize = 64;

fn require(holds: bool) -> Option<()> {
    holds.then_some(())
}

impl<'v> Verifier<'v, '_> {
    /// Texts one after another, each UTF-8.
    fn strings(&self) -> Option<()> {
        let strings = self.program.strings;
        require(strings.len().is_multiple_of(2))?;
        let mut end = 0_usize;
        for string in 0..strings.len() / 2 {
            require(strings.index(string.checked_mul(2)?)? == end)?;
            let text = self.program.string(string)?;
            end = end.checked_add(text.len())?;
        }
        require(end == self.program.text.len())
    }

    fn is_string(&self, number: usize) -> Option<()> {
        require(number < self.program.strings.len() / 2)
    }

    fn is_uid(&self, number: usize) -> Option<()> {
        require(number < self.program.uids.len() / 2)
    }

    /// A string that is about to be compared, paid for.
    fn name(&self, number: usize) -> Option<&'v [u8]> {
        let name = self.program.bytes(number)?;
        self.pay(name.len())?;
        Some(name)
    }

    /// An entity that is about to be compared, paid for.
    fn entity(&self, number: usize) -> Option<Uid<'v>> {
        let uid = self.program.uid(number)?;
        self.pay(uid.kind.len().checked_add(uid.id.len())?)?;
        Some(uid)
    }

    fn pay(&self, bytes: usize) -> Option<()> {
        self.bytes.set(self.bytes.get().checked_sub(bytes)?);
        Some(())
    }

    fn uids(&self) -> Option<()> {
        let uids = self.program.uids;
        require(uids.len().is_multiple_of(2))?;
        (0..uids.len()).try_for_each(|at| self.is_string(uids.index(at)?))
    }

    fn policies(&mut self) -> Option<()> {
        let rows = self.program.policies;
        require(rows.len().is_multiple_of(POLICY_WORDS))?;
        for policy in 0..rows.len() / POLICY_WORDS {
            let row = policy.checked_mul(POLICY_WORDS)?;
            let word = |column: usize| rows.get(row.checked_add(column)?);
            require(word(0)? <= 1)?;
            self.expression(usize::try_from(word(1)?).ok()?)?;
            self.is_string(usize::try_from(word(2)?).ok()?)?;
            for column in [3, 5, 6, 7] {
                let string = word(column)?;
                if string != NONE {
                    self.is_string(usize::try_from(string).ok()?)?;
                }
            }
        }
        Some(())
    }

    /// The expression that stands next in the code.
    fn expression(&mut self, at: usize) -> Option<()> {
        require(at == self.code)?;
        self.code = self.node(at, self.program.code.len(), 0)?;
        Some(())
    }

    /// Checks a node that must end at or before `limit`; gives its end.
    fn node(&self, at: usize, limit: usize, depth: usize) -> Option<usize> {
        let code = self.program.code;
        require(depth < DEPTH)?;
        let header = Header::unpack(code.get(at)?)?;
        let end = at.checked_add(header.words).filter(|end| *end <= limit)?;
        let operand = at.checked_add(1)?;
        let count = match header.op {
            Op::Has | Op::Like | Op::Record => Some(code.get(operand)?),
            _ => None,
        };
        let mut child = operand.checked_add(operands(header.op, count)?)?;
        require(child <= end)?;
        self.operands(header.op, operand, child)?;
        let mut children = 0_usize;
        while child < end {
            child = self.node(child, end, depth.checked_add(1)?)?;
            children = children.checked_add(1)?;
        }
        require(arity(header.op).is_none_or(|wanted| wanted == children))?;
        if header.op == Op::Record {
            require(usize::try_from(count?).ok()? == children)?;
        }
        Some(end)
    }

    fn operands(&self, op: Op, from: usize, to: usize) -> Option<()> {
        let code = self.program.code;
        let names = from.checked_add(1)?;
        match op {
            Op::Str | Op::GetAttr | Op::Is => self.is_string(code.index(from)?),
            Op::Entity => self.is_uid(code.index(from)?),
            Op::Call => Function::from_code(code.get(from)?).map(drop),
            Op::Has => {
                require(names < to)?;
                (names..to).try_for_each(|at| self.is_string(code.index(at)?))
            }
            Op::Record => {
                let name = |at: usize| self.name(code.index(at)?);
                let mut last = None;
                (names..to).try_for_each(|at| {
                    let name = name(at)?;
                    require(last.replace(name).is_none_or(|last| last < name))
                })
            }
            Op::Like => {
                let mut text = false;
                (names..to).try_for_each(|at| {
                    let piece = code.get(at)?;
                    if piece == WILDCARD {
                        text = false;
                        return Some(());
                    }
                    require(!core::mem::replace(&mut text, true))?;
                    self.is_string(usize::try_from(piece).ok()?)
                })
            }
            Op::Ip => self.ip(from),
            _ => Some(()),
        }
    }

    fn ip(&self, at: usize) -> Option<()> {
        let word = |number: usize| self.program.code.get(at.checked_add(number)?);
        let v6 = match word(0)? {
            4 => false,
            6 => true,
            _ => return None,
        };
        let zeros = (2..5).all(|number| word(number) == Some(0));
        require(v6 || zeros)?;
        Ip::new(v6, 0, word(1)?).map(drop)
    }

    /// Rows of a known kind, each found by a search of bounded length, and nothing else in the
    /// table.
    fn keys(&self) -> Option<()> {
        let (keys, hash) = (self.program.keys, self.program.hash);
        require(keys.len().is_multiple_of(KEY_WORDS))?;
        let count = keys.len() / KEY_WORDS;
        if count == 0 {
            return require(hash.len() == 0);
        }
        require(hash.len().is_power_of_two() && PROBES <= hash.len())?;
        for number in 0..count {
            let row = number.checked_mul(KEY_WORDS)?;
            let index = keys.index(row.checked_add(1)?);
            match keys.get(row)? {
                1 => self.is_uid(index?)?,
                2 | 5 => self.is_string(index?)?,
                3 => {}
                4 => require(index? <= 1)?,
                _ => return None,
            }
        }
        for number in 0..count {
            let key = self.program.key(number)?;
            // Hashed once, and compared with whatever stands in the same row of places.
            self.pay(key.len().checked_mul(2)?)?;
            require(self.program.find_key(key).0 == Some(number))?;
        }
        let used = (0..hash.len())
            .filter(|at| hash.get(*at) != Some(0))
            .count();
        require(used == count)
    }

    /// The nodes of the index: every edge leads to the node that comes next.
    fn tree(&mut self) -> Option<()> {
        let tree = self.program.tree;
        let paths = tree.index(0)?;
        for path in 0..paths {
            let row = path.checked_mul(2)?.checked_add(1)?;
            self.expression(tree.index(row)?)?;
            require(tree.get(row.checked_add(1)?)? <= 1)?;
        }
        let dimensions = Dimension::ALL.len().checked_add(paths)?;
        let root = paths.checked_mul(2)?.checked_add(1)?;
        let mut edges = Edges {
            tree,
            // The start of the next node that no edge has led to.
            target: self.node_end(root, dimensions)?,
            dimensions,
        };
        let mut held = alloc::vec![false; self.program.policies()];
        let mut at = root;
        while at < tree.len() {
            for policy in tree.list(at)?.iter() {
                *held.get_mut(policy)? = true;
            }
            edges.of(self, at)?;
            at = self.node_end(at, dimensions)?;
        }
        require(edges.target == tree.len() && held.iter().all(|held| *held))
    }

    /// The end of a node of the index, its order and its dimensions and keys checked.
    fn node_end(&self, at: usize, dimensions: usize) -> Option<usize> {
        let tree = self.program.tree;
        let policies = tree.list(at)?;
        require(is_ascending(policies.iter()))?;
        let mut at = at.checked_add(1)?.checked_add(policies.len())?;
        let groups = tree.index(at)?;
        at = at.checked_add(1)?;
        let mut last = None;
        for _ in 0..groups {
            let dimension = tree.index(at)?;
            require(dimension < dimensions && last.is_none_or(|last| last < dimension))?;
            last = Some(dimension);
            let count = tree.index(at.checked_add(1)?)?;
            let edges = at.checked_add(2)?;
            at = edges.checked_add(count.checked_mul(2)?)?;
            let keys = (0..count).map_while(|number| tree.index(edge(edges, number)));
            require(is_ascending(keys))?;
            let keys = self.program.keys.len() / KEY_WORDS;
            let known = |number| {
                tree.index(edge(edges, number))
                    .is_some_and(|key| key < keys)
            };
            require((0..count).all(known))?;
        }
        Some(at)
    }

    fn types(&mut self) -> Option<()> {
        let types = self.program.types;
        let (kinds, actions) = self.program.declared()?;
        let rows = kinds
            .checked_mul(ENTITY_TYPE_WORDS)?
            .checked_add(actions.checked_mul(ACTION_WORDS)?)?;
        let first = TYPES_HEAD.checked_add(rows)?;
        let depths = self.type_depths(first)?;
        let is_type = |at: usize, tag: Option<TypeTag>| {
            let is = depths.get(at).is_some_and(|depth| *depth > 0);
            let fits = tag.is_none_or(|tag| types.get(at) == Some(tag.code()));
            require(is && fits)
        };
        let mut last: Option<&[u8]> = None;
        for kind in 0..kinds {
            let row = TYPES_HEAD.checked_add(kind.checked_mul(ENTITY_TYPE_WORDS)?)?;
            let word = |column: usize| types.get(row.checked_add(column)?);
            let name = self.name(types.index(row)?)?;
            require(last.replace(name).is_none_or(|last| last < name))?;
            is_type(usize::try_from(word(1)?).ok()?, Some(TypeTag::Record))?;
            if word(2)? != NONE {
                is_type(usize::try_from(word(2)?).ok()?, None)?;
            }
            self.names(word(3)?)?;
            if word(4)? != NONE {
                self.names(word(4)?)?;
            }
        }
        let start = TYPES_HEAD.checked_add(kinds.checked_mul(ENTITY_TYPE_WORDS)?)?;
        let mut last = None;
        for action in 0..actions {
            let row = start.checked_add(action.checked_mul(ACTION_WORDS)?)?;
            let word = |column: usize| types.get(row.checked_add(column)?);
            let uid = self.entity(types.index(row)?)?;
            require(last.replace(uid).is_none_or(|last| last < uid))?;
            is_type(usize::try_from(word(1)?).ok()?, Some(TypeTag::Record))?;
            self.names(word(2)?)?;
            self.names(word(3)?)?;
        }
        Some(())
    }

    /// The nesting of each type where it begins, 0 elsewhere.
    fn type_depths(&self, first: usize) -> Option<Vec<u8>> {
        let types = self.program.types;
        let mut depths = alloc::vec![0_u8; types.len()];
        let mut at = first;
        while at < types.len() {
            let inner = |place: usize| {
                let depth = depths.get(place).copied().filter(|depth| *depth > 0)?;
                depth.checked_add(1).filter(|depth| *depth <= TYPE_DEPTH)
            };
            let (words, depth) = match TypeTag::from_code(types.get(at)?)? {
                TypeTag::Entity => {
                    self.is_string(types.index(at.checked_add(1)?)?)?;
                    (2, 1)
                }
                TypeTag::Set => (2, inner(types.index(at.checked_add(1)?)?)?),
                TypeTag::Record => self.record(at, inner)?,
                _ => (1, 1),
            };
            *depths.get_mut(at)? = depth;
            at = at.checked_add(words)?;
        }
        (at == types.len()).then_some(depths)
    }

    /// The words of a record's type and its nesting.
    fn record(&self, at: usize, inner: impl Fn(usize) -> Option<u8>) -> Option<(usize, u8)> {
        let types = self.program.types;
        let count = types.index(at.checked_add(2)?)?;
        let words = RECORD_HEAD.checked_add(count.checked_mul(ATTRIBUTE_WORDS)?)?;
        let mut last: Option<&[u8]> = None;
        let (mut depth, mut required) = (1, 0_usize);
        for number in 0..count {
            let row = at
                .checked_add(RECORD_HEAD)?
                .checked_add(number.checked_mul(ATTRIBUTE_WORDS)?)?;
            let name = self.name(types.index(row)?)?;
            require(last.replace(name).is_none_or(|last| last < name))?;
            let flag = types.index(row.checked_add(1)?)?;
            require(flag <= 1)?;
            required = required.checked_add(flag)?;
            depth = depth.max(inner(types.index(row.checked_add(2)?)?)?);
        }
        require(types.index(at.checked_add(1)?)? == required)?;
        Some((words, depth))
    }

    /// The list of names that stands next, in ascending order, so that they can be searched.
    fn names(&mut self, at: u32) -> Option<()> {
        self.list(at, Self::is_string, true)
    }

    /// The list that stands next, each of its words of the right kind.
    fn list(&mut self, at: u32, check: fn(&Self, usize) -> Option<()>, sorted: bool) -> Option<()> {
        let at = usize::try_from(at).ok()?;
        require(at == self.lists)?;
        let list = self.program.list(at)?;
        list.iter().try_for_each(|word| check(self, word))?;
        if sorted {
            let name = |at: usize| self.name(list.get(at)?);
            (1..list.len()).try_for_each(|at| require(name(at.checked_sub(1)?)? < name(at)?))?;
        }
        self.lists = at.checked_add(1)?.checked_add(list.len())?;
        Some(())
    }

    fn entities(&mut self) -> Option<()> {
        let rows = self.program.entities;
        require(rows.len().is_multiple_of(ENTITY_WORDS))?;
        let mut last = None;
        for entity in 0..rows.len() / ENTITY_WORDS {
            let row = entity.checked_mul(ENTITY_WORDS)?;
            let word = |column: usize| rows.get(row.checked_add(column)?);
            let uid = self.entity(usize::try_from(word(0)?).ok()?)?;
            require(last.replace(uid).is_none_or(|last| last < uid))?;
            for column in [1, 2] {
                let place = word(column)?;
                if place != NONE {
                    let place = usize::try_from(place).ok()?;
                    let header = Header::unpack(self.program.code.get(place)?)?;
                    require(header.op == Op::Record)?;
                    self.expression(place)?;
                    self.literals(place)?;
                }
            }
            self.list(word(3)?, Self::is_uid, false)?;
        }
        Some(())
    }

    /// The expression at `at`, checked before, holds nothing but literals: reading an entity of the
    /// policy must not lead to another.
    fn literals(&self, at: usize) -> Option<()> {
        let code = self.program.code;
        let mut next = at;
        while next < self.code {
            let header = Header::unpack(code.get(next)?)?;
            let literal = matches!(
                header.op,
                Op::False
                    | Op::True
                    | Op::Long
                    | Op::Str
                    | Op::Entity
                    | Op::Set
                    | Op::Record
                    | Op::Decimal
                    | Op::Datetime
                    | Op::Duration
                    | Op::Ip
            );
            require(literal)?;
            let count = code.get(next.checked_add(1)?);
            let operands = operands(header.op, count)?;
            next = next.checked_add(1)?.checked_add(operands)?;
        }
        Some(())
    }

    /// Nothing is left that nobody refers to.
    fn ends(&self) -> Option<()> {
        let (code, lists) = (self.program.code.len(), self.program.lists.len());
        require(self.code == code && self.lists == lists)
    }
}

/// Follows the edges of the index in the order in which they stand.
struct Edges<'a> {
    tree: Words<'a>,
    target: usize,
    dimensions: usize,
}

impl Edges<'_> {
    fn of(&mut self, verifier: &Verifier<'_, '_>, node: usize) -> Option<()> {
        let policies = self.tree.list(node)?.len();
        let mut at = node.checked_add(1)?.checked_add(policies)?;
        let groups = self.tree.index(at)?;
        at = at.checked_add(1)?;
        for _ in 0..groups {
            let count = self.tree.index(at.checked_add(1)?)?;
            let edges = at.checked_add(2)?;
            for number in 0..count {
                let child = self.tree.index(edge(edges, number).checked_add(1)?)?;
                require(child == self.target && child > node)?;
                self.target = verifier.node_end(child, self.dimensions)?;
            }
            at = edges.checked_add(count.checked_mul(2)?)?;
        }
        Some(())
    }
}

const fn edge(first: usize, number: usize) -> usize {
    first.saturating_add(number.saturating_mul(2))
}

fn is_ascending(mut numbers: impl Iterator<Item = usize>) -> bool {
    let mut last = None;
    numbers.all(|number| last.replace(number).is_none_or(|last| last < number))
}
