//! Faults that are planted into the mirror on purpose. The judge that misses one is not worth its
//! time. Most are a rewriting of the policies' JSON form, so that the crate itself computes the
//! wrong answer.

use std::str::FromStr as _;

use cedar_policy::{Policy, PolicyId, PolicySet, Template};
use serde_json::{Map, Value};

use super::{Answer, ErrorKind};

/// One deliberate fault.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `<` is taken for `<=`
    LessIsLessOrEqual,
    /// `a > b` is taken for `a >= b`
    GreaterIsGreaterOrEqual,
    /// `containsAll` is taken for `containsAny`
    AllIsAny,
    /// The operands of `+` and `==` are evaluated from the right
    RightToLeft,
    /// The operands of `&&` are evaluated from the right
    AndFromRight,
    /// `e is T in x` forgets the `in x`
    IsForgetsIn,
    /// A `*` in a pattern's text is a wildcard too
    StarIsWildcard,
    /// `toDate` changes nothing
    ToDateDoesNothing,
    /// `-0.5` is read as `0.5`
    MinusZeroIsLost,
    /// `has a.b` looks at `a` only
    LongHasIsShort,
    /// `isLoopback` answers what `isMulticast` should
    LoopbackIsMulticast,
    /// An entity has its first parent only
    OneParent,
    /// An error in a `forbid` denies
    ErrorsDeny,
    /// Overflow is called a type error
    OverflowIsTypeError,
    /// Only one determining policy is named
    OneReason,
    /// Contexts that do not conform are taken
    AnyContext,
    /// The second of the entities is not seen
    SecondEntityForgotten,
}

impl Fault {
    /// The policies as this fault understands them.
    pub(crate) fn plant(self, policies: &PolicySet) -> Result<PolicySet, String> {
        let mut planted = PolicySet::new();
        for template in policies.templates() {
            let mut json = template.to_json().map_err(|error| error.to_string())?;
            self.rewrite(&mut json);
            let template = Template::from_json(Some(template.id().clone()), json);
            let template = template.map_err(|error| error.to_string())?;
            planted
                .add_template(template)
                .map_err(|error| error.to_string())?;
        }
        for policy in policies.policies() {
            self.plant_policy(policy, &mut planted)?;
        }
        Ok(planted)
    }

    fn plant_policy(self, policy: &Policy, planted: &mut PolicySet) -> Result<(), String> {
        let linked = policy.template_id().zip(policy.template_links());
        let added = match linked {
            Some((template, values)) => planted.link(template.clone(), policy.id().clone(), values),
            None => {
                let mut json = policy.to_json().map_err(|error| error.to_string())?;
                self.rewrite(&mut json);
                let id = PolicyId::from_str(policy.id().as_ref());
                let id = id.map_err(|error| error.to_string())?;
                let policy = Policy::from_json(Some(id), json);
                planted.add(policy.map_err(|error| error.to_string())?)
            }
        };
        added.map_err(|error| error.to_string())
    }

    fn rewrite(self, json: &mut Value) {
        match json {
            Value::Array(items) => items.iter_mut().for_each(|item| self.rewrite(item)),
            Value::Object(map) => {
                map.values_mut().for_each(|value| self.rewrite(value));
                self.rewrite_node(map);
            }
            _ => {}
        }
    }

    fn rewrite_node(self, node: &mut Map<String, Value>) {
        match self {
            Self::LessIsLessOrEqual => rename(node, "<", "<="),
            Self::GreaterIsGreaterOrEqual => rename(node, ">", ">="),
            Self::AllIsAny => rename(node, "containsAll", "containsAny"),
            Self::LoopbackIsMulticast => rename(node, "isLoopback", "isMulticast"),
            Self::RightToLeft => ["+", "=="].iter().for_each(|name| swap(node, name)),
            Self::AndFromRight => swap(node, "&&"),
            Self::IsForgetsIn => {
                if let Some(Value::Object(is)) = node.get_mut("is") {
                    is.shift_remove("in");
                }
            }
            Self::StarIsWildcard => {
                if let Some(Value::Object(like)) = node.get_mut("like") {
                    like.get_mut("pattern").map(spread_stars);
                }
            }
            Self::ToDateDoesNothing => {
                if let Some(Value::Array(arguments)) = node.get_mut("toDate")
                    && let Some(Value::Object(first)) = arguments.first_mut()
                {
                    *node = std::mem::take(first);
                }
            }
            Self::MinusZeroIsLost => {
                if let Some(Value::String(text)) = node.get_mut("Value")
                    && text.starts_with("-0.")
                {
                    text.remove(0);
                }
            }
            Self::LongHasIsShort => {
                if let Some(Value::Object(has)) = node.get_mut("has")
                    && let Some(Value::Array(path)) = has.get_mut("attr")
                {
                    path.truncate(1);
                }
            }
            _ => {}
        }
    }

    /// What this fault makes of the entities.
    pub(crate) fn change_entities(self, text: &str) -> String {
        let Ok(Value::Array(mut entities)) = serde_json::from_str(text) else {
            return text.to_owned();
        };
        match self {
            Self::OneParent => {
                for entity in &mut entities {
                    if let Some(Value::Array(parents)) = entity.get_mut("parents") {
                        parents.truncate(1);
                    }
                }
            }
            Self::SecondEntityForgotten if entities.len() > 1 => {
                entities.remove(1);
            }
            _ => return text.to_owned(),
        }
        Value::Array(entities).to_string()
    }

    /// What this fault makes of the answer.
    pub(crate) fn change_answer(self, mut answer: Answer) -> Answer {
        match self {
            Self::ErrorsDeny if !answer.erroring.is_empty() => {
                answer.allow = false;
                answer.determining.clear();
            }
            Self::OverflowIsTypeError => {
                for kind in answer.erroring.values_mut() {
                    if *kind == ErrorKind::IntegerOverflow {
                        *kind = ErrorKind::TypeError;
                    }
                }
            }
            Self::OneReason => {
                answer.determining = answer.determining.into_iter().take(1).collect();
            }
            _ => {}
        }
        answer
    }
}

fn rename(node: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = node.shift_remove(from) {
        node.insert(to.to_owned(), value);
    }
}

fn swap(node: &mut Map<String, Value>, operator: &str) {
    if let Some(Value::Object(operands)) = node.get_mut(operator) {
        let left = operands.shift_remove("left");
        let right = operands.shift_remove("right");
        if let (Some(left), Some(right)) = (left, right) {
            operands.insert("left".to_owned(), right);
            operands.insert("right".to_owned(), left);
        }
    }
}

/// Makes every `*` in the literal parts of a pattern a wildcard.
fn spread_stars(pattern: &mut Value) {
    let Value::Array(pieces) = pattern else {
        return;
    };
    for piece in pieces {
        if piece.get("Literal").is_some_and(|text| text == "*") {
            *piece = Value::String("Wildcard".to_owned());
        }
    }
}
