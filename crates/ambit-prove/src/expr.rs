//! Cedar expressions in Cedar's JSON form, put together.

use serde_json::{Map, Value, json};

/// An expression.
pub(crate) type Expr = Value;

pub(crate) fn truth(value: bool) -> Expr {
    json!({"Value": value})
}

/// What an expression is, where it is a constant.
pub(crate) fn constant(expr: &Expr) -> Option<bool> {
    expr.get("Value")?.as_bool()
}

pub(crate) fn text(text: &str) -> Expr {
    json!({"Value": text})
}

pub(crate) fn long(value: i64) -> Expr {
    json!({"Value": value})
}

pub(crate) fn entity(kind: &str, id: &str) -> Expr {
    json!({"Value": {"__entity": {"type": kind, "id": id}}})
}

pub(crate) fn var(name: &str) -> Expr {
    json!({"Var": name})
}

pub(crate) fn attr(of: Expr, name: &str) -> Expr {
    json!({".": {"left": of, "attr": name}})
}

pub(crate) fn context(name: &str) -> Expr {
    attr(var("context"), name)
}

pub(crate) fn has(of: Expr, name: &str) -> Expr {
    json!({"has": {"left": of, "attr": name}})
}

pub(crate) fn is(of: Expr, kind: &str) -> Expr {
    json!({"is": {"left": of, "entity_type": kind}})
}

/// `*` is any run of characters where a piece is `None`.
pub(crate) fn like<'p>(of: Expr, pieces: impl IntoIterator<Item = Option<&'p str>>) -> Expr {
    let pieces = pieces.into_iter().map(|piece| match piece {
        None => json!("Wildcard"),
        Some(text) => json!({"Literal": text}),
    });
    json!({"like": {"left": of, "pattern": pieces.collect::<Vec<_>>()}})
}

pub(crate) fn set(elements: Vec<Expr>) -> Expr {
    json!({"Set": elements})
}

pub(crate) fn record(members: Map<String, Value>) -> Expr {
    json!({"Record": members})
}

pub(crate) fn binary(operator: &str, left: Expr, right: Expr) -> Expr {
    json!({operator: {"left": left, "right": right}})
}

pub(crate) fn unary(operator: &str, argument: Expr) -> Expr {
    json!({operator: {"arg": argument}})
}

pub(crate) fn call(function: &str, arguments: Vec<Expr>) -> Expr {
    json!({function: arguments})
}

pub(crate) fn eq(left: Expr, right: Expr) -> Expr {
    binary("==", left, right)
}

pub(crate) fn is_in(left: Expr, right: Expr) -> Expr {
    binary("in", left, right)
}

pub(crate) fn contains(set: Expr, element: Expr) -> Expr {
    binary("contains", set, element)
}

pub(crate) fn contains_all(set: Expr, all: Expr) -> Expr {
    binary("containsAll", set, all)
}

pub(crate) fn is_empty(set: Expr) -> Expr {
    unary("isEmpty", set)
}

pub(crate) fn not(expr: Expr) -> Expr {
    match constant(&expr) {
        Some(value) => truth(!value),
        None => unary("!", expr),
    }
}

/// All of them, from the left; what is constant is folded.
pub(crate) fn all(parts: impl IntoIterator<Item = Expr>) -> Expr {
    joined("&&", true, parts)
}

/// One of them at least.
pub(crate) fn any(parts: impl IntoIterator<Item = Expr>) -> Expr {
    joined("||", false, parts)
}

fn joined(operator: &str, unit: bool, parts: impl IntoIterator<Item = Expr>) -> Expr {
    let mut whole: Option<Expr> = None;
    for part in parts {
        match constant(&part) {
            Some(value) if value == unit => {}
            // Nothing behind it is evaluated, and nothing before it can err.
            Some(value) => return truth(value),
            None => {
                whole = Some(match whole {
                    None => part,
                    Some(before) => binary(operator, before, part),
                });
            }
        }
    }
    whole.unwrap_or_else(|| truth(unit))
}

/// Where the condition holds, the one, else the other.
pub(crate) fn choose(condition: Expr, then: Expr, otherwise: Expr) -> Expr {
    json!({"if-then-else": {"if": condition, "then": then, "else": otherwise}})
}

/// If the attribute is there, this, else `otherwise`. (Cedar's validator sees that an optional attribute is
/// there behind `if … has`, and not behind `!(… has) ||`.)
pub(crate) fn where_has(of: Expr, name: &str, then: Expr, otherwise: bool) -> Expr {
    match (constant(&then), otherwise) {
        (Some(then), otherwise) if then == otherwise => truth(then),
        (Some(true), _) => has(of, name),
        (Some(false), _) => not(has(of, name)),
        (None, false) => all([has(of, name), then]),
        (None, true) => choose(has(of, name), then, truth(true)),
    }
}

/// This, where the condition holds.
pub(crate) fn where_true(condition: &Expr, then: Expr) -> Expr {
    match (constant(condition), constant(&then)) {
        (Some(true), _) | (_, Some(true)) => then,
        (Some(false), _) => truth(true),
        _ => choose(condition.clone(), then, truth(true)),
    }
}

/// Policies that deny unless the condition holds, and look at nothing before it does.
pub(crate) fn behind(policies: &mut Value, condition: &Expr) {
    if constant(condition) == Some(true) {
        return;
    }
    for policy in policies
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut)
    {
        let denied = truth(policy["effect"] == "forbid");
        let body = &mut policy["conditions"][0]["body"];
        *body = choose(condition.clone(), body.take(), denied);
    }
}

/// A datetime, by its milliseconds since 1970.
pub(crate) fn datetime(milliseconds: i64) -> Expr {
    let written = jiff::Timestamp::from_millisecond(milliseconds).ok();
    let written = written.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
    if let Some(written) = written.filter(|text| text.len() == "1970-01-01T00:00:00.000Z".len()) {
        return call("datetime", vec![text(&written)]);
    }
    let epoch = call("datetime", vec![text("1970-01-01")]);
    call("offset", vec![epoch, duration(milliseconds)])
}

pub(crate) fn duration(milliseconds: i64) -> Expr {
    call("duration", vec![text(&format!("{milliseconds}ms"))])
}

/// A policy of Cedar's JSON form, for every principal, action and resource.
pub(crate) fn policy(effect: &str, condition: &Expr) -> Value {
    json!({
        "effect": effect,
        "principal": {"op": "All"},
        "action": {"op": "All"},
        "resource": {"op": "All"},
        "conditions": [{"kind": "when", "body": condition}],
    })
}
