//! The arguments of a tool, from its JSON Schema.
//!
//! What Cedar's types can say is typed. What they cannot is an argument of any JSON, or keeps the nearest
//! type, and is said: a check that takes less than the tool is safe, one that takes more is the tool's own.

mod bounds;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::text::{self, Unique};

/// Types that lead into each other: references, unions, lists.
const DEPTH: usize = 16;
/// Lists in lists that the schema of a policy takes.
const LISTS: usize = 5;

/// What a policy knows of an argument's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Long,
    /// With a fraction.
    Number,
    Bool,
    Set(Box<Self>),
    Json,
}

impl Kind {
    /// As the schema of a policy writes it.
    pub(super) fn cedar(&self) -> String {
        match self {
            Self::String | Self::Json | Self::Number => "String".to_owned(),
            Self::Long => "Long".to_owned(),
            Self::Bool => "Bool".to_owned(),
            Self::Set(element) => format!("Set<{}>", element.cedar()),
        }
    }

    /// The `@format` that says it, beside the type.
    pub(super) fn format(&self) -> Option<&'static str> {
        match self {
            Self::Json => Some("json"),
            Self::Number => Some("number"),
            Self::Set(element) => element.format(),
            Self::String | Self::Long | Self::Bool => None,
        }
    }

    fn lists(&self) -> usize {
        match self {
            Self::Set(element) => element.lists() + 1,
            _ => 0,
        }
    }
}

/// One argument of a tool.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    /// Its name in the policy.
    pub(super) name: String,
    /// What the tool calls it, where that is another name.
    pub(super) tool_name: Option<String>,
    pub(super) label: String,
    pub(super) doc: Option<String>,
    pub(super) kind: Kind,
    pub(super) required: bool,
    /// A bound that the tool states, as a manifest would write it.
    pub(super) bound: Option<String>,
    /// What of it cannot be represented.
    pub(super) said: Vec<&'static str>,
    /// The texts that it may be, where the tool lists them.
    pub(super) choices: Vec<String>,
}

/// What the schema of a tool says.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    pub(super) list: Vec<Argument>,
    /// What of the whole cannot be represented.
    pub(super) said: Vec<String>,
}

/// Reads the input schema of a tool. `whose` is named before foreign words.
pub(super) fn arguments(schema: &Value, whose: &str) -> Arguments {
    let reader = Reader { root: schema };
    let mut out = Arguments::default();
    let Some(object) = reader.followed(schema, 0).and_then(Value::as_object) else {
        out.said.push(
            "it has no input schema that can be read: it is taken for one without arguments"
                .to_owned(),
        );
        return out;
    };
    whole(object, &mut out.said);
    let empty = Map::new();
    let properties = object.get("properties").and_then(Value::as_object);
    let required: Vec<&str> = strings(object.get("required"));
    let mut names = Names::default();
    for (name, schema) in properties.unwrap_or(&empty) {
        match names.give(name) {
            Some((given, label)) => {
                let required = required.contains(&name.as_str());
                out.list.push(reader.argument(name, given, label, schema, required, whose));
            }
            None => out.said.push(format!(
                "an argument has the name {}, which a policy cannot have: calls with it are refused",
                text::quoted(name)
            )),
        }
    }
    for name in required
        .iter()
        .filter(|name| !properties.unwrap_or(&empty).contains_key(**name))
    {
        out.said.push(format!(
            "the argument `{}` is required and not described: calls with it are refused",
            text::shown(name)
        ));
    }
    out
}

/// What an input schema says of all arguments together, which a vocabulary cannot.
fn whole(object: &Map<String, Value>, said: &mut Vec<String>) {
    if !object.get("type").is_none_or(is_of_objects) {
        said.push(
            "its input schema is for no object, and arguments are one: every call with arguments that are not named here is refused"
                .to_owned(),
        );
    }
    for word in [
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "if",
        "dependentRequired",
        "dependentSchemas",
        "patternProperties",
    ] {
        if object.contains_key(word) {
            said.push(format!("`{word}` over all arguments is left to the tool"));
        }
    }
    if object
        .get("additionalProperties")
        .is_some_and(|more| more.as_bool() != Some(false) && more.as_bool().is_none())
    {
        said.push(
            "arguments that it does not name (`additionalProperties`) are refused".to_owned(),
        );
    }
}

/// Whether a `type` is `object`, or has it among others.
fn is_of_objects(name: &Value) -> bool {
    let mut names = name
        .as_array()
        .map_or_else(|| core::slice::from_ref(name), Vec::as_slice)
        .iter();
    names.any(|name| name == "object")
}

fn strings(list: Option<&Value>) -> Vec<&str> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

/// Names and labels of the arguments of one tool.
#[derive(Default)]
struct Names {
    names: Unique,
    labels: Unique,
}

impl Names {
    /// The name in the policy, and the label; `None` for a name that nobody can see.
    fn give(&mut self, name: &str) -> Option<(String, String)> {
        /// What the compiler puts into the context of every action; `*` is every other argument.
        const TAKEN: &[&str] = &[
            "power",
            "purpose",
            "now",
            "approvals",
            "login",
            "posture",
            "*",
        ];
        let seen = text::seen_name(name);
        if seen != name {
            return None;
        }
        let wanted = match name {
            "*" => "star".to_owned(),
            taken if TAKEN.contains(&taken) => format!("{taken}_"),
            free => free.to_owned(),
        };
        Some((
            self.names.name(&wanted),
            self.labels.label(&text::spoken(name)),
        ))
    }
}

/// What is found under way to an argument's type.
#[derive(Default)]
struct Found {
    nullable: bool,
    said: Vec<&'static str>,
    values: Vec<Value>,
}

impl Found {
    fn say(&mut self, what: &'static str) {
        if !self.said.contains(&what) {
            self.said.push(what);
        }
    }

    fn json(&mut self, why: &'static str) -> Kind {
        self.say(why);
        Kind::Json
    }
}

struct Reader<'s> {
    root: &'s Value,
}

impl<'s> Reader<'s> {
    fn argument(
        &self,
        name: &str,
        given: String,
        label: String,
        schema: &Value,
        required: bool,
        whose: &str,
    ) -> Argument {
        let mut found = Found::default();
        let kind = self.kind(schema, 0, &mut found);
        if found.nullable && kind != Kind::Json {
            found.say("`null` is refused: leave the argument out");
        }
        let description = |schema: &Value| {
            schema
                .get("description")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let inner = || self.followed(schema, 0).and_then(description);
        let doc = description(schema).or_else(inner);
        let inner_most = self.followed(schema, 0);
        let bound = bounds::stated(inner_most, &given, &kind, &found.values);
        let choices = found
            .values
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned);
        Argument {
            tool_name: (given != name).then(|| name.to_owned()),
            name: given,
            label,
            doc: doc.and_then(|doc| text::foreign_doc(whose, &doc)),
            required: required && !(found.nullable && kind != Kind::Json),
            choices: choices.collect(),
            bound,
            kind,
            said: found.said,
        }
    }

    /// The schema that a local reference leads to, or the schema itself.
    fn followed<'v>(&self, schema: &'v Value, depth: usize) -> Option<&'v Value>
    where
        's: 'v,
    {
        let Some(reference) = schema.get("$ref") else {
            return Some(schema);
        };
        let pointer = reference.as_str()?.strip_prefix('#')?;
        let target = self.root.pointer(pointer)?;
        (depth < DEPTH)
            .then(|| self.followed(target, depth + 1))
            .flatten()
    }

    fn kind(&self, schema: &Value, depth: usize, found: &mut Found) -> Kind {
        let schema = match self.followed(schema, depth) {
            Some(schema) if depth < DEPTH => schema,
            _ => return found.json("a reference leads nowhere or to itself: any JSON is taken"),
        };
        if schema == &Value::Bool(false) {
            return found.json("the tool takes no value of it (`false`): leave it out");
        }
        let Some(object) = schema.as_object() else {
            return found.json("it may be anything: any JSON is taken");
        };
        if let Some(values) = object.get("enum").and_then(Value::as_array) {
            return listed(values, found);
        }
        if let Some(value) = object.get("const") {
            return listed(core::slice::from_ref(value), found);
        }
        match object.get("type") {
            Some(Value::String(name)) => {
                if ["anyOf", "oneOf", "allOf", "not", "if"]
                    .iter()
                    .any(|word| object.contains_key(*word))
                    && name != "object"
                {
                    found.say("a condition beside its type is left to the tool");
                }
                self.named(name, object, depth, found)
            }
            Some(Value::Array(names)) => self.one_of_names(names, object, depth, found),
            Some(_) => found.json("its type cannot be read: any JSON is taken"),
            None => self.untyped(object, depth, found),
        }
    }

    fn one_of_names(
        &self,
        names: &[Value],
        object: &Map<String, Value>,
        depth: usize,
        found: &mut Found,
    ) -> Kind {
        let mut kinds: Vec<Kind> = Vec::new();
        for name in names.iter().filter_map(Value::as_str) {
            if name == "null" {
                found.nullable = true;
            } else {
                let kind = self.named(name, object, depth, found);
                kinds.extend((!kinds.contains(&kind)).then_some(kind));
            }
        }
        one(kinds, found)
    }

    fn untyped(&self, object: &Map<String, Value>, depth: usize, found: &mut Found) -> Kind {
        for word in ["anyOf", "oneOf"] {
            if let Some(branches) = object.get(word).and_then(Value::as_array) {
                return self.union(branches, depth, found);
            }
        }
        match object
            .get("allOf")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
        {
            Some([only]) => return self.kind(only, depth + 1, found),
            Some(_) => {
                return found.json("it must meet several schemas (`allOf`): any JSON is taken");
            }
            None => {}
        }
        if object.contains_key("properties") {
            return self.named("object", object, depth, found);
        }
        if object.contains_key("items") {
            return self.named("array", object, depth, found);
        }
        found.json("it may be anything: any JSON is taken")
    }

    fn union(&self, branches: &[Value], depth: usize, found: &mut Found) -> Kind {
        let is_null = |branch: &&Value| branch.get("type").and_then(Value::as_str) == Some("null");
        found.nullable |= branches.iter().any(|branch| is_null(&branch));
        let before = found.values.len();
        let mut listed = true;
        let mut kinds: Vec<Kind> = Vec::new();
        for branch in branches.iter().filter(|branch| !is_null(branch)) {
            let known = found.values.len();
            let kind = self.kind(branch, depth + 1, found);
            listed &= found.values.len() > known;
            kinds.extend((!kinds.contains(&kind)).then_some(kind));
        }
        // Values of one branch do not bound the others.
        if !listed {
            found.values.truncate(before);
        }
        one(kinds, found)
    }

    fn named(
        &self,
        name: &str,
        object: &Map<String, Value>,
        depth: usize,
        found: &mut Found,
    ) -> Kind {
        match name {
            "string" => Kind::String,
            "boolean" => Kind::Bool,
            "integer" => Kind::Long,
            "number" => {
                found.say(NUMBER);
                Kind::Number
            }
            "array" => self.list(object, depth, found),
            "object" => found.json("an object: any JSON is taken"),
            _ => found.json("its type is unknown: any JSON is taken"),
        }
    }

    fn list(&self, object: &Map<String, Value>, depth: usize, found: &mut Found) -> Kind {
        let uniform = object.get("items").filter(|items| items.is_object());
        let Some(items) = uniform.filter(|_| !object.contains_key("prefixItems")) else {
            return found.json("a list whose elements have no one type: any JSON is taken");
        };
        let mut inside = Found::default();
        let element = self.kind(items, depth + 1, &mut inside);
        found.values.append(&mut inside.values);
        if element == Kind::Json || inside.nullable {
            return found.json("a list of objects or of several types: any JSON is taken");
        }
        if element.lists() >= LISTS {
            return found.json("lists too deep in each other: any JSON is taken");
        }
        for what in inside.said {
            found.say(what);
        }
        Kind::Set(Box::new(element))
    }
}

/// What is said of every number with a fraction.
const NUMBER: &str = "`number`: at most 15 digits are taken, and policies do not see it";

/// The only kind of several branches. An integer is a number too.
fn one(kinds: Vec<Kind>, found: &mut Found) -> Kind {
    let wider = kinds.contains(&Kind::Number);
    let mut kinds = kinds
        .into_iter()
        .filter(|kind| !(wider && *kind == Kind::Long));
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => kind,
        (None, _) => found.json("only `null` is described: any JSON is taken"),
        (Some(_), Some(_)) => {
            found.values.clear();
            found.json("it may have one of several types: any JSON is taken")
        }
    }
}

/// The kind of listed values.
fn listed(values: &[Value], found: &mut Found) -> Kind {
    let mut kinds: BTreeMap<u8, Kind> = BTreeMap::new();
    for value in values {
        match value {
            Value::Null => found.nullable = true,
            Value::String(_) => drop(kinds.insert(0, Kind::String)),
            Value::Bool(_) => drop(kinds.insert(1, Kind::Bool)),
            number if bounds::whole(number).is_some() => drop(kinds.insert(2, Kind::Long)),
            number if bounds::number(number).is_some() => drop(kinds.insert(4, Kind::Number)),
            _ => drop(kinds.insert(3, Kind::Json)),
        }
    }
    if kinds.contains_key(&4) {
        found.say(NUMBER);
    }
    found
        .values
        .extend(values.iter().filter(|value| !value.is_null()).cloned());
    one(kinds.into_values().collect(), found)
}
