//! Enrolments: whose keys are known for this call without being in the bundle.

use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_token::{About, Enrolment, PublicKey, RECEIPT_TYP, UnverifiedEnrolment};

use crate::case::Case;
use crate::chain::BundleKeys;
use crate::denial::Denial;
use crate::display;
use crate::revocation::{self, Epochs};

/// Takes all enrolments of a request apart.
pub(crate) fn parse<'a>(case: &Case<'a>) -> Result<Vec<UnverifiedEnrolment<'a>>, Denial> {
    let given = &case.request.enrolments;
    let mut unverified = Vec::with_capacity(given.len());
    for text in given {
        unverified.push(UnverifiedEnrolment::parse(text).map_err(Denial::of_statement)?);
    }
    Ok(unverified)
}

/// Judges every enrolment that is given, as receipts are: each must reach as far as this call, at its risk.
pub(crate) fn check<'e>(
    case: &Case<'_>,
    unverified: &'e [UnverifiedEnrolment<'_>],
    bundle: &'e BundleKeys<'e>,
    about: &About<'_>,
    epochs: &[Epochs],
) -> Result<Vec<Enrolment<'e>>, Denial> {
    let about = About {
        tier: Some(display::risk(case)),
        ..*about
    };
    let mut enrolled: Vec<Enrolment<'_>> = Vec::with_capacity(unverified.len());
    for one in unverified {
        let policy = case.bundle.uid();
        let enrolment = one
            .verify(bundle, policy, &about, case.request.facts.now)
            .map_err(Denial::of_statement)?;
        revocation::check_enrolment(case, epochs, &enrolment)?;
        check_hands(case, &enrolled, &enrolment)?;
        enrolled.push(enrolment);
    }
    Ok(enrolled)
}

/// A key is one person's, and of nobody who acts: the same hand would ask and answer, or count twice.
fn check_hands(
    case: &Case<'_>,
    enrolled: &[Enrolment<'_>],
    enrolment: &Enrolment<'_>,
) -> Result<(), Denial> {
    for block in case.token.blocks() {
        if enrolment.rests_on_hand_of(block.holder()) {
            let admin = "a key that a `cnf` of the token names is enrolled, or signed an enrolment";
            return Err(Denial::new(Reason::ApprovalActor, admin));
        }
    }
    let own = enrolment.public();
    let mut known = enrolled.iter().any(|other| other.public().same_hand(own));
    for key in case.bundle.all_keys() {
        // A few words of each row are read.
        if !case.steps.take(8) {
            return Err(Denial::exhausted());
        }
        let public = PublicKey::from_parts(key.alg(), key.x(), key.y());
        let person = key.signs() == RECEIPT_TYP && key.sub() == Some(enrolment.text("sub"));
        known |= public.is_some_and(|public| public.same_hand(own)) && !person;
    }
    if known {
        let admin =
            "the enrolled key is enrolled twice, or a key of the policy that is not this person's";
        return Err(Denial::new(Reason::EnrolmentShared, admin));
    }
    Ok(())
}
