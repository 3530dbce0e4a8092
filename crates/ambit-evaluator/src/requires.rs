//! Step 7: what a person must have done: logged in well and lately enough, said yes to this call.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use ambit_core::json::{Json, Kind};
use ambit_core::limits::ROLES;
use ambit_core::{Power, Reason, keep, sort, sort_by};
use ambit_token::ROLE;

use crate::authority::{self, Selected, Source};
use crate::case::Case;
use crate::denial::Denial;
use crate::display;
use crate::remedy::{self, Approval, Remedy};

/// What the selected entries require together (docs/token.md, "Who may say yes"): each demand is met by
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
        let acr = requires.get("acr");
        case.steps
            .charge(acr.map_or(0, Json::len).saturating_mul(16));
        let acr_values = acr.map(strings).unwrap_or_default();
        let max_age = requires.get_int("max_age");
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

    /// Of the names of these people, those whose yes the guard rails see.
    pub(crate) fn heard(&self, case: &Case<'_>, people: &[Vec<String>]) -> Vec<String> {
        let mut heard = people.concat();
        keep(&mut heard, &mut |person| self.is_heard(case, person));
        heard
    }

    /// Whether the yes of whoever has these names counts: for the subject, for the manifest, or for a demand.
    pub(crate) fn counts(&self, case: &Case<'_>, names: &[String]) -> bool {
        let mut needs = self.approvals.iter();
        names.iter().any(|name| self.is_heard(case, name)) || needs.any(|need| need.asks(names))
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

    /// What is lacking: one login that meets every demand at once, then the approvals, each once.
    /// Nothing where no login can, or not enough people are there who may approve.
    fn remedy(&self, case: &Case<'_>) -> Remedy {
        let mut remedy = Remedy::default();
        if !self.login.is_empty() {
            match Login::all(&self.login, case) {
                Some(login) => remedy.login = Some(login.into_remedy()),
                None => return Remedy::default(),
            }
        }
        for approval in &self.approvals {
            match approval.without_actors(case) {
                Some(approval) if remedy.approvals.contains(&approval) => {}
                Some(approval) => remedy.approvals.push(approval),
                None => return Remedy::default(),
            }
        }
        remedy.shown(case)
    }

    /// What is still to be done: logins that are not there, and approvals by those who have not
    /// approved yet. Receipts are for this token, and another login gives another.
    fn unmet(&mut self, case: &Case<'_>, people: &[Vec<String>]) {
        // Those that are met stay: one login must meet all of them.
        if self.login.iter().all(|login| login.is_met(case)) {
            self.login.clear();
        }
        let people = if self.login.is_empty() { people } else { &[] };
        for need in &mut self.approvals {
            let yes = people.iter().filter(|names| need.asks(names)).count();
            let yes = i64::try_from(yes).unwrap_or(i64::MAX);
            need.count = need.count.saturating_sub(yes);
            // Others may say yes in the same role.
            let said = |one: &String| people.iter().any(|names| names.first() == Some(one));
            keep(&mut need.approvers, &mut |one| !said(one));
        }
        keep(&mut self.approvals, &mut |need| need.count > 0);
    }
}

impl Login {
    /// The token says how and when the person logged in.
    fn is_met(&self, case: &Case<'_>) -> bool {
        self.is_strong(case) && self.is_fresh(case)
    }

    fn is_strong(&self, case: &Case<'_>) -> bool {
        let acr = case.login.acr;
        self.acr_values.is_empty()
            || acr.is_some_and(|acr| self.acr_values.iter().any(|one| one == acr))
    }

    fn is_fresh(&self, case: &Case<'_>) -> bool {
        let now = case.request.facts.now;
        self.max_age.is_none_or(|max_age| {
            let time = case.login.auth_time;
            time.is_some_and(|time| now.saturating_sub(time) <= max_age && !is_future(case))
        })
    }

    /// The one login that meets all of these; `None` where their methods exclude each other. What the
    /// last login meets is not asked again.
    fn all(logins: &[Self], case: &Case<'_>) -> Option<Self> {
        let strong = || logins.iter().filter(|login| !login.acr_values.is_empty());
        let mut acr_values = strong()
            .next()
            .map_or_else(Vec::new, |login| login.acr_values.clone());
        keep(&mut acr_values, &mut |acr| {
            strong().all(|login| login.acr_values.contains(acr))
        });
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

    fn into_remedy(self) -> remedy::Login {
        remedy::Login {
            acr_values: self.acr_values,
            max_age: self.max_age,
            ..remedy::Login::default()
        }
    }
}

impl Remedy {
    /// With what is put before those who approve: the call keeps its digest only without a login.
    pub(crate) fn shown(self, case: &Case<'_>) -> Self {
        if self.approvals.is_empty() {
            return self;
        }
        // Nobody can say yes to what cannot be shown.
        let Ok(shown) = display::shown(case) else {
            return Self::default();
        };
        Self {
            shown: self.login.is_none().then(|| shown.clone()),
            ..self
        }
    }
}

impl Approval {
    /// Nobody approves what they do themselves.
    pub(crate) fn without_actors(&self, case: &Case<'_>) -> Option<Self> {
        // Each once, in their order, though no list that is read names one twice.
        let mut others: Vec<(&str, usize)> = Vec::with_capacity(self.approvers.len());
        for (at, one) in self.approvers.iter().enumerate() {
            others.push((one, at));
        }
        sort(&mut others);
        let mut kept: Vec<(&str, usize)> = Vec::with_capacity(others.len());
        for (one, at) in others {
            let twice = kept.last().is_some_and(|(last, _)| *last == one);
            if !twice && !case.is_actor(one) {
                kept.push((one, at));
            }
        }
        sort_by(&mut kept, |(_, one), (_, other)| one < other);
        let mut approvers = Vec::with_capacity(kept.len());
        for (one, _) in kept {
            approvers.push(String::from(one));
        }
        let several = approvers.iter().any(|one| one.starts_with(ROLE));
        let enough = several || i64::try_from(approvers.len()).is_ok_and(|most| self.count <= most);
        enough.then_some(Self {
            approvers,
            count: self.count,
        })
    }

    /// Whether it asks whoever has these names.
    fn asks(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.approvers.contains(name))
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
    match value.as_str() {
        Some(one) => alloc::vec![String::from(one)],
        None => value.texts().into_iter().map(String::from).collect(),
    }
}

/// The people whom an entry's `requires` or `consent` names.
fn named_by(entry: Json<'_>) -> Vec<String> {
    let requires = entry.get("requires").and_then(|one| one.get("approval"));
    let mut named = Vec::new();
    for demand in [requires, entry.get("consent")] {
        let approvers = demand.and_then(|demand| demand.get("approvers"));
        named.append(&mut approvers.map(strings).unwrap_or_default());
    }
    named
}

/// `{approvers, count}`; everything else (`true`, `"each"`) is the token's own subject.
fn approval_of(case: &Case<'_>, approval: Json<'_>) -> Approval {
    if approval.kind() == Kind::Object {
        // Copied, and compared with every receipt.
        let approvers = approval.get("approvers").unwrap_or_default();
        let names = case.request.approvals.len().saturating_mul(ROLES + 1);
        let receipts = names.saturating_add(16);
        case.steps.charge(approvers.len().saturating_mul(receipts));
        return Approval {
            approvers: approval.get("approvers").map(strings).unwrap_or_default(),
            count: approval.get_int("count").unwrap_or(1),
        };
    }
    Approval::of_subject(case)
}

/// Whether the login lies in the future, so that it has no age: it is none, whoever asks for one.
fn is_future(case: &Case<'_>) -> bool {
    let time = case.login.auth_time;
    time.is_some_and(|time| case.request.facts.is_future(time))
}

/// The denial of an `execute` that lacks nothing but a person's yes, because the entries hold `propose`,
/// with what that person is shown: no proposal is needed first. The entries are asked once more, as they
/// will be when the yes is there.
pub(crate) fn with_people(case: &Case<'_>, denial: Denial) -> Denial {
    let power = matches!(
        denial.reason,
        Reason::CapabilityPower | Reason::ManifestPower
    );
    let asked = power && case.request.power == Power::Execute;
    if !asked || !case.request.approvals.is_empty() {
        return denial;
    }
    let Some(grant) = authority::once_approved(case) else {
        return denial;
    };
    let mut needs = Needs::of(case, &grant.selected, Power::Execute);
    needs.unmet(case, &[]);
    let remedy = needs.remedy(case);
    denial.with_remedy(remedy)
}

/// Denies with the first kind that is lacking; the remedy names all. `people` have said yes to this
/// call; `refused`: why no receipts count; `strangers`: whether some were by people whom nobody asks.
///
/// The yes of somebody whom nobody names is passed over, so that no block of a token can turn such a
/// denial into an allow by naming the person.
pub(crate) fn check(
    case: &Case<'_>,
    mut needs: Needs,
    people: &[Vec<String>],
    refused: Option<Denial>,
    strangers: bool,
) -> Result<(), Denial> {
    needs.unmet(case, people);
    let denial = if !needs.login.is_empty() {
        let admin = "the token's `acr` and `auth_time` are not what a matched capability requires";
        Denial::new(Reason::LoginRequired, admin)
    } else if is_future(case) {
        let admin = "the token's `auth_time` is in the future";
        return Err(Denial::new(Reason::LoginRequired, admin));
    } else if let Some(refused) = refused {
        refused
    } else if !needs.approvals.is_empty() && strangers {
        let admin =
            "the `sub` of a receipt is neither the token's `sub` nor an approver who is asked";
        Denial::new(Reason::ApprovalApprover, admin)
    } else if needs.approvals.is_empty() {
        return Ok(());
    } else if let Err(unshown) = display::shown(case) {
        unshown
    } else {
        let admin = "a matched capability requires approvals that were not given";
        Denial::new(Reason::ApprovalRequired, admin)
    };
    // A no is an answer; everything else is mended by approvals as they should be.
    if denial.reason == Reason::ApprovalDenied {
        return Err(denial);
    }
    Err(denial.with_remedy(needs.remedy(case)))
}
