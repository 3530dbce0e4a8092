//! The answer of [`advise`]: the reason, and the alternatives, nearest first.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Steps;
use ambit_core::json::Writer;
use ambit_evaluator::{ChainCache, Denial, with_case};
use ambit_policy::Bundle;

use crate::call::{Call, Outcome, is_open};
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
        Err(denial) => write(&mut out, &Why::of(Some(denial)), &[]),
        Ok(case) => {
            let judged = case.judge();
            // What advice may do in all is what the decision may do once more.
            let steps = Steps::new();
            let found = match is_open(&judged) {
                true => alternatives(&Call::of(case, &judged, &steps)),
                false => Vec::new(),
            };
            write(&mut out, &Why::of(judged.denial.as_ref()), &found);
        }
    });
    out.finish()
}

pub(crate) fn alternatives(call: &Call<'_>) -> Vec<Candidate> {
    // Receipts that do not fit: without them nothing is left to be done.
    let as_asked = Candidate::with_people(&call.people);
    if call.assuming(&as_asked.assumed) == Outcome::Holds {
        return Vec::new();
    }
    let mut confirm = Confirm::new(call);
    let mut found: Vec<Candidate> = Vec::new();
    found.extend(confirm.candidate(&as_asked));
    // Once people approve, entries that hold `propose` apply as well.
    if call.people.is_empty() {
        let approved = confirm.candidate(&Candidate::approved());
        found.extend(approved.filter(|approved| !found.iter().any(|one| one.is_same(approved))));
    }
    change::add(call, &mut confirm, &mut found);
    found.extend(capability::missing(call, &mut confirm));
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

/// The reason of the answer.
pub(crate) struct Why<'a> {
    pub(crate) code: &'a str,
    pub(crate) user: Cow<'a, str>,
    pub(crate) admin: &'a str,
}

impl<'a> Why<'a> {
    pub(crate) const ALLOWED: &'static str = "allowed";

    pub(crate) fn of(denial: Option<&'a Denial>) -> Self {
        match denial {
            Some(denial) => Self {
                code: denial.reason.code(),
                user: denial.user().into(),
                admin: &denial.admin,
            },
            None => Self {
                code: Self::ALLOWED,
                user: "Allowed.".into(),
                admin: "",
            },
        }
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.name("code").string(self.code);
            out.name("user").string(&self.user);
            out.name("admin").string(self.admin);
        });
    }
}

pub(crate) fn write(out: &mut Writer, why: &Why<'_>, alternatives: &[Candidate]) {
    out.object(|out| {
        out.name("decision").boolean(why.code == Why::ALLOWED);
        why.write(out.name("reason"));
        out.name("alternatives").array(|out| {
            for candidate in alternatives {
                candidate.write(out);
            }
        });
    });
}
