//! The evaluator: one node after another, as Cedar's own evaluator does.
//!
//! The order in which operands are evaluated and looked at is Cedar's to the letter, because it
//! decides which error a policy gives. `truth` is for the operations that give a boolean, `value`
//! for all others.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use ambit_core::Steps;

use super::code::{DEPTH, Header, Op, operands};
use super::entities::Found;
use super::extension::{Function, Ip};
use super::fault::{ErrorKind, Halt, Stop};
use super::like;
use super::program::Program;
use super::request::Input;
use super::value::{KEPT, PARSED, Record, Set, Slot, Uid, Value};

type Outcome<T> = Result<T, Stop>;

/// The ancestors of an entity, sorted.
type Ancestors<'a> = Rc<Vec<Uid<'a>>>;

/// Evaluates conditions of one program for one request.
#[derive(Debug)]
pub(super) struct Machine<'m, 'a> {
    pub(super) program: &'a Program<'a>,
    pub(super) input: &'m Input<'a>,
    steps: &'m Steps,
    ancestors: RefCell<Vec<(Uid<'a>, Ancestors<'a>)>>,
}

fn sound<T>(part: Option<T>) -> Outcome<T> {
    match part {
        Some(part) => Ok(part),
        None => Err(Stop::Halt(Halt::Program)),
    }
}

const fn error<T>(kind: ErrorKind) -> Outcome<T> {
    Err(Stop::Error(kind))
}

/// A node: where its operands and its children stand.
#[derive(Clone, Copy)]
struct Node {
    op: Op,
    operand: usize,
    child: usize,
    end: usize,
}

impl<'m, 'a> Machine<'m, 'a> {
    pub(super) const fn new(
        program: &'a Program<'a>,
        input: &'m Input<'a>,
        steps: &'m Steps,
    ) -> Self {
        Self {
            program,
            input,
            steps,
            ancestors: RefCell::new(Vec::new()),
        }
    }

    pub(super) fn spend(&self, steps: usize) -> Outcome<()> {
        if self.steps.take(steps) {
            Ok(())
        } else {
            Err(Stop::Halt(Halt::Steps))
        }
    }

    fn node(&self, at: usize, depth: usize) -> Outcome<Node> {
        self.spend(1)?;
        // A condition may reach once into the literals of the policy's own entities.
        if depth > DEPTH.saturating_mul(2) {
            return sound(None);
        }
        let code = self.program.code;
        let header = sound(code.get(at).and_then(Header::unpack))?;
        let operand = at.saturating_add(1);
        let count = sound(operands(header.op, code.get(operand)))?;
        Ok(Node {
            op: header.op,
            operand,
            child: operand.saturating_add(count),
            end: at.saturating_add(header.words),
        })
    }

    /// The node behind the one at `at`.
    fn next(&self, at: usize) -> Outcome<usize> {
        let header = sound(self.program.code.get(at).and_then(Header::unpack))?;
        sound(at.checked_add(header.words).filter(|next| *next > at))
    }

    fn operand(&self, at: usize) -> Outcome<usize> {
        sound(self.program.code.index(at))
    }

    fn name(&self, at: usize) -> Outcome<&'a [u8]> {
        sound(self.program.bytes(self.operand(at)?))
    }

    /// Calls `visit` with the place of each child until it gives something.
    fn children<T>(
        &self,
        node: Node,
        mut visit: impl FnMut(usize) -> Outcome<Option<T>>,
    ) -> Outcome<Option<T>> {
        let mut at = node.child;
        while at < node.end {
            if let Some(found) = visit(at)? {
                return Ok(Some(found));
            }
            at = self.next(at)?;
        }
        Ok(None)
    }

    fn two(&self, node: Node, depth: usize) -> Outcome<(Value<'a>, Value<'a>)> {
        let left = self.value(node.child, depth)?;
        let right = self.value(self.next(node.child)?, depth)?;
        Ok((left, right))
    }

    /// The boolean that the node at `at` has as its value; anything else is a type error.
    pub(super) fn truth(&self, at: usize, depth: usize) -> Outcome<bool> {
        let node = self.node(at, depth)?;
        match self.boolean(node, depth.saturating_add(1)) {
            Some(truth) => truth,
            None => match self.computed(node, depth.saturating_add(1))? {
                Value::Bool(truth) => Ok(truth),
                _ => error(ErrorKind::TypeError),
            },
        }
    }

    /// The value of the node at `at`.
    pub(super) fn value(&self, at: usize, depth: usize) -> Outcome<Value<'a>> {
        let node = self.node(at, depth)?;
        match self.boolean(node, depth.saturating_add(1)) {
            Some(truth) => Ok(Value::Bool(truth?)),
            None => self.computed(node, depth.saturating_add(1)),
        }
    }

    /// Operations that give a boolean or an error; `None` for all others.
    fn boolean(&self, node: Node, depth: usize) -> Option<Outcome<bool>> {
        Some(match node.op {
            Op::False => Ok(false),
            Op::True => Ok(true),
            Op::And | Op::Or => self.junction(node, depth),
            Op::Not => self.truth(node.child, depth).map(|truth| !truth),
            Op::Eq => self.equal(node, depth),
            Op::Less | Op::LessEq => self.compare(node, depth),
            Op::In => self.is_in(node, depth),
            Op::Contains => self.contains(node, depth),
            Op::ContainsAll | Op::ContainsAny => self.contains_many(node, depth),
            Op::IsEmpty => match self.value(node.child, depth) {
                Ok(Value::Set(set)) => Ok(set.len() == 0),
                Ok(_) => error(ErrorKind::TypeError),
                Err(stop) => Err(stop),
            },
            Op::HasTag => self.has_tag(node, depth),
            Op::Has => self.has(node, depth),
            Op::Like => self.like(node, depth),
            Op::Is => self.is(node, depth),
            _ => return None,
        })
    }

    fn computed(&self, node: Node, depth: usize) -> Outcome<Value<'a>> {
        let long = || sound(self.program.code.long(node.operand));
        Ok(match node.op {
            Op::Long => Value::Long(long()?),
            Op::Decimal => Value::Decimal(long()?),
            Op::Datetime => Value::Datetime(long()?),
            Op::Duration => Value::Duration(long()?),
            Op::Str => Value::Str(self.name(node.operand)?),
            Op::Entity => Value::Entity(sound(self.program.uid(self.operand(node.operand)?))?),
            Op::Principal => Value::Entity(self.input.principal),
            Op::Action => Value::Entity(self.input.action),
            Op::Resource => Value::Entity(self.input.resource),
            Op::Context => Value::Record(self.input.context.clone()),
            Op::Ip => Value::Ip(sound(self.ip(node.operand))?),
            Op::If => {
                let then = self.next(node.child)?;
                if self.truth(node.child, depth)? {
                    return self.value(then, depth);
                }
                return self.value(self.next(then)?, depth);
            }
            Op::Neg => match self.value(node.child, depth)? {
                Value::Long(value) => return overflow(value.checked_neg()),
                _ => return error(ErrorKind::TypeError),
            },
            Op::Add | Op::Sub | Op::Mul => return self.arithmetic(node, depth),
            Op::GetAttr => return self.attribute(node, depth),
            Op::GetTag => return self.tag(node, depth),
            Op::Set => Value::set(self.values(node, depth)?),
            Op::Record => Value::Record(self.record(node, depth)?),
            Op::Call => return self.call(node, depth),
            _ => return sound(None),
        })
    }

    fn values(&self, node: Node, depth: usize) -> Outcome<Vec<Value<'a>>> {
        let mut values = Vec::new();
        self.children(node, |at| {
            // What grows is copied, and leaves a hole of its size behind.
            self.spend(KEPT.saturating_mul(2))?;
            values.push(self.value(at, depth)?);
            Ok(None::<()>)
        })?;
        Ok(values)
    }

    fn junction(&self, node: Node, depth: usize) -> Outcome<bool> {
        let ends = node.op == Op::Or;
        let found = self.children(node, |at| {
            let truth = self.truth(at, depth)?;
            Ok((truth == ends).then_some(ends))
        })?;
        Ok(found.unwrap_or(!ends))
    }

    #[inline(never)]
    fn equal(&self, node: Node, depth: usize) -> Outcome<bool> {
        let (left, right) = self.two(node, depth)?;
        match (&left, &right) {
            (Value::Set(_), Value::Set(_)) | (Value::Record(_), Value::Record(_)) => {
                Ok(self.settled(left)? == self.settled(right)?)
            }
            // A set or record equals nothing else, and weighing it is work.
            (Value::Set(_) | Value::Record(_), _) | (_, Value::Set(_) | Value::Record(_)) => {
                Ok(false)
            }
            _ => {
                self.spend(left.weight().min(right.weight()))?;
                Ok(left == right)
            }
        }
    }

    /// A value in the form in which it is compared fast, the sorting of all sets inside paid for.
    fn settled(&self, value: Value<'a>) -> Outcome<Value<'a>> {
        self.spend(value.settling())?;
        Ok(value.settled())
    }

    fn compare(&self, node: Node, depth: usize) -> Outcome<bool> {
        let ((Value::Long(left), Value::Long(right))
        | (Value::Datetime(left), Value::Datetime(right))
        | (Value::Duration(left), Value::Duration(right))) = self.two(node, depth)?
        else {
            return error(ErrorKind::TypeError);
        };
        Ok(match node.op {
            Op::Less => left < right,
            _ => left <= right,
        })
    }

    fn arithmetic(&self, node: Node, depth: usize) -> Outcome<Value<'a>> {
        let (Value::Long(left), Value::Long(right)) = self.two(node, depth)? else {
            return error(ErrorKind::TypeError);
        };
        overflow(match node.op {
            Op::Add => left.checked_add(right),
            Op::Sub => left.checked_sub(right),
            _ => left.checked_mul(right),
        })
    }

    fn is_in(&self, node: Node, depth: usize) -> Outcome<bool> {
        let (left, right) = self.two(node, depth)?;
        let Value::Entity(entity) = left else {
            return error(ErrorKind::TypeError);
        };
        match right {
            Value::Entity(target) => self.descends(entity, target),
            Value::Set(targets) => {
                // All of them must be entities before any is looked for.
                self.spend(targets.listing())?;
                let mut uids = Vec::new();
                for target in targets.elements().iter() {
                    let Value::Entity(uid) = target else {
                        return error(ErrorKind::TypeError);
                    };
                    uids.push(*uid);
                }
                for target in uids {
                    if self.descends(entity, target)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => error(ErrorKind::TypeError),
        }
    }

    /// Whether an entity is the target or has it as an ancestor.
    fn descends(&self, entity: Uid<'a>, target: Uid<'a>) -> Outcome<bool> {
        let each = entity.weight().min(target.weight());
        self.spend(each)?;
        if entity == target {
            return Ok(true);
        }
        let ancestors = self.ancestors(entity)?;
        let looks = Steps::for_halving(ancestors.len());
        self.spend(target.weight().saturating_add(1).saturating_mul(looks) / 2)?;
        Ok(ancestors.binary_search(&target).is_ok())
    }

    /// The ancestors of an entity, found once.
    pub(super) fn ancestors(&self, uid: Uid<'a>) -> Outcome<Ancestors<'a>> {
        let known = |(known, ancestors): &(Uid<'a>, Ancestors<'a>)| {
            (*known == uid).then(|| Rc::clone(ancestors))
        };
        let mut memory = self.ancestors.borrow_mut();
        self.spend(uid.weight().saturating_add(1).saturating_mul(memory.len()) / 4)?;
        if let Some(found) = memory.iter().find_map(known) {
            return Ok(found);
        }
        let entities = &self.input.entities;
        let found = entities.ancestors(self.program, uid, &mut |steps| self.spend(steps))?;
        let found: Ancestors<'a> = Rc::new(found);
        // A list, looked through: a policy asks for few entities. One that asks for many does not
        // make the list slow.
        if memory.len() < 16 {
            memory.push((uid, Rc::clone(&found)));
        }
        Ok(found)
    }

    /// An entity of the request or the policy.
    fn find(&self, uid: Uid<'a>) -> Outcome<Option<Found<'m, 'a>>> {
        self.spend(self.input.entities.search_cost(self.program, uid))?;
        Ok(self.input.entities.find(self.program, uid))
    }

    /// An attribute of a record, paid for.
    fn member(&self, record: &Record<'a>, name: &[u8]) -> Outcome<Option<Value<'a>>> {
        self.spend(record.width(name))?;
        self.read(record.get(name))
    }

    fn read(&self, slot: Option<Slot<'a>>) -> Outcome<Option<Value<'a>>> {
        let Some(slot) = slot else { return Ok(None) };
        self.spend(slot.cost())?;
        Ok(slot.read())
    }

    fn contains(&self, node: Node, depth: usize) -> Outcome<bool> {
        let (left, right) = self.two(node, depth)?;
        let Value::Set(set) = left else {
            return error(ErrorKind::TypeError);
        };
        let right = self.settled(right)?;
        let each = right.weight().saturating_add(1);
        self.spend(set.len().saturating_mul(each))?;
        match (&set, &right) {
            (_, Value::Set(_) | Value::Record(_)) => {
                self.spend(Value::Set(set.clone()).settling())?;
            }
            (Set::InPlace(_), _) => self.spend(set.listing())?,
            _ => {}
        }
        Ok(set.contains(&right))
    }

    #[inline(never)]
    fn contains_many(&self, node: Node, depth: usize) -> Outcome<bool> {
        let (left, right) = self.two(node, depth)?;
        let (Value::Set(left), Value::Set(right)) = (self.settled(left)?, self.settled(right)?)
        else {
            return error(ErrorKind::TypeError);
        };
        let (left, right) = (left.sorted(), right.sorted());
        let mut found = right.iter().map(|value| left.binary_search(value).is_ok());
        Ok(match node.op {
            Op::ContainsAll => found.all(|found| found),
            _ => found.any(|found| found),
        })
    }

    fn attribute(&self, node: Node, depth: usize) -> Outcome<Value<'a>> {
        let name = self.name(node.operand)?;
        match self.value(node.child, depth)? {
            Value::Record(record) => {
                let value = self.member(&record, name)?;
                value.ok_or(Stop::Error(ErrorKind::RecordAttrDoesNotExist))
            }
            Value::Entity(uid) => match self.find(uid)? {
                None => error(ErrorKind::EntityDoesNotExist),
                Some(found) => {
                    let value = self.own_attribute(found, name, depth)?;
                    value.ok_or(Stop::Error(ErrorKind::EntityAttrDoesNotExist))
                }
            },
            _ => error(ErrorKind::TypeError),
        }
    }

    fn own_attribute(
        &self,
        found: Found<'_, 'a>,
        name: &[u8],
        depth: usize,
    ) -> Outcome<Option<Value<'a>>> {
        match found {
            Found::Request(attributes, _) => self.member(attributes, name),
            Found::Policy(attributes, _) => self.own_member(attributes, name, depth),
        }
    }

    /// A member of a record in the code.
    fn own_member(
        &self,
        at: Option<usize>,
        name: &[u8],
        depth: usize,
    ) -> Outcome<Option<Value<'a>>> {
        let Some(at) = at else { return Ok(None) };
        match self.value(at, depth)? {
            Value::Record(record) => self.member(&record, name),
            _ => sound(None),
        }
    }

    fn tag(&self, node: Node, depth: usize) -> Outcome<Value<'a>> {
        let (Value::Entity(uid), Value::Str(name)) = self.two(node, depth)? else {
            return error(ErrorKind::TypeError);
        };
        match self.find(uid)? {
            None => error(ErrorKind::EntityDoesNotExist),
            Some(found) => {
                let value = self.own_tag(found, name, depth)?;
                value.ok_or(Stop::Error(ErrorKind::EntityAttrDoesNotExist))
            }
        }
    }

    fn own_tag(
        &self,
        found: Found<'_, 'a>,
        name: &[u8],
        depth: usize,
    ) -> Outcome<Option<Value<'a>>> {
        match found {
            Found::Request(_, Some(tags)) => {
                self.spend(tags.width(name))?;
                self.read(tags.member(name))
            }
            Found::Request(_, None) => Ok(None),
            Found::Policy(_, tags) => self.own_member(tags, name, depth),
        }
    }

    fn has_tag(&self, node: Node, depth: usize) -> Outcome<bool> {
        let (Value::Entity(uid), Value::Str(name)) = self.two(node, depth)? else {
            return error(ErrorKind::TypeError);
        };
        match self.find(uid)? {
            None => Ok(false),
            Some(found) => Ok(self.own_tag(found, name, depth)?.is_some()),
        }
    }

    /// `has` with a path: each name in turn, as long as there is a value to look into.
    fn has(&self, node: Node, depth: usize) -> Outcome<bool> {
        let count = self.operand(node.operand)?;
        let mut value = self.value(node.child, depth)?;
        for number in 1..=count {
            let name = self.name(node.operand.saturating_add(number))?;
            let found = match &value {
                Value::Record(record) => self.member(record, name)?,
                Value::Entity(uid) => match self.find(*uid)? {
                    None => None,
                    Some(found) => self.own_attribute(found, name, depth)?,
                },
                _ => return error(ErrorKind::TypeError),
            };
            match found {
                Some(found) => value = found,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn like(&self, node: Node, depth: usize) -> Outcome<bool> {
        let Value::Str(text) = self.value(node.child, depth)? else {
            return error(ErrorKind::TypeError);
        };
        let count = self.operand(node.operand)?;
        self.spend(count.saturating_mul(3))?;
        let mut pieces = Vec::new();
        for number in 1..=count {
            let word = self.program.code.get(node.operand.saturating_add(number));
            let piece = word.and_then(|word| like::Piece::read(self.program, word));
            pieces.push(sound(piece)?);
        }
        self.spend(like::cost(&pieces, text))?;
        Ok(like::matches(&pieces, text))
    }

    fn is(&self, node: Node, depth: usize) -> Outcome<bool> {
        match self.value(node.child, depth)? {
            Value::Entity(uid) => {
                self.spend(Steps::for_bytes(uid.kind.len()))?;
                Ok(uid.kind == self.name(node.operand)?)
            }
            _ => error(ErrorKind::TypeError),
        }
    }

    fn record(&self, node: Node, depth: usize) -> Outcome<Record<'a>> {
        let mut names = node.operand;
        let mut attributes = Vec::new();
        self.children(node, |at| {
            names = names.saturating_add(1);
            self.spend(KEPT.saturating_mul(3))?;
            attributes.push((self.name(names)?, self.value(at, depth)?));
            Ok(None::<()>)
        })?;
        Ok(Record::Made(Rc::new(attributes)))
    }

    fn call(&self, node: Node, depth: usize) -> Outcome<Value<'a>> {
        let function = sound(
            self.program
                .code
                .get(node.operand)
                .and_then(Function::from_code),
        )?;
        let arguments = self.values(node, depth)?;
        let weight = arguments.iter().map(Value::weight);
        let weight = weight.fold(0, usize::saturating_add);
        self.spend(weight.saturating_mul(PARSED))?;
        function.call(&arguments).map_err(Stop::Error)
    }

    fn ip(&self, at: usize) -> Option<Ip> {
        let word = |number: usize| self.program.code.get(at.checked_add(number)?);
        let mut bits = 0_u128;
        for number in 2..6 {
            bits = bits.checked_shl(32)? | u128::from(word(number)?);
        }
        Ip::new(word(0)? == 6, bits, word(1)?)
    }
}

fn overflow<'a>(value: Option<i64>) -> Outcome<Value<'a>> {
    match value {
        Some(value) => Ok(Value::Long(value)),
        None => error(ErrorKind::IntegerOverflow),
    }
}
