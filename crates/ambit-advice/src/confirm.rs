//! Candidates judged as they would be, with what people must do on top.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ambit_core::limits::{ADVICE_GROUPS, ADVICE_JUDGEMENTS, RECEIPTS};
use ambit_evaluator::{Approval, Login};
use ambit_token::ROLE;

use crate::call::{Call, Outcome, Wanted};
use crate::candidate::{Candidate, add_new};

/// How often a step may ask for something on top before a candidate is given up: hours that begin later in one layer
/// than in another, a login, an approval, and once more what the policies ask for.
const ROUNDS: usize = 6;

/// Judges candidates, as many as there may be in one advice.
pub(crate) struct Confirm<'c, 'a> {
    call: &'c Call<'a>,
    left: usize,
    /// How many people or strengths the last candidate could choose from.
    choices: usize,
}

impl<'c, 'a> Confirm<'c, 'a> {
    pub(crate) const fn new(call: &'c Call<'a>) -> Self {
        Self {
            call,
            left: ADVICE_JUDGEMENTS,
            choices: 0,
        }
    }

    /// The candidate with all that people must do, if it is then allowed. Where some out of several
    /// people are needed, some of the groups are tried; who is named was judged.
    pub(crate) fn candidate(&mut self, candidate: &Candidate) -> Option<Candidate> {
        self.choices = 1;
        let mut found: Option<Candidate> = None;
        for group in 0..ADVICE_GROUPS {
            if group >= self.choices {
                break;
            }
            match (&mut found, self.with_group(candidate.clone(), group)) {
                (Some(found), Some(other)) => found.join(other),
                (None, other) => found = other,
                (Some(_), None) => {}
            }
        }
        found
    }

    /// The same, where of several people those from number `group` on do what is asked.
    fn with_group(&mut self, mut candidate: Candidate, group: usize) -> Option<Candidate> {
        for _ in 0..ROUNDS {
            self.left = self.left.checked_sub(1)?;
            match self.call.assuming(&candidate.assumed) {
                Outcome::Holds => return Some(candidate).filter(Candidate::is_something),
                Outcome::Wants(wanted) => self.add(&mut candidate, *wanted, group)?,
                Outcome::Fails => return None,
            }
        }
        None
    }

    /// Adds what a step asks of people; `None` where they have done it already.
    fn add(&mut self, candidate: &mut Candidate, wanted: Wanted, group: usize) -> Option<()> {
        let mut news = false;
        if let Some(wait) = wanted.wait {
            news = candidate.assumed.now < Some(wait.not_before);
            candidate.assumed.now = Some(wait.not_before);
            candidate.wait = Some(wait);
        }
        if let Some(login) = wanted.login {
            self.choices = self.choices.max(login.acr_values.len());
            let login = after(candidate.assumed.login.as_ref(), login, group);
            news |= candidate.assumed.login.as_ref() != Some(&login);
            candidate.assumed.login = Some(login);
            // Another login gives another token: who approved before must approve again.
            candidate.binding_s256 = None;
            candidate.approvals.clear();
            candidate.assumed.approved &= candidate.assumed.people.is_empty();
            candidate.assumed.people.clear();
        }
        let same_call = candidate.changes.is_empty()
            && candidate.assumed.login.is_none()
            && !candidate.assumed.other_token;
        if same_call && wanted.binding_s256.is_some() {
            candidate.binding_s256 = wanted.binding_s256;
        }
        for approval in wanted.approvals {
            self.choices = self.choices.max(choices(&approval));
            let chosen = chosen(&approval, group);
            let people = &mut candidate.assumed.people;
            for (at, name) in chosen.iter().enumerate() {
                // A role can be several people's.
                let wanted = chosen.iter().take(at).filter(|one| *one == name).count();
                let there = people.iter().filter(|one| one[..] == [name.clone()]);
                if there.count() <= wanted {
                    people.push(vec![name.clone()]);
                    news = true;
                }
            }
            let approvers = if self.call.has_guard_rails() {
                let mut each = Vec::new();
                add_new(&mut each, &chosen);
                each
            } else {
                // Nothing but the demand itself says who may.
                approval.approvers
            };
            candidate.approvals.push(Approval {
                approvers,
                count: approval.count,
            });
            candidate.assumed.approved = true;
        }
        news.then_some(())
    }
}

impl Candidate {
    /// Whether there is anything to do, and people approve where that was assumed.
    fn is_something(&self) -> bool {
        let approved = !self.assumed.people.is_empty();
        let something = !self.changes.is_empty()
            || self.missing.is_some()
            || self.wait.is_some()
            || self.assumed.login.is_some()
            || !self.approvals.is_empty();
        something && self.assumed.approved == approved
    }
}

fn choices(approval: &Approval) -> usize {
    let count = usize::try_from(approval.count).unwrap_or(usize::MAX);
    let people = approval.approvers.len();
    if count < people { people } else { 1 }
}

/// As many as are needed, from number `group` on, those before it last.
fn chosen(approval: &Approval, group: usize) -> Vec<String> {
    let people = &approval.approvers;
    let from = group.checked_rem(people.len()).unwrap_or_default();
    let count = usize::try_from(approval.count).unwrap_or(usize::MAX);
    let round = people.iter().skip(from).chain(people.iter().take(from));
    let mut chosen: Vec<String> = round.take(count).cloned().collect();
    if let Some(role) = people.iter().find(|one| one.starts_with(ROLE)) {
        chosen.resize(count.min(RECEIPTS), role.clone());
    }
    chosen
}

/// One login that meets this demand after those before.
fn after(before: Option<&Login>, mut login: Login, group: usize) -> Login {
    let number = group
        .checked_rem(login.acr_values.len())
        .unwrap_or_default();
    let acr_values = login.acr_values.into_iter().skip(number).take(1).collect();
    login.acr_values = acr_values;
    let Some(before) = before else {
        return login;
    };
    if login.acr_values.is_empty() {
        login.acr_values.clone_from(&before.acr_values);
    }
    add_new(&mut login.amr_values, &before.amr_values);
    login.max_age = login.max_age.iter().chain(&before.max_age).min().copied();
    login
}
