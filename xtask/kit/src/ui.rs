//! What the commands print: words in colour where the terminal has any, and the last line that
//! scripts read.

use std::fmt::Display;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const MILD: Style = AnsiColor::Yellow.on_default().bold();
const HEAD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How many checks came out as they should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// As expected.
    pub passed: usize,
    /// Not as expected, or not run although they had to.
    pub failed: usize,
}

impl Tally {
    /// One check.
    #[must_use]
    pub const fn one(passed: bool) -> Self {
        Self {
            passed: passed as usize,
            failed: !passed as usize,
        }
    }
}

impl Tally {
    /// Reads the line that [`finish`] prints.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
        Some(Self {
            passed: passed.parse().ok()?,
            failed: failed.parse().ok()?,
        })
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
pub fn heading(what: impl Display) {
    anstream::println!("\n{HEAD}{what}{HEAD:#}");
}

/// Something that came out as it should.
pub fn good(what: impl Display) {
    anstream::println!("{GOOD}     ok{GOOD:#}  {what}");
}

/// Something that did not.
pub fn bad(what: impl Display) {
    anstream::println!("{BAD} failed{BAD:#}  {what}");
}

/// [`good`] or [`bad`].
pub fn outcome(passed: bool, what: impl Display) {
    if passed {
        good(what);
    } else {
        bad(what);
    }
}

/// Something that was left out, and why.
pub fn skipped(what: impl Display) {
    anstream::println!("{MILD}skipped{MILD:#}  {what}");
}

/// A remark.
pub fn note(what: impl Display) {
    anstream::println!("{DIM}         {what}{DIM:#}");
}

/// What is going on, for whoever waits; standard output is for results.
pub fn progress(what: impl Display) {
    anstream::eprintln!("{DIM}{what}{DIM:#}");
}

/// Why the command stops.
pub fn error(what: impl Display) {
    anstream::eprintln!("{BAD}error{BAD:#}: {what}");
}

/// Ends a command: its error, or the last line, which scripts read and which is plain whatever the
/// terminal can show. A command that checked nothing has failed.
#[must_use]
pub fn finish(outcome: Result<Tally, String>) -> ExitCode {
    let tally = match outcome {
        Ok(tally) => tally,
        Err(why) => {
            error(why);
            return ExitCode::FAILURE;
        }
    };
    anstream::println!("\n{tally}");
    if tally.failed == 0 && tally.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn what_is_printed_can_be_read() {
        let tally = Tally {
            passed: 12,
            failed: 3,
        };
        assert_eq!(Tally::read(&tally.to_string()), Some(tally));
        assert_eq!(Tally::read("12 passed, none failed"), None);
        assert_eq!(
            Tally::read("     ok  file: form, 12 passed, 3 failed"),
            None
        );
    }
}
