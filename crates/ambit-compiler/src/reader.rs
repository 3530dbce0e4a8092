//! TOML with spans: every key and value is read once, by name, and what nobody read is unknown.

use core::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostics::{Diagnostic, Sink};
use crate::suggest;

/// A value and where it stands.
pub type Value<'i> = Spanned<DeValue<'i>>;

/// A string and where it stands.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    /// The string.
    pub text: &'a str,
    /// The bytes of the file, quotes included.
    pub span: Range<usize>,
}

/// One file of the project.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name, relative to the project, with `/` between the parts.
    pub name: &'a str,
    /// Where its faults go.
    pub sink: &'a Sink,
}

impl<'a> File<'a> {
    /// Reports a fault.
    pub fn error(
        self,
        code: &'static str,
        span: impl Into<Option<Range<usize>>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let error = Diagnostic::error(code, self.name, span, message, help);
        self.sink.push(error);
    }

    /// Reports what is allowed, but does not do what it seems to say.
    pub fn warning(
        self,
        code: &'static str,
        span: impl Into<Option<Range<usize>>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let error = Diagnostic::error(code, self.name, span, message, help);
        self.sink.push(error.warning());
    }

    /// The document, or its syntax errors reported.
    #[must_use]
    pub fn parse<'i>(self, text: &'i str) -> Option<Spanned<DeTable<'i>>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let help = if error.message().contains("duplicate key") {
                "give each key once"
            } else {
                "see https://toml.io for how values are written"
            };
            self.error("project.toml", error.span(), error.message(), help);
        }
        errors.is_empty().then_some(document)
    }

    fn wrong_type(self, value: &Value<'_>, what: &str, wanted: &str, example: &str) {
        self.error(
            "project.type",
            value.span(),
            format!("`{what}` must be {wanted}, not {}", kind(value.get_ref())),
            format!("write for example `{example}`"),
        );
    }

    /// A string with something in it and nothing invisible.
    pub fn string<'v>(self, value: &'v Value<'_>, what: &str, example: &str) -> Option<Text<'v>> {
        self.text(value, what, example, char::is_control)
    }

    /// A string that may have several lines.
    #[must_use]
    pub fn lines<'v>(self, value: &'v Value<'_>, what: &str, example: &str) -> Option<Text<'v>> {
        let refused = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        self.text(value, what, example, refused)
    }

    fn text<'v>(
        self,
        value: &'v Value<'_>,
        what: &str,
        example: &str,
        refused: impl Fn(char) -> bool,
    ) -> Option<Text<'v>> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(value, what, "a string", example);
            return None;
        };
        if text.is_empty() || text.chars().any(refused) {
            self.error(
                "project.value",
                value.span(),
                format!("`{what}` must have at least one character, and no control characters"),
                format!("write for example `{example}`"),
            );
            return None;
        }
        Some(Text {
            text,
            span: value.span(),
        })
    }

    /// An integer within bounds.
    #[must_use]
    pub fn integer(
        self,
        value: &Value<'_>,
        what: &str,
        bounds: RangeInclusive<i64>,
    ) -> Option<i64> {
        let (least, most) = (*bounds.start(), *bounds.end());
        let range = if most == ambit_core::limits::INTEGER_MAX {
            format!("of at least {least}")
        } else {
            format!("from {least} to {most}")
        };
        let example = format!("{what} = {}", least.max(1));
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(value, what, "an integer", &example);
            return None;
        };
        let number = exact(integer).filter(|number| bounds.contains(number));
        if number.is_none() {
            self.error(
                "project.bounds",
                value.span(),
                format!("`{what}` is out of bounds"),
                format!("write an integer {range}"),
            );
        }
        number
    }

    /// A list of different strings, at least one.
    #[must_use]
    pub fn strings<'v>(
        self,
        value: &'v Value<'_>,
        what: &str,
        example: &str,
    ) -> Option<Vec<Text<'v>>> {
        let DeValue::Array(elements) = value.get_ref() else {
            self.wrong_type(value, what, "a list of strings", example);
            return None;
        };
        if elements.is_empty() {
            self.error(
                "project.value",
                value.span(),
                format!("`{what}` is an empty list"),
                format!("write for example `{example}`, or leave `{what}` out"),
            );
            return None;
        }
        let mut texts: Vec<Text<'v>> = Vec::new();
        for element in elements.iter() {
            let text = self.string(element, what, example)?;
            if texts.iter().any(|known| known.text == text.text) {
                self.error(
                    "project.duplicate",
                    text.span.clone(),
                    format!("`{}` stands twice in `{what}`", text.text),
                    "remove one of them",
                );
            }
            texts.push(text);
        }
        Some(texts)
    }

    /// A list of tables, each with its place.
    #[must_use]
    pub fn tables<'v, 'i>(
        self,
        value: &'v Value<'i>,
        what: &str,
        example: &str,
    ) -> Option<Vec<(&'v DeTable<'i>, Range<usize>)>> {
        let DeValue::Array(elements) = value.get_ref() else {
            self.wrong_type(value, what, "a list of tables", example);
            return None;
        };
        let mut tables = Vec::new();
        for element in elements.iter() {
            match element.get_ref() {
                DeValue::Table(table) => tables.push((table, element.span())),
                _ => self.wrong_type(element, what, "a list of tables", example),
            }
        }
        Some(tables)
    }

    /// A table.
    #[must_use]
    pub fn table<'v, 'i>(
        self,
        value: &'v Value<'i>,
        what: &str,
        example: &str,
    ) -> Option<&'v DeTable<'i>> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(table);
        }
        self.wrong_type(value, what, "a table", example);
        None
    }

    /// A word out of a list.
    #[must_use]
    pub fn word<'v>(
        self,
        value: &'v Value<'_>,
        what: &str,
        words: &[&'static str],
    ) -> Option<&'static str> {
        let example = format!("{what} = \"{}\"", words.first().unwrap_or(&""));
        let given: Text<'v> = self.string(value, what, &example)?;
        let found = words.iter().find(|word| **word == given.text);
        if found.is_none() {
            self.error(
                "project.value",
                given.span,
                format!("`{}` is not a value of `{what}`", given.text),
                suggest::help(given.text, words.iter().copied()),
            );
        }
        found.copied()
    }
}

/// A table that is being read.
#[derive(Debug)]
pub struct Reader<'a, 'i> {
    /// The file in which it stands.
    pub file: File<'a>,
    table: &'a DeTable<'i>,
    /// How the table is called in messages, for example `[policy]`.
    what: String,
    /// Where a missing key is reported.
    pub place: Range<usize>,
    known: Vec<&'static str>,
}

impl<'a, 'i> Reader<'a, 'i> {
    /// A reader of a table, which messages call `what`; what it lacks is reported at `place`.
    pub fn new(
        file: File<'a>,
        table: &'a DeTable<'i>,
        what: impl Into<String>,
        place: Range<usize>,
    ) -> Self {
        Self {
            file,
            table,
            what: what.into(),
            place,
            known: Vec::new(),
        }
    }

    /// The value of a key that may be absent.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Value<'i>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// Whether the table has a key, asked for or not.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of a key that must be there.
    pub fn require(&mut self, key: &'static str, example: &str) -> Option<&'a Value<'i>> {
        let value = self.get(key);
        if value.is_none() && !self.has_misspelt(key) {
            self.file.error(
                "project.missing_key",
                self.place.clone(),
                format!("{} lacks `{key}`", self.what),
                format!("add for example `{example}`"),
            );
        }
        value
    }

    /// Whether a key stands there that was probably meant: it is reported as unknown, once is
    /// enough.
    #[must_use]
    pub fn has_misspelt(&self, key: &'static str) -> bool {
        let mut names = self.table.iter().map(|(name, _)| name.get_ref().as_ref());
        names.any(|name| !self.known.contains(&name) && suggest::closest(name, [key]).is_some())
    }

    /// A string that must be there.
    pub fn required_string(&mut self, key: &'static str, example: &str) -> Option<Text<'a>> {
        let value = self.require(key, example)?;
        self.file.string(value, key, example)
    }

    /// A list of strings that may be absent.
    pub fn optional_strings(&mut self, key: &'static str, example: &str) -> Option<Vec<Text<'a>>> {
        let value = self.get(key)?;
        self.file.strings(value, key, example)
    }

    /// An integer that must be there.
    pub fn required_integer(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<i64>,
        example: &str,
    ) -> Option<i64> {
        let value = self.require(key, example)?;
        self.file.integer(value, key, bounds)
    }

    /// An integer that may be absent.
    pub fn optional_integer(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<i64>,
    ) -> Option<i64> {
        let value = self.get(key)?;
        self.file.integer(value, key, bounds)
    }

    /// Reports every key that was not asked for.
    pub fn finish(self) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !self.known.contains(&name) {
                let free = self.known.iter().copied();
                let free = free.filter(|known| !self.table.contains_key(*known));
                self.file.error(
                    "project.unknown_key",
                    key.span(),
                    format!("{} has no key `{name}`", self.what),
                    suggest::help(name, free),
                );
            }
        }
    }
}

/// The line of an offset, from 1.
#[must_use]
pub fn line(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or_default();
    before.bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// Where the lines of a text begin: for many offsets in it, where [`line()`] would read it for each.
#[derive(Debug)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    /// The lines of a text.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    /// The line of an offset, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset) + 1
    }
}

/// The integer, if it is one that every JSON reader keeps exactly.
#[must_use]
pub fn exact(integer: &toml::de::DeInteger<'_>) -> Option<i64> {
    let bounds = -ambit_core::limits::INTEGER_MAX..=ambit_core::limits::INTEGER_MAX;
    i64::from_str_radix(integer.as_str(), integer.radix())
        .ok()
        .filter(|number| bounds.contains(number))
}

/// What a value is, with its article.
#[must_use]
pub const fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, line};

    #[test]
    fn lines_are_those_that_counting_finds() {
        for text in ["", "\n", "a\nb", "a\r\n\nb\n", "\u{e9}\n\u{e9}"] {
            let lines = Lines::of(text);
            for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                assert_eq!(lines.line(at), line(text, at), "{text:?} {at}");
            }
        }
    }
}
