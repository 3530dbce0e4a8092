//! Step 8: the organisation's guard rails, policies in Cedar.
//!
//! Cedar's own Allow is needed: at least one permit is satisfied and no forbid is. Beyond Cedar, a
//! forbid that errs denies: Cedar would pass it over. Where every determining forbid says what a
//! person can do about it (`@step_up`), the denial says that.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::Writer;
use ambit_core::{Reason, sort};
use ambit_policy::cedar::{Halt, Policy, Program, Selection, Verdict};

use crate::case::Case;
use crate::context;
use crate::denial::Denial;
use crate::remedy::{Approval, Login, Remedy};
use crate::text::joined;

/// What the policies said, for the answer and the record.
#[derive(Debug)]
pub(crate) struct Ruling<'a> {
    program: &'a Program<'a>,
    /// Cedar's own decision.
    allows: bool,
    /// The policies that determine Cedar's decision and those that err, in the order of the project,
    /// each with the kind of its error; `None` for a satisfied policy.
    listed: Vec<(usize, Option<&'static str>)>,
}

/// Asks the policies, where the project has any. `people` have said yes to this call; what the
/// policies said is put into `ruling`.
pub(crate) fn check<'a>(
    case: &Case<'a>,
    people: &[String],
    ruling: &mut Option<Ruling<'a>>,
) -> Result<(), Denial> {
    let Some(program) = program(case)? else {
        return Ok(());
    };
    let verdict = evaluate(case, program, people)?;
    if !case.steps.take(telling(program, &verdict)) {
        return Err(Denial::exhausted());
    }
    *ruling = Some(Ruling::new(program, &verdict));
    match denial(program, &verdict) {
        None => Ok(()),
        Some(denial) => Err(denial.with_remedy(step_up(case, program, &verdict))),
    }
}

fn program<'a>(case: &Case<'a>) -> Result<Option<&'a Program<'a>>, Denial> {
    match (case.bundle.guard_rails(), case.bundle.program()) {
        ("none", _) => Ok(None),
        ("cedar", Some(program)) => Ok(Some(program)),
        _ => {
            let admin = "the guard rails of this policy cannot be read";
            Err(Denial::new(Reason::PolicyMalformed, admin))
        }
    }
}

/// Steps for naming the policies that decided, with what their author says: it stands in the answer
/// several times, and is kept for it.
fn telling(program: &Program<'_>, verdict: &Verdict) -> usize {
    let mut cost = 0_usize;
    let mut tell = |number: usize| {
        if let Some(policy) = program.policy(number) {
            for said in [policy.reason(), policy.advice(), Some(policy.id())] {
                cost = cost.saturating_add(said.map_or(0, str::len).saturating_mul(2));
            }
            cost = cost.saturating_add(128);
        }
    };
    for number in verdict.determining() {
        tell(*number);
    }
    for (number, _) in &verdict.errors {
        tell(*number);
    }
    cost
}

fn evaluate<'c>(
    case: &'c Case<'_>,
    program: &'c Program<'c>,
    people: &'c [String],
) -> Result<Verdict, Denial> {
    let input = context::input(case, people)?;
    let verdict = program.authorize(&input, case.steps, Selection::Index);
    verdict.map_err(|halt| match halt {
        Halt::Steps => Denial::new(Reason::RequestSteps, "the policies take too much work"),
        Halt::Program => Denial::new(Reason::PolicyMalformed, "the policies cannot be read"),
    })
}

/// Why the policies deny, if they do.
fn denial(program: &Program<'_>, verdict: &Verdict) -> Option<Denial> {
    let erring = erring_forbids(program, verdict);
    let (reason, numbers) = if !verdict.forbids.is_empty() {
        (Reason::PolicyForbid, &verdict.forbids)
    } else if !erring.is_empty() {
        (Reason::PolicyError, &erring)
    } else if verdict.permits.is_empty() {
        let admin = "no `permit` of the policy is satisfied";
        return Some(Denial::new(Reason::PolicyNoPermit, admin));
    } else {
        return None;
    };
    let mut places = Vec::new();
    let mut words = Vec::new();
    for policy in numbers.iter().filter_map(|number| program.policy(*number)) {
        places.push(place(policy));
        words.extend(policy.reason());
        words.extend(policy.advice());
    }
    let admin = joined(&mut places.iter().map(String::as_str), ", ");
    let said = joined(&mut words.into_iter(), " ");
    Some(Denial::new(reason, format!("by {admin}")).with_words(said))
}

fn place(policy: Policy<'_, '_>) -> String {
    match policy.place() {
        Some(place) => format!("`{}` ({place})", policy.id()),
        None => format!("`{}`", policy.id()),
    }
}

fn erring_forbids(program: &Program<'_>, verdict: &Verdict) -> Vec<usize> {
    let mut erring = Vec::new();
    for (number, _) in &verdict.errors {
        if program.policy(*number).is_none_or(Policy::forbids) {
            erring.push(*number);
        }
    }
    erring
}

/// What a person can do so that none of the forbids is left, if they all say so: the compiler refuses a
/// `@step_up` that would not make its own `forbid` false.
fn step_up(case: &Case<'_>, program: &Program<'_>, verdict: &Verdict) -> Remedy {
    let nothing = Remedy::default();
    if verdict.forbids.is_empty() || !erring_forbids(program, verdict).is_empty() {
        return nothing;
    }
    let mut login = Login::default();
    let mut remedy = Remedy::default();
    for number in &verdict.forbids {
        match program.policy(*number).and_then(Policy::step_up) {
            Some("approval") => {
                let Some(approval) = Approval::of_subject(case).without_actors(case) else {
                    return nothing;
                };
                remedy.approvals = alloc::vec![approval];
            }
            Some("mfa") => login.amr_values = alloc::vec![String::from(context::MFA)],
            Some("login") => login.max_age = Some(0),
            _ => return nothing,
        }
    }
    remedy.login = Some(login).filter(|login| *login != Login::default());
    remedy.shown(case)
}

impl<'a> Ruling<'a> {
    fn new(program: &'a Program<'a>, verdict: &Verdict) -> Self {
        let mut listed = Vec::new();
        for number in verdict.determining() {
            listed.push((*number, None));
        }
        for (number, kind) in &verdict.errors {
            listed.push((*number, Some(kind.name())));
        }
        sort(&mut listed);
        Self {
            program,
            allows: verdict.allows(),
            listed,
        }
    }

    /// The listed policies, each with the kind of its error.
    fn policies(&self) -> impl Iterator<Item = (Policy<'a, 'a>, Option<&'static str>)> {
        let listed = self.listed.iter();
        listed.filter_map(|(number, error)| Some((self.program.policy(*number)?, *error)))
    }

    /// The elements of the answer's `policies`.
    pub(crate) fn write(&self, out: &mut Writer) {
        for (policy, error) in self.policies() {
            out.object(|out| {
                out.name("id").string(policy.id());
                out.name("file").string(policy.file().unwrap_or_default());
                out.name("line").integer(policy.line());
                let effect = if policy.forbids() { "forbid" } else { "permit" };
                out.name("effect").string(effect);
                match error {
                    Some(kind) => out.name("error").string(kind),
                    None => out.name("satisfied").boolean(true),
                };
                for (name, text) in [("reason", policy.reason()), ("advice", policy.advice())] {
                    if let Some(text) = text {
                        out.name(name).string(text);
                    }
                }
            });
        }
    }

    /// The record's `cedar`: Cedar's own answer, the policies that determine it, and those that err.
    pub(crate) fn record(&self, out: &mut Writer) {
        let list = |out: &mut Writer, erring: bool| {
            out.array(|out| {
                for (policy, error) in self.policies() {
                    if error.is_some() == erring {
                        out.string(policy.id());
                    }
                }
            });
        };
        out.object(|out| {
            let decision = if self.allows { "allow" } else { "deny" };
            out.name("decision").string(decision);
            list(out.name("determining"), false);
            list(out.name("erring"), true);
        });
    }
}
