//! Making a trial that fails as small as it gets while it still fails.

use super::expr::Expr;
use super::policy::{ActionScope, Scope};
use super::trial::{Difference, Trial};
use crate::subject::{SchemaSource, Subject};

use super::data::Val;

/// So that a slow engine does not keep its author waiting: about ten seconds.
const TRIES: usize = 4000;

/// The smallest trial found, with its difference.
pub(crate) fn shrink(
    mut trial: Trial,
    mut difference: Difference,
    subject: &dyn Subject,
    schema: Option<&SchemaSource>,
) -> (Trial, Difference) {
    let mut tries = 0;
    let mut smaller = true;
    while smaller && tries < TRIES {
        smaller = false;
        // From the coarse to the fine; after a success the same number is the next thing.
        for kind in KINDS {
            let mut index = 0;
            while tries < TRIES {
                let mut candidate = trial.clone();
                match kind(&mut candidate, index) {
                    Change::None => break,
                    Change::Useless => index += 1,
                    Change::Made => {
                        tries += 1;
                        let same = candidate
                            .difference(subject, schema)
                            .filter(|found| found.is_like(&difference));
                        match same {
                            Some(found) => {
                                (trial, difference, smaller) = (candidate, found, true);
                            }
                            None => index += 1,
                        }
                    }
                }
            }
        }
    }
    (trial, difference)
}

/// What became of a candidate.
enum Change {
    /// There are no more.
    None,
    /// Nothing: it is as small as that already.
    Useless,
    /// It is smaller.
    Made,
}

type Kind = fn(&mut Trial, usize) -> Change;

const KINDS: [Kind; 10] = [
    plain_style,
    drop_policy,
    drop_entity,
    drop_clause,
    open_scope,
    drop_link,
    simplify_expression,
    drop_context,
    drop_attribute,
    drop_parent,
];

fn remove<T>(items: &mut Vec<T>, index: usize) -> Change {
    if index >= items.len() {
        return Change::None;
    }
    items.remove(index);
    Change::Made
}

fn plain_style(trial: &mut Trial, _index: usize) -> Change {
    trial.style.take().map_or(Change::None, |_| Change::Made)
}

fn drop_policy(trial: &mut Trial, index: usize) -> Change {
    remove(&mut trial.policies, index)
}

fn drop_entity(trial: &mut Trial, index: usize) -> Change {
    remove(&mut trial.store.0, index)
}

/// The place of the `index`th item of all those that the parts have.
fn place<T>(parts: &[T], count: impl Fn(&T) -> usize, index: usize) -> Option<(usize, usize)> {
    let mut left = index;
    for (part, item) in parts.iter().enumerate() {
        let here = count(item);
        if left < here {
            return Some((part, left));
        }
        left -= here;
    }
    None
}

fn drop_clause(trial: &mut Trial, index: usize) -> Change {
    match place(&trial.policies, |policy| policy.clauses.len(), index) {
        Some((policy, clause)) => remove(&mut trial.policies[policy].clauses, clause),
        None => Change::None,
    }
}

fn drop_link(trial: &mut Trial, index: usize) -> Change {
    match place(&trial.policies, |policy| policy.links.len(), index) {
        // A template without a link decides nothing.
        Some((policy, _)) if trial.policies[policy].links.len() < 2 => Change::Useless,
        Some((policy, link)) => remove(&mut trial.policies[policy].links, link),
        None => Change::None,
    }
}

fn open_scope(trial: &mut Trial, index: usize) -> Change {
    let Some(policy) = trial.policies.get_mut(index / 3) else {
        return Change::None;
    };
    let open = |scope: &mut Scope| match std::mem::replace(scope, Scope::Any) {
        Scope::Any => Change::Useless,
        _ => Change::Made,
    };
    match index % 3 {
        // A slot less would have to be taken from the links too.
        0 | 2 if policy.is_template() => Change::Useless,
        0 => open(&mut policy.principal),
        2 => open(&mut policy.resource),
        _ => match std::mem::replace(&mut policy.action, ActionScope::Any) {
            ActionScope::Any => Change::Useless,
            _ => Change::Made,
        },
    }
}

fn drop_context(trial: &mut Trial, index: usize) -> Change {
    match &mut trial.ask.context {
        Val::Record(members) => match members.keys().nth(index).cloned() {
            Some(name) => {
                members.remove(&name);
                Change::Made
            }
            None => Change::None,
        },
        _ => Change::None,
    }
}

fn drop_attribute(trial: &mut Trial, index: usize) -> Change {
    let count = |entity: &super::data::Entity| entity.attrs.len() + entity.tags.len();
    let Some((entity, member)) = place(&trial.store.0, count, index) else {
        return Change::None;
    };
    let entity = &mut trial.store.0[entity];
    let attrs = entity.attrs.len();
    let (members, member) = if member < attrs {
        (&mut entity.attrs, member)
    } else {
        (&mut entity.tags, member - attrs)
    };
    if let Some(name) = members.keys().nth(member).cloned() {
        members.remove(&name);
    }
    Change::Made
}

fn drop_parent(trial: &mut Trial, index: usize) -> Change {
    match place(&trial.store.0, |entity| entity.parents.len(), index) {
        Some((entity, parent)) => remove(&mut trial.store.0[entity].parents, parent),
        None => Change::None,
    }
}

/// Puts an operand, or `true` or `false`, in the place of one expression.
fn simplify_expression(trial: &mut Trial, index: usize) -> Change {
    let mut left = index;
    for policy in &mut trial.policies {
        for (_, clause) in &mut policy.clauses {
            if let Some(change) = simplify(clause, &mut left) {
                return change;
            }
        }
    }
    Change::None
}

fn simplify(expr: &mut Expr, left: &mut usize) -> Option<Change> {
    let operands = expr.operands().len();
    if *left < operands {
        let operand = expr.operands()[*left].clone();
        *expr = operand;
        return Some(Change::Made);
    }
    *left -= operands;
    for value in [true, false] {
        if *left == 0 {
            if matches!(expr, Expr::Lit(Val::Bool(_))) || !expr.is_boolean() {
                return Some(Change::Useless);
            }
            *expr = Expr::bool(value);
            return Some(Change::Made);
        }
        *left -= 1;
    }
    if let Expr::Set(items) = expr {
        if *left < items.len() {
            items.remove(*left);
            return Some(Change::Made);
        }
        *left -= items.len();
    }
    expr.operands_mut()
        .into_iter()
        .find_map(|operand| simplify(operand, left))
}
