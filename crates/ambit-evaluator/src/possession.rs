//! Step 4: whoever asks holds the key of the chain's last block.

use ambit_core::limits::PROOF_KEPT_SECONDS;
use ambit_core::{Power, Reason};
use ambit_token::{ProofOf, VerifiedProof};

use crate::case::Case;
use crate::charge::Charge;
use crate::denial::Denial;
use crate::display;
use crate::facts;

/// The proof, verified; `None` where the policy does without.
///
/// A proof that is given is judged even then: a caller that proves is not to be told that a wrong
/// proof is right.
pub(crate) fn check(case: &Case<'_>) -> Result<Option<VerifiedProof>, Denial> {
    verify(case, check_call)
}

/// The proof, whatever call it names.
pub(crate) fn check_for_any(case: &Case<'_>) -> Result<Option<VerifiedProof>, Denial> {
    verify(case, |_, _| Ok(()))
}

fn verify(
    case: &Case<'_>,
    check_call: impl FnOnce(&Case<'_>, &VerifiedProof) -> Result<(), Denial>,
) -> Result<Option<VerifiedProof>, Denial> {
    let facts = &case.request.facts;
    let Some(proof) = case.request.proof else {
        if case.bundle.possession() == "off" {
            return Ok(None);
        }
        let admin = "`proof` must be a DPoP proof by the key of the last block";
        return Err(Denial::new(Reason::PossessionMissing, admin));
    };
    let method = facts.method.ok_or_else(|| facts::missing("method"))?;
    let url = facts.url.ok_or_else(|| facts::missing("url"))?;
    let Some(holder) = case.token.holder() else {
        let admin = "the chain has no holder";
        return Err(Denial::new(Reason::PossessionKey, admin));
    };
    let verified = VerifiedProof::verify(
        proof,
        &ProofOf {
            chain_s256: &case.token_s256,
            holder,
            method,
            url,
            nonce: facts.nonce,
            now: facts.now,
            tables: case.tables,
        },
    );
    let verified = verified.map_err(Denial::of_statement)?;
    check_call(case, &verified)?;
    Ok(Some(verified))
}

/// DPoP covers neither body nor query, so a proof names the digest of the call. To observe or draft
/// it need not; what it names is always compared.
fn check_call(case: &Case<'_>, proof: &VerifiedProof) -> Result<(), Denial> {
    let needed = matches!(case.request.power, Power::Propose | Power::Execute);
    let admin = match proof.call() {
        None if !needed => return Ok(()),
        None => "the proof's `ambit_call` must be the digest of this call",
        Some(call) if call == display::call(case) => return Ok(()),
        Some(_) => "the proof's `ambit_call` is the digest of another call",
    };
    Err(Denial::new(Reason::PossessionCall, admin))
}

/// A proof may be used once: what the host must remember.
pub(crate) fn charge(case: &Case<'_>, proof: &VerifiedProof) -> Charge {
    let until = case.request.facts.now.saturating_add(PROOF_KEPT_SECONDS);
    Charge::once("proof", proof.thumbprint(), proof.jti(), until)
}
