//! What the guard rails can ever allow, as far as action, power, purpose, agent class and kind of resource
//! decide it: without a solver, and without a request.
//!
//! Whatever else a condition asks may come out either way. So what is said never to be allowed never is;
//! the other way round only the solver is sure.

use serde_json::{Value, json};

use crate::Policy;
use crate::expr::Expr;

/// What is known of calls.
#[derive(Clone, Copy, Debug)]
pub struct Call<'c> {
    /// The agent's class.
    pub agent: &'c str,
    /// The action.
    pub action: &'c str,
    /// The power, by its name.
    pub power: &'c str,
    /// The purpose, where an entry names one.
    pub purpose: Option<&'c str>,
    /// The kind of resource, as tokens name it.
    pub datatype: &'c str,
}

/// What the guard rails say of all such calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rails {
    /// Whether no `permit` can be satisfied.
    pub no_permit: bool,
    /// The numbers of the policies that forbid all of them.
    pub forbidden_by: Vec<usize>,
    /// The numbers of the policies that forbid some of them, as far as can be seen.
    pub may_forbid: Vec<usize>,
}

impl Rails {
    /// Whether no such call is ever allowed.
    #[must_use]
    pub fn never(&self) -> bool {
        self.no_permit || !self.forbidden_by.is_empty()
    }
}

impl Policy {
    /// What the guard rails say of such calls.
    #[must_use]
    pub fn rails(&self, call: &Call<'_>) -> Rails {
        let bundle = self.bundle();
        let known = Known {
            call,
            action_type: bundle
                .action(call.action)
                .and_then(|action| action.cedar())
                .unwrap_or_default(),
            resource_type: bundle.resource_type(call.datatype).unwrap_or_default(),
            grouped: self.is_grouped(call.action),
        };
        let mut rails = Rails {
            no_permit: true,
            ..Rails::default()
        };
        for (number, rule) in self.image.rules.iter().enumerate() {
            let outcomes = known.outcomes(&rule.condition);
            match rule.forbids {
                false => rails.no_permit &= !outcomes.yes,
                true if !outcomes.no => rails.forbidden_by.push(number),
                true if outcomes.yes => rails.may_forbid.push(number),
                true => {}
            }
        }
        rails
    }

    /// Whether the schema puts an action of this name into a group.
    fn is_grouped(&self, action: &str) -> bool {
        let namespaces = self.image.schema.as_object().into_iter().flatten();
        let mut declared =
            namespaces.filter_map(|(_, namespace)| namespace.get("actions")?.get(action));
        declared.any(|one| {
            one.get("memberOf")
                .and_then(Value::as_array)
                .is_some_and(|list| !list.is_empty())
        })
    }
}

/// How a condition can come out. An error counts as `no`: it satisfies nothing, and that it makes a `forbid`
/// deny is left to the evaluator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcomes {
    yes: bool,
    no: bool,
}

const EITHER: Outcomes = Outcomes {
    yes: true,
    no: true,
};

impl Outcomes {
    const fn of(truth: bool) -> Self {
        Self {
            yes: truth,
            no: !truth,
        }
    }

    const fn not(self) -> Self {
        Self {
            yes: self.no,
            no: self.yes,
        }
    }

    const fn and(self, right: Self) -> Self {
        Self {
            yes: self.yes && right.yes,
            no: self.no || right.no,
        }
    }

    const fn or(self, right: Self) -> Self {
        self.not().and(right.not()).not()
    }
}

struct Known<'k> {
    call: &'k Call<'k>,
    action_type: &'k str,
    resource_type: &'k str,
    /// Whether the action may be in another one.
    grouped: bool,
}

fn entity(value: &Value) -> Option<(&str, &str)> {
    let entity = value.get("__entity")?;
    Some((entity.get("type")?.as_str()?, entity.get("id")?.as_str()?))
}

fn var(expr: &Expr) -> Option<&str> {
    expr.get("Var")?.as_str()
}

impl Known<'_> {
    /// The value of an expression, where it is known.
    fn value(&self, expr: &Expr) -> Option<Value> {
        if let Some(value) = expr.get("Value") {
            return Some(value.clone());
        }
        if var(expr) == Some("action") {
            let (kind, id) = (self.action_type, self.call.action);
            return Some(json!({"__entity": {"type": kind, "id": id}}));
        }
        let attribute = expr.get(".")?;
        if var(attribute.get("left")?) != Some("context") {
            return None;
        }
        match attribute.get("attr")?.as_str()? {
            "power" => Some(self.call.power.into()),
            "purpose" => self.call.purpose.map(Value::from),
            _ => None,
        }
    }

    fn outcomes(&self, expr: &Expr) -> Outcomes {
        if let Some(Value::Bool(truth)) = self.value(expr) {
            return Outcomes::of(truth);
        }
        let Some((operator, parts)) = expr.as_object().and_then(|object| object.iter().next())
        else {
            return EITHER;
        };
        let part = |name: &str| parts.get(name).unwrap_or(&Value::Null);
        let (left, right) = (part("left"), part("right"));
        match operator.as_str() {
            "&&" => self.outcomes(left).and(self.outcomes(right)),
            "||" => self.outcomes(left).or(self.outcomes(right)),
            "!" => self.outcomes(part("arg")).not(),
            "if-then-else" => {
                let condition = self.outcomes(part("if"));
                let then = condition.and(self.outcomes(part("then")));
                then.or(condition.not().and(self.outcomes(part("else"))))
            }
            "==" => self.equal(left, right),
            "!=" => self.equal(left, right).not(),
            "in" => self.member(left, right),
            "is" => self.kind(left, part("entity_type"), parts.get("in")),
            "contains" => self.contained(left, right),
            _ => EITHER,
        }
    }

    fn equal(&self, left: &Expr, right: &Expr) -> Outcomes {
        match (self.value(left), self.value(right)) {
            (Some(left), Some(right)) => Outcomes::of(left == right),
            _ => EITHER,
        }
    }

    /// `in`: the only parent of an agent is its class, and an action without a group is in itself alone.
    fn member(&self, left: &Expr, right: &Expr) -> Outcomes {
        if let Some(elements) = right.get("Set").and_then(Value::as_array) {
            let each = elements.iter().map(|element| self.member(left, element));
            return each.fold(Outcomes::of(false), Outcomes::or);
        }
        let Some((kind, id)) = right.get("Value").and_then(entity) else {
            return EITHER;
        };
        match var(left) {
            Some("principal") if kind == "Ambit::AgentClass" => Outcomes::of(id == self.call.agent),
            Some("action") if (kind, id) == (self.action_type, self.call.action) => {
                Outcomes::of(true)
            }
            Some("action") if !self.grouped => Outcomes::of(false),
            _ => EITHER,
        }
    }

    fn kind(&self, of: &Expr, wanted: &Value, within: Option<&Expr>) -> Outcomes {
        let is = match var(of) {
            Some("principal") => Outcomes::of(wanted == "Ambit::Agent"),
            Some("resource") => Outcomes::of(wanted == self.resource_type),
            Some("action") => Outcomes::of(wanted == self.action_type),
            _ => EITHER,
        };
        within.map_or(is, |within| is.and(self.member(of, within)))
    }

    fn contained(&self, set: &Expr, element: &Expr) -> Outcomes {
        let values = || -> Option<(Vec<Value>, Value)> {
            let literals = set.get("Set")?.as_array()?;
            let values = literals
                .iter()
                .map(|one| self.value(one))
                .collect::<Option<_>>()?;
            Some((values, self.value(element)?))
        };
        values().map_or(EITHER, |(values, element)| {
            Outcomes::of(values.contains(&element))
        })
    }
}
