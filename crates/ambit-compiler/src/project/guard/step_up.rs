//! `@step_up`: whether what a person can do would really lift the policy.

use core::ops::Range;

use crate::cedar::{Expr, Source, Var};
use crate::reader::File;
use crate::suggest;

/// The kinds, and the attribute of the context that each of them changes.
const KINDS: [(&str, &str); 3] = [
    ("approval", "approvals"),
    ("mfa", "login"),
    ("login", "login"),
];
/// Different parts of a condition that are tried in all combinations: 2^16 of them.
const ATOMS: usize = 16;

/// A `forbid` may promise a remedy only if the remedy makes it false, whatever else made it true.
pub(super) fn check(file: File<'_>, source: &Source, place: &Range<usize>) {
    let Some(kind) = &source.notes.step_up else {
        return;
    };
    let wrong = |message: String, help: String| {
        file.error("project.step_up", place.clone(), message, help);
    };
    let Some((_, attribute)) = KINDS.iter().find(|(name, _)| name == kind) else {
        let names = KINDS.iter().map(|(name, _)| *name);
        wrong(
            format!("there is no step-up `{kind}`"),
            suggest::help(kind, names),
        );
        return;
    };
    if !source.forbids {
        wrong(
            "`@step_up` has a meaning only on `forbid`".to_owned(),
            "remove it, or turn the policy into a `forbid`".to_owned(),
        );
        return;
    }
    if !lifts(&Expr::and(source.conditions.clone()), attribute) {
        wrong(
            format!(
                "`@step_up(\"{kind}\")` promises what would not help: the policy can forbid whatever `context.{attribute}` says"
            ),
            example(attribute).to_owned(),
        );
    }
}

fn example(attribute: &str) -> &'static str {
    match attribute {
        "approvals" => {
            "add for example `when { context.approvals.isEmpty() }`, joined by `&&` with what else must hold"
        }
        _ => {
            "add for example `unless { context.login.amr.contains(\"mfa\") }`, joined by `&&` with what else must hold"
        }
    }
}

/// Whether for everything else that makes the condition true, some value of the parts that look at
/// the attribute makes it false. Parts count as independent of each other.
fn lifts(condition: &Expr, attribute: &str) -> bool {
    let mut atoms: Vec<&Expr> = Vec::new();
    collect(condition, &mut atoms);
    atoms.sort_by_key(|atom| !looks_at(atom, attribute));
    let ours = atoms
        .iter()
        .filter(|atom| looks_at(atom, attribute))
        .count();
    if ours == 0 || atoms.len() > ATOMS {
        return false;
    }
    let others = atoms.len() - ours;
    (0_u32..1 << others).all(|rest| {
        let mut values = (0_u32..1 << ours).map(|own| truth(condition, &atoms, own | rest << ours));
        values.clone().all(|value| !value) || values.any(|value| !value)
    })
}

/// The parts that are no `&&`, `||`, `!` or `if` themselves, each once.
fn collect<'e>(expr: &'e Expr, atoms: &mut Vec<&'e Expr>) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| collect(part, atoms)),
        Expr::Not(inner) => collect(inner, atoms),
        Expr::If(parts) => parts.iter().for_each(|part| collect(part, atoms)),
        Expr::Bool(_) => {}
        atom if atoms.contains(&atom) => {}
        atom => atoms.push(atom),
    }
}

fn truth(expr: &Expr, atoms: &[&Expr], values: u32) -> bool {
    let inner = |expr: &Expr| truth(expr, atoms, values);
    match expr {
        Expr::And(parts) => parts.iter().all(inner),
        Expr::Or(parts) => parts.iter().any(inner),
        Expr::Not(one) => !inner(one),
        Expr::If(parts) => {
            let [condition, then, otherwise] = &**parts;
            if inner(condition) {
                inner(then)
            } else {
                inner(otherwise)
            }
        }
        Expr::Bool(value) => *value,
        atom => {
            let at = atoms.iter().position(|known| *known == atom);
            at.is_some_and(|at| values >> at & 1 == 1)
        }
    }
}

/// Whether an expression reads this attribute of the context.
fn looks_at(expr: &Expr, attribute: &str) -> bool {
    let context = |expr: &Expr| *expr == Expr::Var(Var::Context);
    match expr {
        Expr::GetAttr(inner, name) => {
            context(inner) && name == attribute || looks_at(inner, attribute)
        }
        Expr::Has(inner, names) => {
            context(inner) && names.first().is_some_and(|name| name == attribute)
                || looks_at(inner, attribute)
        }
        other => other
            .children()
            .into_iter()
            .any(|child| looks_at(child, attribute)),
    }
}
