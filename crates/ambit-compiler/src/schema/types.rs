//! Argument types, from Cedar's JSON form with common types resolved.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::annotations;
use super::labels::{self, Words};
use super::source::{Item, Key, Source, What};
use super::tables;
use crate::reader::File;

/// The type of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    String,
    Long,
    Bool,
    /// Any JSON value: `@format("json")` on a String.
    Json,
    /// A number of JSON that may have a fraction: `@format("number")` on a `decimal`, as which policies see it,
    /// or on a String, which they do not see, for it may have more places than a `decimal`.
    Number {
        decimal: bool,
    },
    Set(Box<Self>),
    Record(BTreeMap<String, Attribute>),
    Entity(String),
    Extension(&'static str),
}

/// An attribute of a record, and what people read beside its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) kind: Type,
    pub(crate) required: bool,
    pub(crate) money: Option<u32>,
    pub(crate) words: Words,
    pub(crate) unit: Option<String>,
    pub(crate) form: Option<Form>,
}

/// What a text is beyond a text, by `@format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `posix-path`
    PosixPath,
    /// `url`
    Url,
    /// `host`
    Host,
}

impl Form {
    /// As `@format` and bundles have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PosixPath => "posix-path",
            Self::Url => "url",
            Self::Host => "host",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::PosixPath, Self::Url, Self::Host];
        all.into_iter().find(|form| form.name() == name)
    }
}

/// An argument of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    pub(crate) attribute: Attribute,
    pub(crate) target: bool,
    /// Whether it refers to something that can change.
    pub(crate) content: bool,
    pub(crate) unverified: bool,
    /// What the MCP tool calls it, where that cannot be its name here.
    pub(crate) mcp: Option<String>,
    /// The columns that its bounds hold for, too.
    pub(crate) columns: Vec<Column>,
}

/// A column that the bounds of an argument hold for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// The type whose rows it is of; `None` for all that the action reaches.
    pub(crate) of: Option<String>,
    pub(crate) name: String,
}

impl Type {
    /// Whether it is a text, or a set of texts.
    pub(crate) fn is_text(&self) -> bool {
        match self {
            Self::Set(element) => **element == Self::String,
            kind => *kind == Self::String,
        }
    }
}

impl Type {
    /// What `@format("number")` makes of a type; `None` where it means nothing.
    fn number(&self) -> Option<Self> {
        match self {
            Self::String => Some(Self::Number { decimal: false }),
            Self::Extension("decimal") => Some(Self::Number { decimal: true }),
            Self::Set(element) => Some(Self::Set(Box::new(element.number()?))),
            _ => None,
        }
    }

    /// Whether policies do not see it.
    pub(crate) fn is_unseen(&self) -> bool {
        match self {
            Self::Set(element) => element.is_unseen(),
            kind => *kind == Self::Number { decimal: false },
        }
    }
}

const EXTENSIONS: &[&str] = &["decimal", "ipaddr", "datetime", "duration"];
/// Records and sets within each other. With the members around them the bundle's JSON then stays
/// within its 32 levels.
const NESTING: usize = 6;

/// Where a type is written: the declaration, and the path of the attribute in it.
#[derive(Clone)]
struct Place {
    key: Key,
    path: Vec<String>,
    nested: usize,
}

impl Place {
    fn attribute(&self, name: &str) -> Self {
        let mut inner = self.clone();
        inner.path.push(name.to_owned());
        inner
    }

    fn deeper(mut self) -> Self {
        self.nested += 1;
        self
    }
}

/// Looks types up.
pub(super) struct Types<'a> {
    file: File<'a>,
    source: &'a Source,
    json: &'a Value,
    /// Whether Cedar accepts the schema; what it refuses is not reported a second time.
    sound: bool,
}

impl<'a> Types<'a> {
    pub(super) const fn new(
        file: File<'a>,
        source: &'a Source,
        json: &'a Value,
        sound: bool,
    ) -> Self {
        Self {
            file,
            source,
            json,
            sound,
        }
    }

    /// The arguments of an action: the attributes of its context, each with its place.
    pub(super) fn arguments(
        &self,
        namespace: &str,
        action: &Key,
        context: &Value,
    ) -> BTreeMap<String, (Argument, Item)> {
        let place = Place {
            key: action.clone(),
            path: vec!["context".to_owned()],
            nested: 0,
        };
        let Some((record, place)) = self.record(namespace, context, place) else {
            return BTreeMap::new();
        };
        self.check_labels(record, &place);
        let mut arguments = BTreeMap::new();
        for (name, json) in record {
            let place = place.attribute(name);
            let item = self.item(&place);
            let Some(attribute) = self.attribute(&place.key.1.clone(), json, place) else {
                continue;
            };
            let argument = Argument {
                content: self.is_content(&attribute.kind, &item),
                attribute,
                target: item.annotation("target").is_some(),
                unverified: item.annotation("unverified").is_some(),
                mcp: item.annotation("mcp").map(|one| one.value.clone()),
                columns: tables::column(self.file, &item),
            };
            arguments.insert(name.clone(), (argument, item));
        }
        arguments
    }

    /// The attributes of a record type, common types followed.
    fn record(
        &self,
        namespace: &str,
        json: &'a Value,
        place: Place,
    ) -> Option<(&'a serde_json::Map<String, Value>, Place)> {
        if place.nested > NESTING {
            self.too_deep(&place);
            return None;
        }
        if let Some(attributes) = json.get("attributes").and_then(Value::as_object) {
            return Some((attributes, place));
        }
        let (json, key) = self.common(namespace, name_of(json)?)?;
        let namespace = key.1.clone();
        let place = Place {
            key,
            path: Vec::new(),
            nested: place.nested + 1,
        };
        self.record(&namespace, json, place)
    }

    fn item(&self, place: &Place) -> Item {
        let key = (place.key.clone(), place.path.clone());
        self.source
            .attributes
            .get(&key)
            .cloned()
            .unwrap_or_default()
    }

    fn attribute(&self, namespace: &str, json: &'a Value, place: Place) -> Option<Attribute> {
        let item = self.item(&place);
        let mut kind = self.kind(namespace, json, place)?;
        let money = self.money(&item, &kind)?;
        let mut form = None;
        if let Some(format) = item.annotation("format") {
            form = Form::from_name(&format.value);
            let number = (format.value == "number").then(|| kind.number()).flatten();
            if format.value == "json" && kind == Type::String {
                kind = Type::Json;
            } else if let Some(number) = number {
                kind = number;
            } else if form.is_none() || !kind.is_text() {
                self.file.error(
                    "project.format",
                    format.value_span.clone(),
                    "a format is `json` on a String, `number` on a decimal, a String or a set of one of them, or `posix-path`, `url` or `host` on a String or a set of them",
                    "declare the argument as `@format(\"url\") name: String`, or remove `@format`",
                );
                return None;
            }
        }
        Some(Attribute {
            kind,
            required: json
                .get("required")
                .and_then(Value::as_bool)
                .unwrap_or(true),
            money,
            words: labels::names(self.file, &item),
            unit: item.annotation("unit").map(|one| one.value.clone()),
            form,
        })
    }

    /// Two arguments, or two members of one record, must not be called alike in any language: people
    /// could not tell which is which. What has no label is called by its name.
    fn check_labels(&self, attributes: &serde_json::Map<String, Value>, place: &Place) {
        let items: Vec<(&String, Item)> = attributes
            .keys()
            .map(|name| (name, self.item(&place.attribute(name))))
            .collect();
        let notes = items.iter().flat_map(|(_, item)| &item.annotations);
        let languages: BTreeSet<&str> = notes
            .map(|note| note.name.as_str())
            .filter(|name| *name == "label" || name.starts_with("label_"))
            .collect();
        for language in languages {
            let mut seen: BTreeMap<String, &String> = BTreeMap::new();
            for (name, item) in &items {
                let label = item.annotation(language);
                let shown = label.map_or(name.as_str(), |label| &label.value);
                let words: Vec<&str> = shown.split_whitespace().collect();
                let Some(other) = seen.insert(words.join(" ").to_lowercase(), name) else {
                    continue;
                };
                self.file.error(
                    "project.same_label",
                    label.map_or_else(|| item.span.clone(), |label| label.value_span.clone()),
                    format!("`{name}` and `{other}` are both called `{shown}`"),
                    format!("give one of them another `@{language}(\"…\")`"),
                );
            }
        }
    }

    fn money(&self, item: &Item, kind: &Type) -> Option<Option<u32>> {
        let Some(unit) = item.annotation("unit") else {
            return Some(None);
        };
        let digits = annotations::money(self.file, unit)?;
        let mut innermost = kind;
        while let Type::Set(element) = innermost {
            innermost = element;
        }
        if digits.is_some() && *innermost != Type::Long {
            self.file.error(
                "project.unit",
                item.span.clone(),
                "money is kept in minor units, which are a Long",
                "declare the argument as a `Long` (or `Set<Long>`)",
            );
            return None;
        }
        Some(digits)
    }

    fn kind(&self, namespace: &str, json: &'a Value, place: Place) -> Option<Type> {
        if place.nested > NESTING {
            self.too_deep(&place);
            return None;
        }
        if let Some(element) = json.get("element") {
            let element = self.kind(namespace, element, place.deeper())?;
            return Some(Type::Set(Box::new(element)));
        }
        if let Some(attributes) = json.get("attributes").and_then(Value::as_object) {
            return self.attributes(namespace, attributes, &place.deeper());
        }
        let name = name_of(json)?;
        if let Some((json, key)) = self.common(namespace, name) {
            let namespace = key.1.clone();
            let place = Place {
                key,
                path: Vec::new(),
                nested: place.nested + 1,
            };
            return self.kind(&namespace, json, place);
        }
        if let Some(entity) = self.entity(namespace, name) {
            return Some(Type::Entity(qualified(&entity.1, &entity.2)));
        }
        builtin(name)
    }

    fn attributes(
        &self,
        namespace: &str,
        attributes: &'a serde_json::Map<String, Value>,
        place: &Place,
    ) -> Option<Type> {
        self.check_labels(attributes, place);
        let mut record = BTreeMap::new();
        for (name, json) in attributes {
            let place = place.attribute(name);
            let item = self.item(&place);
            self.refuse_nested(&item);
            let attribute = self.attribute(namespace, json, place)?;
            self.refuse_unseen(name, &attribute.kind, &item);
            record.insert(name.clone(), attribute);
        }
        Some(Type::Record(record))
    }

    /// Whether it is a reference whose content people must see: one text or number names it.
    fn is_content(&self, kind: &Type, item: &Item) -> bool {
        let Some(annotation) = item.annotation("content") else {
            return false;
        };
        if !matches!(kind, Type::String | Type::Long) {
            self.file.error(
                "project.annotation_place",
                annotation.name_span.clone(),
                "`@content` needs an argument that refers to one thing: a `String` or a `Long`",
                "declare an argument for each thing whose content people must see",
            );
        }
        true
    }

    fn refuse_nested(&self, item: &Item) {
        for name in ["target", "content", "unverified", "mcp", "column"] {
            if let Some(annotation) = item.annotation(name) {
                self.file.error(
                    "project.annotation_place",
                    annotation.name_span.clone(),
                    format!("`@{name}` has no meaning inside a record"),
                    "put it before the argument that holds the record",
                );
            }
        }
    }

    /// Policies see a record whole.
    fn refuse_unseen(&self, name: &str, kind: &Type, item: &Item) {
        if kind.is_unseen() {
            self.file.error(
                "project.format",
                item.span.clone(),
                format!("policies cannot see `{name}`, and it stands in a record that they see"),
                format!("declare it as `@format(\"number\") {name}: decimal`, with at most four digits after the decimal point, or the record as `@format(\"json\")`"),
            );
        }
    }

    fn too_deep(&self, place: &Place) {
        if self.sound {
            let item = self.item(place);
            self.file.error(
                "project.nesting",
                item.span,
                format!("records and sets may stand at most {NESTING} deep in each other"),
                "declare the argument as `@format(\"json\") name: String`",
            );
        }
    }

    /// Every name in the schema that is no declared type, sorted. Cedar stops at the first one of
    /// an action.
    pub(super) fn undeclared(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (namespace, content) in self.json.as_object().into_iter().flatten() {
            self.collect(namespace, content, &mut names);
        }
        names.sort();
        names.dedup();
        names
    }

    fn collect(&self, namespace: &str, json: &Value, names: &mut Vec<String>) {
        const LISTS: &[&str] = &["resourceTypes", "principalTypes", "memberOfTypes"];
        for (key, value) in json.as_object().into_iter().flatten() {
            let entities = value.as_array().filter(|_| LISTS.contains(&key.as_str()));
            for name in entities.into_iter().flatten().filter_map(Value::as_str) {
                if self.entity(namespace, name).is_none() {
                    names.push(name.to_owned());
                }
            }
            self.collect(namespace, value, names);
        }
        let refers = json.get("type").and_then(Value::as_str) == Some("EntityOrCommon");
        let name = json.get("name").and_then(Value::as_str).filter(|_| refers);
        let known = |name: &str| {
            self.common(namespace, name).is_some()
                || self.entity(namespace, name).is_some()
                || builtin(name).is_some()
        };
        names.extend(name.filter(|name| !known(name)).map(str::to_owned));
    }

    /// A common type and where it is declared. Cedar looks in the namespace first.
    fn common(&self, namespace: &str, name: &str) -> Option<(&'a Value, Key)> {
        let (namespace, base) = self.find("commonTypes", namespace, name)?;
        let json = self.json.get(&namespace)?.get("commonTypes")?.get(&base)?;
        Some((json, (What::Type, namespace, base)))
    }

    /// An entity type, declared here or by the compiler.
    pub(super) fn entity(&self, namespace: &str, name: &str) -> Option<Key> {
        if let Some(ours) = name.strip_prefix("Ambit::") {
            let known = ["User", "AgentClass", "Agent"].contains(&ours);
            return known.then(|| (What::Entity, "Ambit".to_owned(), ours.to_owned()));
        }
        let (namespace, base) = self.find("entityTypes", namespace, name)?;
        Some((What::Entity, namespace, base))
    }

    fn find(&self, section: &str, namespace: &str, name: &str) -> Option<(String, String)> {
        let inner = qualified(namespace, name);
        [inner.as_str(), name].into_iter().find_map(|full| {
            let (namespace, base) = full.rsplit_once("::").unwrap_or(("", full));
            self.json.get(namespace)?.get(section)?.get(base)?;
            Some((namespace.to_owned(), base.to_owned()))
        })
    }
}

/// `A::B`, or `B` alone in the empty namespace.
pub(super) fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}::{name}")
    }
}

/// The name that a type refers to: `{"type": "EntityOrCommon", "name": N}` or `{"type": N}`.
fn name_of(json: &Value) -> Option<&str> {
    json.get("name").or_else(|| json.get("type"))?.as_str()
}

fn builtin(name: &str) -> Option<Type> {
    let name = name.strip_prefix("__cedar::").unwrap_or(name);
    Some(match name {
        "String" => Type::String,
        "Long" => Type::Long,
        "Bool" | "Boolean" => Type::Bool,
        other => Type::Extension(EXTENSIONS.iter().find(|known| **known == other)?),
    })
}
