//! Conditions that contradict each other, as far as comparisons with literals tell.
//!
//! What is judged is whether all of them can be *true* at once. An expression that is true was evaluated
//! without an error, so errors need no rule here.

use crate::cedar::{Binary, Expr};

/// Alternatives that are looked into. A condition with more is taken for possible.
const STEPS: usize = 2_000;
/// Choices between alternatives that are combined with each other; of more, the first.
const CHOICES: usize = 16;
/// Integers of a range that are tried one by one against what is excluded.
const TRIED: i64 = 16;

/// Whether these can never all be true.
pub(super) fn impossible<'e>(parts: impl IntoIterator<Item = (&'e Expr, bool)>) -> bool {
    let mut steps = STEPS;
    let mut facts = Facts::default();
    facts.add(parts.into_iter().collect(), &mut steps).is_none()
}

/// Whether `wanted` is true wherever all of `parts` are.
pub(super) fn implies(parts: &[&Expr], wanted: &Expr) -> bool {
    if parts.contains(&wanted) || *wanted == Expr::Bool(true) {
        return true;
    }
    // What is no comparison by itself could err where the parts do not.
    let known = parts.iter().map(|part| (*part, true));
    is_comparison(wanted) && impossible(known.chain([(wanted, false)]))
}

/// What a part of a condition is about: of a comparison with literals the other side, else all of it.
pub(super) fn subject(expr: &Expr) -> &Expr {
    match expr {
        Expr::Not(inner) => subject(inner),
        Expr::Binary(_, sides) if is_comparison(expr) => {
            let [left, right] = &**sides;
            if is_literal(left) || literals(left).is_some() {
                right
            } else {
                left
            }
        }
        other => other,
    }
}

fn is_comparison(expr: &Expr) -> bool {
    match expr {
        Expr::Not(inner) => is_comparison(inner),
        Expr::Binary(op, sides) => {
            let [left, right] = &**sides;
            match op {
                Binary::Eq | Binary::Less | Binary::LessEq => is_literal(left) != is_literal(right),
                Binary::Contains => literals(left).is_some(),
                _ => false,
            }
        }
        _ => false,
    }
}

const fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Bool(_) | Expr::Long(_) | Expr::Str(_) | Expr::Entity(_)
    )
}

/// The elements of a set that is written out.
fn literals(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Set(list) if list.iter().all(is_literal) => Some(list),
        _ => None,
    }
}

/// What is known of the value of one expression.
#[derive(Clone, Debug)]
struct Values<'e> {
    one_of: Option<Vec<&'e Expr>>,
    none_of: Vec<&'e Expr>,
    least: i64,
    most: i64,
}

impl Values<'_> {
    fn is_empty(&self) -> bool {
        let free = |value: &Expr| !self.none_of.contains(&value);
        match &self.one_of {
            Some(list) => !list.iter().any(|value| free(value) && self.spans(value)),
            None if self.most < self.least => true,
            None => match self.most.checked_sub(self.least) {
                Some(width) if width < TRIED => {
                    !(self.least..=self.most).any(|number| free(&Expr::Long(number)))
                }
                _ => false,
            },
        }
    }

    fn spans(&self, value: &Expr) -> bool {
        match value {
            Expr::Long(number) => (self.least..=self.most).contains(number),
            _ => true,
        }
    }
}

/// What must hold together.
#[derive(Clone, Debug, Default)]
struct Facts<'e> {
    values: Vec<(&'e Expr, Values<'e>)>,
    truths: Vec<(&'e Expr, bool)>,
    /// Lists of which one must be as it says.
    choices: Vec<Vec<(&'e Expr, bool)>>,
}

impl<'e> Facts<'e> {
    /// Adds what must hold; `None` if that contradicts itself or what was known.
    fn add(&mut self, mut open: Vec<(&'e Expr, bool)>, steps: &mut usize) -> Option<()> {
        while let Some((expr, truth)) = open.pop() {
            match expr {
                Expr::Bool(value) if *value == truth => {}
                Expr::Bool(_) => return None,
                Expr::Not(inner) => open.push((inner, !truth)),
                Expr::And(parts) if truth => open.extend(parts.iter().map(|part| (part, true))),
                Expr::Or(parts) if !truth => open.extend(parts.iter().map(|part| (part, false))),
                Expr::And(parts) | Expr::Or(parts) => {
                    let choice = parts.iter().map(|part| (part, truth));
                    self.choices.push(choice.collect());
                }
                atom => self.atom(atom, truth, &mut open)?,
            }
        }
        self.choices.truncate(CHOICES);
        self.choose(steps)
    }

    /// Whether one of each list can hold beside the rest.
    fn choose(&self, steps: &mut usize) -> Option<()> {
        let mut rest = self.clone();
        let Some(choice) = rest.choices.pop() else {
            return Some(());
        };
        choice.into_iter().find_map(|one| {
            let Some(left) = steps.checked_sub(1) else {
                return Some(());
            };
            *steps = left;
            rest.clone().add(vec![one], steps)
        })
    }

    fn atom(
        &mut self,
        atom: &'e Expr,
        truth: bool,
        open: &mut Vec<(&'e Expr, bool)>,
    ) -> Option<()> {
        if self.truths.contains(&(atom, !truth)) {
            return None;
        }
        self.truths.push((atom, truth));
        let Expr::Binary(op, sides) = atom else {
            return Some(());
        };
        let [left, right] = &**sides;
        match (op, is_literal(left), is_literal(right)) {
            (Binary::Eq, true, true) => ((left == right) == truth).then_some(()),
            (Binary::Eq, false, false) => (truth || left != right).then_some(()),
            (Binary::Eq, true, false) => self.equal(right, left, truth, open),
            (Binary::Eq, false, true) => self.equal(left, right, truth, open),
            (Binary::Less | Binary::LessEq, ..) => {
                self.order(left, right, *op == Binary::LessEq, truth)
            }
            (Binary::Contains, _, false) => match literals(left) {
                Some(list) => self.among(right, list.iter().collect(), truth),
                None => Some(()),
            },
            _ => Some(()),
        }
    }

    fn equal(
        &mut self,
        term: &'e Expr,
        value: &'e Expr,
        truth: bool,
        open: &mut Vec<(&'e Expr, bool)>,
    ) -> Option<()> {
        if let Expr::Bool(value) = value {
            open.push((term, *value == truth));
            return Some(());
        }
        self.among(term, vec![value], truth)
    }

    fn among(&mut self, term: &'e Expr, list: Vec<&'e Expr>, truth: bool) -> Option<()> {
        let values = self.values_of(term);
        if truth {
            match &mut values.one_of {
                Some(known) => known.retain(|one| list.contains(one)),
                none => *none = Some(list),
            }
        } else {
            values.none_of.extend(list);
        }
        (!values.is_empty()).then_some(())
    }

    /// `left < right`, or `left <= right`, or that it is not so.
    fn order(
        &mut self,
        left: &'e Expr,
        right: &'e Expr,
        or_equal: bool,
        truth: bool,
    ) -> Option<()> {
        // `!(a < b)` is `b <= a`.
        let (left, right, or_equal) = if truth {
            (left, right, or_equal)
        } else {
            (right, left, !or_equal)
        };
        match (left, right) {
            (Expr::Long(left), Expr::Long(right)) => {
                (left < right || or_equal && left == right).then_some(())
            }
            (term, Expr::Long(bound)) => {
                let most = if or_equal {
                    *bound
                } else {
                    bound.checked_sub(1)?
                };
                let values = self.values_of(term);
                values.most = values.most.min(most);
                (!values.is_empty()).then_some(())
            }
            (Expr::Long(bound), term) => {
                let least = if or_equal {
                    *bound
                } else {
                    bound.checked_add(1)?
                };
                let values = self.values_of(term);
                values.least = values.least.max(least);
                (!values.is_empty()).then_some(())
            }
            (left, right) => (or_equal || left != right).then_some(()),
        }
    }

    fn values_of(&mut self, term: &'e Expr) -> &mut Values<'e> {
        let at = self.values.iter().position(|(known, _)| *known == term);
        let at = at.unwrap_or_else(|| {
            let all = Values {
                one_of: None,
                none_of: Vec::new(),
                least: i64::MIN,
                most: i64::MAX,
            };
            self.values.push((term, all));
            self.values.len() - 1
        });
        &mut self.values[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cedar::{Slots, Source};

    fn conditions(text: &str) -> Vec<Expr> {
        let text = format!("permit (principal, action, resource) when {{ {text} }};");
        let policy: cedar_policy::Policy = text.parse().unwrap();
        let json = policy.to_json().unwrap();
        let source = Source::read("p", &json, &Slots::new()).unwrap();
        match source.condition() {
            Expr::And(parts) => parts,
            other => vec![other],
        }
    }

    fn is_impossible(text: &str) -> bool {
        impossible(conditions(text).iter().map(|part| (part, true)))
    }

    #[test]
    fn contradictions_are_seen() {
        for text in [
            "context.a == 1 && context.a == 2",
            "context.a > 5 && context.a < 6",
            "context.a >= 5 && context.a <= 5 && context.a != 5",
            "context.a == \"x\" && [\"y\", \"z\"].contains(context.a)",
            "[\"x\"].contains(context.a) && context.a != \"x\"",
            "context has a && !(context has a)",
            "(context.a == 1 || context.a == 2) && context.a > 2",
            "context.a && !context.a",
            "context.b == true && context.b == false",
            "context.a < -9223372036854775808",
            "!(context.a == 1 || context.b) && context.b",
            "context.a < context.a",
            "1 > 2",
            "principal == User::\"a\" && principal == User::\"b\"",
        ] {
            assert!(is_impossible(text), "{text}");
        }
    }

    #[test]
    fn what_can_hold_is_none() {
        for text in [
            "context.a == 1 && context.b == 2",
            "context.a > 5 && context.a < 7",
            "context.a >= 5 && context.a <= 6 && context.a != 5",
            "context.a == \"x\" || context.a == \"y\"",
            "[\"x\", \"y\"].contains(context.a) && context.a != \"x\"",
            "context.a <= context.a",
            "context.a like \"x*\" && context.a like \"y*\"",
            "if context.a then true else false",
            "context.a != \"x\" && context.a != \"y\"",
        ] {
            assert!(!is_impossible(text), "{text}");
        }
    }

    #[test]
    fn a_wider_comparison_is_implied() {
        let implied = |known: &str, wanted: &str| {
            let known = conditions(known);
            let known: Vec<&Expr> = known.iter().collect();
            let wanted = conditions(wanted);
            wanted.iter().all(|wanted| implies(&known, wanted))
        };
        assert!(implied("context.a > 100", "context.a > 50"));
        assert!(implied("context.a == 7 && context.b", "context.a < 8"));
        assert!(implied(
            "context.a == \"x\"",
            "[\"x\", \"y\"].contains(context.a)"
        ));
        assert!(implied("context.a == \"x\"", "context.a != \"y\""));
        assert!(!implied("context.a > 50", "context.a > 100"));
        assert!(!implied("context.a > 50", "context.b > 50"));
        // The sum could overflow where the comparison known to hold does not.
        assert!(!implied(
            "context.a > 50",
            "context.a > 50 || context.b + 1 > 0"
        ));
    }

    #[test]
    fn too_many_choices_end() {
        let one = "(context.a == 1 || context.a == 2 || context.b == 3)";
        let text = vec![one; 400].join(" && ");
        assert!(!crate::project::on_a_large_stack(|| is_impossible(&text)));
    }
}
