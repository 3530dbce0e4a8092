//! Foreign text inside our sentences: quoted, shortened, and unable to pass for ours.

use alloc::string::String;
use core::fmt::Write as _;
use core::str::Chars;

use super::Unit;
use super::characters::{Class, class};
use crate::json::{Json, Kind, Writer};
use crate::limits::MONEY_DECIMALS;
use crate::{Number, decimal_text, place, rsplit_once, split, split_once};

/// Characters of one shown value, quotes included: about a line and a half.
const LONGEST: usize = 120;
/// Characters of a name that may stand without quotes.
const LONGEST_BARE: usize = 80;

/// Shows a value: integers in their unit, strings in `quote`, arrays and objects as JSON.
pub(crate) fn value(out: &mut String, value: Json<'_>, unit: Unit<'_>, quote: char) {
    match value.kind() {
        Kind::Null => out.push_str("null"),
        Kind::Bool if value.as_bool() == Some(true) => out.push_str("true"),
        Kind::Bool => out.push_str("false"),
        Kind::Number => match value.as_number() {
            Some(number) => self::number(out, number, unit),
            None => cut(out, value.number_text().unwrap_or_default()),
        },
        Kind::String => quoted(out, value.as_str().unwrap_or_default(), quote),
        Kind::Array | Kind::Object => {
            let mut json = Writer::default();
            json.json(value);
            quoted(out, json.as_str(), '`');
        }
    }
}

/// Shows a number in its unit.
pub(crate) fn number(out: &mut String, value: Number, unit: Unit<'_>) {
    match (unit, value.as_int()) {
        (Unit::Money { decimals }, Some(units)) => {
            out.push_str(&decimal_text(units, decimals.min(MONEY_DECIMALS)));
        }
        _ => out.push_str(&value.text()),
    }
    if let Unit::Named(name) | Unit::Number(Some(name)) = unit {
        out.push(' ');
        self::name(out, name, '"');
    }
}

/// Shows a name: as it is when it is one plain word, else in quotes.
pub(crate) fn name(out: &mut String, name: &str, quote: char) {
    if name.len() <= LONGEST_BARE && is_bare(name) {
        out.push_str(name);
    } else {
        quoted(out, name, quote);
    }
}

/// Whether a name is one plain word, which cannot be taken for anything of ours.
fn is_bare(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    let mut bytes = name.bytes();
    bytes.all(|byte| plain(byte) || matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b'@'))
        && name.starts_with(|first: char| first == '/' || first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
}

/// Characters of a label that may stand without quotes.
const LONGEST_LABEL: usize = 60;

/// Whether a label is nothing but words, so that nothing in it can end a sentence of ours.
pub(crate) fn is_label(text: &str) -> bool {
    let letter = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{17f}')
    };
    let fits = |c: char| letter(c) || matches!(c, ' ' | '-' | '\'' | '/' | '&' | '+' | '%');
    let blank = |c: char| c == ' ';
    text.starts_with(letter)
        && text.len() <= LONGEST_LABEL
        && text.chars().all(fits)
        && !text.ends_with(blank)
        && text.split(blank).all(|word| !word.is_empty())
}

/// Shows a label: as it is where it is nothing but words, else in quotes. Whether it is shown whole.
pub(crate) fn label(out: &mut String, label: &str, quote: char, most: usize) -> bool {
    if is_label(label) {
        out.push_str(label);
        return true;
    }
    whole(out, label, quote, most)
}

/// Shows a text between `quote`s, at most [`LONGEST`] characters with them.
pub(crate) fn quoted(out: &mut String, text: &str, quote: char) {
    out.push(quote);
    let signs = Signs::of(text, Some(quote), Form::Short);
    if !signs.write(out, LONGEST.saturating_sub(2)) {
        out.push('…');
    }
    out.push(quote);
}

/// A text from outside for a line that administrators read: between backquotes, at most `LONGEST`
/// characters, and unable to end the line, turn its direction or pass for our own words.
#[must_use]
pub fn foreign(text: &str) -> String {
    let mut out = String::new();
    quoted(&mut out, text, '`');
    out
}

/// [`foreign`], but for one plain word, which stands as it is.
#[must_use]
pub fn foreign_name(text: &str) -> String {
    let mut out = String::new();
    name(&mut out, text, '`');
    out
}

/// A path of members between backquotes, unless a name in it has its own ([`foreign_name`]).
#[must_use]
pub fn foreign_path(path: &str) -> String {
    let quote = if place(path.as_bytes(), b'`').is_some() {
        ""
    } else {
        "`"
    };
    alloc::format!("{quote}{path}{quote}")
}

/// Shows a text between `quote`s without shortening it, so that two different texts are never shown
/// alike: signs that look like the quote and spaces that cannot be told from others are escapes too.
/// Whether it has at most `most` characters; what is longer is not written.
pub(crate) fn whole(out: &mut String, text: &str, quote: char, most: usize) -> bool {
    out.push(quote);
    let start = out.len();
    let signs = Signs::of(text, Some(quote), Form::Whole);
    let fits = signs.write(out, most.saturating_sub(2));
    if !fits {
        out.truncate(start);
        out.push('…');
    }
    out.push(quote);
    fits
}

/// Blanks in a row that stand as they are in a block: more could carry what follows out of sight.
const BLANKS: usize = 16;

/// Shows a text of several lines as a block: each in a line of its own, behind `before` and `| `, with
/// which no line of ours begins. Without quotes, so that blanks within a line and signs like quotes
/// stand as they are. Whether all of `out` has at most `most` bytes then.
///
/// With `windows` the line ends are CR LF, as in e-mail, and the CR is not shown.
pub(crate) fn block(
    out: &mut String,
    text: &str,
    before: &str,
    windows: bool,
    most: usize,
) -> bool {
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (line, behind) = match split_once(text, "\n") {
            Some((line, behind)) => (line, Some(behind)),
            None => (text, None),
        };
        rest = behind;
        let ended = line
            .strip_suffix('\r')
            .filter(|_| windows && behind.is_some());
        let shown = ended.unwrap_or(line);
        for words in ["\n", before, "|", if shown.is_empty() { "" } else { " " }] {
            out.push_str(words);
        }
        let room = most.saturating_sub(out.len());
        if !Signs::of(shown, None, Form::Block).write(out, room) || out.len() > most {
            return false;
        }
    }
    true
}

/// Whether every line of a text but the last ends with CR LF.
pub(crate) fn has_windows_lines(text: &str) -> bool {
    let (before, _) = rsplit_once(text, b'\n').unwrap_or_default();
    !text.is_empty() && split(before, b'\n').all(|line| line.ends_with('\r'))
}

/// [`name`] without shortening it, like [`whole`].
pub(crate) fn whole_name(out: &mut String, name: &str, quote: char, most: usize) -> bool {
    if !is_bare(name) {
        return whole(out, name, quote, most);
    }
    let fits = name.len() <= most;
    out.push_str(if fits { name } else { "…" });
    fits
}

/// Whether a character could be taken for the quotes `"` and `` ` ``: what Unicode's confusables (UTS 39) have
/// for `"`, the other double quotation marks, primes and ornaments of its shape, high or low, and grave
/// accents. `tests/characters.rs` lists them by name.
const fn looks_quoted(character: char) -> bool {
    matches!(
        character,
        '\u{2ba}'
            | '\u{2cb}'
            | '\u{2dd}'
            | '\u{2ee}'
            | '\u{2f4}'..='\u{2f6}'
            | '\u{5f2}'
            | '\u{5f4}'
            | '\u{1425}'
            | '\u{1cd3}'
            | '\u{1fef}'
            | '\u{201c}'..='\u{201f}'
            | '\u{2033}'..='\u{2037}'
            | '\u{2057}'
            | '\u{275b}'..='\u{275e}'
            | '\u{2760}'
            | '\u{2e42}'
            | '\u{3003}'
            | '\u{301d}'..='\u{301f}'
            | '\u{ff02}'
            | '\u{ff40}'
            | '\u{1f676}'..='\u{1f678}'
    )
}

/// Shows a text that needs no quotes, shortened.
fn cut(out: &mut String, text: &str) {
    if !Signs::of(text, None, Form::Short).write(out, LONGEST) {
        out.push('…');
    }
}

/// Marks in a row that are drawn onto one character. Vietnamese needs two and pointed Hebrew three;
/// of more, none is drawn: a pile of them covers the lines around it.
const MARKS: usize = 3;

/// What is an escape beside what cannot be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Nothing.
    Short,
    /// What could be taken for the quote or for another blank.
    Whole,
    /// Blanks at the end, and behind many.
    Block,
}

/// A text, sign by sign, as it is shown.
struct Signs<'t> {
    rest: Chars<'t>,
    quote: Option<char>,
    form: Form,
    /// How many blanks stand before; where nothing does and blanks count there, one.
    blanks: usize,
    /// Whether a mark would be drawn onto a character of this text, and not of ours.
    bears: bool,
}

impl<'t> Signs<'t> {
    fn of(text: &'t str, quote: Option<char>, form: Form) -> Self {
        Self {
            rest: text.chars(),
            quote,
            form,
            blanks: usize::from(form == Form::Whole),
            bears: false,
        }
    }

    /// Writes at most `room` characters. If there are more, what is written has room for one behind
    /// it, and the answer is no.
    fn write(mut self, out: &mut String, room: usize) -> bool {
        let mut used = 0_usize;
        let mut shortest = out.len();
        while let Some(character) = self.rest.next() {
            if self.is_plain(character) {
                // As `show` would; most characters are, and it costs several times as much.
                out.push(character);
                (self.blanks, self.bears) = (0, true);
                used = used.saturating_add(1);
            } else {
                let before = out.len();
                self.show(out, character);
                let written = out.get(before..).unwrap_or_default();
                used = used.saturating_add(written.chars().count());
            }
            if used < room {
                shortest = out.len();
            }
            if used > room {
                out.truncate(shortest);
                return false;
            }
        }
        true
    }

    /// Whether it stands as it is, whatever stands around it.
    fn is_plain(&self, character: char) -> bool {
        character.is_ascii_graphic() && character != '\\' && Some(character) != self.quote
    }

    fn show(&mut self, out: &mut String, character: char) {
        let class = class(character);
        let blank = character.is_whitespace();
        let last = self.rest.as_str().is_empty();
        let lost = |most| blank && (last || self.blanks >= most);
        let escape = match class {
            Class::Unseen => true,
            Class::Mark => !self.bears(),
            Class::Seen => match self.form {
                Form::Short => false,
                Form::Whole => lost(1) || looks_quoted(character),
                Form::Block => lost(BLANKS),
            },
        };
        if escape {
            code(out, character);
        } else {
            if character == '\\' || Some(character) == self.quote {
                out.push('\\');
            }
            out.push(character);
        }
        self.blanks = if blank {
            self.blanks.saturating_add(1)
        } else {
            0
        };
        if class != Class::Mark {
            self.bears = !escape && !blank;
        }
    }

    /// Whether the mark that was just read is drawn. The first of a row decides for all of them.
    fn bears(&mut self) -> bool {
        let more = self.rest.clone().take(MARKS);
        let row = more.take_while(|next| class(*next) == Class::Mark).count();
        self.bears = self.bears && row < MARKS;
        self.bears
    }
}

/// Whether a character is seen, by itself or as a mark on another.
pub(crate) fn is_seen(character: char) -> bool {
    class(character) != Class::Unseen
}

/// Whether a character is drawn onto another.
pub(crate) fn is_mark(character: char) -> bool {
    class(character) == Class::Mark
}

/// A character by its number.
fn code(out: &mut String, character: char) {
    write(out, format_args!("\\u{{{:x}}}", u32::from(character)));
}

/// Writing into a `String` cannot fail.
pub(crate) fn write(out: &mut String, words: core::fmt::Arguments<'_>) {
    out.write_fmt(words).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::{Number, String, Unit, block, has_windows_lines, name, number, quoted, whole};

    fn shown(value: i64, unit: Unit<'_>) -> String {
        let mut out = String::new();
        number(&mut out, Number::integer(value), unit);
        out
    }

    #[test]
    fn money_is_shown_in_units() {
        let money = |value, decimals| shown(value, Unit::Money { decimals });
        assert_eq!(money(20_000, 2), "200.00");
        assert_eq!(money(5, 2), "0.05");
        assert_eq!(money(0, 2), "0.00");
        assert_eq!(money(-5, 2), "-0.05");
        assert_eq!(money(-12_345, 3), "-12.345");
        assert_eq!(money(7, 0), "7");
        assert_eq!(money(9_007_199_254_740_991, 9), "9007199.254740991");
        assert_eq!(shown(5, Unit::Named("GB")), "5 GB");
        assert_eq!(shown(5, Unit::Named("GB. It may")), "5 \"GB. It may\"");
    }

    #[test]
    fn foreign_text_cannot_pass_for_ours() {
        let shown = |text: &str| {
            let mut out = String::new();
            quoted(&mut out, text, '"');
            out
        };
        assert_eq!(shown("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(
            shown("a\nb\u{202e}c\u{200b}"),
            r#""a\u{a}b\u{202e}c\u{200b}""#
        );
        assert_eq!(shown("Zoë 日本"), "\"Zoë 日本\"");
        assert_eq!(shown(&"x".repeat(118)).chars().count(), 120);
        for long in ["x".repeat(119), "\u{202e}".repeat(90), "日".repeat(500)] {
            let text = shown(&long);
            assert!(
                text.chars().count() <= 120 && text.ends_with("…\""),
                "{text}"
            );
        }
    }

    #[test]
    fn whole_texts_are_shown_as_they_are_or_not_at_all() {
        let shown = |text: &str| {
            let mut out = String::new();
            let fits = whole(&mut out, text, '"', 40);
            (out, fits)
        };
        for (text, wanted) in [
            ("send e-mail", r#""send e-mail""#),
            ("a  b", r#""a \u{20}b""#),
            (" a ", r#""\u{20}a\u{20}""#),
            ("a\u{a0}b", r#""a\u{a0}b""#),
            ("a\u{201d}. \"It", r#""a\u{201d}. \"It""#),
            ("a\nb\u{202e}", r#""a\u{a}b\u{202e}""#),
            ("\\u{a}", r#""\\u{a}""#),
            ("", r#""""#),
        ] {
            assert_eq!(shown(text), (wanted.into(), true), "{text:?}");
        }
        assert!(shown(&"x".repeat(38)).1);
        assert_eq!(shown(&"x".repeat(39)), ("\"…\"".into(), false));
    }

    #[test]
    fn every_line_of_a_block_stands_behind_its_mark() {
        let shown = |text: &str| {
            let mut out = String::new();
            assert!(block(&mut out, text, "  ", has_windows_lines(text), 1000));
            out
        };
        for (text, wanted) in [
            ("a\nb", "\n  | a\n  | b"),
            ("a\n\n", "\n  | a\n  |\n  |"),
            ("a\r\nb\r\n", "\n  | a\n  | b\n  |"),
            ("a\r\nb\nc", "\n  | a\\u{d}\n  | b\n  | c"),
            ("a\rb\r\nc\r", "\n  | a\\u{d}b\n  | c\\u{d}"),
            ("  a  b\n \n", "\n  |   a  b\n  | \\u{20}\n  |"),
            ("| a\n\u{301}`\"\\", "\n  | | a\n  | \\u{301}`\"\\\\"),
            ("\t\n\u{2028}\u{85}", "\n  | \\u{9}\n  | \\u{2028}\\u{85}"),
        ] {
            assert_eq!(shown(text), wanted, "{text:?}");
        }
        let long = shown(&alloc::format!("a{}b\n", " ".repeat(18)));
        let blanks = alloc::format!("\n  | a{}\\u{{20}}\\u{{20}}b\n  |", " ".repeat(16));
        assert_eq!(long, blanks);
        let mut out = String::from("12345");
        assert!(block(&mut out, "a\nb", "", false, 13));
        assert!(!block(&mut String::from("12345"), "a\nb", "", false, 12));
    }

    #[test]
    fn only_plain_names_stand_bare() {
        for (plain, shown) in [
            ("https://mail.acme.example", "https://mail.acme.example"),
            ("c-7", "c-7"),
            ("/data/team", "/data/team"),
            ("x, for y", "\"x, for y\""),
            ("x.", "\"x.\""),
            ("", "\"\""),
        ] {
            let mut out = String::new();
            name(&mut out, plain, '"');
            assert_eq!(out, shown);
        }
    }
}
