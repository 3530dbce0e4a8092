//! `ambit shadow`

use std::path::PathBuf;

use ambit_compiler::conceal;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::say::{self, Page, foreign};
use crate::{files, time};

/// Show what a second policy would have answered otherwise
///
/// Reads the counts that a service writes (--shadow with --shadow-report). They are of the two versions that were compared
/// last, since the service started: by action, what the policy that decides said, and what the other would have.
#[derive(Debug, Args)]
#[command(name = "shadow", after_long_help = NOTES)]
pub(crate) struct ShadowReport {
    /// The file of the counts
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object, as the service wrote it.
    Json,
    /// For a collector of metrics that reads text files.
    Prometheus,
}

const NOTES: &str = "\
Exit codes: 0 no call was answered otherwise, 2 some were, 3 the file is none of these.

Example:
  ambit pdp pdp.toml … --shadow next/policy.wasm --shadow-report shadow.json
  ambit shadow shadow.json";

/// Bytes of a report: five hundred kinds of differences.
const REPORT: usize = 1024 * 1024;

impl ShadowReport {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let text = files::read(&self.report, REPORT)?;
        let wrong = || {
            Failure::unusable("shadow.report", "these are no counts of a second policy")
                .at(&self.report)
                .help("name the file that a service writes with --shadow-report")
        };
        let report: Value = serde_json::from_slice(&text).map_err(|_| wrong())?;
        let counts = Counts::of(&report).ok_or_else(wrong)?;
        match self.format {
            Format::Text => counts.page().show()?,
            Format::Json => say::data(conceal(&format!("{report}\n")))?,
            Format::Prometheus => say::data(conceal(&counts.metrics()))?,
        }
        Ok(match counts.different {
            0 => Exit::Done,
            _ => Exit::Denied,
        })
    }
}

/// The report, read.
struct Counts<'r> {
    uid: &'r str,
    version: u64,
    shadow: u64,
    calls: u64,
    different: u64,
    unasked: u64,
    rows: Vec<Row<'r>>,
}

struct Row<'r> {
    action: &'r str,
    is: &'r str,
    would: &'r str,
    count: u64,
    first: i64,
    last: i64,
}

impl<'r> Counts<'r> {
    fn of(report: &'r Value) -> Option<Self> {
        let number = |name: &str| report.get(name)?.as_u64();
        if report["v"] != "ambit-shadow-1" {
            return None;
        }
        let rows = report["differences"].as_array()?.iter().map(Row::of);
        let mut rows = rows.collect::<Option<Vec<_>>>()?;
        rows.sort_by_key(|row| std::cmp::Reverse(row.count));
        Some(Self {
            uid: report["uid"].as_str()?,
            version: number("version")?,
            shadow: number("shadow")?,
            calls: number("calls")?,
            different: number("different")?,
            unasked: number("unasked")?,
            rows,
        })
    }

    fn page(&self) -> Page {
        let mut page = Page::new();
        if self.calls == 0 {
            page.line("no call was asked yet");
        }
        page.field(
            "policy",
            format!(
                "{} version {}, and beside it version {}",
                foreign(self.uid, 128),
                self.version,
                self.shadow
            ),
        );
        page.field(
            "calls",
            format!("{}, {} of them different", self.calls, self.different),
        );
        if self.unasked > 0 {
            let words = format!("{}: more came at one time than wait", self.unasked);
            page.field("not asked", words);
        }
        for row in &self.rows {
            page.heading(&format!(
                "{} times: {}",
                row.count,
                foreign(row.action, 128)
            ));
            page.field("says", foreign(row.is, 128));
            page.field("would say", foreign(row.would, 128));
            page.field("first", time::show(row.first));
            page.field("last", time::show(row.last));
        }
        page
    }

    fn metrics(&self) -> String {
        let policy = format!(
            "policy=\"{}\",version=\"{}\",shadow=\"{}\"",
            label(self.uid),
            self.version,
            self.shadow
        );
        let mut out = String::new();
        let mut add = |name: &str, help: &str, lines: Vec<(String, u64)>| {
            out.push_str(&format!(
                "# HELP ambit_shadow_{name} {help}\n# TYPE ambit_shadow_{name} counter\n"
            ));
            for (labels, count) in lines {
                out.push_str(&format!("ambit_shadow_{name}{{{labels}}} {count}\n"));
            }
        };
        let one = |count| vec![(policy.clone(), count)];
        add(
            "calls_total",
            "Calls that both policies were asked.",
            one(self.calls),
        );
        add(
            "unasked_total",
            "Calls that the second was not asked.",
            one(self.unasked),
        );
        let rows = self.rows.iter().map(|row| {
            let (action, is, would) = (label(row.action), label(row.is), label(row.would));
            let labels = format!("{policy},action=\"{action}\",is=\"{is}\",would=\"{would}\"");
            (labels, row.count)
        });
        add(
            "differences_total",
            "Calls that it would answer otherwise.",
            rows.collect(),
        );
        out
    }
}

impl<'r> Row<'r> {
    fn of(row: &'r Value) -> Option<Self> {
        Some(Self {
            action: row["action"].as_str()?,
            is: row["is"].as_str()?,
            would: row["would"].as_str()?,
            count: row["count"].as_u64()?,
            first: row["first"].as_i64()?,
            last: row["last"].as_i64()?,
        })
    }
}

/// A value as the text format of Prometheus has it.
fn label(text: &str) -> String {
    let plain = text.replace('\\', "\\\\").replace('"', "\\\"");
    plain.replace('\n', "\\n")
}
