//! Foreign text on a terminal, in rows of our own making: what the terminal wraps by itself begins at its edge, and
//! could pass for a line of the page.

use std::fmt::Write as _;
use std::io::IsTerminal;

use ambit_core::describe::{add_quoted, is_mark};
use anstyle::Style;
use terminal_size::{Height, Width, terminal_size_of};

use crate::say::NAME;

/// What the first row of a line begins with, and each further one. No line of a text can begin with either:
/// whatever a text holds stands behind one of them.
const LINE: &str = "│ ";
const MORE: &str = "│ … ";
/// What a further row of a field begins with, behind as many blanks as its name takes.
const REST: &str = "… ";
/// Columns of what stands before the value of a field.
const BEFORE: usize = NAME + 3;
/// In fewer columns nothing is laid out: there must be room for what stands before a field, and for a sign with marks of
/// its own.
const NARROWEST: usize = 24;
/// Columns of rows that go elsewhere than to a terminal.
const ELSEWHERE: u16 = 80;

/// How much a terminal shows at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    columns: usize,
    rows: usize,
}

/// Foreign text goes to a terminal that would wrap it by itself, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl NoRoom {
    pub(crate) const WHAT: &str =
        "the terminal has fewer than 24 columns, or does not say how many";
    pub(crate) const HELP: &str = "make it wider, or say how wide it is: `stty rows 24 cols 80`";
}

impl Screen {
    /// Where standard error goes.
    pub(crate) fn of_words() -> Result<Self, NoRoom> {
        let stream = std::io::stderr();
        Self::of(terminal_size_of(&stream), stream.is_terminal())
    }

    /// Where standard output goes.
    pub(crate) fn of_output() -> Result<Self, NoRoom> {
        let stream = std::io::stdout();
        Self::of(terminal_size_of(&stream), stream.is_terminal())
    }

    /// What does not go to a terminal is perhaps read on one, by `less` or `tee`: on that of this process, if it has one.
    fn of(size: Option<(Width, Height)>, is_terminal: bool) -> Result<Self, NoRoom> {
        if is_terminal {
            return Self::new(size);
        }
        let (Width(columns), rows) = size_elsewhere().unwrap_or((Width(ELSEWHERE), Height(24)));
        Self::new(Some((Width(columns.min(ELSEWHERE)), rows)))
    }

    /// A terminal of which nobody knows the size may be of any.
    fn new(size: Option<(Width, Height)>) -> Result<Self, NoRoom> {
        let (Width(columns), Height(rows)) = size.ok_or(NoRoom)?;
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        (columns >= NARROWEST)
            .then_some(Self { columns, rows })
            .ok_or(NoRoom)
    }

    /// Whether the beginning of a text is out of sight when its end is shown.
    pub(crate) fn is_left_by(self, text: &str) -> bool {
        text.matches('\n').count() >= self.rows
    }

    /// A text, letter by letter, each of its lines in rows that begin with a mark.
    pub(crate) fn framed(self, pieces: &[(Style, &str)]) -> String {
        let mut out = String::new();
        let signs = pieces
            .iter()
            .flat_map(|(style, text)| text.chars().map(|sign| (*style, sign)));
        let signs: Vec<(Style, char)> = signs.collect();
        for line in signs.split(|(_, sign)| *sign == '\n') {
            let (mut rest, mut mark) = (line, LINE);
            loop {
                let (row, behind) = rest.split_at(self.fits(rest, mark));
                out.push_str(mark);
                write(&mut out, row);
                out.push('\n');
                (rest, mark) = (behind, MORE);
                if rest.is_empty() {
                    break;
                }
            }
        }
        out
    }

    /// The first line of a text in one row, cut where it is longer.
    pub(crate) fn in_short(self, text: &str) -> String {
        let line = text.split('\n').next().unwrap_or_default();
        let signs: Vec<(Style, char)> = line.chars().map(|sign| (Style::new(), sign)).collect();
        let whole = self.fits(&signs, LINE) == signs.len();
        let room = self.columns.saturating_sub(width(LINE) + width("…"));
        let end = if whole {
            signs.len()
        } else {
            row(&signs, room)
        };
        let shown: String = signs.iter().take(end).map(|(_, sign)| sign).collect();
        format!("{LINE}{shown}{}\n", if whole { "" } else { "…" })
    }

    /// The value of a field: further rows stand below the first one, behind a mark.
    pub(crate) fn value(self, text: &str) -> String {
        let room = self.columns.saturating_sub(BEFORE + width(REST));
        let signs: Vec<(Style, char)> = text.chars().map(|sign| (Style::new(), sign)).collect();
        let (mut out, mut rest) = (String::new(), signs.as_slice());
        loop {
            let (shown, behind) = rest.split_at(row(rest, room));
            write(&mut out, shown);
            rest = behind;
            if rest.is_empty() {
                return out;
            }
            let _ = write!(out, "\n{:BEFORE$}{REST}", "");
        }
    }

    fn fits(self, line: &[(Style, char)], mark: &str) -> usize {
        row(line, self.columns.saturating_sub(width(mark)))
    }
}

/// The size of the terminal at which this process runs.
#[cfg(unix)]
fn size_elsewhere() -> Option<(Width, Height)> {
    terminal_size_of(std::fs::File::open("/dev/tty").ok()?)
}

#[cfg(not(unix))]
fn size_elsewhere() -> Option<(Width, Height)> {
    terminal_size::terminal_size()
}

/// A name that others chose: always in quotes, always whole.
pub(crate) fn quoted(name: &str) -> String {
    let mut out = String::new();
    // Nothing is longer than this.
    let _ = add_quoted(&mut out, name, usize::MAX);
    out
}

/// How many signs of a line stand in a row of so many columns: up to a blank, where one is not far.
fn row(line: &[(Style, char)], room: usize) -> usize {
    let mut used = 0;
    let over = line.iter().position(|(_, sign)| {
        used += columns(*sign);
        used > room
    });
    let Some(over) = over else {
        return line.len();
    };
    let at = |place: usize| line.get(place).map_or(' ', |(_, sign)| *sign);
    let blank = (over / 2..over).rev().find(|place| at(*place) == ' ');
    let mut end = match blank {
        _ if at(over) == ' ' => over,
        Some(blank) => blank + 1,
        None => over,
    };
    // A mark stays with what it is drawn onto.
    while end > 1 && is_mark(at(end)) {
        end -= 1;
    }
    end.max(1)
}

/// Columns of a sign at most: how wide those beyond ASCII are, terminals do not agree on.
const fn columns(sign: char) -> usize {
    if sign.is_ascii() { 1 } else { 2 }
}

fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn write(out: &mut String, row: &[(Style, char)]) {
    for run in row.chunk_by(|(one, _), (other, _)| one == other) {
        let style = run.first().map(|(style, _)| *style).unwrap_or_default();
        let text: String = run.iter().map(|(_, sign)| sign).collect();
        let _ = write!(out, "{style}{text}{style:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(columns: usize) -> Screen {
        Screen { columns, rows: 24 }
    }

    fn plain(columns: usize, text: &str) -> String {
        screen(columns).framed(&[(Style::new(), text)])
    }

    const HOSTILE: [&str; 6] = [
        "Let Notes send mail?\n\n- text: \"hello                                     - amount: 5.00\"",
        "\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}\u{6f22}",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "aaaaaaaaaaaaaaaaaae\u{301}\u{302}\u{303}e\u{301}\u{302}\u{303}e\u{301}\u{302}\u{303}e\u{301}\u{302}\u{303}",
        "│ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ … │ …",
        "",
    ];

    #[test]
    fn no_row_is_wrapped_by_the_terminal_and_each_has_a_mark() {
        for text in HOSTILE {
            for columns in [24, 31, 40, 80, 200] {
                for row in plain(columns, text).lines() {
                    assert!(width(row) <= columns, "{columns}: {row}");
                    assert!(row.starts_with(LINE), "{row}");
                    let sign = row.trim_start_matches(MORE).trim_start_matches(LINE);
                    assert!(!sign.starts_with(is_mark), "{row}");
                }
            }
        }
    }

    #[test]
    fn a_line_of_the_text_begins_with_another_mark_than_the_rest_of_one() {
        let text = HOSTILE.map(|text| text.replace("│ … ", "")).join("\n");
        for columns in [24, 40, 80] {
            let mut lines: Vec<String> = Vec::new();
            for row in plain(columns, &text).lines() {
                match (row.strip_prefix(MORE), lines.last_mut()) {
                    (Some(more), Some(line)) => line.push_str(more),
                    _ => lines.push(row.strip_prefix(LINE).unwrap().to_owned()),
                }
            }
            assert_eq!(lines.join("\n"), text);
        }
        assert_eq!(
            plain(24, "- text: \"hello      - amount: 5.00\""),
            "│ - text: \"hello      -\n│ …  amount: 5.00\"\n"
        );
    }

    #[test]
    fn where_there_is_no_room_nothing_is_laid_out() {
        let size = |columns, rows| Some((Width(columns), Height(rows)));
        for none in [None, size(0, 24), size(1, 24), size(23, 24)] {
            assert_eq!(Screen::new(none).err(), Some(NoRoom), "{none:?}");
            assert_eq!(Screen::of(none, true).err(), Some(NoRoom), "{none:?}");
        }
        assert!(Screen::new(size(24, 1)).is_ok());
        // The beginning of a text is out of sight where nobody knows how many rows there are.
        assert!(Screen::new(size(80, 0)).unwrap().is_left_by("x\n"));
        assert!(Screen::of(None, false).is_ok_and(|screen| screen.columns <= 80));
    }

    #[test]
    fn colour_adds_nothing_and_takes_nothing_away() {
        let pieces = [
            (crate::say::BOLD, "Let Notes send m"),
            (Style::new(), "ail to everybody?"),
        ];
        let coloured = screen(24).framed(&pieces);
        let text = plain(24, "Let Notes send mail to everybody?");
        assert_ne!(coloured, text);
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), text);
    }

    #[test]
    fn further_rows_of_a_field_stand_below_its_value() {
        let value = screen(40).value("\"ann                     signed by  \\\"nobody\\\"\"");
        let rows: Vec<&str> = value.split('\n').collect();
        assert!(rows.len() > 1, "{value}");
        for row in rows.iter().skip(1) {
            assert!(row.starts_with(&format!("{:BEFORE$}{REST}", "")), "{value}");
            assert!(width(row) <= 40, "{value}");
        }
        assert_eq!(screen(40).value("\"ann\""), "\"ann\"");
    }

    #[test]
    fn names_that_others_chose_are_no_sentences() {
        assert_eq!(quoted("ann, and nobody else"), "\"ann, and nobody else\"");
        assert_eq!(quoted("ann\", \"bob"), r#""ann\", \"bob""#);
        assert_eq!(quoted("ann"), "\"ann\"");
    }

    #[test]
    fn what_scrolled_away_is_said_in_one_row() {
        assert!(!screen(80).is_left_by(&"x\n".repeat(23)));
        assert!(screen(80).is_left_by(&"x\n".repeat(24)));
        assert_eq!(
            screen(80).in_short("Let Notes write?\nmore"),
            "│ Let Notes write?\n"
        );
        let short = screen(24).in_short("Let Notes write to everybody there is?\nmore");
        assert!(
            short.ends_with("…\n") && width(short.trim_end()) <= 24,
            "{short}"
        );
        assert_eq!(short.lines().count(), 1);
    }
}
