//! Expressions as code.

use ambit_policy::cedar::Value;
use ambit_policy::cedar::code::{DEPTH, OP_BITS, Op, WILDCARD};

use super::expr::{Binary, Expr, Var};
use super::pool::{Pool, number};
use crate::error::CompileError;

/// Appends an expression; gives its place.
pub(super) fn emit(expr: &Expr, code: &mut Vec<u32>, pool: &mut Pool) -> Result<u32, CompileError> {
    let at = code.len();
    let mut emitter = Emitter { code, pool };
    emitter.node(expr, 0)?;
    Ok(number(at))
}

struct Emitter<'e> {
    code: &'e mut Vec<u32>,
    pool: &'e mut Pool,
}

impl Emitter<'_> {
    fn node(&mut self, expr: &Expr, depth: usize) -> Result<(), CompileError> {
        if depth >= DEPTH {
            return Err(CompileError::new(
                "cedar.depth",
                format!("an expression is nested more than {DEPTH} levels deep"),
            ));
        }
        let at = self.code.len();
        self.code.push(0);
        let op = self.operands(expr);
        for child in nodes(expr) {
            self.node(child, depth + 1)?;
        }
        let words = number(self.code.len() - at);
        if words >= 1 << (u32::BITS - OP_BITS) {
            return Err(CompileError::new("build.size", "a policy is too large"));
        }
        self.code[at] = op.code() | words << OP_BITS;
        Ok(())
    }

    fn operands(&mut self, expr: &Expr) -> Op {
        match expr {
            Expr::Bool(true) => Op::True,
            Expr::Bool(false) => Op::False,
            Expr::Long(value) => self.long(Op::Long, *value),
            Expr::Str(text) => self.named(Op::Str, text),
            Expr::Entity(uid) => {
                let uid = self.pool.uid(uid);
                self.code.push(uid);
                Op::Entity
            }
            Expr::Var(Var::Principal) => Op::Principal,
            Expr::Var(Var::Action) => Op::Action,
            Expr::Var(Var::Resource) => Op::Resource,
            Expr::Var(Var::Context) => Op::Context,
            Expr::And(_) => Op::And,
            Expr::Or(_) => Op::Or,
            Expr::Not(_) => Op::Not,
            Expr::Neg(_) => Op::Neg,
            Expr::IsEmpty(_) => Op::IsEmpty,
            Expr::If(_) => Op::If,
            Expr::Binary(op, _) => binary(*op),
            Expr::GetAttr(_, name) => self.named(Op::GetAttr, name),
            Expr::Is(_, kind) => self.named(Op::Is, kind),
            Expr::Has(_, names) => self.names(Op::Has, names.iter()),
            Expr::Record(members) => self.names(Op::Record, members.keys()),
            Expr::Like(_, pieces) => {
                self.code.push(number(pieces.len()));
                for piece in pieces {
                    let word = piece
                        .as_ref()
                        .map_or(WILDCARD, |text| self.pool.string(text));
                    self.code.push(word);
                }
                Op::Like
            }
            Expr::Set(_) => Op::Set,
            Expr::Call(function, _) => match constant(expr) {
                Some(value) => self.constant(&value),
                None => {
                    self.code.push(function.code());
                    Op::Call
                }
            },
        }
    }

    fn long(&mut self, op: Op, value: i64) -> Op {
        self.code.extend(halves(value));
        op
    }

    fn named(&mut self, op: Op, name: &str) -> Op {
        let name = self.pool.string(name);
        self.code.push(name);
        op
    }

    fn names<'n>(&mut self, op: Op, names: impl ExactSizeIterator<Item = &'n String>) -> Op {
        self.code.push(number(names.len()));
        for name in names {
            let name = self.pool.string(name);
            self.code.push(name);
        }
        op
    }

    fn constant(&mut self, value: &Value<'_>) -> Op {
        match value {
            Value::Decimal(value) => self.long(Op::Decimal, *value),
            Value::Datetime(value) => self.long(Op::Datetime, *value),
            Value::Duration(value) => self.long(Op::Duration, *value),
            Value::Ip(ip) => {
                let (v6, bits, prefix) = ip.parts();
                self.code.extend([if v6 { 6 } else { 4 }, prefix]);
                let bytes = bits.to_be_bytes();
                let (words, _) = bytes.as_chunks::<4>();
                self.code
                    .extend(words.iter().map(|word| u32::from_be_bytes(*word)));
                Op::Ip
            }
            _ => Op::False,
        }
    }
}

/// The low word, then the high one.
pub(super) const fn halves(value: i64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}

/// The extension value that a constructor makes of a literal. One that fails is left to fail when
/// the policy is evaluated, as in Cedar.
pub(super) fn constant(expr: &Expr) -> Option<Value<'static>> {
    let Expr::Call(function, arguments) = expr else {
        return None;
    };
    match arguments.as_slice() {
        [Expr::Str(text)] => function.construct(text.as_bytes()),
        _ => None,
    }
}

/// The operands that are nodes of their own: a folded constant has none.
fn nodes(expr: &Expr) -> Vec<&Expr> {
    if constant(expr).is_some() {
        return Vec::new();
    }
    expr.children()
}

const fn binary(op: Binary) -> Op {
    match op {
        Binary::Eq => Op::Eq,
        Binary::Less => Op::Less,
        Binary::LessEq => Op::LessEq,
        Binary::Add => Op::Add,
        Binary::Sub => Op::Sub,
        Binary::Mul => Op::Mul,
        Binary::In => Op::In,
        Binary::Contains => Op::Contains,
        Binary::ContainsAll => Op::ContainsAll,
        Binary::ContainsAny => Op::ContainsAny,
        Binary::GetTag => Op::GetTag,
        Binary::HasTag => Op::HasTag,
    }
}
