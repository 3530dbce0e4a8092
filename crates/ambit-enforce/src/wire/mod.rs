//! The functions of the host core as hosts in other languages call them: JSON in, JSON out.

mod ask;
mod epochs;
mod log;
mod status;

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_core::http::{self, Scheme};
use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_evaluator::refuse;

use crate::enforce::{Abilities, Outcome, Step, Turn, Verdict, admitted, next};
use crate::has_only;
use crate::ledger::{self, Book, Charge, LedgerError, Loan, OpenLoan};

pub use ask::{ask, request};
pub use epochs::epochs;
pub use log::log;
pub use status::status;

/// What is to be done next with an answer, for `{"answer", "knows", "journal", "epochs", "results", "nonce"?}`; of
/// clients who come by `scheme`.
#[must_use]
pub fn enforce(request: &[u8], scheme: Scheme) -> String {
    let parsed = Document::parse(request, Profile::Request);
    let root = parsed.as_ref().map_or(Json::null(), Document::root);
    let nonce = root.get_str("nonce");
    let Some(asked) = Asked::read(root) else {
        return said(
            &unread("the host asks in a form that is not known"),
            "",
            nonce,
            scheme,
        );
    };
    let text = admitted(asked.answer);
    let Ok(answer) = Document::parse(text.as_bytes(), Profile::Request) else {
        return said(&unread("the answer is not JSON"), "", nonce, scheme);
    };
    let host = Abilities {
        turn: &|kind| asked.knows.contains(&kind).then(|| Turn::of(kind)),
        journal: asked.journal,
        epochs: asked.epochs,
    };
    let step = next(answer.root(), &text, host, &asked.outcomes);
    said(&step, &text, nonce, scheme)
}

fn unread(admin: &str) -> Step<'static> {
    Step::Verdict(Verdict::Refused {
        answer: refuse(Reason::EngineTrap, admin),
        discharged: Vec::new(),
    })
}

struct Asked<'a> {
    answer: &'a str,
    knows: Vec<&'a str>,
    journal: bool,
    epochs: bool,
    outcomes: Vec<Outcome>,
}

impl<'a> Asked<'a> {
    fn read(root: Json<'a>) -> Option<Self> {
        const KNOWN: [&str; 6] = ["answer", "knows", "journal", "epochs", "results", "nonce"];
        if !has_only(root, &KNOWN) {
            return None;
        }
        let flag = |name| root.get(name).and_then(Json::as_bool);
        let list = |name| root.get(name).filter(|list| list.kind() == Kind::Array);
        let knows = list("knows")?.elements().map(Json::as_str);
        let outcomes = list("results")?.elements().map(outcome);
        Some(Self {
            answer: root.get("answer")?.as_str()?,
            knows: knows.collect::<Option<_>>()?,
            journal: flag("journal")?,
            epochs: flag("epochs")?,
            outcomes: outcomes.collect::<Option<_>>()?,
        })
    }
}

/// `{"done": true}`, `{"kept": {ISS: VERSION}}`, or `{"failed", "code"?}`.
fn outcome(value: Json<'_>) -> Option<Outcome> {
    if has_only(value, &["done"]) {
        return value.get("done")?.as_bool()?.then_some(Outcome::Done);
    }
    if has_only(value, &["kept"]) {
        let kept = value.get("kept")?;
        let version = |(iss, version): (&str, Json<'_>)| {
            Some((iss.to_owned(), u64::try_from(version.as_int()?).ok()?))
        };
        let is_object = kept.kind() == Kind::Object;
        let kept: Option<Vec<_>> = kept.members().map(version).collect();
        return kept.filter(|_| is_object).map(Outcome::Kept);
    }
    if !has_only(value, &["failed", "code"]) {
        return None;
    }
    Some(Outcome::Failed {
        // A code that is not known denies as any other failure does.
        reason: value.get_str("code").and_then(Reason::from_code),
        detail: value.get("failed")?.as_str()?.to_owned(),
    })
}

/// A step in JSON.
fn said(step: &Step<'_>, answer: &str, nonce: Option<&str>, scheme: Scheme) -> String {
    let mut out = Writer::default();
    out.object(|out| match step {
        Step::Keep(heard) => {
            out.name("do").string("keep");
            out.name("epochs").array(|out| {
                for (iss, version) in heard.iter() {
                    out.object(|out| {
                        out.name("iss").string(iss);
                        out.name("version")
                            .integer(i64::try_from(version).unwrap_or(i64::MAX));
                    });
                }
            });
        }
        Step::Decided => {
            out.name("do").string("log");
            out.name("event").string("decided");
            out.name("answer").raw(answer);
        }
        Step::Discharge(obligation) => {
            out.name("do").string("discharge");
            out.name("id").string(obligation.id);
            out.name("type").string(obligation.kind);
            out.name("ext").json(obligation.ext);
            if let Some(now) = obligation.now {
                out.name("now").integer(now);
            }
        }
        Step::Ended(verdict) => {
            out.name("do").string("log");
            out.name("event").string("ended");
            write_verdict(out, verdict);
        }
        Step::Verdict(verdict) => {
            out.name("do").string("verdict");
            write_verdict(out, verdict);
            if let Verdict::Refused { answer, .. } = verdict {
                out.name("http").raw(&http::response(answer, nonce, scheme));
            }
        }
    });
    out.finish()
}

fn write_verdict(out: &mut Writer, verdict: &Verdict) {
    let (Verdict::Permitted { discharged } | Verdict::Refused { discharged, .. }) = verdict;
    out.name("permitted").boolean(verdict.is_permitted());
    out.name("discharged").array(|out| {
        for id in discharged {
            out.string(id);
        }
    });
    if let Verdict::Refused { answer, .. } = verdict {
        out.name("answer").raw(answer);
    }
}

/// What a `consume` obligation writes, for `{"ext", "now", "forgotten", "budgets"}`: `{"set": [{"key", "used",
/// "until"}], "forget"?}`, or `{"failed", "code"?}`, which is what came of the step.
#[must_use]
pub fn consume(request: &[u8]) -> String {
    let parsed = Document::parse(request, Profile::Request);
    let root = parsed.as_ref().map_or(Json::null(), Document::root);
    let malformed = LedgerError::Malformed("a part is missing or not known");
    let written = match read_consume(root) {
        None => Err(malformed),
        Some((charges, now, mut numbers)) => {
            ledger::consume(&mut numbers, &charges, now).map(|()| numbers)
        }
    };
    match written {
        Ok(numbers) => numbers.written(),
        Err(error) => failed(&error),
    }
}

/// What came of a step, where it could not be done.
fn refused(words: &str) -> String {
    let mut out = Writer::default();
    out.object(|out| {
        out.name("failed").string(words);
    });
    out.finish()
}

fn failed(error: &LedgerError) -> String {
    let mut out = Writer::default();
    out.object(|out| {
        let detail = alloc::format!("{}: {error}", error.code());
        out.name("failed").string(&detail);
        if let Some(reason) = ledger::reason(error) {
            out.name("code").string(reason.code());
        }
    });
    out.finish()
}

fn read_consume(root: Json<'_>) -> Option<(Vec<Charge<'_>>, i64, Numbers<'_>)> {
    if !has_only(root, &["ext", "now", "forgotten", "budgets"]) {
        return None;
    }
    let budgets = root
        .get("budgets")
        .filter(|list| list.kind() == Kind::Object)?;
    let known = budgets
        .members()
        .map(|(key, budget)| Some((key, read_budget(budget)?)));
    let numbers = Numbers {
        known: known.collect::<Option<_>>()?,
        set: Vec::new(),
        forgotten: root.get("forgotten")?.as_int()?,
        forget: None,
    };
    let charges = ledger::read(root.get("ext")?)?;
    Some((charges, root.get("now")?.as_int()?, numbers))
}

/// `null` for a budget that the store does not have.
fn read_budget(budget: Json<'_>) -> Option<Option<Budget>> {
    if budget.is_null() {
        return Some(None);
    }
    if !has_only(budget, &["used", "until"]) {
        return None;
    }
    let until = match budget.get("until").filter(|until| !until.is_null()) {
        None => None,
        Some(until) => Some(until.as_int()?),
    };
    let used = budget.get("used")?.as_int()?;
    Some(Some(Budget { used, until }))
}

#[derive(Clone, Copy)]
struct Budget {
    used: i64,
    until: Option<i64>,
}

/// The numbers that a store holds of some budgets, and what is to be written.
struct Numbers<'a> {
    known: Vec<(&'a str, Option<Budget>)>,
    /// In the order in which they were charged, each once.
    set: Vec<(String, Budget)>,
    forgotten: i64,
    forget: Option<i64>,
}

impl Numbers<'_> {
    /// What the host says of a budget.
    fn known(&self, key: &str) -> Option<Option<Budget>> {
        let found = self.known.iter().find(|(known, _)| *known == key);
        found.map(|(_, budget)| *budget)
    }

    fn written(&self) -> String {
        let mut out = Writer::default();
        out.object(|out| {
            out.name("set").array(|out| {
                for (key, budget) in &self.set {
                    out.object(|out| {
                        out.name("key").string(key);
                        out.name("used").integer(budget.used);
                        match budget.until {
                            Some(until) => out.name("until").integer(until),
                            None => out.name("until").null(),
                        };
                    });
                }
            });
            if let Some(time) = self.forget {
                out.name("forget").integer(time);
            }
        });
        out.finish()
    }
}

const NO_LOANS: LedgerError = LedgerError::Lease("loans are not kept here");

impl Book for Numbers<'_> {
    fn forgotten(&self) -> Result<i64, LedgerError> {
        Ok(self.forgotten)
    }

    fn forget(&mut self, time: i64) -> Result<(), LedgerError> {
        self.forget = Some(time);
        Ok(())
    }

    /// A budget of which the host says nothing is not one that is unused.
    fn used(&self, key: &str) -> Result<Option<i64>, LedgerError> {
        let known = self.known(key);
        let known = known.ok_or(LedgerError::Malformed("the store says nothing of a budget"))?;
        Ok(known.map(|budget| budget.used))
    }

    fn set(&mut self, key: &str, used: i64, until: Option<i64>) -> Result<(), LedgerError> {
        let known = self.known(key).flatten();
        let before = known.map_or(until, |budget| budget.until);
        let until = before.zip(until).map(|(one, two)| one.max(two));
        self.set.push((key.to_owned(), Budget { used, until }));
        Ok(())
    }

    fn set_used(&mut self, _: &str, _: i64) -> Result<(), LedgerError> {
        Err(NO_LOANS)
    }

    fn loan(&self, _: &str) -> Result<Option<OpenLoan>, LedgerError> {
        Err(NO_LOANS)
    }

    fn add_loan(&mut self, _: &Loan<'_>) -> Result<(), LedgerError> {
        Err(NO_LOANS)
    }

    fn end_loan(&mut self, _: &str) -> Result<(), LedgerError> {
        Err(NO_LOANS)
    }
}
