//! The yes of a person to a root, proved by receipts of kind `grant`.

use ambit_advice::check_grant;
use ambit_core::json::{Document, Profile};
use ambit_policy::Bundle;
use serde_json::{Value, json};

use super::{Filler, RootOptions};
use crate::encoding::{base64url, sha256};
use crate::error::CompileError;

/// Checks every receipt against the claims as they will be signed. The token then says where its
/// approval came from (TOKEN.md, `approval`), unless the claims already do.
pub(super) fn check(
    filler: &mut Filler,
    bundle: &Bundle<'_>,
    options: &RootOptions<'_>,
) -> Result<(), CompileError> {
    let text = Value::Object(filler.claims.clone()).to_string();
    let malformed = |what: &str, error: &dyn core::fmt::Display| {
        CompileError::new("mint.claims", format!("{what}: {error}"))
    };
    let claims = Document::parse(text.as_bytes(), Profile::Signed)
        .map_err(|error| malformed("claims", &error))?;
    let granted = options
        .granted
        .map(|granted| Document::parse(granted.as_bytes(), Profile::Signed))
        .transpose()
        .map_err(|error| malformed("what was granted before", &error))?;
    let receipts: Vec<&str> = options.receipts.iter().map(|one| one.trim()).collect();
    let granted = granted.as_ref().map(Document::root);
    let judged = check_grant(bundle, claims.root(), granted, &receipts, options.now)
        .map_err(|error| CompileError::new(error.code, error.detail))?;
    if let (Some(receipt), Some(text)) = (judged.first(), receipts.first()) {
        filler.fill("approval", || {
            json!({
                "id": receipt.jti,
                "approver": receipt.sub,
                "receipt_s256": base64url(&sha256(text.as_bytes())),
            })
        });
    }
    Ok(())
}
