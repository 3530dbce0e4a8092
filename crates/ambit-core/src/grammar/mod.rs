//! What everybody may send, as tables: each object with its members, whether they are needed, and
//! their forms.
//!
//! The readers check a value against its table before they look at it, so that a member of the wrong
//! type denies and is never taken for absent. A test takes its variants from the same tables, so none
//! is forgotten. What two members say of each other, and what constraints say, is for the readers.

mod entry;
mod request;
mod statement;
mod token;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};

use crate::json::{Json, Kind};
use crate::{foreign_name, foreign_path, hours, split_once};

pub use entry::{DERIVED_ENTRY, HOURS, LIMIT, MANIFEST_ENTRY, REQUIRES, ROOT_ENTRY};
pub use request::{ENTITY, EVALUATION, FACTS, REQUEST};
pub use statement::{
    ASSERTION, CLIENT_DATA, ENROLMENT, EPOCHS, PROOF, PROOF_HEADER, RECEIPT, SIGNING,
    STATEMENT_HEADER,
};
pub use token::{CLAIMS, Claim, ClaimNeed, DERIVED_HEADER, JWK, ROOT_HEADER};

/// The form of a value.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Ignored here, or judged by code of its own.
    Any,
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// This truth value.
    Is(bool),
    /// An integer that all readers keep exactly.
    Integer,
    /// Such an integer of at least this.
    AtLeast(u8),
    /// An integer from the first to the second.
    Within(&'static (i64, i64)),
    /// A string that is not empty.
    Text,
    /// Such a string of at most so many bytes.
    Short(usize),
    /// One of these strings.
    Word(&'static [&'static str]),
    /// `scheme://…` without spaces and controls.
    Address,
    /// A time of day, `HH:MM` up to `24:00`.
    Clock,
    /// The name of a time zone.
    Zone,
    /// 32 bytes as base64url: a SHA-256, a coordinate of a key.
    Bytes32,
    /// A list of so many to so many elements of one form.
    List(&'static (usize, usize), &'static Self),
    /// A list of strings, not empty and none of them twice: people, who must not count twice.
    Set,
    /// An object with any names, its values of one form.
    Map(&'static Self),
    /// An object of any members whose numbers all readers keep exactly.
    Exact,
    /// An object with these members and no others. It is not empty.
    Object(&'static [Member]),
    /// The same, and it may be empty where no member is needed.
    Partial(&'static [Member]),
    /// An object with these members; others are ignored.
    Open(&'static [Member]),
    /// One of several forms.
    OneOf(&'static [Self]),
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub need: Need,
    /// Its form.
    pub form: Form,
}

/// Whether a member must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It may.
    Optional,
    /// It must not, though others that are not known may.
    Refused,
}

/// What is wrong with a value.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Where, from the value that was checked: `agent.ai_model`, `entries[2].selector`. Names that
    /// the table does not have are quoted.
    pub path: String,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// How a value differs from its table.
#[derive(Clone, Copy, Debug)]
pub enum FaultKind {
    /// A member of this form is missing.
    Missing(Form),
    /// A member is none of these.
    Unknown(&'static [Member]),
    /// A member must not be there.
    Refused,
    /// A value does not have this form.
    Form(Form),
}

/// The most elements of a list whose length nothing but the size of its document bounds.
pub const MANY: usize = usize::MAX;
/// A list of strings, not empty.
pub const TEXTS: Form = Form::List(&(1, MANY), &Form::Text);
/// An object, its members not looked at.
pub const OBJECT: Form = Form::Map(&Form::Any);
/// Seconds since 1970, or a version.
pub const COUNT: Form = Form::AtLeast(0);
/// Any integer that all readers keep exactly.
pub const INTEGER: Form = Form::Integer;

/// A member that must be there.
#[must_use]
pub const fn needs(name: &'static str, form: Form) -> Member {
    let need = Need::Required;
    Member { name, need, form }
}

/// A member that may be there.
#[must_use]
pub const fn may(name: &'static str, form: Form) -> Member {
    let need = Need::Optional;
    Member { name, need, form }
}

/// A member that must not be there.
#[must_use]
pub const fn never(name: &'static str) -> Member {
    let (need, form) = (Need::Refused, Form::Any);
    Member { name, need, form }
}

impl Form {
    /// Whether a value has this form.
    #[must_use]
    pub fn holds(&self, value: Json<'_>) -> bool {
        self.check(value).is_ok()
    }

    /// Checks a value.
    ///
    /// # Errors
    ///
    /// The first [`Fault`]: in the order of the text, then members that are missing, in the order of the
    /// table.
    pub fn check(&self, value: Json<'_>) -> Result<(), Box<Fault>> {
        let text = value.as_str().filter(|text| !text.is_empty());
        let fits = match *self {
            Self::Any => true,
            Self::Null => value.is_null(),
            Self::Bool => value.as_bool().is_some(),
            Self::Is(wanted) => value.as_bool() == Some(wanted),
            Self::Integer => value.as_int().is_some(),
            Self::AtLeast(least) => value.as_int().is_some_and(|it| it >= i64::from(least)),
            Self::Within(&(least, most)) => {
                let integer = value.as_int();
                integer.is_some_and(|integer| (least..=most).contains(&integer))
            }
            Self::Text => text.is_some(),
            Self::Short(most) => text.is_some_and(|text| text.len() <= most),
            Self::Word(words) => text.is_some_and(|text| words.contains(&text)),
            Self::Address => text.is_some_and(is_address),
            Self::Clock => text.is_some_and(|text| hours::minutes(text).is_some()),
            Self::Zone => text.is_some_and(hours::is_zone),
            Self::Bytes32 => text.is_some_and(is_bytes32),
            Self::List(&(least, most), of) => {
                if value.kind() == Kind::Array && (least..=most).contains(&value.len()) {
                    return elements(value, *self, of);
                }
                false
            }
            Self::Set => TEXTS.holds(value) && !value.has_repeated_text(),
            Self::Map(of) => {
                if value.kind() == Kind::Object {
                    return values(value, of);
                }
                false
            }
            Self::Exact => value.kind() == Kind::Object && has_exact_numbers(value),
            Self::Object(members) | Self::Partial(members) | Self::Open(members) => {
                let empty = matches!(self, Self::Object(_)) && value.is_empty();
                if value.kind() == Kind::Object && !empty {
                    return check_members(value, members, matches!(self, Self::Open(_)));
                }
                false
            }
            Self::OneOf(forms) => forms.iter().any(|form| form.holds(value)),
        };
        if fits {
            return Ok(());
        }
        Err(Fault::new(FaultKind::Form(*self)))
    }

    /// What the form is, to follow "wanted".
    #[must_use]
    pub fn words(&self) -> String {
        match *self {
            Self::Any => "a value".to_string(),
            Self::Null => "null".to_string(),
            Self::Bool => "true or false".to_string(),
            Self::Is(wanted) => format!("{wanted}"),
            Self::Integer => "an integer within 2^53 - 1".to_string(),
            Self::AtLeast(least) => format!("an integer of at least {least}"),
            Self::Within(&(least, most)) => format!("an integer from {least} to {most}"),
            Self::Text => "a string that is not empty".to_string(),
            Self::Short(most) => format!("a string of 1 to {most} bytes"),
            Self::Word(words) => listed(&mut words.iter().copied(), "`", " or "),
            Self::Address => "a URL or SPIFFE identifier".to_string(),
            Self::Clock => "a time of day as `HH:MM`".to_string(),
            Self::Zone => "the name of a time zone, such as `Europe/Berlin`".to_string(),
            Self::Bytes32 => "32 bytes as base64url".to_string(),
            Self::List(&(least, most), of) => {
                let length = match (least, most) {
                    (0, MANY) => "of any length".to_string(),
                    (1, MANY) => "that is not empty".to_string(),
                    (0, most) => format!("of at most {most}"),
                    (_, MANY) => format!("of at least {least}"),
                    _ => format!("of {least} to {most}"),
                };
                format!("an array {length}, each element {}", of.words())
            }
            Self::Set => "an array of strings, none of them empty or twice".to_string(),
            Self::Map(_) | Self::Exact => "an object".to_string(),
            Self::Object(members) | Self::Partial(members) | Self::Open(members) => {
                let needed = members.iter().filter(|one| one.need == Need::Required);
                match needed.clone().next() {
                    Some(_) => {
                        let needed = &mut needed.map(|member| member.name);
                        format!("an object with {}", listed(needed, "`", " and "))
                    }
                    None => format!("an object of {}", names(members, "`", " and ")),
                }
            }
            Self::OneOf(forms) => {
                let mut words = String::new();
                for (at, form) in forms.iter().enumerate() {
                    words.push_str(if at > 0 { ", or " } else { "" });
                    words.push_str(&form.words());
                }
                words
            }
        }
    }
}

/// Whether an object has members beside those of its table.
#[must_use]
pub fn has_others(object: Json<'_>, table: &[Member]) -> bool {
    let mut members = object.members();
    members.any(|(name, _)| !table.iter().any(|member| member.name == name))
}

fn check_members(value: Json<'_>, table: &'static [Member], open: bool) -> Result<(), Box<Fault>> {
    for (name, value) in value.members() {
        let known = table.iter().find(|member| member.name == name);
        let checked = match known {
            Some(member) if member.need == Need::Refused => Err(Fault::new(FaultKind::Refused)),
            Some(member) => member.form.check(value),
            None if open => Ok(()),
            None => Err(Fault::new(FaultKind::Unknown(table))),
        };
        checked.map_err(|fault| fault.inside(name, known.is_some()))?;
    }
    let mut needed = table.iter().filter(|member| member.need == Need::Required);
    match needed.find(|member| value.get(member.name).is_none()) {
        None => Ok(()),
        Some(lacking) => {
            Err(Fault::new(FaultKind::Missing(lacking.form)).inside(lacking.name, true))
        }
    }
}

/// An element of another form is a fault of the list, whose words say what its elements are.
fn elements(list: Json<'_>, form: Form, of: &Form) -> Result<(), Box<Fault>> {
    list.elements().enumerate().try_for_each(|(at, element)| {
        let Err(fault) = of.check(element) else {
            return Ok(());
        };
        if fault.path.is_empty() {
            return Err(Fault::new(FaultKind::Form(form)));
        }
        Err(fault.around(&format!("[{at}]")))
    })
}

fn values(map: Json<'_>, of: &Form) -> Result<(), Box<Fault>> {
    map.members().try_for_each(|(name, value)| {
        let checked = of.check(value);
        checked.map_err(|fault| fault.inside(name, false))
    })
}

impl Fault {
    fn new(kind: FaultKind) -> Box<Self> {
        let path = String::new();
        Box::new(Self { path, kind })
    }

    /// Where and what, for administrators; `outer` is the path of what was checked.
    #[must_use]
    pub fn within(self: Box<Self>, outer: &str) -> String {
        let words = self.words();
        let path = if outer.is_empty() {
            self.path
        } else {
            self.around(outer).path
        };
        format!("{}: {words}", foreign_path(&path))
    }

    /// What is wrong, for administrators.
    #[must_use]
    pub fn words(&self) -> String {
        match self.kind {
            FaultKind::Missing(form) => format!("missing; wanted {}", form.words()),
            FaultKind::Unknown(table) if table.iter().all(|one| one.need == Need::Required) => {
                format!(
                    "unknown member; wanted exactly {}",
                    names(table, "`", " and ")
                )
            }
            FaultKind::Unknown(table) => {
                format!("unknown member; known are {}", names(table, "", ", "))
            }
            FaultKind::Refused => "must be left out".to_string(),
            FaultKind::Form(form) => format!("wanted {}", form.words()),
        }
    }

    /// The same fault, seen from the object around it.
    fn inside(self: Box<Self>, name: &str, known: bool) -> Box<Self> {
        if known {
            return self.around(name);
        }
        self.around(&foreign_name(name))
    }

    fn around(mut self: Box<Self>, outer: &str) -> Box<Self> {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{outer}{dot}{}", self.path);
        self
    }
}

fn names(members: &[Member], quote: &str, last: &str) -> String {
    let known = members.iter().filter(|member| member.need != Need::Refused);
    let mut names = known.map(|member| member.name);
    listed(&mut names, quote, last)
}

fn listed(names: &mut dyn Iterator<Item = &'static str>, quote: &str, last: &str) -> String {
    let mut out = String::new();
    let mut next = names.next();
    while let Some(name) = next {
        next = names.next();
        out.push_str(match (out.is_empty(), next) {
            (true, _) => "",
            (false, Some(_)) => ", ",
            (false, None) => last,
        });
        out.push_str(quote);
        out.push_str(name);
        out.push_str(quote);
    }
    out
}

/// Depth is bounded by the reader ([`crate::limits::JSON_DEPTH`]).
fn has_exact_numbers(value: Json<'_>) -> bool {
    match value.kind() {
        Kind::Number => value.as_int().is_some(),
        Kind::Array => value.elements().all(has_exact_numbers),
        Kind::Object => value.members().all(|(_, member)| has_exact_numbers(member)),
        Kind::Null | Kind::Bool | Kind::String => true,
    }
}

fn is_address(text: &str) -> bool {
    let Some((scheme, rest)) = split_once(text, "://") else {
        return false;
    };
    let scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(scheme_byte)
        && !rest.is_empty()
        && !rest.contains(|one: char| one.is_whitespace() || one.is_control())
}

/// 43 characters of base64url, the last without the two spare bits.
fn is_bytes32(text: &str) -> bool {
    let character = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == 43
        && text.bytes().all(character)
        && text
            .bytes()
            .next_back()
            .is_some_and(|last| b"AEIMQUYcgkosw048".contains(&last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Profile};

    const INNER: &[Member] = &[
        needs("name", Form::Text),
        may("size", Form::Within(&(0, 9))),
    ];
    const OUTER: Form = Form::Open(&[
        needs("list", Form::List(&(0, 2), &Form::Object(INNER))),
        may("map", Form::Map(&Form::Bool)),
        never("old"),
    ]);

    fn fault(text: &str) -> String {
        let document = Document::parse(text.as_bytes(), Profile::Request).unwrap();
        let fault = OUTER.check(document.root()).err();
        fault.map_or(String::new(), |fault| {
            format!("{}: {}", fault.path, fault.words())
        })
    }

    #[test]
    fn faults_say_where() {
        for sound in [
            r#"{"list": []}"#,
            r#"{"list": [{"name": "a", "size": 9}], "map": {}, "other": 1}"#,
        ] {
            assert_eq!(fault(sound), "", "{sound}");
        }
        const LIST: &str = "an array of at most 2, each element an object with `name`";
        for (text, said) in [
            ("[]", ": wanted an object with `list`".into()),
            ("{}", format!("list: missing; wanted {LIST}")),
            (r#"{"list": null}"#, format!("list: wanted {LIST}")),
            (r#"{"list": [1, 2, 3]}"#, format!("list: wanted {LIST}")),
            (r#"{"list": [], "old": 1}"#, "old: must be left out".into()),
            (r#"{"list": [{}]}"#, format!("list: wanted {LIST}")),
            (
                r#"{"list": [{"size": 1}]}"#,
                "list[0].name: missing; wanted a string that is not empty".into(),
            ),
            (
                r#"{"list": [{"name": "a"}, {"name": "a", "size": 10}]}"#,
                "list[1].size: wanted an integer from 0 to 9".into(),
            ),
            (
                r#"{"list": [{"name": "a", "siz`e": 1}]}"#,
                "list[0].`siz\\`e`: unknown member; known are name, size".into(),
            ),
            (
                r#"{"list": [], "map": {"a\nb": 1}}"#,
                "map.`a\\u{a}b`: wanted true or false".into(),
            ),
        ] {
            assert_eq!(fault(text), said, "{text}");
        }
    }

    #[test]
    fn thirty_two_bytes_have_one_spelling() {
        let zero = "A".repeat(43);
        assert!(is_bytes32(&zero));
        for last in ["B", "C", "D", "=", "+", ""] {
            assert!(!is_bytes32(&format!("{}{last}", "A".repeat(42))), "{last}");
        }
        assert!(!is_bytes32(&"A".repeat(44)));
    }
}
