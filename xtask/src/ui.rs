//! What the commands print: words in colour where the terminal has any, and the last line that
//! scripts read.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const MILD: Style = AnsiColor::Yellow.on_default().bold();
const HEAD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How many checks came out as they should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// As expected.
    pub passed: usize,
    /// Not as expected, or not run although they had to.
    pub failed: usize,
}

impl Tally {
    /// One check.
    pub(crate) const fn one(passed: bool) -> Self {
        Self {
            passed: passed as usize,
            failed: !passed as usize,
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |mut sum, tally| {
            sum += tally;
            sum
        })
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// A heading above what follows.
pub(crate) fn heading(what: impl Display) {
    anstream::println!("\n{HEAD}{what}{HEAD:#}");
}

/// Something that came out as it should.
pub(crate) fn good(what: impl Display) {
    anstream::println!("{GOOD}     ok{GOOD:#}  {what}");
}

/// Something that did not.
pub(crate) fn bad(what: impl Display) {
    anstream::println!("{BAD} failed{BAD:#}  {what}");
}

/// [`good`] or [`bad`].
pub(crate) fn outcome(passed: bool, what: impl Display) {
    if passed {
        good(what);
    } else {
        bad(what);
    }
}

/// Something that was left out, and why.
pub(crate) fn skipped(what: impl Display) {
    anstream::println!("{MILD}skipped{MILD:#}  {what}");
}

/// A remark.
pub(crate) fn note(what: impl Display) {
    anstream::println!("{DIM}         {what}{DIM:#}");
}

/// Why the command stops.
pub(crate) fn error(what: impl Display) {
    anstream::eprintln!("{BAD}error{BAD:#}: {what}");
}
