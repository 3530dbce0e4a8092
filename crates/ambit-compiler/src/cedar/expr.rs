//! Expressions of policies, from Cedar's JSON form.

use std::collections::BTreeMap;

use ambit_policy::cedar::Function;
use serde_json::{Map, Value as Json};

use crate::error::CompileError;

/// `principal`, `action`, `resource` or `context`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Var {
    Principal,
    Action,
    Resource,
    Context,
}

/// Operations of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Eq,
    Less,
    LessEq,
    Add,
    Sub,
    Mul,
    In,
    Contains,
    ContainsAll,
    ContainsAny,
    GetTag,
    HasTag,
}

/// The identity of an entity. Its order is that of [`ambit_policy::cedar::Uid`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uid {
    pub(crate) id: String,
    pub(crate) kind: String,
}

/// An expression. Chains of `&&` and of `||` are flat: from the left, as Cedar evaluates them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    Bool(bool),
    Long(i64),
    Str(String),
    Entity(Uid),
    Var(Var),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Neg(Box<Self>),
    IsEmpty(Box<Self>),
    If(Box<[Self; 3]>),
    Binary(Binary, Box<[Self; 2]>),
    GetAttr(Box<Self>, String),
    Has(Box<Self>, Vec<String>),
    /// `None` is a wildcard.
    Like(Box<Self>, Vec<Option<String>>),
    Is(Box<Self>, String),
    Set(Vec<Self>),
    Record(BTreeMap<String, Self>),
    Call(Function, Vec<Self>),
}

/// What fills the slots of a template: `?principal`, `?resource`.
pub(crate) type Slots = BTreeMap<String, Uid>;

fn strange(json: &Json) -> CompileError {
    let mut text = json.to_string();
    if let Some((end, _)) = text.char_indices().nth(120) {
        text.truncate(end);
        text.push('…');
    }
    CompileError::new(
        "cedar.form",
        format!("an expression has a form that is not known: {text}"),
    )
}

impl Expr {
    /// All of these, from the left.
    pub(crate) fn and(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        Self::And(flat)
    }

    fn or(left: Self, right: Self) -> Self {
        let mut flat = Vec::new();
        for part in [left, right] {
            match part {
                Self::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        Self::Or(flat)
    }

    pub(crate) fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    pub(crate) fn binary(op: Binary, left: Self, right: Self) -> Self {
        Self::Binary(op, Box::new([left, right]))
    }

    /// The expressions inside it, in the order in which they are evaluated.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match self {
            Self::And(list) | Self::Or(list) | Self::Set(list) | Self::Call(_, list) => {
                list.iter().collect()
            }
            Self::Not(inner)
            | Self::Neg(inner)
            | Self::IsEmpty(inner)
            | Self::GetAttr(inner, _)
            | Self::Has(inner, _)
            | Self::Like(inner, _)
            | Self::Is(inner, _) => vec![inner],
            Self::If(parts) => parts.iter().collect(),
            Self::Binary(_, sides) => sides.iter().collect(),
            Self::Record(members) => members.values().collect(),
            Self::Bool(_) | Self::Long(_) | Self::Str(_) | Self::Entity(_) | Self::Var(_) => {
                Vec::new()
            }
        }
    }

    /// Reads an expression of Cedar's JSON policy format.
    pub(crate) fn read(json: &Json, slots: &Slots) -> Result<Self, CompileError> {
        let object = json.as_object().filter(|object| object.len() == 1);
        let (name, content) = object
            .and_then(|object| object.iter().next())
            .ok_or_else(|| strange(json))?;
        let reader = Reader {
            json,
            content,
            slots,
        };
        match name.as_str() {
            "Value" => value(content),
            "Var" => reader.var(),
            "Slot" => reader.slot(),
            "!" => Ok(reader.argument()?.negated()),
            "neg" => Ok(Self::Neg(Box::new(reader.argument()?))),
            "isEmpty" => Ok(Self::IsEmpty(Box::new(reader.argument()?))),
            "&&" => {
                let (left, right) = reader.two()?;
                Ok(Self::and(vec![left, right]))
            }
            "||" => reader.two().map(|(left, right)| Self::or(left, right)),
            "." => Ok(Self::GetAttr(
                Box::new(reader.left()?),
                reader.text("attr")?,
            )),
            "has" => reader.has(),
            "like" => reader.like(),
            "is" => reader.is(),
            "if-then-else" => reader.condition(),
            "Set" => reader.list(content).map(Self::Set),
            "Record" => reader.record(),
            other => match operator(other) {
                Some((op, negated)) => {
                    let (left, right) = reader.two()?;
                    let found = Self::binary(op, left, right);
                    Ok(if negated { found.negated() } else { found })
                }
                None => reader.call(other),
            },
        }
    }
}

/// A binary operator, and whether its result is negated: Cedar has only half of the comparisons.
fn operator(name: &str) -> Option<(Binary, bool)> {
    Some(match name {
        "==" => (Binary::Eq, false),
        "!=" => (Binary::Eq, true),
        "<" => (Binary::Less, false),
        "<=" => (Binary::LessEq, false),
        ">" => (Binary::LessEq, true),
        ">=" => (Binary::Less, true),
        "+" => (Binary::Add, false),
        "-" => (Binary::Sub, false),
        "*" => (Binary::Mul, false),
        "in" => (Binary::In, false),
        "contains" => (Binary::Contains, false),
        "containsAll" => (Binary::ContainsAll, false),
        "containsAny" => (Binary::ContainsAny, false),
        "getTag" => (Binary::GetTag, false),
        "hasTag" => (Binary::HasTag, false),
        _ => return None,
    })
}

struct Reader<'a> {
    json: &'a Json,
    content: &'a Json,
    slots: &'a Slots,
}

impl Reader<'_> {
    fn inner(&self, name: &str) -> Result<Expr, CompileError> {
        let inner = self.content.get(name).ok_or_else(|| strange(self.json))?;
        Expr::read(inner, self.slots)
    }

    fn argument(&self) -> Result<Expr, CompileError> {
        self.inner("arg")
    }

    fn left(&self) -> Result<Expr, CompileError> {
        self.inner("left")
    }

    fn two(&self) -> Result<(Expr, Expr), CompileError> {
        Ok((self.left()?, self.inner("right")?))
    }

    fn text(&self, name: &str) -> Result<String, CompileError> {
        let text = self.content.get(name).and_then(Json::as_str);
        text.map(str::to_owned).ok_or_else(|| strange(self.json))
    }

    fn list(&self, json: &Json) -> Result<Vec<Expr>, CompileError> {
        let list = json.as_array().ok_or_else(|| strange(self.json))?;
        list.iter().map(|one| Expr::read(one, self.slots)).collect()
    }

    fn var(&self) -> Result<Expr, CompileError> {
        Ok(Expr::Var(match self.content.as_str() {
            Some("principal") => Var::Principal,
            Some("action") => Var::Action,
            Some("resource") => Var::Resource,
            Some("context") => Var::Context,
            _ => return Err(strange(self.json)),
        }))
    }

    fn slot(&self) -> Result<Expr, CompileError> {
        let filled = self.content.as_str().and_then(|name| self.slots.get(name));
        let uid = filled.ok_or_else(|| strange(self.json))?;
        Ok(Expr::Entity(uid.clone()))
    }

    fn has(&self) -> Result<Expr, CompileError> {
        let names = match self.content.get("attr") {
            Some(Json::Array(names)) => names
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .filter(|names| !names.is_empty())
                .ok_or_else(|| strange(self.json))?,
            _ => vec![self.text("attr")?],
        };
        Ok(Expr::Has(Box::new(self.left()?), names))
    }

    /// Texts side by side become one.
    fn like(&self) -> Result<Expr, CompileError> {
        let pattern = self.content.get("pattern").and_then(Json::as_array);
        let mut pieces: Vec<Option<String>> = Vec::new();
        for piece in pattern.ok_or_else(|| strange(self.json))? {
            let literal = piece.get("Literal").and_then(Json::as_str);
            match (literal, pieces.last_mut()) {
                (None, _) if piece.as_str() != Some("Wildcard") => {
                    return Err(strange(self.json));
                }
                (None, Some(None)) => {}
                (None, _) => pieces.push(None),
                (Some(text), Some(Some(before))) => before.push_str(text),
                (Some(text), _) => pieces.push(Some(text.to_owned())),
            }
        }
        Ok(Expr::Like(Box::new(self.left()?), pieces))
    }

    /// `is … in` evaluates its left side twice, as Cedar does.
    fn is(&self) -> Result<Expr, CompileError> {
        let left = self.left()?;
        let is = Expr::Is(Box::new(left.clone()), self.text("entity_type")?);
        match self.content.get("in") {
            None => Ok(is),
            Some(place) => {
                let place = Expr::read(place, self.slots)?;
                Ok(Expr::and(vec![is, Expr::binary(Binary::In, left, place)]))
            }
        }
    }

    fn condition(&self) -> Result<Expr, CompileError> {
        let parts = [self.inner("if")?, self.inner("then")?, self.inner("else")?];
        Ok(Expr::If(Box::new(parts)))
    }

    fn record(&self) -> Result<Expr, CompileError> {
        let members = self.content.as_object().ok_or_else(|| strange(self.json))?;
        let members = members
            .iter()
            .map(|(name, value)| Ok((name.clone(), Expr::read(value, self.slots)?)));
        members.collect::<Result<_, _>>().map(Expr::Record)
    }

    fn call(&self, name: &str) -> Result<Expr, CompileError> {
        let function = Function::from_name(name).ok_or_else(|| {
            CompileError::new(
                "cedar.function",
                format!("there is no function `{name}` in the policies' language"),
            )
        })?;
        Ok(Expr::Call(function, self.list(self.content)?))
    }
}

/// A literal, in the JSON form of entity data.
pub(crate) fn value(json: &Json) -> Result<Expr, CompileError> {
    Ok(match json {
        Json::Bool(truth) => Expr::Bool(*truth),
        Json::Number(number) => Expr::Long(number.to_string().parse().map_err(|_| strange(json))?),
        Json::String(text) => Expr::Str(text.clone()),
        Json::Array(list) => Expr::Set(list.iter().map(value).collect::<Result<_, _>>()?),
        Json::Object(members) => object(json, members)?,
        Json::Null => return Err(strange(json)),
    })
}

fn object(json: &Json, members: &Map<String, Json>) -> Result<Expr, CompileError> {
    if members.len() == 1 {
        if let Some(uid) = members.get("__entity").and_then(uid) {
            return Ok(Expr::Entity(uid));
        }
        if let Some(call) = members.get("__extn") {
            let name = call.get("fn").and_then(Json::as_str);
            let arguments = match (call.get("arg"), call.get("args").and_then(Json::as_array)) {
                (Some(one), _) => vec![value(one)?],
                (None, Some(many)) => many.iter().map(value).collect::<Result<_, _>>()?,
                (None, None) => return Err(strange(json)),
            };
            let function = name.and_then(Function::from_name);
            return Ok(Expr::Call(
                function.ok_or_else(|| strange(json))?,
                arguments,
            ));
        }
    }
    let members = members
        .iter()
        .map(|(name, inner)| Ok((name.clone(), value(inner)?)));
    members.collect::<Result<_, _>>().map(Expr::Record)
}

/// `{"type", "id"}`, alone or inside `__entity`.
pub(crate) fn uid(json: &Json) -> Option<Uid> {
    let inner = json.get("__entity").unwrap_or(json);
    Some(Uid {
        kind: inner.get("type")?.as_str()?.to_owned(),
        id: inner.get("id")?.as_str()?.to_owned(),
    })
}
