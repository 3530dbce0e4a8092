//! The ways in which a remedy can be done: which of several logins, which people of several.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Steps;

use crate::remedy::{Login, Remedy, Step};
use crate::requires::Approval;

/// So many are tried.
const MOST: usize = 64;

/// Every way, and whether these are all.
pub(crate) struct Ways {
    pub(crate) all: Vec<Vec<Step>>,
    pub(crate) complete: bool,
    /// The only step that leaves a choice of one out of several.
    open: Option<usize>,
}

impl Ways {
    pub(crate) fn of(remedy: &Remedy) -> Self {
        let choices: Vec<Vec<Step>> = remedy.steps.iter().map(choices).collect();
        let mut complete = choices.iter().all(|choices| choices.len() <= MOST);
        let mut all: Vec<Vec<Step>> = alloc::vec![Vec::new()];
        for choices in &choices {
            let next = all.iter().flat_map(|way| {
                let with = |step: &Step| way.iter().chain([step]).cloned().collect();
                choices.iter().map(with).collect::<Vec<Vec<Step>>>()
            });
            let mut next: Vec<Vec<Step>> = next.take(MOST.saturating_add(1)).collect();
            complete &= next.len() <= MOST;
            next.truncate(MOST);
            all = next;
        }
        let mut several = choices.iter().enumerate();
        let mut several = several.by_ref().filter(|(_, choices)| choices.len() > 1);
        let first = several.next().map(|(at, _)| at);
        let open = first.filter(|_| several.next().is_none());
        let open = open.filter(|at| remedy.steps.get(*at).is_some_and(is_one_of_several));
        Self {
            all,
            complete,
            open,
        }
    }

    /// What remains of the remedy where only some ways are `good`: of one step all that are, else the
    /// first way of those that need the fewest people.
    pub(crate) fn only(&self, good: &[&[Step]]) -> Remedy {
        let fewest = good.iter().min_by_key(|way| people(way).len());
        let mut steps = fewest.copied().unwrap_or_default().to_vec();
        if let Some(at) = self.open
            && let Some(step) = steps.get_mut(at)
        {
            let others = good
                .iter()
                .filter(|way| !fewest.is_some_and(|one| core::ptr::eq(*one, **way)));
            for other in others.filter_map(|way| way.get(at)) {
                join(step, other);
            }
        }
        // Who approves for one step may do for another as well.
        Remedy::default().and(Remedy { steps })
    }
}

/// The remedy without approvals that whoever does the others gives as well.
pub(crate) fn without_implied(mut remedy: Remedy, counter: &Steps) -> Remedy {
    let mut at = 0;
    // Of two, one that implies the other was found before.
    while remedy.approvals().count() > 2 {
        let Some(step) = remedy.steps.get(at) else {
            break;
        };
        let mut others = remedy.clone();
        others.steps.remove(at);
        let implied = counter.take(cost(&remedy)) && is_implied(step, &others);
        if implied {
            remedy = others;
        } else {
            at = at.saturating_add(1);
        }
    }
    remedy
}

/// What going through the ways costs: whoever passes a token on writes who may approve.
pub(crate) fn cost(remedy: &Remedy) -> usize {
    let named = remedy.approvals().map(|one| one.approvers.len());
    named.fold(1, usize::saturating_add).saturating_mul(MOST)
}

fn is_implied(step: &Step, others: &Remedy) -> bool {
    let Step::Approval { approval, .. } = step else {
        return false;
    };
    let wanted: BTreeSet<&str> = approval.approvers.iter().map(String::as_str).collect();
    let ways = Ways::of(others);
    let enough = |way: &Vec<Step>| {
        let approve = people(way);
        let approve = approve.intersection(&wanted).count();
        i64::try_from(approve).is_ok_and(|approve| approve >= approval.count)
    };
    ways.complete && ways.all.iter().all(enough)
}

/// Who approves.
pub(crate) fn people(way: &[Step]) -> BTreeSet<&str> {
    let approvals = way.iter().filter_map(|step| match step {
        Step::Approval { approval, .. } => Some(&approval.approvers),
        _ => None,
    });
    approvals.flatten().map(String::as_str).collect()
}

const fn is_one_of_several(step: &Step) -> bool {
    match step {
        Step::Login(_) => true,
        Step::Approval { approval, .. } => approval.count == 1,
        Step::ChangeRequest(_) | Step::RequestCapability { .. } => false,
    }
}

/// One login or person, or another.
fn join(step: &mut Step, other: &Step) {
    match (step, other) {
        (Step::Login(login), Step::Login(more)) => {
            login.acr_values.extend(more.acr_values.iter().cloned());
        }
        (Step::Approval { approval, .. }, Step::Approval { approval: more, .. }) => {
            approval.approvers.extend(more.approvers.iter().cloned());
        }
        _ => {}
    }
}

/// The step, done in one way each: at most one more than are tried.
fn choices(step: &Step) -> Vec<Step> {
    match step {
        Step::Login(login) if login.acr_values.len() > 1 => {
            let values = login.acr_values.iter().take(MOST.saturating_add(1));
            let with = |value: &String| {
                Step::Login(Login {
                    acr_values: alloc::vec![value.clone()],
                    ..login.clone()
                })
            };
            values.map(with).collect()
        }
        Step::Approval {
            approval,
            binding_s256,
        } => {
            let with = |approval| Step::Approval {
                approval,
                binding_s256: binding_s256.clone(),
            };
            groups(approval).into_iter().map(with).collect()
        }
        Step::Login(_) | Step::ChangeRequest(_) | Step::RequestCapability { .. } => {
            alloc::vec![step.clone()]
        }
    }
}

/// Groups of as many people as are needed, in the order in which they are named.
fn groups(approval: &Approval) -> Vec<Approval> {
    let people = approval.approvers.len();
    let count = usize::try_from(approval.count).ok();
    let Some(count) = count.filter(|count| *count <= people) else {
        return Vec::new();
    };
    let mut groups = Vec::new();
    let mut chosen: Vec<usize> = (0..count).collect();
    while groups.len() <= MOST {
        let group = chosen.iter().filter_map(|at| approval.approvers.get(*at));
        groups.push(Approval {
            approvers: group.cloned().collect(),
            count: approval.count,
        });
        if !advance(&mut chosen, people) {
            break;
        }
    }
    groups
}

/// The next larger choice of indices below `of`, in ascending order; `false` behind the last.
fn advance(chosen: &mut [usize], of: usize) -> bool {
    let count = chosen.len();
    for at in (0..count).rev() {
        let last = of.saturating_sub(count.saturating_sub(at));
        let Some(index) = chosen.get_mut(at).filter(|index| **index < last) else {
            continue;
        };
        let next = index.saturating_add(1);
        for (index, value) in chosen.iter_mut().skip(at).zip(next..) {
            *index = value;
        }
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(names: &[&str], count: i64) -> Approval {
        Approval {
            approvers: names.iter().map(|name| (*name).into()).collect(),
            count,
        }
    }

    #[test]
    fn every_group_of_so_many_people_is_there_once() {
        let texts = |names: &[&str], count| -> Vec<String> {
            let groups = groups(&approval(names, count));
            groups
                .iter()
                .map(|group| group.approvers.concat())
                .collect()
        };
        assert_eq!(texts(&["a", "b", "c"], 1), ["a", "b", "c"]);
        assert_eq!(texts(&["a", "b", "c"], 2), ["ab", "ac", "bc"]);
        assert_eq!(
            texts(&["a", "b", "c", "d"], 3),
            ["abc", "abd", "acd", "bcd"]
        );
        assert_eq!(texts(&["a", "b"], 2), ["ab"]);
        assert!(texts(&["a"], 2).is_empty());
        let many: Vec<&str> = "abcdefghijkl".split("").filter(|c| !c.is_empty()).collect();
        assert_eq!(texts(&many, 6).len(), MOST + 1);
    }

    #[test]
    fn what_two_approvals_imply_together_is_not_asked_again() {
        let step = |names: &[&str], count| Step::Approval {
            approval: approval(names, count),
            binding_s256: None,
        };
        let left = |steps: Vec<Step>| -> Vec<i64> {
            let remedy = without_implied(Remedy { steps }, &Steps::new());
            remedy.approvals().map(|one| one.count).collect()
        };
        let of_leads = step(&["a", "b", "c"], 2);
        let of_subject = step(&["s"], 1);
        let implied = step(&["b", "c", "s"], 2);
        let other = step(&["c", "d", "s"], 2);
        assert_eq!(
            left(alloc::vec![of_leads.clone(), implied, of_subject.clone()]),
            [2, 1]
        );
        assert_eq!(left(alloc::vec![of_leads, other, of_subject]), [2, 2, 1]);
    }
}
