//! Obeying an answer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Kind, Profile};
use ambit_evaluator::refuse;

use crate::heard::HeardEpochs;
use crate::journal::Journal;
use crate::versions::{StatementVersions, VersionError};

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

/// Does obligations of one kind.
pub trait Discharge: Send + Sync {
    /// Does it, completely, before the action. `consume` is one atomic check-and-add.
    ///
    /// # Errors
    ///
    /// [`NotDischarged`] when it cannot be done: the action must not happen then.
    fn discharge(&self, obligation: &Obligation<'_>) -> Result<(), NotDischarged>;

    /// When it is discharged, among the other obligations of an answer.
    fn turn(&self) -> Turn {
        Turn::Use
    }
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

/// Why an obligation was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDischarged {
    reason: Reason,
    detail: String,
}

impl NotDischarged {
    /// `obligation.failed`, with what is said to administrators.
    #[must_use]
    pub fn new(detail: impl Into<String>) -> Self {
        Self::because(Reason::ObligationFailed, detail)
    }

    /// A more precise reason for the denial.
    #[must_use]
    pub fn because(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    /// The reason of the denial.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Display for NotDischarged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for NotDischarged {}

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

/// Turns answers into verdicts. A new one knows no obligation, so it permits only what has none.
///
/// ```
/// use std::sync::Arc;
///
/// use ambit_host::Enforcer;
/// use ambit_host::ledger::{Consume, MemoryLedger};
///
/// let ledger = Arc::new(MemoryLedger::new());
/// let enforcer = Enforcer::new().with("consume", Consume::new(ledger));
///
/// // As an engine gives it: an allow that uses a receipt up.
/// let answer = r#"{"decision": true, "context": {
///     "obligations": [{"id": "consume", "type": "consume", "ext": {"charges": [
///         {"key": "receipt:1", "type": "receipt", "amount": 1, "max": 1, "until": 1772004000}]}}],
///     "record": {"now": 1772000400}}}"#;
/// assert!(enforcer.enforce(answer).is_permitted());
///
/// // A second time the receipt is used up, and an enforcer without the handler permits nothing.
/// assert!(!enforcer.enforce(answer).is_permitted());
/// assert!(!Enforcer::new().enforce(answer).is_permitted());
/// ```
#[derive(Default)]
pub struct Enforcer {
    handlers: BTreeMap<String, Box<dyn Discharge>>,
    journal: Option<Arc<dyn Journal>>,
    heard: Option<HeardEpochs>,
}

impl Enforcer {
    /// An enforcer that knows no obligation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Teaches it one kind of obligation.
    #[must_use]
    pub fn with(mut self, kind: &str, handler: impl Discharge + 'static) -> Self {
        self.handlers.insert(kind.to_owned(), Box::new(handler));
        self
    }

    /// Writes down every answer and what becomes of it. An obligation `log` is discharged by that.
    #[must_use]
    pub fn log(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Remembers for good the versions of revocation epochs that an answer was made by, a denial
    /// included, before anything else is done with it. An allow by older ones than another has heard
    /// in the meantime, or without some, is refused. See [`HeardEpochs`].
    #[must_use]
    pub fn remember(mut self, versions: Arc<dyn StatementVersions>) -> Self {
        self.heard = Some(HeardEpochs::new(versions));
        self
    }

    /// Judges an answer and discharges its obligations, in their order, each in its [`Turn`]. All kinds are looked up before the first is done,
    /// so that an unknown one costs nobody a charge.
    ///
    /// With a [log](Self::log), the decision is written before anything is done, and what became of
    /// an allow before this returns.
    pub fn enforce(&self, answer: &str) -> Verdict {
        let Ok(document) = Document::parse(answer.as_bytes(), Profile::Request) else {
            return self.broken("the answer is not JSON");
        };
        let heard = self.heard.as_ref();
        let remembered = heard.map_or(Ok(()), |heard| heard.remember(document.root()));
        match document.root().get("decision").and_then(Json::as_bool) {
            Some(true) => self.allowed(document.root(), remembered),
            Some(false) => self.denied(answer, document.root()),
            None => self.broken("the answer has no decision"),
        }
    }

    fn allowed(&self, answer: Json<'_>, remembered: Result<(), VersionError>) -> Verdict {
        let obey = || match remembered {
            Ok(()) => self.obey(answer),
            Err(error) => {
                let admin = format!("{}: {error}", error.code());
                refused(Reason::ObligationFailed, &admin)
            }
        };
        let Some(journal) = &self.journal else {
            return obey();
        };
        let entry = match journal.decided(answer) {
            Ok(entry) => entry,
            Err(error) => return not_logged(&error, Vec::new()),
        };
        let verdict = obey();
        match journal.ended(&entry, &verdict) {
            Ok(()) => verdict,
            Err(error) => not_logged(&error, verdict.into_discharged()),
        }
    }

    /// A denial that nobody could write down stays one, and says that the log needs somebody.
    fn denied(&self, text: &str, answer: Json<'_>) -> Verdict {
        let written = self.journal.as_ref().map(|journal| journal.decided(answer));
        match written {
            Some(Err(error)) => not_logged(&error, Vec::new()),
            _ => Verdict::Refused {
                answer: text.to_owned(),
                discharged: Vec::new(),
            },
        }
    }

    /// Something that is not an answer: the denial in its place is what is written down.
    fn broken(&self, admin: &str) -> Verdict {
        let denial = refuse(Reason::EngineTrap, admin);
        match Document::parse(denial.as_bytes(), Profile::Request) {
            Ok(document) => self.denied(&denial, document.root()),
            Err(_) => refused(Reason::EngineTrap, admin),
        }
    }

    fn obey(&self, answer: Json<'_>) -> Verdict {
        let Some(obligations) = read_obligations(answer) else {
            return refused(
                Reason::EngineTrap,
                "the answer's obligations cannot be read",
            );
        };
        let mut work = Vec::with_capacity(obligations.len());
        for obligation in &obligations {
            if self.is_logged(obligation) {
                work.push((None, obligation));
                continue;
            }
            let Some(handler) = self.handlers.get(obligation.kind) else {
                let admin = format!("the obligation `{}` is not known here", obligation.kind);
                return refused(Reason::ObligationUnknown, &admin);
            };
            work.push((Some(handler), obligation));
        }
        work.sort_by_key(|(handler, _)| handler.map_or(Turn::Use, |handler| handler.turn()));
        let mut discharged = Vec::with_capacity(work.len());
        for (handler, obligation) in work {
            let done = handler.map_or(Ok(()), |handler| handler.discharge(obligation));
            if let Err(error) = done {
                let answer = refuse(
                    error.reason,
                    &said("an obligation was not done", &error.detail),
                );
                return Verdict::Refused { answer, discharged };
            }
            discharged.push(obligation.id.to_owned());
        }
        Verdict::Permitted { discharged }
    }

    /// A `log` that asks for what the journal does anyway, and for nothing that is not known here.
    fn is_logged(&self, obligation: &Obligation<'_>) -> bool {
        self.journal.is_some()
            && obligation.kind == "log"
            && obligation.ext.kind() == Kind::Object
            && obligation.ext.is_empty()
    }
}

impl fmt::Debug for Enforcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.handlers.keys()).finish()
    }
}

fn not_logged(error: &str, discharged: Vec<String>) -> Verdict {
    let admin = said("the decision was not written to the audit log", error);
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

fn said(what: &str, detail: &str) -> String {
    format!("{what}: {detail}")
}
