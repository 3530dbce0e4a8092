//! `ambit audit`

mod show;

use std::path::PathBuf;

use ambit_host::audit::{self, Checkpoint, Late, LogError, Report};
use ambit_token::base64url;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::files::{self, Input};
use crate::log::{Believing, failure};
use crate::say::{self, GOOD, Page, foreign};

/// Bytes of a proof: a line, its path and a checkpoint.
const PROOF: usize = 4 * 1024 * 1024;

/// Check, prove and show the audit log of an enforcement point
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(Verify),
    Prove(Prove),
    Show(show::Show),
}

impl Audit {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.command {
            Command::Verify(command) => command.run(),
            Command::Prove(command) => command.run(),
            Command::Show(command) => command.run(),
        }
    }
}

/// Check that every line of a log is as it was written, or check a proof of one line
///
/// A changed line is named, and so is one that was signed late: it was found without a checkpoint when
/// the log was opened, after a crash or because somebody rewrote the end of the log while nobody wrote
/// to it. A log that was cut back together with its checkpoints looks sound by itself: keep a checkpoint
/// elsewhere, and compare with --checkpoint, or say how many lines there are at least.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
struct Verify {
    /// The log (JSON lines); its checkpoints are in the file `….checkpoints` beside it
    #[arg(value_name = "LOG", required_unless_present = "proof")]
    log: Option<PathBuf>,
    /// Check this proof of `ambit audit prove` instead (`-` is standard input)
    #[arg(long, value_name = "FILE", value_parser = Input::parse, conflicts_with_all = ["log", "checkpoint"])]
    proof: Option<Input>,
    #[command(flatten)]
    believing: Believing,
    /// A checkpoint that was kept elsewhere: the log must be the same, with lines added
    #[arg(long, value_name = "FILE", value_parser = Input::parse)]
    checkpoint: Option<Input>,
    /// The log must have at least so many lines; 0 lets an empty log pass
    #[arg(long, value_name = "LINES", conflicts_with = "proof")]
    at_least: Option<u64>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

const NOTES: &str = "\
Exit codes: 0 verified, 2 changed, cut off or not signed, 3 a file is missing or unusable, 5 verified \
but for lines that were signed late (a checkpoint that was kept before they were clears them).

Examples:
  ambit audit verify audit.jsonl --key keys/audit.jwk --at-least 1000
  ambit audit prove audit.jsonl --key keys/audit.jwk --line 7 > proof.json
  ambit audit verify --proof proof.json --key audit.pub.jwk";

impl Verify {
    fn run(self) -> Result<Exit, Failure> {
        let key = self.believing.key()?;
        if let Some(proof) = &self.proof {
            let bytes = proof.read(PROOF)?;
            let proved = audit::verify_proof(&bytes, &[key])
                .map_err(|error| failure(&error, proof.name().as_ref()))?;
            say::note(format!(
                "{GOOD}proved{GOOD:#}: line {} of the {} that `{}` signed",
                proved.number,
                proved.checkpoint.size,
                foreign(&proved.checkpoint.origin, 256)
            ));
            say::data(format!("{}\n", proved.line))?;
            return Ok(Exit::Done);
        }
        let log = self.log.clone().unwrap_or_default();
        let mut report = audit::check(&log, std::slice::from_ref(&key))
            .map_err(|error| failure(&error, &log))?;
        if report.unsigned() > 0 {
            let signed = report.lines - report.unsigned();
            let lines = report.lines;
            let unsigned = LogError::Unsigned { lines, signed };
            return Err(failure(&unsigned.into(), &log));
        }
        self.check_length(&report).map_err(|error| error.at(&log))?;
        if let Some(input) = &self.checkpoint {
            let kept = compare(&report, input, &key)?;
            report.late.retain(|late| !late.cleared_by(&kept));
        }
        self.show(&report, &key.to_text())?;
        Ok(match report.late.is_empty() {
            true => Exit::Done,
            false => Exit::Late,
        })
    }

    /// An emptied log has no fault in it, so how long it must be is for others to say.
    fn check_length(&self, report: &Report) -> Result<(), Failure> {
        let lines = report.lines;
        let missing = match (self.at_least, &self.checkpoint) {
            (Some(least), _) if lines < least => {
                format!("the log has {lines} lines, and there must be at least {least}")
            }
            (None, None) if lines == 0 => "the log is empty".to_owned(),
            _ => return Ok(()),
        };
        Err(Failure::denied("audit.missing", missing).help(
            "look for the whole log, as in a copy; a new log, to which nothing was written yet, passes with --at-least 0",
        ))
    }

    fn show(&self, report: &Report, vkey: &str) -> Result<(), Failure> {
        let bounded = self.at_least.is_some() || self.checkpoint.is_some();
        if self.json {
            let late = report.late.iter();
            let late: Vec<_> = late
                .map(|late| json!({"from": late.from, "to": late.to, "said_by": late.said_by}))
                .collect();
            let facts = json!({
                "verified": true, "lines": report.lines, "root": base64url::encode(&report.root),
                "torn_bytes": report.torn.len(), "late": late, "length_checked": bounded, "vkey": vkey,
            });
            return say::data(format!("{facts}\n"));
        }
        let mut page = page(report, vkey);
        for late in &report.late {
            page.warning("signed late", late_words(late));
        }
        if !bounded {
            page.warning(
                "length",
                "not checked: lines cut off at the end together with their checkpoints do not show (--checkpoint, --at-least)",
            );
        }
        page.show()
    }
}

fn late_words(late: &Late) -> String {
    let lines = match late.from == late.to {
        true => format!("line {} was", late.from),
        false => format!("lines {} to {} were", late.from, late.to),
    };
    format!(
        "{lines} found without a checkpoint, as line {} says: a crash leaves that, and so does whoever rewrites the end of a log; compare with a copy",
        late.said_by
    )
}

fn compare(report: &Report, input: &Input, key: &audit::NoteKey) -> Result<Checkpoint, Failure> {
    let unusable = |message: &str| {
        Failure::unusable("audit.checkpoint", message)
            .at_place(input.name())
            .help("a checkpoint is one note out of the log's `.checkpoints` file")
    };
    let bytes = input.read(files::SMALL)?;
    let note = std::str::from_utf8(&bytes).map_err(|_| unusable("it is not text"))?;
    let note = format!("{}\n", note.trim_end_matches('\n'));
    let kept = Checkpoint::open_last(&note, 1, std::slice::from_ref(key))
        .map_err(|_| unusable("it is not a checkpoint of this log that this key signed"))?;
    if report.extends(&kept) {
        return Ok(kept);
    }
    let message = format!(
        "the log is not the one of this checkpoint, which has {} lines",
        kept.size
    );
    Err(Failure::denied("audit.changed", message)
        .at_place(input.name())
        .help("lines were changed or cut off after the checkpoint was kept, and signed again"))
}

fn page(report: &Report, vkey: &str) -> Page {
    let mut page = Page::new();
    page.line(format!("{GOOD}verified{GOOD:#}"));
    page.field("lines", report.lines.to_string());
    page.field("root", base64url::encode(&report.root));
    page.field("key", foreign(vkey, 512));
    if report.unknown > 0 {
        let words = format!(
            "{} checkpoints are by other keys and count for nothing",
            report.unknown
        );
        page.warning("others", words);
    }
    if !report.torn.is_empty() {
        let words = format!(
            "{} bytes of a line that was not written to its end; the next writer mends it",
            report.torn.len()
        );
        page.warning("torn", words);
    }
    page
}

/// Prove one line to somebody who does not have the log
///
/// Writes JSON: the line, the hashes from it to the root, and the signed checkpoint. Nothing else of
/// the log is in it.
#[derive(Debug, Args)]
struct Prove {
    /// The log
    #[arg(value_name = "LOG")]
    log: PathBuf,
    #[command(flatten)]
    believing: Believing,
    /// The line's number, counted from 1
    #[arg(long, value_name = "NUMBER")]
    line: u64,
}

impl Prove {
    fn run(self) -> Result<Exit, Failure> {
        let key = self.believing.key()?;
        let proof = audit::prove(&self.log, &[key], self.line)
            .map_err(|error| failure(&error, &self.log))?;
        say::data(format!("{proof}\n"))?;
        Ok(Exit::Done)
    }
}
