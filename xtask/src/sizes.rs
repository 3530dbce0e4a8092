//! `cargo xtask sizes`: how large the wasm files are, raw and as a web server would send them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{guest, web};

/// The table in the README lies between these.
const BEGIN: &str = "<!-- sizes -->\n";
const END: &str = "<!-- /sizes -->";
const KB: usize = 1000;
/// By how much a measured size may differ from the one in the README.
const ROUNDING: usize = 2 * KB;

/// A file, and how large it may be once compressed.
struct Bound {
    name: &'static str,
    what: &'static str,
    /// Bytes.
    most: Option<usize>,
}

const BOUNDS: [Bound; 5] = [
    Bound {
        name: "evaluator.wasm",
        what: "npm, decides: browsers and edge",
        most: Some(EVALUATOR_MOST),
    },
    Bound {
        name: "host.wasm",
        what: "npm, what enforcing needs besides: the rules of a host, requests, digests, what is to be signed",
        most: Some(HOST_MOST),
    },
    Bound {
        name: "advice.wasm",
        what: "npm, what neither needs: advice, consent texts",
        most: Some(ADVICE_MOST),
    },
    Bound {
        name: "evaluator-fast.wasm",
        what: "npm, all in one, built for speed, for Node",
        most: None,
    },
    Bound {
        name: "ambit_guest.wasm",
        what: "the template of every policy module, which has both",
        most: None,
    },
];
/// Aim: 150 KB.
const EVALUATOR_MOST: usize = 169 * KB;
const HOST_MOST: usize = 34 * KB;
const ADVICE_MOST: usize = 57 * KB;

/// The sizes of one file.
struct Size<'b> {
    bound: &'b Bound,
    raw: usize,
    compressed: usize,
}

/// Measures, and writes the README's table.
///
/// # Errors
///
/// A file above its bound, or that cannot be built or read.
pub(crate) fn write(root: &Path) -> Result<PathBuf, String> {
    let sizes = measure(root)?;
    let readme = root.join("README.md");
    let text = read(&readme)?;
    let (before, _, behind) = parts(&text)?;
    let text = format!("{before}{BEGIN}{}{END}{behind}", table(&sizes));
    fs::write(&readme, text).map_err(|error| format!("{}: {error}", readme.display()))?;
    within_bounds(&sizes)?;
    Ok(readme)
}

/// Measures, and compares with the bounds and with the README's table.
///
/// # Errors
///
/// A file above its bound, or a table that says another size.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let sizes = measure(root)?;
    within_bounds(&sizes)?;
    let text = read(&root.join("README.md"))?;
    let (_, said, _) = parts(&text)?;
    for size in &sizes {
        if !size.is_said(said) {
            let name = size.bound.name;
            return Err(format!(
                "the README says another size of {name}: run `cargo xtask sizes`"
            ));
        }
    }
    Ok(())
}

fn measure(root: &Path) -> Result<Vec<Size<'static>>, String> {
    let package = web::build(root)?;
    let guest = guest::build(root)?;
    let measured = BOUNDS.iter().map(|bound| {
        let file = match package.join(bound.name) {
            file if file.is_file() => file,
            _ => guest.clone(),
        };
        let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Size {
            bound,
            raw: bytes.len(),
            compressed: gzip(&bytes)?,
        })
    });
    measured.collect()
}

fn within_bounds(sizes: &[Size<'_>]) -> Result<(), String> {
    for Size {
        bound, compressed, ..
    } in sizes
    {
        if let Some(most) = bound.most.filter(|most| compressed > most) {
            return Err(format!(
                "{} is {compressed} bytes compressed, at most {most} are allowed",
                bound.name
            ));
        }
    }
    Ok(())
}

impl Size<'_> {
    /// Whether the table has a row for this file with these sizes, but for rounding.
    fn is_said(&self, table: &str) -> bool {
        let name = format!("`{}`", self.bound.name);
        let Some(row) = table.lines().find(|row| row.contains(&name)) else {
            return false;
        };
        let cells = row
            .split('|')
            .filter_map(|cell| cell.trim().strip_suffix(" KB"));
        let said: Vec<usize> = cells.filter_map(|cell| cell.parse().ok()).collect();
        let near = |said: usize, bytes: usize| (said * KB).abs_diff(bytes) <= ROUNDING;
        matches!(said[..], [raw, compressed] if near(raw, self.raw) && near(compressed, self.compressed))
    }
}

fn table(sizes: &[Size<'_>]) -> String {
    let mut table = String::from("| file | | raw | `gzip -9` |\n|---|---|---|---|\n");
    for Size {
        bound,
        raw,
        compressed,
    } in sizes
    {
        let [raw, compressed] = [raw, compressed].map(|bytes| (bytes + KB / 2) / KB);
        let Bound { name, what, .. } = bound;
        table += &format!("| `{name}` | {what} | {raw} KB | {compressed} KB |\n");
    }
    table
}

/// The README before, between and behind the marks.
fn parts(text: &str) -> Result<(&str, &str, &str), String> {
    let found = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (table, behind) = rest.split_once(END)?;
        Some((before, table, behind))
    });
    found.ok_or_else(|| String::from("the README has no place for the table of sizes"))
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// How many bytes are left of these once compressed.
///
/// # Errors
///
/// There is no `gzip`, or it failed.
pub(crate) fn gzip(bytes: &[u8]) -> Result<usize, String> {
    let mut child = Command::new("gzip")
        .args(["-9", "-n", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("gzip: {error}"))?;
    let mut input = child.stdin.take().ok_or("gzip has no standard input")?;
    let bytes = bytes.to_vec();
    // From a thread of its own: gzip writes before it has read everything.
    let feed = std::thread::spawn(move || input.write_all(&bytes));
    let output = child
        .wait_with_output()
        .map_err(|error| format!("gzip: {error}"))?;
    feed.join()
        .map_err(|_| "gzip: the feeding thread stopped")?
        .map_err(|error| format!("gzip: {error}"))?;
    Ok(output.stdout.len())
}
