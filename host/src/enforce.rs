//! Obeying an answer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Profile};
use ambit_enforce::enforce::{Abilities, Outcome, Step, admitted, next};
pub use ambit_enforce::enforce::{Obligation, Turn, Verdict};
use ambit_evaluator::refuse;

use crate::heard::HeardEpochs;
use crate::journal::{Begun, Journal};
use crate::versions::StatementVersions;

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

    /// Whether what it does may outlast what was not yet [kept](Begun::keep) of the log, so that the decision must be
    /// kept for good before.
    fn lasts(&self, _: &Obligation<'_>) -> bool {
        true
    }
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

    /// Judges an answer and discharges its obligations, each in its [`Turn`]. All kinds are looked up
    /// before the first is done, so that an unknown one costs nobody a charge.
    ///
    /// With a [log](Self::log), the decision is written before anything is done, and what became of
    /// an allow before this returns. What is to be done next is said by [`next`]; here it is done.
    pub fn enforce(&self, answer: &str) -> Verdict {
        let text = admitted(answer);
        let Ok(document) = Document::parse(text.as_bytes(), Profile::Request) else {
            return broken("the answer is not JSON");
        };
        // Asked once: the order must be the same at each step.
        let turns = self.handlers.iter();
        let turns: BTreeMap<&str, Turn> = turns
            .map(|(kind, handler)| (kind.as_str(), handler.turn()))
            .collect();
        let host = Abilities {
            turn: &|kind| turns.get(kind).copied(),
            journal: self.journal.is_some(),
            epochs: self.heard.is_some(),
        };
        let mut outcomes = Vec::new();
        let mut begun = None;
        loop {
            let step = next(document.root(), &text, host, &outcomes);
            let outcome = match step {
                Step::Keep(_) => self.keep(document.root()),
                Step::Decided => self.decided(document.root(), &mut begun),
                Step::Discharge(obligation) => self.discharge(&obligation, begun.as_deref()),
                Step::Ended(verdict) => ended(begun.as_deref(), &verdict),
                Step::Verdict(verdict) => return verdict,
            };
            outcomes.push(outcome);
        }
    }

    /// The store compares in the step in which it keeps, so what comes of it is judged already.
    fn keep(&self, answer: Json<'_>) -> Outcome {
        let heard = self.heard.as_ref();
        match heard.map_or(Ok(()), |heard| heard.remember(answer)) {
            Ok(()) => Outcome::Kept(Vec::new()),
            Err(error) => failed(format!("{}: {error}", error.code())),
        }
    }

    /// A denial is kept when this returns. An allow has a second line, and waits for the disk with that, unless something
    /// that lasts is done before.
    fn decided<'a>(&'a self, answer: Json<'_>, begun: &mut Option<Box<dyn Begun + 'a>>) -> Outcome {
        let Some(journal) = &self.journal else {
            return failed("there is no log");
        };
        let allows = answer.get("decision").and_then(Json::as_bool) == Some(true);
        let written = match allows {
            true => journal.begin(answer).map(|entry| *begun = Some(entry)),
            false => journal.decided(answer).map(drop),
        };
        written.map_or_else(failed, |()| Outcome::Done)
    }

    fn discharge(&self, obligation: &Obligation<'_>, begun: Option<&dyn Begun>) -> Outcome {
        let Some(handler) = self.handlers.get(obligation.kind) else {
            return failed("it is not known here");
        };
        if let Some(begun) = begun.filter(|_| handler.lasts(obligation))
            && let Err(error) = begun.keep()
        {
            return failed(format!(
                "the decision was not written to the audit log: {error}"
            ));
        }
        match handler.discharge(obligation) {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Failed {
                reason: Some(error.reason),
                detail: error.detail,
            },
        }
    }
}

fn ended(begun: Option<&dyn Begun>, verdict: &Verdict) -> Outcome {
    match begun.map(|begun| begun.end(verdict)) {
        Some(Ok(())) => Outcome::Done,
        Some(Err(error)) => failed(error),
        None => failed("there is no log"),
    }
}

impl fmt::Debug for Enforcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.handlers.keys()).finish()
    }
}

fn failed(detail: impl Into<String>) -> Outcome {
    Outcome::Failed {
        reason: None,
        detail: detail.into(),
    }
}

fn broken(admin: &str) -> Verdict {
    Verdict::Refused {
        answer: refuse(Reason::EngineTrap, admin),
        discharged: Vec::new(),
    }
}
