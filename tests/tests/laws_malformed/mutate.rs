//! Every way to change one value of a document, and what the tables say of the result.

use std::collections::BTreeSet;

use ambit_core::grammar::{Form, Member, Need};
use ambit_core::limits::INTEGER_MAX;
use serde_json::{Map, Value, json};

/// A place in a document.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The members and elements that lead there.
    path: Vec<Step>,
    /// The row of the table: the same for every element of a list.
    pub(crate) row: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Member(String),
    Element(usize),
}

/// What is done to the value there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// It becomes this, of the JSON texts in [`VALUES`].
    Set(&'static str, &'static str),
    LeaveOut,
    Repeat,
}

/// Values of every type, each with the type's name.
const VALUES: [(&str, &str); 12] = [
    ("null", "null"),
    ("bool", "true"),
    ("bool", "false"),
    ("number", "-1"),
    ("number", "0"),
    ("number", "9007199254740992"),
    ("string", r#""""#),
    ("string", r#""x""#),
    ("array", "[]"),
    ("array", r#"["x"]"#),
    ("object", "{}"),
    ("object", r#"{"x":1}"#),
];

impl Change {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Set(kind, _) => kind,
            Self::LeaveOut => "left out",
            Self::Repeat => "repeated",
        }
    }
}

/// All changes of a place. A member that nobody knows is only put there.
pub(crate) fn changes(target: &Target) -> Vec<Change> {
    let set = VALUES.map(|(kind, text)| Change::Set(kind, text));
    let mut changes = set.to_vec();
    if !target.row.ends_with(".*") {
        changes.push(Change::LeaveOut);
        changes.push(Change::Repeat);
    }
    changes
}

/// The places of a document that a form speaks of, or of every document (`None`).
pub(crate) fn targets(form: &Form, sound: Option<&Value>) -> Vec<Target> {
    let root = Target {
        path: Vec::new(),
        row: String::new(),
    };
    let mut out = Vec::new();
    walk(form, sound, &root, &mut out);
    out
}

fn walk(form: &Form, value: Option<&Value>, here: &Target, out: &mut Vec<Target>) {
    match *form {
        Form::Object(members) | Form::Partial(members) | Form::Open(members) => {
            for member in members {
                let there = here.member(member.name, member.name);
                out.push(there.clone());
                let inner = value.map(|value| value.get(member.name));
                if member.need != Need::Refused && inner != Some(None) {
                    walk(&member.form, inner.flatten(), &there, out);
                }
            }
            out.push(here.member("nobody-knows", "*"));
        }
        Form::List(_, of) => match value.and_then(Value::as_array) {
            None => walk(of, None, &here.element(0), out),
            Some(items) => {
                for (at, item) in items.iter().enumerate() {
                    walk(of, Some(item), &here.element(at), out);
                }
            }
        },
        Form::OneOf(forms) => {
            for (at, form) in forms.iter().enumerate() {
                if value.is_none_or(|value| fits(form, value)) {
                    let mut there = here.clone();
                    there.row.push_str(&format!("|{at}"));
                    walk(form, value, &there, out);
                }
            }
        }
        _ => {}
    }
}

impl Target {
    fn member(&self, name: &str, row: &str) -> Self {
        let mut there = self.clone();
        there.path.push(Step::Member(name.to_owned()));
        there.row.push_str(&format!(".{row}"));
        there
    }

    fn element(&self, at: usize) -> Self {
        let mut there = self.clone();
        there.path.push(Step::Element(at));
        there.row.push_str("[]");
        there
    }

    /// The text of the document with the change.
    pub(crate) fn text(&self, document: &Value, change: &Change) -> String {
        write(document, &self.path, change)
    }

    /// The document with the change; `None` where no value can say it.
    pub(crate) fn applied(&self, document: &Value, change: &Change) -> Option<Value> {
        if matches!(change, Change::Repeat) {
            return None;
        }
        serde_json::from_str(&self.text(document, change)).ok()
    }
}

fn write(value: &Value, path: &[Step], change: &Change) -> String {
    let (Some(step), rest) = (path.first(), path.get(1..).unwrap_or_default()) else {
        return value.to_string();
    };
    let inner = |old: &Value| match (rest, change) {
        ([], Change::Set(_, text)) => (*text).to_owned(),
        ([], _) => old.to_string(),
        _ => write(old, rest, change),
    };
    match (step, value) {
        (Step::Element(at), Value::Array(items)) => {
            let item = |(index, item): (usize, &Value)| match index == *at {
                true => inner(item),
                false => item.to_string(),
            };
            let items: Vec<String> = items.iter().enumerate().map(item).collect();
            format!("[{}]", items.join(","))
        }
        (Step::Member(name), Value::Object(members)) => {
            let mut members: Map<String, Value> = members.clone();
            members.entry(name.as_str()).or_insert(Value::Null);
            let mut texts = Vec::new();
            for (other, old) in &members {
                let is_it = other == name && rest.is_empty();
                let text = if other == name {
                    inner(old)
                } else {
                    old.to_string()
                };
                let text = format!("{}:{text}", json!(other));
                match change {
                    Change::LeaveOut if is_it => {}
                    Change::Repeat if is_it => texts.extend([text.clone(), text]),
                    _ => texts.push(text),
                }
            }
            format!("{{{}}}", texts.join(","))
        }
        _ => value.to_string(),
    }
}

/// Whether a value has a form, read as naively as can be.
pub(crate) fn fits(form: &Form, value: &Value) -> bool {
    let text = value.as_str().filter(|text| !text.is_empty());
    match *form {
        Form::Any => true,
        Form::Null => value.is_null(),
        Form::Bool => value.is_boolean(),
        Form::Is(wanted) => *value == json!(wanted),
        Form::Integer => within(value, -INTEGER_MAX, INTEGER_MAX),
        Form::AtLeast(least) => within(value, least.into(), INTEGER_MAX),
        Form::Within(&(least, most)) => within(value, least, most),
        Form::Text => text.is_some(),
        Form::Short(most) => text.is_some_and(|text| text.len() <= most),
        Form::Word(words) => text.is_some_and(|text| words.contains(&text)),
        Form::Clock => text.is_some_and(|text| {
            let minute = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
            (0..=1440).any(|all| minute(all) == text)
        }),
        Form::Zone => text.is_some_and(|text| {
            let mut signs = text.chars();
            text.len() <= 64
                && signs
                    .next()
                    .is_some_and(|first| first.is_ascii_alphabetic())
                && signs.all(|sign| sign.is_ascii_alphanumeric() || "+-_/".contains(sign))
        }),
        Form::Address => text.is_some_and(|text| text.contains("://")),
        // A digest that is filled in later stands as its name.
        Form::Bytes32 => text.is_some_and(|text| text.len() == 43 || text.starts_with('{')),
        Form::List(&(least, most), of) => value.as_array().is_some_and(|items| {
            items.len() >= least && items.len() <= most && items.iter().all(|item| fits(of, item))
        }),
        Form::Set => value.as_array().is_some_and(|items| {
            let texts: BTreeSet<&str> = items.iter().filter_map(Value::as_str).collect();
            !items.is_empty() && texts.len() == items.len() && !texts.contains("")
        }),
        Form::Map(of) => {
            let members = value.as_object();
            members.is_some_and(|members| members.values().all(|value| fits(of, value)))
        }
        Form::Exact => value.is_object(),
        Form::Object(members) => {
            value.as_object().is_some_and(|it| !it.is_empty()) && has(members, value, false)
        }
        Form::Partial(members) => has(members, value, false),
        Form::Open(members) => has(members, value, true),
        Form::OneOf(forms) => forms.iter().any(|form| fits(form, value)),
    }
}

fn within(value: &Value, least: i64, most: i64) -> bool {
    value.as_i64().is_some_and(|it| it >= least && it <= most)
}

fn has(members: &[Member], value: &Value, open: bool) -> bool {
    let Some(object) = value.as_object() else {
        return false;
    };
    let known = |name: &String| members.iter().any(|member| member.name == name);
    members.iter().all(|member| match object.get(member.name) {
        None => member.need != Need::Required,
        Some(value) => member.need != Need::Refused && fits(&member.form, value),
    }) && (open || object.keys().all(known))
}
