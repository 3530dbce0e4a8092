//! Expressions as the generator makes them, and Cedar's JSON form of them.

use serde::Serialize;
use serde::ser::Serializer;

use super::data::{One, Val};

/// A Cedar expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    /// A literal.
    Lit(Val),
    /// `principal`, `action`, `resource`, `context`.
    Var(&'static str),
    /// `!`, `neg`, `isEmpty`.
    Unary(&'static str, Box<Self>),
    /// An operator or a method with two operands, by its name in the JSON form.
    Binary(&'static str, Box<Self>, Box<Self>),
    /// `e.a`.
    Get(Box<Self>, String),
    /// `e has a.b`.
    Has(Box<Self>, Vec<String>),
    /// `e like "..*"`.
    Like(Box<Self>, Vec<Piece>),
    /// `e is T in x`.
    Is(Box<Self>, String, Option<Box<Self>>),
    /// `if c then a else b`.
    If(Box<Self>, Box<Self>, Box<Self>),
    /// `[a, b]`.
    Set(Vec<Self>),
    /// `{a: b}`, each name once.
    Record(Vec<(String, Self)>),
    /// An extension function or method.
    Call(&'static str, Vec<Self>),
}

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Piece {
    /// `*`.
    Wildcard,
    /// Text, in which `*` is a star.
    Literal(String),
}

/// The operands of an expression, read or changed.
macro_rules! operands {
    ($of:expr, $each:ident) => {
        match $of {
            Self::Lit(_) | Self::Var(_) => vec![],
            Self::Unary(_, operand)
            | Self::Get(operand, _)
            | Self::Has(operand, _)
            | Self::Like(operand, _)
            | Self::Is(operand, _, None) => vec![operand],
            Self::Binary(_, left, right) | Self::Is(left, _, Some(right)) => vec![left, right],
            Self::If(condition, yes, no) => vec![condition, yes, no],
            Self::Set(items) | Self::Call(_, items) => items.$each().collect(),
            Self::Record(members) => members.$each().map(|(_, value)| value).collect(),
        }
    };
}

impl Expr {
    /// `left op right`.
    pub(crate) fn binary(operator: &'static str, left: Self, right: Self) -> Self {
        Self::Binary(operator, Box::new(left), Box::new(right))
    }

    /// `left && right`.
    pub(crate) fn and(self, right: Self) -> Self {
        Self::binary("&&", self, right)
    }

    /// `op operand`.
    pub(crate) fn unary(operator: &'static str, operand: Self) -> Self {
        Self::Unary(operator, Box::new(operand))
    }

    /// `self.name`.
    pub(crate) fn get(self, name: &str) -> Self {
        Self::Get(Box::new(self), name.to_owned())
    }

    /// `self has path`.
    pub(crate) fn has(self, path: &[String]) -> Self {
        Self::Has(Box::new(self), path.to_vec())
    }

    /// `if self then yes else no`.
    pub(crate) fn then(self, yes: Self, no: Self) -> Self {
        Self::If(Box::new(self), Box::new(yes), Box::new(no))
    }

    /// A literal `true` or `false`.
    pub(crate) const fn bool(value: bool) -> Self {
        Self::Lit(Val::Bool(value))
    }

    /// The operands, from left to right.
    pub(crate) fn operands(&self) -> Vec<&Self> {
        operands!(self, iter)
    }

    /// The same, to be changed.
    pub(crate) fn operands_mut(&mut self) -> Vec<&mut Self> {
        operands!(self, iter_mut)
    }

    /// What the operator is called in the table of coverage.
    pub(crate) fn operator(&self) -> &'static str {
        match self {
            Self::Lit(_) => "literal",
            Self::Var(name)
            | Self::Unary(name, _)
            | Self::Binary(name, ..)
            | Self::Call(name, _) => name,
            Self::Get(..) => ".attr",
            Self::Has(_, path) if path.len() > 1 => "has a.b",
            Self::Has(..) => "has a",
            Self::Like(..) => "like",
            Self::Is(_, _, None) => "is",
            Self::Is(..) => "is in",
            Self::If(..) => "if",
            Self::Set(_) => "[..]",
            Self::Record(_) => "{..}",
        }
    }

    /// Whether its value, if it has one, is a Bool.
    pub(crate) fn is_boolean(&self) -> bool {
        match self {
            Self::Has(..) | Self::Like(..) | Self::Is(..) => true,
            Self::Unary(name, _) => *name != "neg",
            Self::Binary(name, ..) => !["+", "-", "*", "getTag"].contains(name),
            Self::Call(name, _) => BOOLEAN_FUNCTIONS.contains(name),
            Self::If(_, yes, _) => yes.is_boolean(),
            Self::Lit(Val::Bool(_)) => true,
            _ => false,
        }
    }

    /// Whether the variable occurs.
    pub(crate) fn mentions(&self, variable: &str) -> bool {
        matches!(self, Self::Var(name) if *name == variable)
            || self
                .operands()
                .iter()
                .any(|operand| operand.mentions(variable))
    }
}

const BOOLEAN_FUNCTIONS: [&str; 9] = [
    "lessThan",
    "lessThanOrEqual",
    "greaterThan",
    "greaterThanOrEqual",
    "isIpv4",
    "isIpv6",
    "isLoopback",
    "isMulticast",
    "isInRange",
];

#[derive(Serialize)]
struct Operand<'a> {
    arg: &'a Expr,
}

#[derive(Serialize)]
struct Operands<'a> {
    left: &'a Expr,
    right: &'a Expr,
}

#[derive(Serialize)]
struct OfLeft<'a, T> {
    left: &'a Expr,
    #[serde(flatten)]
    more: T,
}

#[derive(Serialize)]
struct Condition<'a> {
    r#if: &'a Expr,
    then: &'a Expr,
    r#else: &'a Expr,
}

#[derive(Serialize)]
struct Type<'a> {
    entity_type: &'a str,
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    within: &'a Option<Box<Expr>>,
}

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Lit(value) => One("Value", value).serialize(serializer),
            Self::Var(name) => One("Var", name).serialize(serializer),
            Self::Unary(name, arg) => One(name, Operand { arg }).serialize(serializer),
            Self::Binary(name, left, right) => {
                One(name, Operands { left, right }).serialize(serializer)
            }
            Self::Get(left, attr) => {
                let more = One("attr", attr);
                One(".", OfLeft { left, more }).serialize(serializer)
            }
            Self::Has(left, path) => match path.as_slice() {
                [attr] => {
                    let more = One("attr", attr);
                    One("has", OfLeft { left, more }).serialize(serializer)
                }
                path => {
                    let more = One("attr", path);
                    One("has", OfLeft { left, more }).serialize(serializer)
                }
            },
            Self::Like(left, pattern) => {
                let more = One("pattern", pattern);
                One("like", OfLeft { left, more }).serialize(serializer)
            }
            Self::Is(left, entity_type, within) => {
                let more = Type {
                    entity_type,
                    within,
                };
                One("is", OfLeft { left, more }).serialize(serializer)
            }
            Self::If(condition, then, otherwise) => {
                let condition = Condition {
                    r#if: condition,
                    then,
                    r#else: otherwise,
                };
                One("if-then-else", condition).serialize(serializer)
            }
            Self::Set(items) => One("Set", items).serialize(serializer),
            Self::Record(members) => {
                let members: std::collections::BTreeMap<&String, &Self> =
                    members.iter().map(|(name, value)| (name, value)).collect();
                One("Record", members).serialize(serializer)
            }
            Self::Call(name, args) => One(name, args).serialize(serializer),
        }
    }
}
