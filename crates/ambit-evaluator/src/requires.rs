//! Step 7: what a person must have done: logged in well and lately enough, said yes to this call.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use ambit_core::json::{Json, Kind};
use ambit_core::limits::CLOCK_SKEW_SECONDS;
use ambit_core::{Power, Reason, Steps};
use ambit_token::Receipt;

use crate::Case;
use crate::approvals;
use crate::authority::{self, Grant, Selected, Source};
use crate::denial::Denial;
use crate::digest;
use crate::rails;
use crate::remedy::{self, Remedy, Step};
use crate::ways;

/// What the selected entries require together (TOKEN.md, "Who may say yes"): each demand is met by
/// itself, by the people whom its own entry names.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    login: Vec<Login>,
    approvals: Vec<Approval>,
    /// The people whom the manifest's entry names: only they may stand in for the token's subject.
    named: Vec<String>,
}

#[derive(Debug)]
struct Login {
    acr_values: Vec<String>,
    max_age: Option<i64>,
}

/// `count` distinct people out of `approvers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) approvers: Vec<String>,
    pub(crate) count: i64,
}

impl Needs {
    /// What these entries require of somebody who uses `power`.
    pub(crate) fn of(case: &Case<'_>, selected: &[Selected<'_>], power: Power) -> Self {
        let mut needs = Self::default();
        for selected in selected {
            if let Some(requires) = selected.entry.get("requires") {
                needs.add_requires(case, requires, power);
            }
            if selected.source == Source::Manifest {
                needs.add_consent(case, selected.entry.get("consent"), power);
                needs.named = named_by(selected.entry);
            }
        }
        // An entry that holds only `propose` lets a call run that a person said yes to.
        if power == Power::Execute && !selected.iter().all(holds_execute) {
            needs.add_subject(case);
        }
        needs
    }

    /// The token's subject, unless the manifest's entry names others in that place. What a token says
    /// of approvers comes on top: its holder may have written it.
    fn add_subject(&mut self, case: &Case<'_>) {
        let subject = Approval::of_subject(case);
        if self.named.is_empty() && !self.approvals.contains(&subject) {
            self.approvals.push(subject);
        }
    }

    /// Approval binds every power but `propose`, which is how a person is asked.
    fn add_requires(&mut self, case: &Case<'_>, requires: Json<'_>, power: Power) {
        let acr_values = requires.get("acr").map(strings).unwrap_or_default();
        let max_age = requires.get("max_age").and_then(Json::as_int);
        if !acr_values.is_empty() || max_age.is_some() {
            self.login.push(Login {
                acr_values,
                max_age,
            });
        }
        if let Some(approval) = requires.get("approval").filter(|_| power != Power::Propose) {
            self.approvals.push(approval_of(case, approval));
        }
    }

    /// A manifest's `consent`: `each` call, or an approver's word for each. Consent given `once` is
    /// given when the token is minted. Preparing a call needs no consent: only `execute` does.
    fn add_consent(&mut self, case: &Case<'_>, consent: Option<Json<'_>>, power: Power) {
        let asks = match consent.map(|consent| (consent.kind(), consent.as_str())) {
            None | Some((_, Some("none" | "once"))) => false,
            // Anything else, known or not, asks a person.
            Some(_) => power == Power::Execute,
        };
        if let Some(consent) = consent.filter(|_| asks) {
            self.approvals.push(approval_of(case, consent));
        }
    }

    /// Whether this person's yes counts: for the subject, for the manifest, or for a demand.
    fn counts(&self, case: &Case<'_>, person: &str) -> bool {
        let mut demanded = self.approvals.iter().flat_map(|need| &need.approvers);
        self.is_heard(case, person) || demanded.any(|approver| approver == person)
    }

    /// Whether the guard rails see this person's yes. They do not see people whom the token names: its
    /// holder may have chosen them.
    fn is_heard(&self, case: &Case<'_>, person: &str) -> bool {
        person == case.token.sub() || self.named.iter().any(|named| named == person)
    }

    /// Whose yes a proposal must get before it may be executed.
    pub(crate) fn into_asked(mut self, case: &Case<'_>) -> Vec<Approval> {
        self.add_subject(case);
        self.approvals
    }

    /// One login that meets every demand at once, then the approvals. `None` where no login can, or not
    /// enough people are there who may approve.
    fn remedy(&self, case: &Case<'_>) -> Option<Remedy> {
        let mut steps = Vec::new();
        if !self.login.is_empty() {
            steps.push(Login::all(&self.login, case)?.into_step());
        }
        let digest = digest::action(case);
        let needed = self.approvals.iter().enumerate();
        let needed = needed.filter(|(at, need)| !self.is_implied(*at, need, case.steps));
        for (_, approval) in needed {
            if !case.steps.take(approval.approvers.len()) {
                return None;
            }
            steps.push(Step::Approval {
                approval: approval.without_actors(case)?,
                binding_s256: Some(digest.clone()),
            });
        }
        Some(ways::without_implied(Remedy { steps }, case.steps))
    }

    /// Whether whoever satisfies another need satisfies this one: of two that are the same, the first
    /// is asked.
    fn is_implied(&self, at: usize, need: &Approval, steps: &Steps) -> bool {
        let compared = |by: &Approval| by.approvers.len().saturating_mul(need.approvers.len());
        let mut others = self.approvals.iter().enumerate();
        others.any(|(other, by)| {
            other != at
                && steps.take(compared(by))
                && by.implies(need)
                && (other < at || !need.implies(by))
        })
    }

    /// What is still to be done: logins that are not there, and approvals by those who have not
    /// approved yet.
    fn unmet(&mut self, case: &Case<'_>, people: &[String]) {
        // Those that are met stay: one login must meet all of them.
        if self.login.iter().all(|login| login.is_met(case)) {
            self.login.clear();
        }
        for need in &mut self.approvals {
            let before = need.approvers.len();
            need.approvers.retain(|approver| !people.contains(approver));
            let yes = before.saturating_sub(need.approvers.len());
            let yes = i64::try_from(yes).unwrap_or(i64::MAX);
            need.count = need.count.saturating_sub(yes);
        }
        self.approvals.retain(|need| need.count > 0);
    }
}

impl Login {
    /// The token says how and when the person logged in.
    fn is_met(&self, case: &Case<'_>) -> bool {
        self.is_strong(case) && self.is_fresh(case)
    }

    fn is_strong(&self, case: &Case<'_>) -> bool {
        let acr = case.token.root().get("acr").and_then(Json::as_str);
        self.acr_values.is_empty()
            || acr.is_some_and(|acr| self.acr_values.iter().any(|one| one == acr))
    }

    /// A login in the future is none.
    fn is_fresh(&self, case: &Case<'_>) -> bool {
        let now = case.request.facts.now;
        self.max_age.is_none_or(|max_age| {
            let time = case.token.root().get("auth_time").and_then(Json::as_int);
            time.is_some_and(|time| {
                time <= now.saturating_add(CLOCK_SKEW_SECONDS)
                    && now.saturating_sub(time) <= max_age
            })
        })
    }

    /// The one login that meets all of these; `None` where their methods exclude each other. What the
    /// last login meets is not asked again.
    fn all(logins: &[Self], case: &Case<'_>) -> Option<Self> {
        let strong = || logins.iter().filter(|login| !login.acr_values.is_empty());
        let mut acr_values = strong()
            .next()
            .map_or_else(Vec::new, |login| login.acr_values.clone());
        acr_values.retain(|acr| strong().all(|login| login.acr_values.contains(acr)));
        if acr_values.is_empty() && strong().next().is_some() {
            return None;
        }
        let mut all = Self {
            acr_values,
            max_age: logins.iter().filter_map(|login| login.max_age).min(),
        };
        if all.is_strong(case) {
            all.acr_values.clear();
        }
        if all.is_fresh(case) {
            all.max_age = None;
        }
        Some(all)
    }

    fn into_step(self) -> Step {
        Step::Login(remedy::Login {
            acr_values: self.acr_values,
            max_age: self.max_age,
            ..remedy::Login::default()
        })
    }
}

impl Approval {
    /// Whether any people who satisfy this satisfy `other` too: so many of these are its approvers
    /// that choosing the others first does not help.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        let strangers = self.approvers.iter();
        let strangers = strangers.filter(|approver| !other.approvers.contains(approver));
        let strangers = i64::try_from(strangers.count()).unwrap_or(i64::MAX);
        self.count.saturating_sub(strangers) >= other.count
    }

    /// Nobody approves what they do themselves.
    pub(crate) fn without_actors(&self, case: &Case<'_>) -> Option<Self> {
        let mut seen = BTreeSet::new();
        let others = self.approvers.iter();
        let others =
            others.filter(|one| seen.insert(one.as_str()) && !approvals::is_actor(case, one));
        let approvers: Vec<String> = others.cloned().collect();
        let enough = i64::try_from(approvers.len()).is_ok_and(|most| self.count <= most);
        enough.then_some(Self {
            approvers,
            count: self.count,
        })
    }

    /// A yes of the person whom the token is for.
    pub(crate) fn of_subject(case: &Case<'_>) -> Self {
        Self {
            approvers: alloc::vec![case.token.sub().to_string()],
            count: 1,
        }
    }
}

fn holds_execute(selected: &Selected<'_>) -> bool {
    let powers = selected.entry.get("privileges");
    powers.is_none_or(|powers| {
        let mut powers = powers.elements();
        powers.any(|power| power.as_str() == Some(Power::Execute.name()))
    })
}

/// One string, or the strings of an array.
fn strings(value: Json<'_>) -> Vec<String> {
    let one = value.as_str().into_iter();
    one.chain(value.elements().filter_map(Json::as_str))
        .map(String::from)
        .collect()
}

/// The people whom an entry's `requires` or `consent` names.
fn named_by(entry: Json<'_>) -> Vec<String> {
    let requires = entry.get("requires").and_then(|one| one.get("approval"));
    let demands = [requires, entry.get("consent")].into_iter().flatten();
    let named = demands.filter_map(|demand| demand.get("approvers"));
    named.flat_map(strings).collect()
}

/// Of these people, those whose yes the guard rails see.
pub(crate) fn heard(
    case: &Case<'_>,
    selected: &[Selected<'_>],
    people: Vec<String>,
) -> Vec<String> {
    let needs = Needs::of(case, selected, case.request.power);
    let mut people = people;
    people.retain(|person| needs.is_heard(case, person));
    people
}

/// `{approvers, count}`; everything else (`true`, `"each"`) is the token's own subject.
fn approval_of(case: &Case<'_>, approval: Json<'_>) -> Approval {
    if approval.kind() == Kind::Object {
        return Approval {
            approvers: approval.get("approvers").map(strings).unwrap_or_default(),
            count: approval.get("count").and_then(Json::as_int).unwrap_or(1),
        };
    }
    Approval::of_subject(case)
}

/// Denies with the first kind that is lacking; the remedy names all. Gives the receipts that count.
///
/// The yes of somebody whom nobody names is passed over, so that no block of a token can turn such a
/// denial into an allow by naming the person.
pub(crate) fn check(case: &Case<'_>, grant: &Grant<'_>) -> Result<Vec<Receipt>, Denial> {
    let mut needs = Needs::of(case, &grant.selected, case.request.power);
    let mut receipts = approvals::check(case);
    let mut strangers = false;
    if let Ok(receipts) = &mut receipts {
        let given = receipts.len();
        receipts.retain(|receipt| needs.counts(case, &receipt.sub));
        strangers = receipts.len() < given;
    }
    let people = receipts.as_deref().map(approvals::people);
    needs.unmet(case, &people.unwrap_or_default());
    let (reason, admin) = if !needs.login.is_empty() {
        (
            Reason::LoginRequired,
            "the token's `acr` and `auth_time` are not what a matched capability requires",
        )
    } else if let Err(denial) = receipts {
        // A no is an answer; everything else is mended by approvals as they should be.
        let no = denial.reason == Reason::ApprovalDenied;
        return Err(denial.with_remedy(from_start(case).filter(|_| !no)));
    } else if !needs.approvals.is_empty() && strangers {
        (
            Reason::ApprovalApprover,
            "the `sub` of a receipt is neither the token's `sub` nor an approver who is asked",
        )
    } else if !needs.approvals.is_empty() {
        (
            Reason::ApprovalRequired,
            "a matched capability requires approvals that were not given",
        )
    } else {
        return receipts;
    };
    let remedy = match receipts {
        // They are for this token, and another login gives another.
        Ok(receipts) if needs.login.is_empty() && !receipts.is_empty() => needs
            .remedy(case)
            .and_then(|remedy| rails::settle(case, remedy, &receipts, &mut Vec::new())),
        _ => from_start(case),
    };
    Err(Denial::new(reason, admin).with_remedy(remedy))
}

/// What people must do where nobody has approved yet: without receipts, or with those of people who
/// approve, for then other entries may apply. `None` where leaving receipts out is enough.
fn from_start(case: &Case<'_>) -> Option<Remedy> {
    let ways = [false, true].into_iter().filter_map(|approved| {
        let selected = authority::select(case, approved, true)?;
        let remedy = remedy(case, &selected, &[])?;
        let remedy = Some(remedy).filter(|remedy| remedy.asks_approval() == approved)?;
        rails::settle(case, remedy, &[], &mut Vec::new())
    });
    let least = ways.min_by_key(Remedy::weight);
    least.filter(|remedy| !remedy.steps.is_empty())
}

/// What is left to do where these entries were selected and these people have approved. `None` where it
/// cannot be done.
pub(crate) fn remedy(
    case: &Case<'_>,
    selected: &[Selected<'_>],
    people: &[String],
) -> Option<Remedy> {
    let mut needs = Needs::of(case, selected, case.request.power);
    needs.unmet(case, people);
    needs.remedy(case)
}
