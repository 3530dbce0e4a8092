//! Step 8: the organisation's guard rails, policies in Cedar.
//!
//! Cedar's own Allow is needed: at least one permit is satisfied and no forbid is. Beyond Cedar, a
//! forbid that errs denies: Cedar would pass it over. Where every determining forbid says what a
//! person can do about it (`@step_up`), the denial offers that, if it would help.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_core::json::Writer;
use ambit_policy::cedar::{Halt, Policy, Program, Selection, Verdict};

use crate::authority;
use crate::context::{self, Person};
use crate::denial::Denial;
use crate::digest;
use crate::remedy::{Remedy, Step};
use crate::requires::{self, Approval};
use crate::text::joined;
use crate::{Case, Found};

/// What the policies said, for the answer and the record.
#[derive(Debug)]
pub(crate) struct Ruling {
    /// Cedar's own decision.
    allows: bool,
    /// The policies that determine Cedar's decision and those that err, in the order of the project.
    listed: Vec<Listed>,
}

#[derive(Debug)]
struct Listed {
    id: String,
    file: String,
    line: i64,
    forbids: bool,
    /// The kind of the error; `None` for a satisfied policy.
    error: Option<&'static str>,
    reason: Option<String>,
    advice: Option<String>,
}

/// Asks the policies, where the project has any.
pub(crate) fn check(case: &Case<'_>, found: &mut Found) -> Result<(), Denial> {
    let Some(program) = program(case)? else {
        return Ok(());
    };
    let person = Person::of(case, &found.receipts);
    let verdict = evaluate(case, program, &person)?;
    found.ruling = Some(Ruling::new(program, &verdict));
    match denial(program, &verdict) {
        None => Ok(()),
        Some(denial) => {
            let before = Remedy { steps: Vec::new() };
            Err(denial.with_remedy(step_up(case, program, &verdict, &person, &before)))
        }
    }
}

/// Takes a remedy of an earlier step back if the policies would deny all the same, and adds what they
/// ask for on top. A change of arguments is left as it is: the policies may judge other values
/// differently.
pub(crate) fn review(case: &Case<'_>, mut denial: Denial) -> Denial {
    let Some(remedy) = denial.remedy.take() else {
        return denial;
    };
    let Ok(Some(program)) = program(case) else {
        return denial.with_remedy(Some(remedy));
    };
    if remedy.changes_request() {
        return denial.with_remedy(Some(remedy));
    }
    let person = Person::of(case, &[]).after(&remedy.steps, case);
    let Ok(verdict) = evaluate(case, program, &person) else {
        return denial;
    };
    if self::denial(program, &verdict).is_none() {
        return denial.with_remedy(Some(remedy));
    }
    let more = step_up(case, program, &verdict, &person, &remedy);
    denial.with_remedy(more.map(|more| remedy.and(more)))
}

fn program<'c>(case: &'c Case<'_>) -> Result<Option<&'c Program<'c>>, Denial> {
    match (case.bundle.guard_rails(), case.bundle.program()) {
        ("none", _) => Ok(None),
        ("cedar", Some(program)) => Ok(Some(program)),
        _ => {
            let admin = "the guard rails of this policy cannot be read";
            Err(Denial::new(Reason::PolicyMalformed, admin))
        }
    }
}

fn evaluate<'c>(
    case: &'c Case<'_>,
    program: &'c Program<'c>,
    person: &'c Person<'_>,
) -> Result<Verdict, Denial> {
    let input = context::input(case, person)?;
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
    let policies = || numbers.iter().filter_map(|number| program.policy(*number));
    let places: Vec<String> = policies().map(place).collect();
    let admin = joined(&mut places.iter().map(String::as_str), ", ");
    let words: Vec<&str> = policies()
        .flat_map(|policy| [policy.reason(), policy.advice()])
        .flatten()
        .collect();
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
    let erring = verdict.errors.iter().map(|(number, _)| *number);
    let forbids = |number: &usize| program.policy(*number).is_none_or(Policy::forbids);
    erring.filter(forbids).collect()
}

/// What a person can do so that none of the forbids is left, if they all say so and it is true. `person`
/// has done `before`.
fn step_up<'c>(
    case: &'c Case<'_>,
    program: &'c Program<'c>,
    verdict: &Verdict,
    person: &Person<'_>,
    before: &Remedy,
) -> Option<Remedy> {
    if verdict.forbids.is_empty() || !erring_forbids(program, verdict).is_empty() {
        return None;
    }
    let kinds = verdict.forbids.iter();
    let kinds = kinds.map(|number| program.policy(*number)?.step_up());
    let mut kinds = kinds.collect::<Option<Vec<&str>>>()?;
    kinds.sort_unstable();
    kinds.dedup();
    let steps: Vec<Step> = kinds
        .into_iter()
        .map(|kind| step(case, kind))
        .collect::<Option<_>>()?;
    let mut remedy = Remedy { steps };
    // With the first receipt other entries may apply than those that were judged without.
    let receipts = !case.request.approvals.is_empty() || before.asks_approval();
    if remedy.asks_approval() && !receipts {
        let selected = authority::when_approved(case, before.keeps_token())?;
        remedy = requires::remedy(case, &selected)?.and(remedy);
    }
    let after = person.clone().after(&remedy.steps, case);
    let verdict = evaluate(case, program, &after).ok()?;
    denial(program, &verdict).is_none().then_some(remedy)
}

fn step(case: &Case<'_>, kind: &str) -> Option<Step> {
    Some(match kind {
        "approval" => Step::Approval {
            approval: Approval::of_subject(case),
            binding_s256: Some(digest::action(case)),
        },
        // The authentication method reference of RFC 8176.
        "mfa" => Step::Login {
            acr_values: alloc::vec![String::from("mfa")],
            max_age: None,
        },
        "login" => Step::Login {
            acr_values: Vec::new(),
            max_age: Some(0),
        },
        _ => return None,
    })
}

impl Ruling {
    fn new(program: &Program<'_>, verdict: &Verdict) -> Self {
        let determining = verdict.determining().iter().map(|number| (*number, None));
        let erring = verdict.errors.iter();
        let erring = erring.map(|(number, kind)| (*number, Some(kind.name())));
        let mut numbers: Vec<(usize, Option<&'static str>)> = determining.chain(erring).collect();
        numbers.sort_unstable();
        let listed = numbers.into_iter().filter_map(|(number, error)| {
            let policy = program.policy(number)?;
            Some(Listed {
                id: policy.id().to_string(),
                file: policy.file().unwrap_or_default().to_string(),
                line: policy.line(),
                forbids: policy.forbids(),
                error,
                reason: policy.reason().map(String::from),
                advice: policy.advice().map(String::from),
            })
        });
        Self {
            allows: verdict.allows(),
            listed: listed.collect(),
        }
    }

    /// The elements of the answer's `policies`.
    pub(crate) fn write(&self, out: &mut Writer) {
        for policy in &self.listed {
            out.object(|out| {
                out.name("id").string(&policy.id);
                out.name("file").string(&policy.file);
                out.name("line").integer(policy.line);
                let effect = if policy.forbids { "forbid" } else { "permit" };
                out.name("effect").string(effect);
                match policy.error {
                    Some(kind) => out.name("error").string(kind),
                    None => out.name("satisfied").boolean(true),
                };
                for (name, text) in [("reason", &policy.reason), ("advice", &policy.advice)] {
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
                for policy in &self.listed {
                    if policy.error.is_some() == erring {
                        out.string(&policy.id);
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
