//! `ambit diff`

use std::path::{Path, PathBuf};

use ambit_compiler::{Severity, conceal};
use ambit_prove::{Change, Difference, Policy, Solver, case_text, diff};
use clap::Args;
use serde_json::{Value as Json, json};

use super::prove::{built, failed, policy, written};
use crate::failure::{Exit, Failure};
use crate::report::{self, Finding, Format, Report};
use crate::say;

/// Show what a change of a policy newly allows and newly denies
///
/// Each of the two is a project's folder, a built module or a bundle. All requests are compared by the solver
/// cvc5: manifests and guard rails together, as the evaluator judges them. Each difference is shown by a
/// request that one evaluator allows and the other denies. A module is not verified: this only reads it.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Diff {
    /// What was
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// What is to be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Only what is newly allowed counts for the exit code; what is newly denied is only shown
    #[arg(long)]
    allow_narrower: bool,
    /// The most seconds that the solver may take for one question
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Write each request that is shown into this folder, with a module of the policy that allows it
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// How to show what came of it
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

const NOTES: &str = "\
Exit codes: 0 nothing differs (with --allow-narrower: nothing is newly allowed), 2 something differs or could \
not be decided, 3 one of the two is unusable, 1 the solver is missing or failed.

Examples:
  ambit diff ../released my-project
  ambit diff policy-v41.wasm my-project --allow-narrower --format github";

impl Diff {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        report::run("diff", self.format, |report| self.once(report))
    }

    fn once(&self, report: &mut Report) -> Result<Exit, Failure> {
        let old = side(report, &self.old)?;
        let new = side(report, &self.new)?;
        let mut solver = Solver::start(self.timeout).map_err(|error| failed(&error))?;
        let found = diff(&mut solver, &old, &new, &mut say::progress);
        say::progress("");
        let found = found.map_err(|error| failed(&error))?;
        tell(report, &found);
        if let Some(folder) = &self.write {
            for change in &found.changes {
                let policy = if change.newly_allowed { &new } else { &old };
                written(folder, policy, &change.case)?;
            }
        }
        report.member(
            "changes",
            found.changes.iter().map(json).collect::<Vec<_>>(),
        );
        let undecided = found.undecided.iter();
        let undecided = undecided
            .map(|one| json!({"newly_allowed": one.newly_allowed, "text": conceal(&one.text)}));
        report.member("undecided", undecided.collect::<Vec<_>>());
        let plain = found.plain.iter();
        let plain = plain.map(|one| json!({"text": conceal(&one.text), "wider": one.wider}));
        report.member("other", plain.collect::<Vec<_>>());
        let wider = found.changes.iter().any(|one| one.newly_allowed)
            || found.undecided.iter().any(|one| one.newly_allowed)
            || found.plain.iter().any(|one| one.wider);
        let differs =
            !found.changes.is_empty() || !found.undecided.is_empty() || !found.plain.is_empty();
        let counts = if self.allow_narrower { wider } else { differs };
        Ok(if counts { Exit::Denied } else { Exit::Done })
    }
}

/// A folder, a module or a bundle.
fn side(report: &mut Report, path: &Path) -> Result<Policy, Failure> {
    match path.is_dir() {
        true => policy(&report.project(path)?),
        false => built(path),
    }
}

fn tell(report: &mut Report, found: &Difference) {
    for change in &found.changes {
        let side = if change.newly_allowed {
            "newly allowed"
        } else {
            "newly denied"
        };
        let severity = match change.newly_allowed {
            true => Severity::Error,
            false => Severity::Warning,
        };
        let code = format!("diff.{}", side.replace(' ', "_"));
        let message = format!("{side}: {}, {}", change.agent, change.question);
        report.finding(Finding::new(severity, code, message));
    }
    for one in &found.undecided {
        report.finding(Finding::new(
            Severity::Error,
            "diff.undecided",
            one.text.as_str(),
        ));
    }
    for one in &found.plain {
        report.finding(Finding::new(
            Severity::Warning,
            "diff.other",
            one.text.as_str(),
        ));
    }
    if report.is_human() {
        for_people(found);
    }
}

fn for_people(found: &Difference) {
    for (newly_allowed, heading) in [(true, "Newly allowed"), (false, "Newly denied")] {
        let of_side = found
            .changes
            .iter()
            .filter(|one| one.newly_allowed == newly_allowed);
        for change in of_side {
            let by = match newly_allowed {
                true => "the old policy says",
                false => "now",
            };
            say::note(format!(
                "{heading}: {}, {} ({by} {})",
                change.agent, change.question, change.code
            ));
            say::note(conceal(&format!("\n{}", case_text(&change.case))));
        }
        for one in found
            .undecided
            .iter()
            .filter(|one| one.newly_allowed == newly_allowed)
        {
            say::note(conceal(&format!("{heading}, perhaps: {}", one.text)));
        }
    }
    for one in &found.plain {
        say::note(conceal(&format!("Also different: {}", one.text)));
    }
    if found.changes.is_empty() && found.undecided.is_empty() && found.plain.is_empty() {
        say::note("nothing differs: whatever the one allows, the other allows");
    }
}

fn json(change: &Change) -> Json {
    json!({
        "newly_allowed": change.newly_allowed,
        "agent": change.agent,
        "question": change.question,
        "code": change.code,
        "case": conceal(&case_text(&change.case)),
    })
}
