//! Words for people, on the terminal.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use ambit_core::describe::is_seen;
use anstyle::{AnsiColor, Style};

use crate::failure::Failure;
use crate::frame::Screen;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// A line on a terminal that the next one overwrites: what is being looked at. An empty one takes it away.
pub(crate) fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        let text: String = text.chars().take(70).collect();
        raw(&format!("\r\u{1b}[K{}", ambit_compiler::conceal(&text)));
    }
}

/// Says something on standard error. Words that nobody can hear stop nothing.
pub(crate) fn note(text: impl AsRef<str>) {
    raw(&format!("{}\n", text.as_ref()));
}

/// Says something on standard error as it stands. `eprint!` would panic where the reader went away.
pub(crate) fn raw(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Writes data for programs to standard output, byte for byte.
pub(crate) fn data(text: impl AsRef<str>) -> Result<(), Failure> {
    write(std::io::stdout().lock(), text.as_ref())
}

/// Writes text for people to standard output; styles only where a terminal shows them.
pub(crate) fn styled(text: &str) -> Result<(), Failure> {
    write(anstream::stdout().lock(), text)
}

fn write(mut out: impl std::io::Write, text: &str) -> Result<(), Failure> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))
}

/// Foreign text, made harmless: what cannot be seen is shown as an escape, and it is cut after `most`
/// characters. For looking at things: what people approve is never cut.
pub(crate) fn foreign(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, character) in text.chars().enumerate() {
        if at == most {
            out.push('…');
            break;
        }
        if !is_seen(character) {
            // Writing into a `String` cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

/// Text of several lines in which something foreign may stand: what cannot be seen is shown as an escape.
pub(crate) fn harmless(text: &str) -> String {
    let lines = text.split('\n').map(|line| foreign(line, usize::MAX));
    lines.collect::<Vec<_>>().join("\n")
}

/// A page of headings, lines and aligned fields.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    /// Where somebody is asked about what it says: values are whole, and laid out in rows of ours.
    screen: Option<Screen>,
}

/// Columns of a field's name.
pub(crate) const NAME: usize = 12;

impl Page {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One that somebody is asked about.
    pub(crate) fn asked(screen: Screen) -> Self {
        Self {
            screen: Some(screen),
            ..Self::default()
        }
    }

    /// Foreign text for a field: cut after `most` characters, but where somebody is asked about it.
    pub(crate) fn foreign(&self, text: &str, most: usize) -> String {
        foreign(
            text,
            if self.screen.is_some() {
                usize::MAX
            } else {
                most
            },
        )
    }

    fn rows(&self, value: &str) -> String {
        self.screen
            .map_or_else(|| value.to_owned(), |screen| screen.value(value))
    }

    pub(crate) fn heading(&mut self, text: &str) -> &mut Self {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let _ = writeln!(self.text, "{BOLD}{text}{BOLD:#}");
        self
    }

    /// `name` and its value, in two columns.
    pub(crate) fn field(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        let value = self.rows(value.as_ref());
        let _ = writeln!(self.text, "  {DIM}{name:<NAME$}{DIM:#} {value}");
        self
    }

    /// A field that must be seen.
    pub(crate) fn warning(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        let value = self.rows(value.as_ref());
        let _ = writeln!(self.text, "  {WARN}{name:<NAME$} {value}{WARN:#}");
        self
    }

    /// A line of its own.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> &mut Self {
        let _ = writeln!(self.text, "  {}", text.as_ref());
        self
    }

    /// Writes the page to standard output; styles only where a terminal shows them.
    pub(crate) fn show(&self) -> Result<(), Failure> {
        styled(&self.text)
    }

    /// Says the page on standard error.
    pub(crate) fn say(&self) {
        raw(&self.text);
    }

    /// What it would say.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(foreign("a\u{1b}[2Jb\nc", 40), "a\\u{1b}[2Jb\\u{a}c");
        assert_eq!(foreign("evil\u{202e}txt", 40), "evil\\u{202e}txt");
        assert_eq!(foreign("abcdef", 3), "abc…");
        assert_eq!(foreign("abc", 3), "abc");
    }
}
