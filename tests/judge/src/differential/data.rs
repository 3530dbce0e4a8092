//! Values, entities and requests as the generator makes them, and their JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use crate::subject::Uid;

/// How a value is written where the schema says what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// `{"__entity": ..}`, `{"__extn": ..}`: right everywhere.
    #[default]
    Marked,
    /// The object without its mark.
    Object,
    /// An extension value as its bare text.
    Bare,
}

/// A value in a request or an entity, or a literal in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Val {
    /// `true`.
    Bool(bool),
    /// `1`.
    Long(i64),
    /// `"a"`.
    Str(String),
    /// `User::"a"`.
    Entity(Uid, Form),
    /// `[1, 2]`, in any order and with repetitions.
    Set(Vec<Self>),
    /// `{a: 1}`.
    Record(BTreeMap<String, Self>),
    /// `decimal("1.0")`.
    Ext(&'static str, String, Form),
    /// `datetime("..").offset(duration(".."))`, which is also how far dates are written in data.
    Call(&'static str, Vec<Self>),
    /// JSON that is no value, to be refused.
    Json(serde_json::Value),
}

impl Val {
    /// An entity, marked as one.
    pub(crate) const fn entity(uid: Uid) -> Self {
        Self::Entity(uid, Form::Marked)
    }

    /// An extension value, marked as one.
    pub(crate) fn ext(function: &'static str, text: &str) -> Self {
        Self::Ext(function, text.to_owned(), Form::Marked)
    }
}

impl Serialize for Val {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Long(value) => serializer.serialize_i64(*value),
            Self::Str(value) => serializer.serialize_str(value),
            Self::Entity(uid, Form::Marked) => One("__entity", uid).serialize(serializer),
            Self::Entity(uid, _) => uid.serialize(serializer),
            Self::Set(items) => serializer.collect_seq(items),
            Self::Record(members) => serializer.collect_map(members),
            Self::Ext(function, arg, Form::Marked) => {
                One("__extn", Function { function, arg }).serialize(serializer)
            }
            Self::Ext(function, arg, Form::Object) => {
                Function { function, arg }.serialize(serializer)
            }
            Self::Ext(_, arg, Form::Bare) => serializer.serialize_str(arg),
            Self::Call(function, args) => {
                One("__extn", FunctionOf { function, args }).serialize(serializer)
            }
            Self::Json(value) => value.serialize(serializer),
        }
    }
}

/// An object with one member.
pub(crate) struct One<T>(pub &'static str, pub T);

impl<T: Serialize> Serialize for One<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(rename = "fn")]
    function: &'a str,
    arg: &'a str,
}

#[derive(Serialize)]
struct FunctionOf<'a> {
    #[serde(rename = "fn")]
    function: &'a str,
    args: &'a [Val],
}

/// One entity of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entity {
    /// Its name.
    pub uid: Uid,
    /// Its attributes.
    pub attrs: BTreeMap<String, Val>,
    /// What it is directly in.
    pub parents: Vec<Uid>,
    /// Its tags.
    pub tags: BTreeMap<String, Val>,
    /// Whether the names above are written with the mark of an entity.
    pub form: Form,
    /// A member that is left out, to be refused.
    pub without: Option<&'static str>,
}

impl Serialize for Entity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = |uid: &Uid| Val::Entity(uid.clone(), self.form);
        let has = |name| self.without != Some(name);
        let mut map = serializer.serialize_map(None)?;
        if has("uid") {
            map.serialize_entry("uid", &names(&self.uid))?;
        }
        if has("attrs") {
            map.serialize_entry("attrs", &self.attrs)?;
        }
        if has("parents") {
            let parents: Vec<Val> = self.parents.iter().map(names).collect();
            map.serialize_entry("parents", &parents)?;
        }
        if has("tags") && !self.tags.is_empty() {
            map.serialize_entry("tags", &self.tags)?;
        }
        map.end()
    }
}

/// The entities that a request comes with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store(pub Vec<Entity>);

impl Store {
    /// An entity, if it is there.
    pub(crate) fn get(&self, uid: &Uid) -> Option<&Entity> {
        self.0.iter().find(|entity| entity.uid == *uid)
    }

    /// Everything that `uid` is in, itself left out.
    pub(crate) fn ancestors(&self, uid: &Uid) -> Vec<Uid> {
        let mut found: Vec<Uid> = Vec::new();
        let mut open = vec![uid.clone()];
        while let Some(next) = open.pop() {
            for parent in self
                .get(&next)
                .into_iter()
                .flat_map(|entity| &entity.parents)
            {
                if !found.contains(parent) {
                    found.push(parent.clone());
                    open.push(parent.clone());
                }
            }
        }
        found
    }

    /// The list in Cedar's JSON.
    pub(crate) fn to_json(&self) -> String {
        json(&self.0)
    }
}

/// A request without its entities.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Who.
    pub principal: Uid,
    /// Does what.
    pub action: Uid,
    /// To what.
    pub resource: Uid,
    /// The circumstances; a record unless it is broken on purpose.
    pub context: Val,
}

/// The JSON of something that always has one.
pub(crate) fn json(value: &impl Serialize) -> String {
    // Keys are strings and numbers are integers, so there is nothing that could fail.
    serde_json::to_string(value).unwrap_or_default()
}
