//! The writer: members in the order they are written, one form for every value.

use alloc::string::String;
use core::fmt::Write as _;

use super::scan::plain_length;
use super::value::{Json, Kind};

/// Builds one JSON text. Commas are placed by the writer; the caller opens and closes.
///
/// Strings are escaped as RFC 8785 section 3.2.2.2 says, so that every engine writes the same
/// bytes.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
}

impl Writer {
    /// An empty text with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            out: String::with_capacity(capacity),
        }
    }

    /// The text written so far.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    /// The text written so far, to look at.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.out
    }

    fn separate(&mut self) {
        if !matches!(self.out.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.out.push(',');
        }
    }

    // Not generic and not inlined: `object` and `array` are there once for every closure.
    #[inline(never)]
    fn open(&mut self, bracket: u8) {
        self.separate();
        self.out.push(char::from(bracket));
    }

    #[inline(never)]
    fn close(&mut self, bracket: u8) -> &mut Self {
        self.out.push(char::from(bracket));
        self
    }

    /// Writes an object whose members `body` writes.
    pub fn object(&mut self, body: impl FnOnce(&mut Self)) -> &mut Self {
        self.open(b'{');
        body(self);
        self.close(b'}')
    }

    /// Writes an array whose elements `body` writes.
    pub fn array(&mut self, body: impl FnOnce(&mut Self)) -> &mut Self {
        self.open(b'[');
        body(self);
        self.close(b']')
    }

    /// Writes a member's name; its value must follow.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.string(name);
        self.out.push(':');
        self
    }

    /// Writes a string.
    pub fn string(&mut self, text: &str) -> &mut Self {
        self.separate();
        self.out.push('"');
        let mut rest = text;
        loop {
            // Plain bytes end at an ASCII byte or the end: at the border of a character.
            let (plain, special) = rest
                .split_at_checked(plain_length(rest.as_bytes()))
                .unwrap_or((rest, ""));
            self.out.push_str(plain);
            let mut characters = special.chars();
            let Some(character) = characters.next() else {
                break;
            };
            self.escape(character);
            rest = characters.as_str();
        }
        self.out.push('"');
        self
    }

    fn escape(&mut self, character: char) {
        match character {
            '"' => self.out.push_str("\\\""),
            '\\' => self.out.push_str("\\\\"),
            '\u{8}' => self.out.push_str("\\b"),
            '\t' => self.out.push_str("\\t"),
            '\n' => self.out.push_str("\\n"),
            '\u{c}' => self.out.push_str("\\f"),
            '\r' => self.out.push_str("\\r"),
            // Writing into a `String` cannot fail.
            _ => write!(self.out, "\\u{:04x}", u32::from(character)).unwrap_or_default(),
        }
    }

    /// Writes an integer.
    pub fn integer(&mut self, value: i64) -> &mut Self {
        self.separate();
        // Writing into a `String` cannot fail.
        write!(self.out, "{value}").unwrap_or_default();
        self
    }

    /// Writes `true` or `false`.
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.separate();
        self.out.push_str(if value { "true" } else { "false" });
        self
    }

    /// Writes `null`.
    pub fn null(&mut self) -> &mut Self {
        self.separate();
        self.out.push_str("null");
        self
    }

    /// Writes a text that is already JSON.
    pub fn raw(&mut self, json: &str) -> &mut Self {
        self.separate();
        self.out.push_str(json);
        self
    }

    /// Writes a parsed value with its members in their own order and its numbers as they were
    /// written.
    pub fn json(&mut self, value: Json<'_>) -> &mut Self {
        match value.kind() {
            Kind::Null => self.null(),
            Kind::Bool => self.boolean(value.as_bool().unwrap_or_default()),
            Kind::Number => self.raw(value.number_text().unwrap_or("0")),
            Kind::String => self.string(value.as_str().unwrap_or_default()),
            Kind::Array => self.array(|out| {
                for element in value.elements() {
                    out.json(element);
                }
            }),
            Kind::Object => self.object(|out| {
                for (name, member) in value.members() {
                    out.name(name).json(member);
                }
            }),
        }
    }
}
