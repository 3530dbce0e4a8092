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
use ambit_token::Receipt;

use crate::approvals;
use crate::authority::{self, Grant};
use crate::context::{self, Person};
use crate::denial::Denial;
use crate::digest;
use crate::remedy::{Login, Remedy, Step};
use crate::requires::{self, Approval};
use crate::text::joined;
use crate::ways::{self, Ways};
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
pub(crate) fn check(case: &Case<'_>, grant: &Grant<'_>, found: &mut Found) -> Result<(), Denial> {
    let Some(program) = program(case)? else {
        return Ok(());
    };
    let people = approvals::people(&found.receipts);
    let heard = requires::heard(case, &grant.selected, people);
    let person = Person::of(case, heard);
    let verdict = evaluate(case, program, &person)?;
    found.ruling = Some(Ruling::new(program, &verdict));
    let Some(denial) = denial(program, &verdict) else {
        return Ok(());
    };
    let nothing = Remedy::default();
    let remedy = settle(case, nothing, &found.receipts, &mut Vec::new());
    Err(denial.with_remedy(remedy))
}

/// What an evaluation costs beside its own steps: so many must not be tried that a denial gets dear.
const EVALUATION: usize = 500;
/// What each person costs whom the policies see in it.
const PERSON: usize = 16;
/// So often the policies may ask for something on top before a remedy is given up.
const ROUNDS: usize = 4;

/// The remedy with what the policies ask for on top: whoever does it, in whichever of the ways it
/// leaves open, they allow. `None` if they would deny all the same; who forbids is added to `blocking`.
///
/// `receipts` are those that were given; they count as long as the call stays the same.
pub(crate) fn settle(
    case: &Case<'_>,
    mut remedy: Remedy,
    receipts: &[Receipt],
    blocking: &mut Vec<usize>,
) -> Option<Remedy> {
    let Some(program) = program(case).ok()? else {
        return Some(remedy);
    };
    let mut extra = Remedy::default();
    for _ in 0..ROUNDS {
        let kept = Some(receipts).filter(|_| remedy.keeps_digest());
        let manifest = authority::select(case, true, false).unwrap_or_default();
        let heard = |people| requires::heard(case, &manifest, people);
        let people = approvals::people(kept.unwrap_or_default());
        let person = Person::of(case, heard(people));
        if !case.steps.take(ways::cost(&remedy)) {
            return None;
        }
        let ways = Ways::of(&remedy);
        let mut good: Vec<&[Step]> = Vec::new();
        let mut denied: Option<Verdict> = None;
        for way in &ways.all {
            let seen = ways::people(way).len().saturating_mul(PERSON);
            if !case.steps.take(EVALUATION.saturating_add(seen)) {
                return None;
            }
            let after = person.clone().after(way, case, &heard);
            let verdict = evaluate(case, program, &after).ok()?;
            if denial(program, &verdict).is_none() {
                good.push(way);
            } else {
                blocking.extend(&verdict.forbids);
                denied = denied.or(Some(verdict));
            }
        }
        if !good.is_empty() {
            let narrow = denied.is_some() || !ways.complete;
            return Some(if narrow { ways.only(&good) } else { remedy });
        }
        remedy = with_step_up(case, program, &denied?, remedy, &mut extra, receipts)?;
    }
    None
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

/// The remedy with what a person can do so that none of the forbids is left, if they all say so: that is
/// added to `extra`. What the capabilities require is looked at anew.
fn with_step_up(
    case: &Case<'_>,
    program: &Program<'_>,
    verdict: &Verdict,
    remedy: Remedy,
    extra: &mut Remedy,
    receipts: &[Receipt],
) -> Option<Remedy> {
    if verdict.forbids.is_empty() || !erring_forbids(program, verdict).is_empty() {
        return None;
    }
    let kinds = verdict.forbids.iter();
    let kinds = kinds.map(|number| program.policy(*number)?.step_up());
    let mut kinds = kinds.collect::<Option<Vec<&str>>>()?;
    kinds.sort_unstable();
    kinds.dedup();
    let steps = kinds.into_iter().map(|kind| step(case, kind));
    let mut more = Remedy {
        steps: steps.collect::<Option<Vec<Step>>>()?,
    };
    let same_call = remedy.keeps_digest() && more.keeps_digest();
    let people = if same_call {
        approvals::people(receipts)
    } else {
        Vec::new()
    };
    let before = remedy.asks_approval() || !people.is_empty();
    let approved = before || more.asks_approval();
    // With the first receipt other entries may apply than those that were judged without, and they may
    // want people who are enough for the policies too. What was approved for another call is void.
    let token = remedy.keeps_token();
    let needed = |approved: bool| {
        let selected = authority::select(case, approved, token)?;
        requires::remedy(case, &selected, &people)
    };
    let alone = needed(approved).filter(|needed| approved || !needed.asks_approval());
    let needed = alone.or_else(|| needed(true))?;
    if !before && needed.asks_approval() {
        more.steps
            .retain(|step| !matches!(step, Step::Approval { .. }));
    }
    *extra = core::mem::take(extra).and(more);
    let mut remedy = remedy;
    remedy
        .steps
        .retain(|step| !matches!(step, Step::Login(_) | Step::Approval { .. }));
    let whole = remedy.and(needed).and(extra.clone());
    Some(ways::without_implied(whole, case.steps))
}

fn step(case: &Case<'_>, kind: &str) -> Option<Step> {
    Some(match kind {
        "approval" => Step::Approval {
            approval: Approval::of_subject(case).without_actors(case)?,
            binding_s256: Some(digest::action(case)),
        },
        "mfa" => Step::Login(Login {
            amr_values: alloc::vec![context::MFA],
            ..Login::default()
        }),
        "login" => Step::Login(Login {
            max_age: Some(0),
            ..Login::default()
        }),
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
