//! The steps of a decision once the request and its token are read.

use alloc::vec::Vec;

use ambit_core::{Power, keep};

use crate::authority::Grant;
use crate::case::Case;
use crate::denial::Denial;
use crate::requires::Needs;
use crate::seen::Found;
use crate::{approvals, authority, binding, display, possession, rails, requires, revocation};

/// Steps 3 to 9; the first that fails decides. What was verified on the way goes into `found`, for
/// the record also of a denial.
pub(crate) fn judge<'a>(case: &'a Case<'a>, found: &mut Found<'a>) -> Result<Grant<'a>, Denial> {
    binding::check(case)?;
    found.proof = possession::check(case)?;
    binding::check_status(case)?;
    revocation::check(case, &mut found.epochs)?;
    found.in_force = true;
    let grant = authority::check(case, !case.request.approvals.is_empty(), true)
        .map_err(|denial| denial.within(case.token.ends()))
        .map_err(|denial| requires::with_people(case, denial))?;
    let needs = Needs::of(case, &grant.selected, case.request.power);
    let (mut receipts, refused) = match approvals::check(case, &found.epochs) {
        Ok(receipts) => (receipts, None),
        Err(denial) => (Vec::new(), Some(denial)),
    };
    let given = receipts.len();
    keep(&mut receipts, &mut |receipt| {
        needs.counts(case, &receipt.names)
    });
    let strangers = receipts.len() < given;
    found.people = approvals::people(&receipts);
    let heard = needs.heard(case, &found.people);
    requires::check(case, needs, &found.people, refused, strangers)?;
    found.receipts = receipts;
    if case.request.power == Power::Propose {
        found.proposal = Some(display::shown(case)?.clone());
    }
    rails::check(case, &heard, &mut found.ruling)?;
    Ok(grant)
}
