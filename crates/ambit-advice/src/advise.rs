//! The answer of [`advise`]: the reason, and the alternatives, nearest first.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::Writer;
use ambit_core::{Reason, Steps};
use ambit_evaluator::{Case, ChainCache, Denial, Judged, with_case};
use ambit_policy::Bundle;

use crate::candidate::Candidate;
use crate::capability;
use crate::change;
use crate::confirm::Confirm;

/// What would turn a denial of this request into an allow: `{"decision", "reason", "alternatives"}`.
///
/// `request` is the input of `evaluate`, and `decision` and `reason` are those of its answer. Doing all
/// steps of one alternative is enough. Each was judged by every later step, guard rails included, or
/// says `"judged": false`. An approval that alone is enough is always among them, for as many groups of
/// approvers as [`GROUPS`](ambit_core::limits::ADVICE_GROUPS) says.
#[must_use]
pub fn advise(bundle: &Bundle<'_>, request: &[u8], cache: &mut ChainCache) -> String {
    let mut out = Writer::with_capacity(1024);
    with_case(bundle, request, cache, &mut |case| match case {
        Err(denial) => write(&mut out, Some(denial), &[]),
        Ok(case) => {
            let judged = case.judge();
            // What advice may do in all is what the decision may do once more.
            let steps = Steps::new();
            let alternatives = alternatives(&case.with_steps(&steps), &judged);
            write(&mut out, judged.denial.as_ref(), &alternatives);
        }
    });
    out.finish()
}

fn alternatives(case: &Case<'_>, judged: &Judged) -> Vec<Candidate> {
    let Some(denial) = judged.denial.as_ref().filter(|_| judged.in_force) else {
        return Vec::new();
    };
    // A no is an answer; and what the host does not say, nobody can mend by asking otherwise.
    if matches!(
        denial.reason,
        Reason::ApprovalDenied | Reason::FactsMissing | Reason::RequestSteps
    ) {
        return Vec::new();
    }
    // Receipts that do not fit: without them nothing is left to be done.
    let as_asked = Candidate::with_people(&judged.people);
    if case.judge_with(&as_asked.assumed).is_ok() {
        return Vec::new();
    }
    let mut confirm = Confirm::new(case);
    let mut found: Vec<Candidate> = Vec::new();
    found.extend(confirm.candidate(&as_asked));
    // Once people approve, entries that hold `propose` apply as well.
    if judged.people.is_empty() {
        let approved = confirm.candidate(&Candidate::approved());
        found.extend(approved.filter(|approved| !found.iter().any(|one| one.is_same(approved))));
    }
    change::add(case, &mut confirm, &mut found);
    found.extend(capability::missing(case, denial.reason, &mut confirm));
    nearest_first(found)
}

/// Few things to do before many; one sort of so few needs no more than this.
fn nearest_first(found: Vec<Candidate>) -> Vec<Candidate> {
    let mut sorted: Vec<Candidate> = Vec::with_capacity(found.len());
    for candidate in found {
        let weight = candidate.weight();
        let nearer = sorted.iter().take_while(|one| one.weight() <= weight);
        let at = nearer.count();
        sorted.insert(at, candidate);
    }
    sorted
}

fn write(out: &mut Writer, denial: Option<&Denial>, alternatives: &[Candidate]) {
    let user = denial.map(Denial::user);
    let (code, admin) = denial.map_or(("allowed", ""), |denial| {
        (denial.reason.code(), denial.admin.as_str())
    });
    out.object(|out| {
        out.name("decision").boolean(denial.is_none());
        out.name("reason").object(|out| {
            out.name("code").string(code);
            out.name("user")
                .string(user.as_deref().unwrap_or("Allowed."));
            out.name("admin").string(admin);
        });
        out.name("alternatives").array(|out| {
            for candidate in alternatives {
                candidate.write(out);
            }
        });
    });
}
