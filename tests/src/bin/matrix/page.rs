//! The table of `tests/conformance/README.md`.

use std::fs;
use std::path::PathBuf;

use ambit_tests::suites;

use crate::questions::Suite;
use crate::rows::Row;
use crate::talk::Outcome;

/// The table lies between these.
const BEGIN: &str = "<!-- matrix -->\n";
const END: &str = "<!-- /matrix -->";
/// Columns that differ from machine to machine: version and seconds.
const OF_THE_MACHINE: [usize; 2] = [2, 4 + Suite::ALL.len()];

/// A row of the table.
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn new(row: &Row, outcome: &Outcome) -> Self {
        let mut line = format!("| {} | {} | {} |", row.name, outcome.version, row.code);
        for suite in Suite::ALL {
            line += &format!(" {} |", grouped(outcome.asked(suite)));
        }
        line += &format!(" {:.0} |", outcome.time.as_secs_f64().ceil());
        Self(line)
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The whole table.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut table = String::from("| engine | version | code that decides |");
    for suite in Suite::ALL {
        table += &format!(" {} |", suite.name());
    }
    table += " seconds |\n|---|---|---|";
    table += &"--:|".repeat(Suite::ALL.len() + 1);
    table.push('\n');
    for Line(line) in lines {
        table += line;
        table.push('\n');
    }
    table
}

/// Writes the table.
///
/// # Errors
///
/// That there is no place for it.
pub(crate) fn write(lines: &[Line]) -> Result<(), String> {
    let (file, text) = page()?;
    let (before, _, behind) = parts(&text)?;
    let text = format!("{before}{BEGIN}{}{END}{behind}", table(lines));
    fs::write(&file, text).map_err(|error| format!("`{}`: {error}", file.display()))
}

/// Compares the table with the page's: engines, code and numbers, not versions and seconds.
///
/// # Errors
///
/// A row that is not the same.
pub(crate) fn check(lines: &[Line]) -> Result<(), String> {
    let (_, text) = page()?;
    let (_, said, _) = parts(&text)?;
    let found = table(lines);
    let [said, found] = [rows(said), rows(&found)];
    let differs = found.iter().find(|row| !said.contains(row));
    let differs = differs.or_else(|| said.iter().find(|row| !found.contains(row)));
    match differs {
        None => Ok(()),
        Some(row) => Err(format!(
            "the table in tests/conformance/README.md is stale at `{}`: run `cargo xtask conformance`",
            row.join(" | ")
        )),
    }
}

fn page() -> Result<(PathBuf, String), String> {
    let file = suites().join("conformance/README.md");
    let text =
        fs::read_to_string(&file).map_err(|error| format!("`{}`: {error}", file.display()))?;
    Ok((file, text))
}

/// The page before, between and behind the marks.
fn parts(text: &str) -> Result<(&str, &str, &str), String> {
    let found = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (table, behind) = rest.split_once(END)?;
        Some((before, table, behind))
    });
    found.ok_or_else(|| "tests/conformance/README.md has no place for the table".to_owned())
}

/// The cells that are the same on every machine.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| {
            let cells = line.split('|').map(str::trim).enumerate();
            let kept = cells.filter(|(at, cell)| !OF_THE_MACHINE.contains(at) && !cell.is_empty());
            kept.map(|(_, cell)| cell).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{grouped, rows};

    #[test]
    fn numbers_are_read_in_groups_of_three() {
        let groups = [1, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(groups, ["1", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn what_differs_between_machines_is_not_compared() {
        let line = |version, count, seconds| {
            format!("| Bun | {version} | its own | {count} | 2 | 3 | 4 | 5 | {seconds} |")
        };
        assert_eq!(rows(&line("1.0", 7, 1)), rows(&line("2.0", 7, 90)));
        assert_ne!(rows(&line("1.0", 7, 1)), rows(&line("1.0", 8, 1)));
    }
}
