//! The key with which an answer is signed, as the policy knows it.

use ambit_compiler::keys::SecretKey;
use ambit_core::json::Json;
use ambit_evaluator::BundleKeys;
use ambit_token::{Bounds, IssuerKey, Keys, PublicKey, RECEIPT_TYP, Statement};

use crate::failure::Failure;

/// The row of the policy that says for whom this key signs receipts.
pub(super) fn of_policy<'k>(
    known: &'k BundleKeys<'k>,
    key: &SecretKey,
    iss: Option<&str>,
) -> Result<IssuerKey<'k>, Failure> {
    let mut rows = Vec::new();
    known.by_kid(key.kid(), &mut |row| {
        let asked = iss.is_none() || iss == row.iss;
        if asked && row.signs == RECEIPT_TYP && row.public == key.public() {
            rows.push(row);
        }
        false
    });
    match rows.as_slice() {
        [row] if row.webauthn.is_none() => Ok(*row),
        [_] => {
            let message = "the policy has this key as an authenticator's, which signs in a browser";
            Err(Failure::unusable("approve.key", message))
        }
        [] => {
            let message = "the policy has no key of this name that signs receipts and is this one";
            Err(Failure::unusable("approve.key", message)
                .help("`ambit inspect` lists the policy's keys; an enrolled one wants --enrolment"))
        }
        _ => {
            let message = "the key signs receipts for several issuers";
            Err(Failure::unusable("approve.key", message).help("say for which one with --iss"))
        }
    }
}

/// The key that an enrolment makes one person's, for this policy.
pub(super) fn enrolled<'k>(
    statement: &'k Statement<'_>,
    key: &SecretKey,
    thumbprint: &'k str,
    policy: &str,
) -> Result<IssuerKey<'k>, Failure> {
    let claims = statement.claims();
    let public = claims.get("jwk").and_then(PublicKey::from_jwk);
    let policies = claims.get("policies").into_iter().flat_map(Json::elements);
    let is_here = policies.filter_map(Json::as_str).any(|uid| uid == policy);
    let message = if public != Some(key.public()) {
        "the enrolment is for another key"
    } else if !is_here {
        "the key is not enrolled for this policy"
    } else if claims.get("webauthn").is_some() {
        "the enrolled key is an authenticator's, which signs in a browser"
    } else {
        return Ok(IssuerKey {
            iss: Some(statement.iss()),
            kid: thumbprint,
            eddsa_name: false,
            public: key.public(),
            signs: RECEIPT_TYP,
            webauthn: None,
            only: Bounds::of(claims),
        });
    };
    Err(Failure::unusable("approve.key", message))
}

/// The one key that signs.
pub(super) struct OneKey<'k>(pub(super) IssuerKey<'k>);

impl Keys for OneKey<'_> {
    fn by_kid<'k>(&'k self, _: &str, visit: &mut dyn FnMut(IssuerKey<'k>) -> bool) {
        visit(self.0);
    }
}
