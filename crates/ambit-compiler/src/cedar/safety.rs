//! What can be said of an expression without evaluating it: whether it can err.

use std::collections::BTreeSet;

use super::expr::{Binary, Expr, Var};
use ambit_policy::cedar::Function;

/// What is known where an expression stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Whether the policies passed strict validation and requests conform to the schema: then
    /// operands have the right types and records the attributes that are looked for. An entity may
    /// still be missing.
    pub(super) typed: bool,
    /// Attributes (as `var.a.b`) that `has` has found before.
    present: BTreeSet<String>,
}

impl Known {
    pub(super) const fn new(typed: bool) -> Self {
        Self {
            typed,
            present: BTreeSet::new(),
        }
    }

    /// Whether every attribute on the way to the end of a path was found before.
    pub(super) fn guards(&self, path: &Expr) -> bool {
        match path {
            Expr::Var(_) => true,
            Expr::GetAttr(inner, _) => {
                self.guards(inner) && name_of(path).is_some_and(|name| self.present.contains(&name))
            }
            _ => false,
        }
    }

    /// Learns from an expression that is true.
    pub(super) fn learn(&mut self, expr: &Expr) {
        match expr {
            Expr::And(parts) => parts.iter().for_each(|part| self.learn(part)),
            Expr::Has(inner, names) => {
                let Some(mut path) = name_of(inner) else {
                    return;
                };
                for name in names {
                    path = join(&path, name);
                    self.present.insert(path.clone());
                }
            }
            _ => {}
        }
    }

    /// Whether the expression gives a boolean for every request, and never an error.
    pub(super) fn is_safe_truth(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Bool(_) => true,
            Expr::Not(inner) => self.is_safe_truth(inner),
            Expr::Or(parts) => parts.iter().all(|part| self.is_safe_truth(part)),
            Expr::And(parts) => {
                let mut known = self.clone();
                parts.iter().all(|part| {
                    let safe = known.is_safe_truth(part);
                    known.learn(part);
                    safe
                })
            }
            Expr::Binary(Binary::Eq, sides) => self.are_safe(sides.as_slice()),
            Expr::Has(inner, names) => match &**inner {
                // Deeper down an attribute could be something that has none.
                Expr::Var(_) => self.typed || names.len() == 1,
                other => self.typed && self.is_safe(other),
            },
            Expr::Is(inner, _) => is_entity(inner) || self.typed && self.is_safe(inner),
            Expr::Binary(Binary::In, sides) => {
                let [left, right] = &**sides;
                is_entity(left) && is_entities(right) || self.typed && self.are_safe(&**sides)
            }
            Expr::Binary(Binary::Contains, sides) => {
                let [left, _] = &**sides;
                (self.typed || matches!(left, Expr::Set(_))) && self.are_safe(&**sides)
            }
            other => self.typed && self.is_safe(other),
        }
    }

    fn are_safe(&self, list: &[Expr]) -> bool {
        list.iter().all(|one| self.is_safe(one))
    }

    /// Whether the expression has a value for every request.
    fn is_safe(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Bool(_) | Expr::Long(_) | Expr::Str(_) | Expr::Entity(_) | Expr::Var(_) => true,
            Expr::Set(list) => self.are_safe(list),
            Expr::Record(members) => members.values().all(|one| self.is_safe(one)),
            Expr::GetAttr(inner, _) => {
                // The context is a record; what stands in it may be an entity that is missing.
                let in_context = self.typed && **inner == Expr::Var(Var::Context);
                in_context || self.guards(expr)
            }
            Expr::Call(function, list) => {
                super::code::constant(expr).is_some()
                    || self.typed && !can_fail(*function) && self.are_safe(list)
            }
            Expr::Neg(_) | Expr::Binary(Binary::Add | Binary::Sub | Binary::Mul, _) => false,
            Expr::Binary(Binary::GetTag, _) => false,
            Expr::Not(_) | Expr::And(_) | Expr::Or(_) => self.is_safe_truth(expr),
            Expr::Binary(Binary::Eq | Binary::In | Binary::Contains, _)
            | Expr::Has(..)
            | Expr::Is(..) => self.is_safe_truth(expr),
            Expr::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let mut known = self.clone();
                known.learn(condition);
                self.is_safe_truth(condition) && known.is_safe(then) && self.is_safe(otherwise)
            }
            Expr::IsEmpty(inner) | Expr::Like(inner, _) => self.typed && self.is_safe(inner),
            Expr::Binary(_, sides) => self.typed && self.are_safe(&**sides),
        }
    }
}

/// Functions without a value for some arguments of the right type.
const fn can_fail(function: Function) -> bool {
    matches!(
        function,
        Function::Decimal
            | Function::Ip
            | Function::Datetime
            | Function::Duration
            | Function::Offset
            | Function::DurationSince
            | Function::ToDate
    )
}

const fn is_entity(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Entity(_) | Expr::Var(Var::Principal | Var::Action | Var::Resource)
    )
}

fn is_entities(expr: &Expr) -> bool {
    match expr {
        Expr::Set(list) => list.iter().all(is_entity),
        other => is_entity(other),
    }
}

/// A name of a path that no other path has.
pub(super) fn name_of(path: &Expr) -> Option<String> {
    match path {
        Expr::Var(var) => Some(format!("{var:?}")),
        Expr::GetAttr(inner, name) => Some(join(&name_of(inner)?, name)),
        _ => None,
    }
}

fn join(path: &str, name: &str) -> String {
    format!("{path}.{name:?}")
}
