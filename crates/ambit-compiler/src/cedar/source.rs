//! One policy, taken apart: its scope, its conditions, and what is said about it.

use core::ops::Range;

use cedar_policy::PolicySet;
use serde_json::Value as Json;

use super::expr::{Binary, Expr, Slots, Uid, Var, uid};
use crate::error::CompileError;

/// A constraint of the scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Any,
    Eq(Uid),
    In(Vec<Uid>),
    Is(String),
    IsIn(String, Uid),
}

/// A policy without slots.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) id: String,
    pub(crate) forbids: bool,
    pub(crate) principal: Scope,
    pub(crate) action: Scope,
    pub(crate) resource: Scope,
    /// What `when` and `unless` say, in their order.
    pub(crate) conditions: Vec<Expr>,
    /// The same with their places, where a project has them.
    pub(crate) clauses: Vec<Clause>,
    pub(crate) notes: Notes,
}

/// A condition that is told apart from the others of its policy.
#[derive(Clone, Debug)]
pub(crate) struct Clause {
    /// What must hold: of an `unless` already the opposite of what it says.
    pub(crate) expr: Expr,
    /// Whether an `unless` says it.
    pub(crate) unless: bool,
    /// As it is written, in one line.
    pub(crate) text: String,
    /// The line, from 1.
    pub(crate) line: usize,
}

/// What is said about a policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    pub(crate) file: Option<String>,
    pub(crate) line: u32,
    /// Its first line in the file.
    pub(crate) span: Range<usize>,
    pub(crate) reason: Option<String>,
    pub(crate) advice: Option<String>,
    pub(crate) step_up: Option<String>,
}

/// The policies of a set with templates linked, in the order of their identifiers, numbers in them
/// counted as numbers (`policy2` before `policy10`).
pub(crate) fn of_set(policies: &PolicySet) -> Result<Vec<Source>, CompileError> {
    let strange = || CompileError::new("cedar.form", "the policy set has a form that is not known");
    let json = policies
        .clone()
        .to_json()
        .map_err(|error| CompileError::new("cedar.form", error.to_string()))?;
    let members = |name: &str| json.get(name).and_then(Json::as_object);
    let mut sources = Vec::new();
    for (id, policy) in members("staticPolicies").into_iter().flatten() {
        sources.push(Source::read(id, policy, &Slots::new())?);
    }
    let links = json.get("templateLinks").and_then(Json::as_array);
    for link in links.into_iter().flatten() {
        let text = |name: &str| link.get(name).and_then(Json::as_str).ok_or_else(strange);
        let template = members("templates")
            .and_then(|all| all.get(text("templateId").ok()?))
            .ok_or_else(strange)?;
        let values = link.get("values").and_then(Json::as_object);
        let slots: Slots = values
            .into_iter()
            .flatten()
            .map(|(slot, value)| Ok((slot.clone(), uid(value).ok_or_else(strange)?)))
            .collect::<Result<_, _>>()?;
        sources.push(Source::read(text("newId")?, template, &slots)?);
    }
    sources.sort_by_cached_key(|source| natural(&source.id));
    Ok(sources)
}

/// Digits compare by their number: each run of them with its length before it.
pub(crate) fn natural(id: &str) -> Vec<(usize, String)> {
    let mut parts: Vec<(usize, String)> = Vec::new();
    let mut digits = None;
    for letter in id.chars() {
        if digits != Some(letter.is_ascii_digit()) {
            digits = Some(letter.is_ascii_digit());
            parts.push((0, String::new()));
        }
        if let Some((length, part)) = parts.last_mut() {
            part.push(letter);
            if letter.is_ascii_digit() {
                *length = part.trim_start_matches('0').len() + 1;
            }
        }
    }
    parts
}

impl Source {
    /// Reads a policy or template of Cedar's JSON policy format.
    pub(crate) fn read(id: &str, json: &Json, slots: &Slots) -> Result<Self, CompileError> {
        let strange = || {
            CompileError::new(
                "cedar.form",
                format!("policy `{id}` has a form that is not known"),
            )
        };
        let scope = |name: &str| {
            let scope = json.get(name).and_then(|scope| read_scope(scope, slots));
            scope.ok_or_else(strange)
        };
        let conditions = json.get("conditions").and_then(Json::as_array);
        let conditions = conditions.into_iter().flatten().map(|condition| {
            let body = condition.get("body").ok_or_else(strange)?;
            let body = Expr::read(body, slots)?;
            match condition.get("kind").and_then(Json::as_str) {
                Some("when") => Ok(body),
                Some("unless") => Ok(body.negated()),
                _ => Err(strange()),
            }
        });
        let note = |name: &str| {
            let note = json.get("annotations")?.get(name)?;
            note.as_str().map(str::to_owned)
        };
        Ok(Self {
            id: id.to_owned(),
            forbids: match json.get("effect").and_then(Json::as_str) {
                Some("permit") => false,
                Some("forbid") => true,
                _ => return Err(strange()),
            },
            principal: scope("principal")?,
            action: scope("action")?,
            resource: scope("resource")?,
            conditions: conditions.collect::<Result<_, _>>()?,
            clauses: Vec::new(),
            notes: Notes {
                reason: note("reason"),
                advice: note("advice"),
                step_up: note("step_up"),
                ..Notes::default()
            },
        })
    }

    /// A policy that everything satisfies.
    pub(crate) fn any() -> Self {
        Self {
            id: String::new(),
            forbids: false,
            principal: Scope::Any,
            action: Scope::Any,
            resource: Scope::Any,
            conditions: Vec::new(),
            clauses: Vec::new(),
            notes: Notes::default(),
        }
    }

    /// Whether its head leaves anything out.
    pub(crate) fn is_scoped(&self) -> bool {
        let mut scope = [&self.principal, &self.action, &self.resource].into_iter();
        scope.any(|one| *one != Scope::Any)
    }

    /// Everything that must hold, in Cedar's order.
    pub(crate) fn condition(&self) -> Expr {
        let scope = [
            (&self.principal, Var::Principal),
            (&self.action, Var::Action),
            (&self.resource, Var::Resource),
        ];
        let mut parts: Vec<Expr> = scope
            .into_iter()
            .filter_map(|(scope, var)| scope.expression(var))
            .collect();
        parts.extend(self.conditions.iter().cloned());
        Expr::and(parts)
    }
}

fn read_scope(json: &Json, slots: &Slots) -> Option<Scope> {
    let entity = |json: &Json| match json.get("slot").and_then(Json::as_str) {
        Some(slot) => slots.get(slot).cloned(),
        None => uid(json.get("entity")?),
    };
    match json.get("op")?.as_str()? {
        "All" | "all" => Some(Scope::Any),
        "==" => entity(json).map(Scope::Eq),
        "in" => match json.get("entities").and_then(Json::as_array) {
            Some(list) => list.iter().map(uid).collect::<Option<_>>().map(Scope::In),
            None => entity(json).map(|uid| Scope::In(vec![uid])),
        },
        "is" => {
            let kind = json.get("entity_type")?.as_str()?.to_owned();
            match json.get("in") {
                Some(place) => entity(place).map(|place| Scope::IsIn(kind, place)),
                None => Some(Scope::Is(kind)),
            }
        }
        _ => None,
    }
}

impl Scope {
    fn expression(&self, var: Var) -> Option<Expr> {
        let var = Expr::Var(var);
        let is = |kind: &String| Expr::Is(Box::new(var.clone()), kind.clone());
        Some(match self {
            Self::Any => return None,
            Self::Eq(uid) => Expr::binary(Binary::Eq, var, Expr::Entity(uid.clone())),
            Self::In(list) => match list.as_slice() {
                [only] => Expr::binary(Binary::In, var, Expr::Entity(only.clone())),
                many => {
                    let many = many.iter().cloned().map(Expr::Entity).collect();
                    Expr::binary(Binary::In, var, Expr::Set(many))
                }
            },
            Self::Is(kind) => is(kind),
            Self::IsIn(kind, place) => {
                let place = Expr::Entity(place.clone());
                Expr::and(vec![is(kind), Expr::binary(Binary::In, var.clone(), place)])
            }
        })
    }
}
