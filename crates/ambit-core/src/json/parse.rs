//! The reader: RFC 8259, nothing more, with the rules of our profile on top.

use alloc::vec::Vec;
use core::fmt;

use super::build::Builder;
use super::scan::{order, plain_length};
use super::tape::{Document, Tag};
use crate::limits::JSON_DEPTH;
use crate::sort::sort_by;

/// Which rules a text must keep beyond RFC 8259.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Requests: numbers may have fraction and exponent (money is written so); who uses a number
    /// checks its text.
    Request,
    /// Signed data: integers only, so that no two readers can disagree about a value.
    Signed,
}

/// Why a text is not JSON of our profile, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Offset of the offending byte.
    pub at: usize,
}

/// The rules that a text can break. All but `Syntax` and `Utf8` are rules of our profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// Not RFC 8259.
    Syntax,
    /// Not UTF-8 (RFC 8259 section 8.1), or a byte order mark.
    Utf8,
    /// An escaped surrogate without its other half: such a string has no UTF-8 form.
    Surrogate,
    /// Two members of one object have the same name.
    DuplicateMember,
    /// More than [`JSON_DEPTH`] levels.
    Depth,
    /// A fraction or an exponent in signed data.
    Float,
    /// Larger than the reader's fields can say (256 MiB).
    Size,
}

impl JsonErrorKind {
    /// The rule's stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Utf8 => "utf8",
            Self::Surrogate => "surrogate",
            Self::DuplicateMember => "duplicate_member",
            Self::Depth => "depth",
            Self::Float => "float",
            Self::Size => "size",
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            JsonErrorKind::Syntax => "not valid JSON",
            JsonErrorKind::Utf8 => "not valid UTF-8",
            JsonErrorKind::Surrogate => "an escaped surrogate stands alone",
            JsonErrorKind::DuplicateMember => "two members of one object have the same name",
            JsonErrorKind::Depth => "nested more than 32 levels deep",
            JsonErrorKind::Float => "a number with fraction or exponent where only integers may be",
            JsonErrorKind::Size => "too large",
        };
        write!(f, "{what} (at byte {})", self.at)
    }
}

impl core::error::Error for JsonError {}

/// Whether two of these are the same. Canonical texts are in order, and need no list.
pub(super) fn repeats<'t>(texts: impl Iterator<Item = &'t [u8]> + Clone) -> bool {
    let mut pairs = texts.clone().zip(texts.clone().skip(1));
    if pairs.all(|(left, right)| order(left, right).is_lt()) {
        return false;
    }
    let mut texts: Vec<&[u8]> = texts.collect();
    sort_by(&mut texts, |one, other| order(one, other).is_lt());
    let mut pairs = texts.iter().zip(texts.iter().skip(1));
    pairs.any(|(left, right)| left == right)
}

pub(super) fn parse(text: &[u8], profile: Profile) -> Result<Document<'_>, JsonError> {
    let whole = core::str::from_utf8(text).map_err(|error| JsonError {
        kind: JsonErrorKind::Utf8,
        at: error.valid_up_to(),
    })?;
    let mut reader = Reader {
        text,
        at: 0,
        profile,
        // A request has about one value in twelve bytes, and a node has eight.
        out: Builder::with_capacity(text.len()),
    };
    match reader.whole() {
        Ok(()) => Ok(reader.out.finish(whole)),
        Err(kind) => Err(JsonError {
            kind,
            at: reader.at,
        }),
    }
}

/// A number below 64 that the same names share.
fn mark(name: &[u8]) -> u32 {
    let end = |byte: Option<&u8>| byte.map_or(0, |byte| u32::from(*byte));
    let length = u32::try_from(name.len()).unwrap_or_default();
    length
        .wrapping_mul(29)
        .wrapping_add(end(name.first()).wrapping_mul(7))
        .wrapping_add(end(name.last()))
        & 63
}

struct Reader<'t> {
    text: &'t [u8],
    /// What is wrong is wrong here, so errors say only what.
    at: usize,
    profile: Profile,
    out: Builder,
}

impl Reader<'_> {
    /// What is wrong is wrong at this place.
    fn at<T>(&mut self, place: usize, kind: JsonErrorKind) -> Result<T, JsonErrorKind> {
        self.at = place;
        Err(kind)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    const fn advance(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.advance();
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonErrorKind> {
        if self.peek() == Some(byte) {
            self.advance();
            return Ok(());
        }
        Err(JsonErrorKind::Syntax)
    }

    fn push(&mut self, tag: Tag, length: usize, offset: usize) -> Result<(), JsonErrorKind> {
        self.out
            .push(tag, length, offset)
            .ok_or(JsonErrorKind::Size)
    }

    fn whole(&mut self) -> Result<(), JsonErrorKind> {
        self.space();
        self.value(0)?;
        self.space();
        if self.at < self.text.len() {
            return Err(JsonErrorKind::Syntax);
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonErrorKind> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.container(depth, Tag::Object, b'}'),
            Some(b'[') => self.container(depth, Tag::Array, b']'),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Tag::True),
            Some(b'f') => self.word(b"false", Tag::False),
            Some(b'n') => self.word(b"null", Tag::Null),
            _ => Err(JsonErrorKind::Syntax),
        }
    }

    fn word(&mut self, word: &[u8], tag: Tag) -> Result<(), JsonErrorKind> {
        for byte in word {
            self.expect(*byte)?;
        }
        self.push(tag, 0, 0)
    }

    fn container(&mut self, depth: usize, tag: Tag, close: u8) -> Result<(), JsonErrorKind> {
        if depth >= JSON_DEPTH {
            return Err(JsonErrorKind::Depth);
        }
        let start = self.at;
        self.advance();
        let node = self.out.next_index();
        self.push(tag, 0, 0)?;
        let mut count = 0_usize;
        self.space();
        if self.peek() == Some(close) {
            self.advance();
        } else {
            loop {
                if tag == Tag::Object {
                    self.string()?;
                    self.space();
                    self.expect(b':')?;
                    self.space();
                }
                self.value(depth.saturating_add(1))?;
                count = count.saturating_add(1);
                self.space();
                if self.peek() == Some(close) {
                    self.advance();
                    break;
                }
                self.expect(b',')?;
                self.space();
            }
        }
        if self.out.close(node, tag, count).is_none() {
            return self.at(start, JsonErrorKind::Size);
        }
        if tag == Tag::Object && self.has_duplicate(node, count) {
            return self.at(start, JsonErrorKind::DuplicateMember);
        }
        Ok(())
    }

    fn has_duplicate(&self, node: usize, count: usize) -> bool {
        // One bit a name says for nearly all that no name before can be the same. Sorting keeps a
        // hostile object of 50,000 members from costing its square.
        const COMPARED: usize = 32;
        let names = self.out.names(node, self.text);
        if count <= COMPARED {
            let mut seen = 0_u64;
            return names.clone().enumerate().any(|(at, name)| {
                let bit = 1_u64.wrapping_shl(mark(name));
                let known = seen & bit != 0 && names.clone().take(at).any(|other| other == name);
                seen |= bit;
                known
            });
        }
        repeats(names)
    }

    fn digits(&mut self) -> Result<(), JsonErrorKind> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(JsonErrorKind::Syntax);
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.advance();
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonErrorKind> {
        let start = self.at;
        let mut integer = true;
        if self.peek() == Some(b'-') {
            self.advance();
        }
        if self.peek() == Some(b'0') {
            self.advance();
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            integer = false;
            self.advance();
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.advance();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.advance();
            }
            self.digits()?;
        }
        if !integer && self.profile == Profile::Signed {
            return self.at(start, JsonErrorKind::Float);
        }
        self.push(Tag::Number, self.at.saturating_sub(start), start)
    }

    fn string(&mut self) -> Result<(), JsonErrorKind> {
        self.expect(b'"')?;
        let start = self.at;
        self.skip_plain();
        match self.peek() {
            Some(b'"') => {
                let length = self.at.saturating_sub(start);
                self.advance();
                self.push(Tag::Text, length, start)
            }
            Some(b'\\') => self.escaped(start),
            _ => Err(JsonErrorKind::Syntax),
        }
    }

    fn skip_plain(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at = self.at.saturating_add(plain_length(rest));
    }

    /// The rest of a string in which the reader has met a backslash.
    fn escaped(&mut self, start: usize) -> Result<(), JsonErrorKind> {
        let offset = self.out.side.len();
        self.copy(start)?;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.advance();
                    let length = self.out.side.len().saturating_sub(offset);
                    return self.push(Tag::Side, length, offset);
                }
                Some(b'\\') => {
                    let character = self.escape()?;
                    self.out.side.push(character);
                }
                Some(0x20..) => {
                    let from = self.at;
                    self.skip_plain();
                    self.copy(from)?;
                }
                _ => return Err(JsonErrorKind::Syntax),
            }
        }
    }

    /// Copies the text from `from` up to here into the side buffer. Both ends stand beside an
    /// ASCII byte, so the piece is UTF-8 as the whole is.
    fn copy(&mut self, from: usize) -> Result<(), JsonErrorKind> {
        let piece = self
            .text
            .get(from..self.at)
            .and_then(|piece| core::str::from_utf8(piece).ok());
        let Some(piece) = piece else {
            return self.at(from, JsonErrorKind::Utf8);
        };
        self.out.side.push_str(piece);
        Ok(())
    }

    fn escape(&mut self) -> Result<char, JsonErrorKind> {
        let start = self.at;
        self.advance();
        let plain = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.advance();
                return self.unicode(start);
            }
            _ => return Err(JsonErrorKind::Syntax),
        };
        self.advance();
        Ok(plain)
    }

    fn unicode(&mut self, start: usize) -> Result<char, JsonErrorKind> {
        let character = match self.hex4()? {
            first @ 0xd800..=0xdfff => self.other_half(first)?,
            whole => char::from_u32(whole),
        };
        match character {
            Some(character) => Ok(character),
            None => self.at(start, JsonErrorKind::Surrogate),
        }
    }

    /// The character whose first half was read; `None` where the other does not follow.
    fn other_half(&mut self, first: u32) -> Result<Option<char>, JsonErrorKind> {
        if first >= 0xdc00 || self.peek() != Some(b'\\') {
            return Ok(None);
        }
        self.advance();
        if self.peek() != Some(b'u') {
            return Ok(None);
        }
        self.advance();
        let second = self.hex4()?;
        if !(0xdc00..=0xdfff).contains(&second) {
            return Ok(None);
        }
        // RFC 8259 section 7: ten bits of each half above 0x10000.
        let bits = ((first & 0x3ff) << 10) | (second & 0x3ff);
        Ok(char::from_u32(bits.saturating_add(0x1_0000)))
    }

    fn hex4(&mut self) -> Result<u32, JsonErrorKind> {
        let mut value = 0_u32;
        for _ in 0..4 {
            let digit = self
                .peek()
                .and_then(|byte| char::from(byte).to_digit(16))
                .ok_or(JsonErrorKind::Syntax)?;
            value = (value << 4) | digit;
            self.advance();
        }
        Ok(value)
    }
}
