//! Receipts: which people said yes to exactly this call.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::describe::Locale;
use ambit_core::{Power, Reason, foreign};
use ambit_token::{About, Receipt, ReceiptKind, WithEnrolled, base64url};

use crate::case::Case;
use crate::chain::BundleKeys;
use crate::charge::Charge;
use crate::denial::Denial;
use crate::display;
use crate::enrolments;
use crate::revocation::{self, Epochs};

/// Judges every receipt that is given: each must be for this call, and by nobody who acts in it. One
/// that is not is never passed over, for whoever sends it believes that it counts. Whose yes is wanted
/// is not judged here.
///
/// A `denied` receipt for the digest denies, whoever gave it.
pub(crate) fn check(case: &Case<'_>, epochs: &[Epochs]) -> Result<Vec<Receipt>, Denial> {
    let given = &case.request.approvals;
    let mut receipts: Vec<Receipt> = Vec::with_capacity(given.len());
    let about = About {
        tenant: case.token.tenant(),
        audiences: &[case.request.facts.audience],
        agent: Some(case.token.agent_uid()),
        actions: &[case.request.action],
        ..About::default()
    };
    let bundle = BundleKeys(case.bundle);
    let unverified = enrolments::parse(case)?;
    let enrolled = enrolments::check(case, &unverified, &bundle, &about, epochs)?;
    if given.is_empty() {
        return Ok(receipts);
    }
    let keys = WithEnrolled {
        keys: &bundle,
        enrolled: &enrolled,
    };
    let binding = display::binding(case)?;
    for text in given {
        let receipt = Receipt::verify(text, &keys, &about, case.request.facts.now)
            .map_err(Denial::of_statement)?;
        check_binding(case, &receipt, &binding)?;
        check_person(case, &receipt)?;
        revocation::check_receipt(epochs, &receipt)?;
        check_display(case, &receipt)?;
        let same = |other: &Receipt| (&other.iss, &other.jti) == (&receipt.iss, &receipt.jti);
        if receipts.iter().any(same) {
            let admin = "two receipts have the same `iss` and `jti`";
            return Err(Denial::new(Reason::ApprovalRepeated, admin));
        }
        if receipts.iter().any(|other| receipt.is_same_hand(other)) {
            let admin = "two receipts for different people are signed by one key, which the policy \
                         says is one person's";
            return Err(Denial::new(Reason::ApprovalHand, admin));
        }
        receipts.push(receipt);
    }
    Ok(receipts)
}

/// Kind, audience, digest, and the answer that was given.
fn check_binding(case: &Case<'_>, receipt: &Receipt, binding: &str) -> Result<(), Denial> {
    let audience = case.request.facts.audience;
    let (reason, admin) = if receipt.kind != ReceiptKind::Action {
        let admin = "only a receipt of kind `action` approves a call";
        (Reason::ApprovalKind, String::from(admin))
    } else if receipt.aud != audience {
        let admin = format!("the receipt's `aud` is not {}", foreign(audience));
        (Reason::ApprovalAudience, admin)
    } else if base64url::encode(&receipt.binding) != binding {
        let admin = format!("`binding_s256` is not the digest of this call, which is `{binding}`");
        (Reason::ApprovalBinding, admin)
    } else if !receipt.approved {
        let admin = "a receipt for this call says `denied`";
        (Reason::ApprovalDenied, String::from(admin))
    } else {
        return Ok(());
    };
    Err(Denial::new(reason, admin))
}

/// Never the agent, its client or a delegator, and never a key that holds or held the token: the
/// same hand would ask and answer.
fn check_person(case: &Case<'_>, receipt: &Receipt) -> Result<(), Denial> {
    let mut blocks = case.token.blocks().iter();
    let admin = if case.is_actor(&receipt.sub) {
        "the receipt's `sub` is an agent that acts, or its client"
    } else if blocks.any(|block| block.holder().same_hand(&receipt.signer)) {
        "the receipt is signed by a key that a `cnf` of the token names"
    } else {
        return Ok(());
    };
    Err(Denial::new(Reason::ApprovalActor, admin))
}

/// The person saw this risk and this text, in the language that the receipt says.
fn check_display(case: &Case<'_>, receipt: &Receipt) -> Result<(), Denial> {
    let risk = display::risk(case);
    if receipt.risk_tier != risk {
        let admin = format!("the receipt's `risk_tier` is not `{risk}`");
        return Err(Denial::new(Reason::ApprovalRisk, admin));
    }
    let Some(locale) = Locale::from_tag(&receipt.locale) else {
        let admin = "`display.locale` is no language that calls are shown in: `en`, `de`";
        return Err(Denial::new(Reason::ApprovalDisplay, admin));
    };
    let shown = display::shown_in(case, locale)?;
    // The text of a call tells no time.
    let timeless = (receipt.now, receipt.utc_offset) == (None, None);
    let ours = receipt.renderer == shown.renderer && timeless;
    if ours && base64url::encode(&receipt.text) == shown.text_s256 {
        return Ok(());
    }
    let admin = format!(
        "`display` is not the text of this call in `{}` by `{}`, whose SHA-256 is `{}`",
        shown.locale, shown.renderer, shown.text_s256
    );
    Err(Denial::new(Reason::ApprovalDisplay, admin))
}

/// What people said yes to happens once, however many receipts come for it: the digest is used up where
/// the receipts are, as long as the token lives. Other powers than `execute` are used up apart.
pub(crate) fn call(case: &Case<'_>) -> Charge {
    let approved = display::binding(case);
    let mut id = approved.unwrap_or_else(|_| String::from(display::call(case)));
    if case.request.power != Power::Execute {
        id.push(':');
        id.push_str(case.request.power.name());
    }
    Charge::once("call", case.request.facts.audience, &id, case.token.exp())
}

/// Who said yes: of each person, the names that count. Several receipts of one person are one person's.
pub(crate) fn people(receipts: &[Receipt]) -> Vec<Vec<String>> {
    let mut people: Vec<Vec<String>> = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        let mut known = people.iter_mut();
        match known.find(|names| names.first() == receipt.names.first()) {
            Some(names) => names.extend_from_slice(&receipt.names),
            None => people.push(receipt.names.clone()),
        }
    }
    people
}

/// A receipt is good for one execution: what the host must remember until it ends.
pub(crate) fn charge(receipt: &Receipt) -> Charge {
    Charge::once("receipt", &receipt.iss, &receipt.jti, receipt.exp)
}
