//! `ambit audit show`

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use ambit_core::json::{Document, Json, Profile};
use ambit_host::audit;
use clap::Args;

use crate::failure::{Exit, Failure};
use crate::log::failure;
use crate::say::{self, BAD, GOOD, Page, foreign};

/// Tell what a log says, a line each
///
/// The links between lines are checked, the checkpoints are not: `ambit audit verify` does both.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The log
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// Only this line, as it is in the log (JSON)
    #[arg(long, value_name = "NUMBER", conflicts_with = "denied")]
    line: Option<u64>,
    /// Only what was denied or refused
    #[arg(long)]
    denied: bool,
}

impl Show {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let report = audit::check(&self.log, &[]).map_err(|error| failure(&error, &self.log))?;
        if !report.torn.is_empty() {
            say::note("note: the last line was not written to its end; the next writer mends it");
        }
        let lines = usize::try_from(report.lines).unwrap_or(usize::MAX);
        let unreadable = |error: std::io::Error| failure(&error.into(), &self.log);
        let file = File::open(&self.log).map_err(unreadable)?;
        let mut page = Page::new();
        let mut shown = 0;
        for (number, line) in (1_u64..).zip(BufReader::new(file).lines().take(lines)) {
            let line = line.map_err(unreadable)?;
            match self.line {
                Some(wanted) if wanted == number => {
                    say::data(format!("{line}\n"))?;
                    return Ok(Exit::Done);
                }
                Some(_) => {}
                None => shown += u64::from(self.tell(&mut page, number, &line)),
            }
        }
        match self.line {
            Some(wanted) => Err(failure(&audit::AuditError::NoLine(wanted), &self.log)),
            None => {
                page.show()?;
                say::note(format!("{shown} of {} lines", report.lines));
                Ok(Exit::Done)
            }
        }
    }

    /// Adds a line to the page, unless it is not wanted.
    fn tell(&self, page: &mut Page, number: u64, line: &str) -> bool {
        let Ok(document) = Document::parse(line.as_bytes(), Profile::Signed) else {
            return false;
        };
        let event = document.root();
        let denied = at(event, &["data", "action"]).is_none_or(|action| action != "Allowed");
        if self.denied && !denied {
            return false;
        }
        let time = at(event, &["time"]).unwrap_or("");
        page.line(format!("{number:>6}  {time:<20}  {}", words(event, denied)));
        true
    }
}

fn at<'a>(event: Json<'a>, path: &[&str]) -> Option<&'a str> {
    path.iter()
        .try_fold(event, |value, name| value.get(name))?
        .as_str()
}

fn words(event: Json<'_>, denied: bool) -> String {
    let style = if denied { BAD } else { GOOD };
    let code = foreign(at(event, &["data", "status_code"]).unwrap_or("?"), 60);
    match at(event, &["type"]) {
        Some("dev.ambit.decision.v1") => {
            let record = |path: &[&str]| {
                let path = [&["data", "unmapped", "record"], path].concat();
                foreign(at(event, &path).unwrap_or("-"), 80)
            };
            format!(
                "{style}{code:<24}{style:#} {} {} on {} {} for {}, by {}",
                record(&["power"]),
                record(&["action"]),
                record(&["resource", "type"]),
                record(&["resource", "id"]),
                record(&["subject"]),
                record(&["actor", "sub"])
            )
        }
        Some("dev.ambit.discharge.v1") => {
            let unmapped =
                |name| foreign(at(event, &["data", "unmapped", name]).unwrap_or("?"), 40);
            format!(
                "{style}{code:<24}{style:#} line {} was {}",
                unmapped("decision"),
                unmapped("verdict")
            )
        }
        _ => foreign(
            at(event, &["data", "message"]).unwrap_or("an event of another kind"),
            120,
        ),
    }
}
