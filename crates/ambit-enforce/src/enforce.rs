//! Obeying an answer: what is to be done next, and the verdict.
//!
//! [`next`] is a pure function of the answer, of what the host can do, and of what came of the steps so far. It is called
//! until it gives a verdict. The decision is logged before anything is done; all kinds of obligations are known
//! before the first is done; what only checks is done before what uses up, and people are asked last; the outcome is
//! logged before a yes.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Kind, Profile};
use ambit_evaluator::refuse;

use crate::heard::{self, Heard};

/// Something that must be done with an allow, or the allow is none.
#[derive(Clone, Copy, Debug)]
pub struct Obligation<'a> {
    /// Its name within the answer.
    pub id: &'a str,
    /// What kind it is: `consume`, `log`, …
    pub kind: &'a str,
    /// Its details.
    pub ext: Json<'a>,
    /// The time by which the decision was made, from its record (seconds since 1970, UTC).
    pub now: Option<i64>,
}

/// The turns in which the obligations of an answer are discharged; within one, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Looks at something and uses nothing up: what it refuses costs nobody a charge.
    Check,
    /// Uses something up.
    Use,
    /// Reaches people: nobody is asked about a call that was refused.
    Tell,
}

impl Turn {
    /// The turn of a kind, where its handler has none of its own.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        match kind {
            "status" => Self::Check,
            "approve" => Self::Tell,
            _ => Self::Use,
        }
    }
}

/// What the enforcement point does now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Act: every obligation was discharged.
    Permitted {
        /// The obligations done, by `id`, in order: for the second record of the audit log.
        discharged: Vec<String>,
    },
    /// Do not act. The answer says why; it is the evaluator's, or stands in its place.
    Refused {
        /// An answer whose decision is false.
        answer: String,
        /// The obligations done before one failed. What they consumed stays consumed.
        discharged: Vec<String>,
    },
}

impl Verdict {
    /// Whether to act.
    #[must_use]
    pub const fn is_permitted(&self) -> bool {
        matches!(self, Self::Permitted { .. })
    }

    fn into_discharged(self) -> Vec<String> {
        match self {
            Self::Permitted { discharged } | Self::Refused { discharged, .. } => discharged,
        }
    }
}

/// What a host can do.
#[derive(Clone, Copy)]
pub struct Abilities<'h> {
    /// When it discharges obligations of a kind; `None` for a kind that it does not know.
    pub turn: &'h dyn Fn(&str) -> Option<Turn>,
    /// Whether it writes a log. An obligation `log` is discharged by that.
    pub journal: bool,
    /// Whether it remembers the revocation epochs that were heard.
    pub epochs: bool,
}

impl core::fmt::Debug for Abilities<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Abilities").finish_non_exhaustive()
    }
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step<'a> {
    /// Remember these versions of epochs for good, keeping the highest, and say what was kept before.
    Keep(Heard<'a>),
    /// Write down that this answer fell.
    Decided,
    /// Discharge this obligation.
    Discharge(Obligation<'a>),
    /// Write down what became of an allow.
    Ended(Verdict),
    /// Nothing more.
    Verdict(Verdict),
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, for good.
    Done,
    /// The versions of epochs were kept. These, by issuer, were kept before.
    Kept(Vec<(String, u64)>),
    /// It could not be done.
    Failed {
        /// The reason of the denial, where it is not `obligation.failed`.
        reason: Option<Reason>,
        /// What is said to administrators.
        detail: String,
    },
}

/// The answer that counts: this one, or the denial in place of what is none.
#[must_use]
pub fn admitted(answer: &str) -> Cow<'_, str> {
    let fault = match Document::parse(answer.as_bytes(), Profile::Request) {
        Err(_) => "the answer is not JSON",
        Ok(document) if decision(document.root()).is_none() => "the answer has no decision",
        Ok(_) => return Cow::Borrowed(answer),
    };
    Cow::Owned(refuse(Reason::EngineTrap, fault))
}

/// What is to be done next with an [admitted] answer, after these outcomes of all steps before. `text` is
/// the answer as it was parsed.
#[must_use]
pub fn next<'a>(
    answer: Json<'a>,
    text: &str,
    host: Abilities<'_>,
    outcomes: &[Outcome],
) -> Step<'a> {
    let mut past = outcomes.iter();
    let step = steps(answer, text, host, &mut past);
    let (Ok(step) | Err(step)) = step;
    match step {
        // A host that counts wrongly has not done what it says.
        Step::Verdict(_) if past.next().is_some() => {
            let admin = "the host says of more steps what came of them than there were";
            Step::Verdict(refused(Reason::EngineTrap, admin))
        }
        step => step,
    }
}

type Past<'o> = core::slice::Iter<'o, Outcome>;

/// `Err` is a step of which nothing came yet.
fn steps<'a>(
    answer: Json<'a>,
    text: &str,
    host: Abilities<'_>,
    past: &mut Past<'_>,
) -> Result<Step<'a>, Step<'a>> {
    let remembered = if host.epochs {
        remember(answer, past)?
    } else {
        Ok(())
    };
    if host.journal
        && let Err(error) = done(past.next().ok_or(Step::Decided)?)
    {
        return Ok(Step::Verdict(not_logged(error, Vec::new())));
    }
    if decision(answer) != Some(true) {
        return Ok(Step::Verdict(Verdict::Refused {
            answer: text.to_owned(),
            discharged: Vec::new(),
        }));
    }
    let verdict = match remembered {
        Ok(()) => obey(answer, host, past)?,
        Err(admin) => refused(Reason::ObligationFailed, &admin),
    };
    if !host.journal {
        return Ok(Step::Verdict(verdict));
    }
    match past.next() {
        None => Err(Step::Ended(verdict)),
        Some(outcome) => Ok(Step::Verdict(match done(outcome) {
            Ok(()) => verdict,
            Err(error) => not_logged(error, verdict.into_discharged()),
        })),
    }
}

fn remember<'a>(answer: Json<'a>, past: &mut Past<'_>) -> Result<Result<(), String>, Step<'a>> {
    let heard = match heard::read(answer) {
        Ok(heard) => heard,
        Err(fault) => return Ok(Err(fault.to_string())),
    };
    match past.next() {
        None => Err(Step::Keep(heard)),
        Some(Outcome::Kept(before)) => Ok(heard.follows(before).map_err(|fault| fault.to_string())),
        Some(outcome) => Ok(Err(failure(outcome).to_owned())),
    }
}

/// Discharges the obligations, each in its [`Turn`]. All kinds are looked up before the first is done,
/// so that an unknown one costs nobody a charge.
fn obey<'a>(
    answer: Json<'a>,
    host: Abilities<'_>,
    past: &mut Past<'_>,
) -> Result<Verdict, Step<'a>> {
    let Some(obligations) = read_obligations(answer) else {
        let admin = "the answer's obligations cannot be read";
        return Ok(refused(Reason::EngineTrap, admin));
    };
    let mut work: Vec<(Turn, bool, Obligation<'_>)> = Vec::with_capacity(obligations.len());
    for obligation in obligations {
        let logged = host.journal && is_log(&obligation);
        let turn = if logged {
            Some(Turn::Use)
        } else {
            (host.turn)(obligation.kind)
        };
        let Some(turn) = turn else {
            let admin = format!("the obligation `{}` is not known here", obligation.kind);
            return Ok(refused(Reason::ObligationUnknown, &admin));
        };
        // In place, each behind those of its own turn: a sort would be a tenth of the wasm file for hosts.
        let at = work.partition_point(|(other, ..)| *other <= turn);
        work.insert(at, (turn, logged, obligation));
    }
    let mut discharged = Vec::with_capacity(work.len());
    for (_, logged, obligation) in work {
        if !logged {
            let outcome = past.next().ok_or(Step::Discharge(obligation))?;
            if done(outcome).is_err() {
                return Ok(not_done(outcome, discharged));
            }
        }
        discharged.push(obligation.id.to_owned());
    }
    Ok(Verdict::Permitted { discharged })
}

/// A `log` that asks for what a host with a log does anyway, and for nothing that is not known here.
fn is_log(obligation: &Obligation<'_>) -> bool {
    obligation.kind == "log" && obligation.ext.kind() == Kind::Object && obligation.ext.is_empty()
}

fn decision(answer: Json<'_>) -> Option<bool> {
    answer.get("decision").and_then(Json::as_bool)
}

fn done(outcome: &Outcome) -> Result<(), &str> {
    match outcome {
        Outcome::Done => Ok(()),
        other => Err(failure(other)),
    }
}

fn failure(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed { detail, .. } => detail,
        Outcome::Done | Outcome::Kept(_) => "the host does not say what came of it",
    }
}

fn not_done(outcome: &Outcome, discharged: Vec<String>) -> Verdict {
    let reason = match outcome {
        Outcome::Failed { reason, .. } => *reason,
        Outcome::Done | Outcome::Kept(_) => None,
    };
    let admin = format!("an obligation was not done: {}", failure(outcome));
    Verdict::Refused {
        answer: refuse(reason.unwrap_or(Reason::ObligationFailed), &admin),
        discharged,
    }
}

fn not_logged(error: &str, discharged: Vec<String>) -> Verdict {
    let admin = format!("the decision was not written to the audit log: {error}");
    Verdict::Refused {
        answer: refuse(Reason::ObligationFailed, &admin),
        discharged,
    }
}

fn refused(reason: Reason, admin: &str) -> Verdict {
    Verdict::Refused {
        answer: refuse(reason, admin),
        discharged: Vec::new(),
    }
}

/// An allow must have the list, even an empty one: without it nobody knows what was owed.
fn read_obligations(answer: Json<'_>) -> Option<Vec<Obligation<'_>>> {
    let context = answer.get("context")?;
    let list = context.get("obligations")?;
    if list.kind() != Kind::Array {
        return None;
    }
    let now = context
        .get("record")
        .and_then(|record| record.get("now"))
        .and_then(Json::as_int);
    list.elements()
        .map(|obligation| read_obligation(obligation, now))
        .collect()
}

fn read_obligation(obligation: Json<'_>, now: Option<i64>) -> Option<Obligation<'_>> {
    Some(Obligation {
        id: obligation.get("id")?.as_str()?,
        kind: obligation.get("type")?.as_str()?,
        ext: obligation.get("ext")?,
        now,
    })
}
