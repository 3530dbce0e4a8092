//! Constraints in a manifest: the same table as docs/token.md's, but with the fault pointed at.

use ambit_core::constraint::{self, Kind, Member, Shape, well_formed};
use ambit_core::json::{Document, Profile};
use serde_json::{Map, Value as Json};
use toml::de::{DeTable, DeValue};

use super::number;
use crate::reader::{File, Value, kind as kind_of};
use crate::schema::{Argument, Form};
use crate::sets;
use crate::suggest;

/// What a constraint is for: the argument's name, and what the actions declare it as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) name: &'a str,
    pub(super) argument: Option<&'a Argument>,
    /// What a pattern would let through that nobody meant.
    pub(super) like: Option<Trap>,
}

/// Why `like` is no bound of an argument: a star goes across the parts that a path, a host or a URL has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trap {
    /// By its `@format`.
    Form(Form),
    /// By its `@target`.
    Target,
}

impl Trap {
    pub(super) fn of(argument: &Argument) -> Option<Self> {
        let form = argument.attribute.form.map(Self::Form);
        let target =
            || (argument.target && argument.attribute.kind.is_text()).then_some(Self::Target);
        form.or_else(target)
    }

    /// What is wrong with a pattern, and what to write instead.
    fn fault(self) -> (&'static str, String) {
        let instead = |kind: Kind| {
            let (name, example) = (kind.name(), kind.example());
            format!("`{{ constraint_type = \"{name}\", {example} }}`")
        };
        let (what, kind) = match self {
            Self::Target => {
                let kinds = [
                    Kind::OneOf,
                    Kind::EmailDomain,
                    Kind::Host,
                    Kind::Url,
                    Kind::Subpath,
                ];
                let names = kinds.iter().map(|kind| kind.name());
                return (
                    "`like` does not bound whom or what is reached: a `*` also goes across `/`, `.` and `@`",
                    format!(
                        "use one of {}; for example {}",
                        suggest::one_of(names),
                        instead(Kind::EmailDomain)
                    ),
                );
            }
            Self::Form(Form::PosixPath) => (
                "`like` does not bound a path: `/srv/*/x` matches `/srv/../../etc/x`",
                Kind::Subpath,
            ),
            Self::Form(Form::Url) => (
                "`like` does not bound a URL: `https://*.example.com/*` matches `https://evil.example/.example.com/`",
                Kind::Url,
            ),
            Self::Form(Form::Host) => (
                "`like` does not bound a host: `*example.com` matches `evil-example.com`",
                Kind::Host,
            ),
        };
        (what, format!("write for example {}", instead(kind)))
    }
}

impl Target<'_> {
    fn money(self) -> Option<u32> {
        self.argument.and_then(|argument| argument.attribute.money)
    }
}

/// Reads a constraint; `None` when a fault was reported.
pub(super) fn read(file: File<'_>, value: &Value<'_>, target: Target<'_>) -> Option<Json> {
    let before = file.sink.errors();
    let json = spec(file, value, target)?;
    (file.sink.errors() == before).then_some(json)
}

fn spec(file: File<'_>, value: &Value<'_>, target: Target<'_>) -> Option<Json> {
    let example = format!(
        "{} = {{ constraint_type = \"exact\", value = \"…\" }}",
        target.name
    );
    let table = file.table(value, target.name, &example)?;
    let kind = find_kind(file, value, table)?;
    check_members(file, value, table, kind);
    if let Some(trap) = target.like.filter(|_| kind == Kind::Like) {
        let (what, instead) = trap.fault();
        file.error("project.like", value.span(), what, instead);
        return None;
    }
    let mut json = Map::new();
    json.insert("constraint_type".to_owned(), kind.name().into());
    for known in kind.members() {
        if let Some(member) = table.get(known.name) {
            let read = read_member(file, member, known.name, known.shape, target, kind)?;
            json.insert(known.name.to_owned(), read);
        }
    }
    let json = Json::Object(json);
    check_form(file, value, table, kind, &json);
    Some(json)
}

fn find_kind(file: File<'_>, value: &Value<'_>, table: &DeTable<'_>) -> Option<Kind> {
    let names = || Kind::ALL.iter().map(|kind| kind.name());
    let Some(given) = table.get("constraint_type") else {
        file.error(
            "project.constraint",
            value.span(),
            "a constraint needs `constraint_type`",
            format!("write one of {}", suggest::one_of(names())),
        );
        return None;
    };
    let text = file.string(given, "constraint_type", "constraint_type = \"exact\"")?;
    let kind = Kind::from_name(text.text);
    if kind.is_none() {
        let near = suggest::closest(text.text, names());
        file.error(
            "project.constraint",
            text.span,
            format!("there is no constraint `{}`", text.text),
            near.map_or_else(
                || format!("write one of {}", suggest::one_of(names())),
                |near| format!("did you mean `{near}`?"),
            ),
        );
    }
    kind
}

/// "write …", for every fault in a constraint of this kind.
fn help(kind: Kind) -> String {
    let (name, example, note) = (kind.name(), kind.example(), kind.note());
    let comma = if example.is_empty() { "" } else { ", " };
    format!("write for example `{{ constraint_type = \"{name}\"{comma}{example} }}`{note}")
}

fn check_members(file: File<'_>, value: &Value<'_>, table: &DeTable<'_>, kind: Kind) {
    let name = kind.name();
    let mut unknown = false;
    for (key, _) in table {
        let given = key.get_ref().as_ref();
        let mut members = kind.members().iter();
        if given != "constraint_type" && !members.any(|known| known.name == given) {
            unknown = true;
            file.error(
                "project.constraint",
                key.span(),
                format!("`{name}` has no member `{given}`"),
                help(kind),
            );
        }
    }
    // A member that is not known was probably meant to be the missing one.
    if let Some(missing) = missing(table, kind).filter(|_| !unknown) {
        file.error(
            "project.constraint",
            value.span(),
            format!("`{name}` lacks {missing}"),
            help(kind),
        );
    }
}

/// The member that a constraint lacks; of several that may be left out, one must be there.
fn missing(table: &DeTable<'_>, kind: Kind) -> Option<String> {
    let quoted = |member: &Member| format!("`{}`", member.name);
    let given = |member: &&Member| table.contains_key(member.name);
    let mut members = kind.members().iter();
    if let Some(member) = members.clone().find(|one| one.needed && !given(one)) {
        return Some(quoted(member));
    }
    let none = !kind.members().is_empty() && !members.any(|member| given(&member));
    none.then(|| {
        let names: Vec<String> = kind.members().iter().map(quoted).collect();
        names.join(" and ")
    })
}

fn read_member(
    file: File<'_>,
    value: &Value<'_>,
    name: &str,
    shape: Shape,
    target: Target<'_>,
    kind: Kind,
) -> Option<Json> {
    let wrong = |wanted: &str| {
        file.error(
            "project.constraint",
            value.span(),
            format!(
                "`{name}` must be {wanted}, not {}",
                kind_of(value.get_ref())
            ),
            help(kind),
        );
    };
    match (shape, value.get_ref()) {
        (Shape::Constraint, _) => spec(file, value, target),
        (
            Shape::Constraints | Shape::Values | Shape::Scalars | Shape::Texts(_),
            DeValue::Array(list),
        ) => {
            if list.is_empty() {
                file.error(
                    "project.constraint",
                    value.span(),
                    format!("`{name}` is an empty list, so nothing could match"),
                    help(kind),
                );
                return None;
            }
            let element = element_of(shape);
            let read = |value| read_member(file, value, name, element, target, kind);
            let elements: Vec<Option<Json>> = list.iter().map(read).collect();
            let elements: Vec<Json> = elements.into_iter().collect::<Option<_>>()?;
            if let Some(at) = sets::repeated(&elements) {
                file.error(
                    "project.duplicate",
                    list.get(at).map_or_else(|| value.span(), Value::span),
                    format!("`{name}` has this twice"),
                    "remove one of them",
                );
            }
            Some(Json::Array(elements))
        }
        (Shape::Constraints | Shape::Values | Shape::Scalars | Shape::Texts(_), _) => {
            wrong("a list");
            None
        }
        (
            Shape::End(_) | Shape::Number,
            DeValue::String(_) | DeValue::Float(_) | DeValue::Integer(_),
        ) => number::end(file, value, name, target.money(), shape),
        (Shape::End(_) | Shape::Number, _) => {
            wrong("an integer");
            None
        }
        (Shape::Text(_), DeValue::String(text)) => Some(Json::from(text.as_ref())),
        (Shape::Text(_), _) => {
            wrong("a string");
            None
        }
        (Shape::Value, _) => number::json(file, value, target.money()),
    }
}

/// What the elements of a member with this shape hold.
const fn element_of(shape: Shape) -> Shape {
    match shape {
        Shape::Constraint | Shape::Constraints => Shape::Constraint,
        Shape::Text(passes) | Shape::Texts(passes) => Shape::Text(passes),
        Shape::End(least) => Shape::End(least),
        Shape::Number => Shape::Number,
        Shape::Value | Shape::Values | Shape::Scalars => Shape::Value,
    }
}

/// What members and types alone do not say: ends in order, domains, roots and ranges in normal
/// form.
fn check_form(file: File<'_>, value: &Value<'_>, table: &DeTable<'_>, kind: Kind, json: &Json) {
    let text = json.to_string();
    let sound = Document::parse(text.as_bytes(), Profile::Signed)
        .is_ok_and(|spec| well_formed(spec.root()));
    if sound && !kind.has_constraints() && leaves_nothing(text.as_str()) {
        file.error(
            "project.except",
            table
                .get("except")
                .map_or_else(|| value.span(), Value::span),
            "`except` leaves nothing of what this allows, so it would match nothing",
            "leave out less, or take the capability out",
        );
    }
    // A fault inside has been reported where it stands; a missing member too.
    if !sound && !kind.has_constraints() && missing(table, kind).is_none() {
        file.error(
            "project.constraint",
            value.span(),
            format!(
                "this `{}` is malformed, so it would match nothing",
                kind.name()
            ),
            help(kind),
        );
    }
}

fn leaves_nothing(spec: &str) -> bool {
    Document::parse(spec.as_bytes(), Profile::Signed)
        .is_ok_and(|spec| constraint::leaves_nothing(spec.root()))
}

/// Whether a constraint accepts an absent argument.
pub(super) fn accepts_absence(json: &Json) -> bool {
    let kind = json.get("constraint_type").and_then(Json::as_str);
    kind.and_then(Kind::from_name)
        .is_some_and(Kind::takes_absent)
}
