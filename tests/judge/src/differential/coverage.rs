//! What the random cases reached: a judge that never sees an operator be true cannot see that it
//! is wrong.

use std::collections::BTreeMap;

use super::expr::Expr;
use super::policy::{ActionScope, Policy, Scope};
use super::prepare::{self, Asked, Expected, Stored};
use crate::subject::{Answer, ErrorKind};
use xtask_kit::ui;

/// The errors that a valid policy can have.
const AFTER_CHECKS: [ErrorKind; 3] = [
    ErrorKind::EntityDoesNotExist,
    ErrorKind::IntegerOverflow,
    ErrorKind::FailedExtensionFunctionExecution,
];

/// Counts of what happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    allow: u64,
    deny: u64,
    refused: u64,
    /// Requests that were broken on purpose and yet conform.
    unbroken: u64,
    /// Policies that were satisfied and visibly so.
    determining: u64,
    /// Policies asked.
    policies: u64,
    /// Policies that erred, by kind.
    kinds: BTreeMap<ErrorKind, u64>,
    /// Policies made, and those that strict validation refused.
    pub drawn: u64,
    /// See `drawn`.
    pub dropped: u64,
    /// How each operator came out where it was looked at: true, false, with an error.
    operators: BTreeMap<&'static str, [u64; 3]>,
}

impl Coverage {
    /// Counts a decision.
    pub(crate) fn count(&mut self, expected: &Expected, policies: usize, broken: bool) {
        match expected {
            Expected::Refused(_) => self.refused += 1,
            Expected::Answer(answer) => {
                self.allow += u64::from(answer.allow);
                self.deny += u64::from(!answer.allow);
                self.unbroken += u64::from(broken);
                self.determining += answer.determining.len() as u64;
                self.policies += policies as u64;
                for kind in answer.erroring.values() {
                    *self.kinds.entry(*kind).or_default() += 1;
                }
            }
        }
    }

    /// Evaluates every part of every condition on its own, as a policy of one expression. In a valid
    /// policy a part that meets a wrong type or a missing attribute had a check before it.
    pub(crate) fn look_at(&mut self, policies: &[Policy], with: &[(&Asked, &Stored)], typed: bool) {
        let mut parts = Vec::new();
        for (_, clause) in policies.iter().flat_map(|policy| &policy.clauses) {
            collect(clause, &mut parts);
        }
        let set = parts.iter().map(|part| alone(part)).collect::<Vec<_>>();
        let Ok(set) = prepare::policies(&set, false) else {
            return;
        };
        for (asked, stored) in with {
            if let Expected::Answer(answer) = asked.expected(&set, stored) {
                self.count_parts(&parts, &answer, typed);
            }
        }
    }

    fn count_parts(&mut self, parts: &[&Expr], answer: &Answer, typed: bool) {
        for (index, part) in parts.iter().enumerate() {
            let id = format!("policy{index}");
            let outcome = match answer.erroring.get(&id) {
                Some(kind) if typed && !AFTER_CHECKS.contains(kind) => continue,
                Some(_) => 2,
                None => usize::from(!answer.determining.contains(&id)),
            };
            self.operators.entry(part.operator()).or_default()[outcome] += 1;
        }
    }

    /// Adds another count.
    pub(crate) fn add(&mut self, other: &Self) {
        self.allow += other.allow;
        self.deny += other.deny;
        self.refused += other.refused;
        self.unbroken += other.unbroken;
        self.determining += other.determining;
        self.policies += other.policies;
        self.drawn += other.drawn;
        self.dropped += other.dropped;
        for (kind, count) in &other.kinds {
            *self.kinds.entry(*kind).or_default() += count;
        }
        for (operator, counts) in &other.operators {
            let sums = self.operators.entry(operator).or_default();
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        ui::heading("Coverage");
        let all = self.allow + self.deny + self.refused;
        ui::note(format_args!(
            "allow {}, deny {}, refused {} ({} of the answered were broken in vain)",
            share(self.allow, all),
            share(self.deny, all),
            share(self.refused, all),
            share(self.unbroken, all),
        ));
        let errors: u64 = self.kinds.values().sum();
        ui::note(format_args!(
            "policies: determining {}, erring {}; {} of those drawn are not valid and left out",
            share(self.determining, self.policies),
            share(errors, self.policies),
            share(self.dropped, self.drawn),
        ));
        for (kind, count) in &self.kinds {
            ui::note(format_args!(
                "  {kind:?}: {} of the errors",
                share(*count, errors)
            ));
        }
        ui::note(
            "operators, where looked at: true, false, error (those of no Bool: had a value, -, error)",
        );
        for (operator, [yes, no, error]) in &self.operators {
            let all = yes + no + error;
            ui::note(format_args!(
                "  {operator:<20} {all:>9}: {:>6} {:>6} {:>6}",
                share(*yes, all),
                share(*no, all),
                share(*error, all)
            ));
        }
    }
}

fn share(part: u64, all: u64) -> String {
    if all == 0 {
        return "none".to_owned();
    }
    let mills = part * 1000 / all;
    format!("{}.{}%", mills / 10, mills % 10)
}

fn collect<'a>(expr: &'a Expr, parts: &mut Vec<&'a Expr>) {
    if !matches!(expr, Expr::Lit(_) | Expr::Var(_)) {
        parts.push(expr);
    }
    for operand in expr.operands() {
        collect(operand, parts);
    }
}

/// A permit that is satisfied when the expression is true, or, where it is no Bool, has a value.
fn alone(part: &Expr) -> Policy {
    let condition = if part.is_boolean() {
        part.clone()
    } else {
        Expr::binary("==", part.clone(), part.clone())
    };
    Policy {
        permit: true,
        principal: Scope::Any,
        action: ActionScope::Any,
        resource: Scope::Any,
        clauses: vec![(true, condition)],
        links: vec![],
    }
}
