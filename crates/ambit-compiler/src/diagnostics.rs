//! Faults in a project's files, shown with the offending text underlined.

use core::fmt;
use core::ops::Range;
use std::cell::RefCell;
use std::collections::BTreeMap;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::secret::{conceal, conceal_pieces, starred};

/// Faults that are shown: the first of them explain the others, and each takes a look at its file.
const SHOWN: usize = 50;

/// Whether a diagnostic stops the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The project cannot be built.
    Error,
    /// The project can be built, but does not do what it seems to say.
    Warning,
}

/// One fault in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the build.
    pub severity: Severity,
    /// The stable code, for example `project.unknown_key`.
    pub code: &'static str,
    /// The file, relative to the project, with `/` between the parts.
    pub file: String,
    /// The bytes of the file that are wrong. `None`: the file as a whole.
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Diagnostic {
    /// A fault; secrets in its words are starred.
    pub fn error(
        code: &'static str,
        file: &str,
        span: impl Into<Option<Range<usize>>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            file: file.to_owned(),
            span: span.into(),
            message: conceal(&message.into()),
            help: conceal(&help.into()),
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }
}

/// Where a diagnostic begins and ends, in lines and characters from 1. The end is the first character after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line of its first character.
    pub line: usize,
    /// The first character in that line.
    pub column: usize,
    /// The line of its end.
    pub end_line: usize,
    /// The character in that line after its last one.
    pub end_column: usize,
}

/// All faults of a project, with the texts that they point into. Sorted by file and place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    sources: BTreeMap<String, String>,
}

impl Diagnostics {
    /// The faults, by file and place.
    #[must_use]
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// The files, without their secrets.
    pub(crate) const fn sources(&self) -> &BTreeMap<String, String> {
        &self.sources
    }

    /// Only those.
    pub(crate) fn filter(mut self, keep: impl FnMut(&Diagnostic) -> bool) -> Self {
        self.list.retain(keep);
        self
    }

    /// Both together, in order.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        let sink = Sink::with(self);
        for (name, text) in more.sources {
            sink.found.borrow_mut().sources.entry(name).or_insert(text);
        }
        more.list.into_iter().for_each(|one| sink.push(one));
        sink.finish()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Where one of the faults stands in its file; `None` for the file as a whole.
    #[must_use]
    pub fn place(&self, diagnostic: &Diagnostic) -> Option<Place> {
        let text = self.sources.get(&diagnostic.file)?;
        let span = clamp(diagnostic.span.as_ref()?, text);
        let (line, column) = line_and_column(text, span.start);
        let (end_line, end_column) = line_and_column(text, span.end);
        Some(Place {
            line,
            column,
            end_line,
            end_column,
        })
    }

    /// The warnings of one code, as errors.
    pub(crate) fn as_errors(&self, code: &str) -> Self {
        let mut raised = self.clone();
        raised.list.retain(|one| one.code == code);
        for one in &mut raised.list {
            one.severity = Severity::Error;
        }
        raised
    }

    /// The faults for people: message, place, the text underlined, what to write instead; at the
    /// end a line that counts them. Of very many, the first. With `color`, ANSI escape sequences are used.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut out = String::new();
        for diagnostic in self.list.iter().take(SHOWN) {
            out.push_str(&renderer.render(&[self.group(diagnostic)]));
            out.push_str("\n\n");
        }
        if self.list.len() > SHOWN {
            out.push_str(&format!("the first {SHOWN} of "));
        }
        out.push_str(&self.summary());
        out
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level
            .primary_title(diagnostic.message.as_str())
            .id(diagnostic.code);
        let source = self
            .sources
            .get(&diagnostic.file)
            .map_or("", String::as_str);
        let group = match &diagnostic.span {
            Some(span) => title.element(
                Snippet::source(source)
                    .path(diagnostic.file.as_str())
                    .annotation(AnnotationKind::Primary.span(clamp(span, source))),
            ),
            None => title.element(annotate_snippets::Origin::path(diagnostic.file.as_str())),
        };
        if diagnostic.help.is_empty() {
            group
        } else {
            group.element(Level::HELP.message(diagnostic.help.as_str()))
        }
    }

    fn summary(&self) -> String {
        let mut files: Vec<&str> = self.list.iter().map(|one| one.file.as_str()).collect();
        files.dedup();
        let errors = self.list.iter().any(|one| one.severity == Severity::Error);
        let (one, many) = if errors {
            ("fault", "faults")
        } else {
            ("warning", "warnings")
        };
        format!(
            "{} in {}\n",
            count(self.list.len(), one, many),
            count(files.len(), "file", "files")
        )
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A span that lies within the text, on character boundaries, at least one character wide where
/// there is one: an underline of nothing is hard to see.
fn clamp(span: &Range<usize>, text: &str) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    if end == start {
        end = (start + 1).min(text.len());
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[start..].chars().count() + 1)
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl core::error::Error for Diagnostics {}

/// Collects faults and source texts while a project is read.
#[derive(Debug, Default)]
pub struct Sink {
    found: RefCell<Diagnostics>,
    /// What was concealed in each file.
    hidden: RefCell<BTreeMap<String, Vec<String>>>,
}

impl Sink {
    /// With what was found before.
    pub(crate) fn with(found: Diagnostics) -> Self {
        Self {
            found: RefCell::new(found),
            hidden: RefCell::default(),
        }
    }

    /// Keeps a text to point into, without its secrets: a terminal or a build log must not have them.
    pub fn source(&self, file: &str, text: &str) {
        let concealed = conceal(text);
        let pieces = starred(text, &concealed);
        self.hidden.borrow_mut().insert(file.to_owned(), pieces);
        let sources = &mut self.found.borrow_mut().sources;
        sources.insert(file.to_owned(), concealed);
    }

    /// Adds a fault or warning.
    pub fn push(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().list.push(diagnostic);
    }

    /// How many errors there are so far, to see whether a step added one.
    pub fn errors(&self) -> usize {
        let inner = self.found.borrow();
        let errors = inner.list.iter();
        errors.filter(|one| one.severity == Severity::Error).count()
    }

    /// All of them, by file and place. Where there are faults, warnings are left out.
    pub fn finish(self) -> Diagnostics {
        let mut all = self.found.into_inner();
        let hidden = self.hidden.into_inner();
        for one in &mut all.list {
            if let Some(pieces) = hidden.get(&one.file) {
                one.message = conceal_pieces(&one.message, pieces);
                one.help = conceal_pieces(&one.help, pieces);
            }
        }
        // A warning beside an error is often its consequence.
        if all.list.iter().any(|one| one.severity == Severity::Error) {
            all.list.retain(|one| one.severity == Severity::Error);
        }
        all.list.sort_by(|left, right| {
            let place = |one: &Diagnostic| one.span.as_ref().map(|span| (span.start, span.end));
            let order = |one: &Diagnostic| (one.file.clone(), place(one), one.message.clone());
            order(left).cmp(&order(right))
        });
        all.list.dedup();
        all
    }
}
