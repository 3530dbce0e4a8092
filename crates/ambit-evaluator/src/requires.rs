//! Step 7: what a person must have done.
//!
//! Logins and approvals cannot be checked by this version, so an entry that requires one denies,
//! and the remedy says what it would take.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use ambit_core::json::{Json, Kind};
use ambit_core::{Power, Reason};

use crate::Case;
use crate::authority::{Grant, Selected, Source};
use crate::denial::Denial;
use crate::digest;
use crate::remedy::{Remedy, Step};

/// The union of what the selected entries require.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    login: Vec<Login>,
    approvals: Vec<Approval>,
}

#[derive(Debug)]
struct Login {
    acr_values: Vec<String>,
    max_age: Option<i64>,
}

#[derive(Debug)]
struct Approval {
    approvers: Vec<String>,
    count: i64,
}

impl Needs {
    pub(crate) fn of(case: &Case<'_>, selected: &[Selected<'_>]) -> Self {
        let mut needs = Self::default();
        for selected in selected {
            if let Some(requires) = selected.entry.get("requires") {
                needs.add_requires(case, requires);
            }
            if selected.source == Source::Manifest {
                needs.add_consent(case, selected.entry.get("consent"));
            }
        }
        needs
    }

    fn add_requires(&mut self, case: &Case<'_>, requires: Json<'_>) {
        let acr_values = requires.get("acr").map(strings).unwrap_or_default();
        let max_age = requires.get("max_age").and_then(Json::as_int);
        if !acr_values.is_empty() || max_age.is_some() {
            self.login.push(Login {
                acr_values,
                max_age,
            });
        }
        if let Some(approval) = requires.get("approval") {
            self.approvals.push(approval_of(case, approval));
        }
    }

    /// A manifest's `consent`: `each` call, or an approver's word for each. Consent given `once` is
    /// given when the token is minted. Preparing a call needs no consent: only `execute` does.
    fn add_consent(&mut self, case: &Case<'_>, consent: Option<Json<'_>>) {
        let asks = match consent.map(|consent| (consent.kind(), consent.as_str())) {
            None | Some((_, Some("none" | "once"))) => false,
            // Anything else, known or not, asks a person.
            Some(_) => case.request.power == Power::Execute,
        };
        if let Some(consent) = consent.filter(|_| asks) {
            self.approvals.push(approval_of(case, consent));
        }
    }
}

/// One string, or the strings of an array.
fn strings(value: Json<'_>) -> Vec<String> {
    let one = value.as_str().into_iter();
    one.chain(value.elements().filter_map(Json::as_str))
        .map(String::from)
        .collect()
}

/// `{approvers, count}`; everything else (`true`, `"each"`) is the token's own subject.
fn approval_of(case: &Case<'_>, approval: Json<'_>) -> Approval {
    if approval.kind() == Kind::Object {
        return Approval {
            approvers: approval.get("approvers").map(strings).unwrap_or_default(),
            count: approval.get("count").and_then(Json::as_int).unwrap_or(1),
        };
    }
    Approval {
        approvers: alloc::vec![case.token.sub().to_string()],
        count: 1,
    }
}

/// Denies with the first kind that is needed; the remedy names all.
pub(crate) fn check(case: &Case<'_>, grant: &Grant<'_>) -> Result<(), Denial> {
    let needs = Needs::of(case, &grant.selected);
    let (reason, admin) = if !needs.login.is_empty() {
        (
            Reason::LoginRequired,
            "a matched capability requires a login, which this version cannot check",
        )
    } else if !needs.approvals.is_empty() {
        (
            Reason::ApprovalRequired,
            "a matched capability requires an approval, which this version cannot check",
        )
    } else {
        return Ok(());
    };
    let digest = digest::action(case);
    let steps = steps(&needs, Some(digest)).collect();
    Err(Denial::new(reason, admin).with_remedy(Some(Remedy { steps })))
}

/// The steps that a person must take. `digest` is the action digest to approve; without it (the
/// call itself must still change) there is none.
pub(crate) fn steps<'n>(
    needs: &'n Needs,
    digest: Option<String>,
) -> impl Iterator<Item = Step> + use<'n> {
    let logins = needs.login.iter().map(|login| Step::Login {
        acr_values: login.acr_values.clone(),
        max_age: login.max_age,
    });
    logins.chain(needs.approvals.iter().map(move |approval| Step::Approval {
        approvers: approval.approvers.clone(),
        count: approval.count,
        binding_s256: digest.clone(),
    }))
}
