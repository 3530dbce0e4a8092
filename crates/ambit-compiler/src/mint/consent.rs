//! The yes of a person to a root, proved by receipts of kind `grant`.

use ambit_advice::check_grant;
use ambit_core::Reason;
use ambit_core::json::{Document, Json, Profile};
use ambit_policy::Bundle;
use ambit_token::Receipt;
use serde_json::json;

use super::{Filler, RootOptions};
use crate::encoding::{base64url, sha256};
use crate::error::CompileError;

/// Something that makes one token and no second one: a receipt, or the grant that was consented to,
/// however many receipts come for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// `receipt` or `grant`.
    pub kind: &'static str,
    /// Names it among all others.
    pub key: String,
    /// Seconds since 1970 until which it must be remembered.
    pub until: i64,
}

/// What people said to a draft.
#[derive(Debug, Default)]
pub(super) struct Consent {
    /// Why the draft may not be signed yet.
    pub(super) missing: Option<CompileError>,
    /// What its token uses up.
    pub(super) uses: Vec<Use>,
}

/// Checks every receipt against the claims as they will be signed. The token then says where its
/// approval came from (docs/token.md, `approval`), unless the claims already do.
pub(super) fn judge(
    filler: &mut Filler,
    claims: Json<'_>,
    bundle: &Bundle<'_>,
    options: &RootOptions<'_>,
) -> Result<Consent, CompileError> {
    let granted = options
        .granted
        .map(|granted| Document::parse(granted.as_bytes(), Profile::Signed))
        .transpose()
        .map_err(|error| {
            CompileError::new("mint.claims", format!("what was granted before: {error}"))
        })?;
    let receipts: Vec<&str> = options.receipts.iter().map(|one| one.trim()).collect();
    let granted = granted.as_ref().map(Document::root);
    let judged = check_grant(bundle, claims, granted, &receipts, options.now).map_err(|error| {
        let lacking = error.code == Reason::ApprovalRequired.code();
        let code = if lacking { "mint.consent" } else { error.code };
        CompileError::new(code, error.detail)
    });
    let judged = match judged {
        Err(missing) if receipts.is_empty() && missing.code == "mint.consent" => {
            return Ok(Consent {
                missing: Some(missing),
                uses: Vec::new(),
            });
        }
        judged => judged?,
    };
    if let (Some(receipt), Some(text)) = (judged.first(), receipts.first()) {
        filler.fill("approval", || {
            json!({
                "id": receipt.jti,
                "approver": receipt.sub,
                "receipt_s256": base64url(&sha256(text.as_bytes())),
            })
        });
    }
    Ok(Consent {
        missing: None,
        uses: uses(claims, &judged),
    })
}

/// The grant is remembered as long as its token lives, since a second receipt could come later.
fn uses(claims: Json<'_>, receipts: &[Receipt]) -> Vec<Use> {
    let mut uses: Vec<Use> = receipts
        .iter()
        .map(|one| once("receipt", &one.iss, &one.jti, one.exp))
        .collect();
    let exp = claims.get("exp").and_then(Json::as_int);
    let until = receipts.iter().map(|one| one.exp).chain(exp).max();
    if let (Some(first), Some(until)) = (receipts.first(), until) {
        uses.push(once("grant", &first.aud, &base64url(&first.binding), until));
    }
    uses
}

/// The digest keeps a hostile identifier from looking like another key.
fn once(kind: &'static str, of: &str, id: &str, until: i64) -> Use {
    let pair = json!([of, id]).to_string();
    Use {
        kind,
        key: format!("{kind}:{}", base64url(&sha256(pair.as_bytes()))),
        until,
    }
}
