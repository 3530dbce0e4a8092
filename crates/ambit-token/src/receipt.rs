//! Approval receipts (`approval-receipt+jwt`): a person's yes or no to exactly one thing.

use alloc::string::String;

use ambit_core::Reason;
use ambit_core::json::{Json, Kind};
use ambit_core::limits::{CLOCK_SKEW_SECONDS, PROOF_ID_BYTES, RECEIPT_BYTES};

use crate::base64url;
use crate::error::TokenError;
use crate::key::PublicKey;
use crate::keys::{About, Keys};
use crate::statement::{Statement, StatementFault, UnverifiedStatement};

/// The `typ` of a receipt.
pub const RECEIPT_TYP: &str = "approval-receipt+jwt";

/// What a receipt may claim, and whether it must.
const CLAIMS: [(&str, bool); 15] = [
    ("iss", true),
    ("aud", true),
    ("jti", true),
    ("iat", true),
    ("exp", true),
    ("sub", true),
    ("decision", true),
    ("kind", true),
    ("risk_tier", true),
    ("binding_s256", true),
    ("display", true),
    ("txn", false),
    ("acr", false),
    ("amr", false),
    ("auth_time", false),
];

/// To what a receipt says yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptKind {
    /// One call: bound to its action digest.
    Action,
    /// What a token is to hold: bound to its grant digest. Never enough for a call.
    Grant,
}

/// A receipt whose signature, form and times are right: made only by [`Receipt::verify`]. Whether
/// it is for this call, and by somebody who may approve it, is the evaluator's to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Who vouches for it.
    pub iss: String,
    /// The `kid` of the key that signed.
    pub kid: String,
    /// The key that signed.
    pub signer: PublicKey,
    /// Its identifier; with `iss` it is consumed once.
    pub jti: String,
    /// The person.
    pub sub: String,
    /// The one audience where it is consumed.
    pub aud: String,
    /// Yes, or no.
    pub approved: bool,
    /// To what.
    pub kind: ReceiptKind,
    /// The risk that the person was told.
    pub risk_tier: String,
    /// The digest to which it is bound.
    pub binding: [u8; 32],
    /// SHA-256 of exactly the text that was shown.
    pub text: [u8; 32],
    /// In which language it was shown, and by which renderer.
    pub locale: String,
    /// What rendered the text.
    pub renderer: String,
    /// When it ends: until then its consumption is remembered.
    pub exp: i64,
    /// How the person logged in, where it says.
    pub acr: Option<String>,
    /// When the person logged in, where it says.
    pub auth_time: Option<i64>,
}

impl Receipt {
    /// Verifies signature, form and times, and that the key may sign for the receipt's person and risk
    /// about the rest of `about`.
    ///
    /// # Errors
    ///
    /// [`TokenError`] with an `approval.…` reason.
    pub fn verify(
        text: &str,
        keys: &dyn Keys,
        about: &About<'_>,
        now: i64,
    ) -> Result<Self, TokenError> {
        let unverified = UnverifiedStatement::parse(text, RECEIPT_BYTES).map_err(fault)?;
        let statement = unverified.verify(RECEIPT_TYP, keys).map_err(fault)?;
        let claims = statement.claims();
        let receipt = Self::read(&statement).ok_or_else(|| {
            let detail = "a claim of the receipt is missing, not known, or not of its form";
            TokenError::new(Reason::ApprovalMalformed, 0, detail)
        })?;
        let iat = claims.get("iat").and_then(Json::as_int).unwrap_or(i64::MAX);
        if iat > now.saturating_add(CLOCK_SKEW_SECONDS) {
            let detail = "`iat` is in the future";
            return Err(TokenError::new(Reason::ApprovalIatFuture, 0, detail));
        }
        if now >= receipt.exp || receipt.exp <= iat {
            let detail = "`exp` has passed, or is not after `iat`";
            return Err(TokenError::new(Reason::ApprovalExpired, 0, detail));
        }
        let about = About {
            sub: Some(&receipt.sub),
            tier: Some(&receipt.risk_tier),
            ..*about
        };
        statement.check_role(&about).map_err(fault)?;
        Ok(receipt)
    }

    fn read(statement: &Statement<'_>) -> Option<Self> {
        let claims = statement.claims();
        let known = |(name, _): (&str, Json<'_>)| CLAIMS.iter().any(|(one, _)| *one == name);
        let whole = CLAIMS
            .iter()
            .all(|(name, needed)| !needed || claims.get(name).is_some());
        if !claims.members().all(known) || !whole {
            return None;
        }
        let jti = text(claims, "jti")?;
        let display = claims.get("display").filter(|display| display.len() == 3)?;
        let optional = |name| claims.get(name).is_none() || text(claims, name).is_some();
        let methods = claims.get("amr").is_none_or(|amr| {
            amr.kind() == Kind::Array && amr.elements().all(|one| one.as_str().is_some())
        });
        if jti.len() > PROOF_ID_BYTES || !methods || !optional("txn") || !optional("acr") {
            return None;
        }
        Some(Self {
            iss: statement.iss().into(),
            kid: statement.key().kid.into(),
            signer: statement.key().public,
            jti: jti.into(),
            sub: text(claims, "sub")?.into(),
            aud: one_audience(claims.get("aud")?)?.into(),
            approved: match text(claims, "decision")? {
                "approved" => true,
                "denied" => false,
                _ => return None,
            },
            kind: match text(claims, "kind")? {
                "action" => ReceiptKind::Action,
                "grant" => ReceiptKind::Grant,
                _ => return None,
            },
            risk_tier: text(claims, "risk_tier")?.into(),
            binding: digest(claims, "binding_s256")?,
            text: digest(display, "text_s256")?,
            locale: text(display, "locale")?.into(),
            renderer: text(display, "renderer")?.into(),
            exp: claims.get("exp")?.as_int()?,
            acr: text(claims, "acr").map(String::from),
            auth_time: match claims.get("auth_time") {
                None => None,
                Some(time) => Some(time.as_int()?),
            },
        })
        .filter(|_| claims.get("iat").is_some_and(|iat| iat.as_int().is_some()))
    }
}

fn text<'a>(object: Json<'a>, name: &str) -> Option<&'a str> {
    let text = object.get(name)?.as_str();
    text.filter(|text| !text.is_empty())
}

fn digest(object: Json<'_>, name: &str) -> Option<[u8; 32]> {
    base64url::decode_array(text(object, name)?.as_bytes())
}

/// A string, or an array of exactly one: a receipt for two places could be used in both.
fn one_audience(aud: Json<'_>) -> Option<&str> {
    let only = match aud.kind() {
        Kind::Array if aud.len() == 1 => aud.elements().next()?,
        _ => aud,
    };
    only.as_str().filter(|aud| !aud.is_empty())
}

fn fault(fault: StatementFault) -> TokenError {
    let reason = match fault {
        StatementFault::Alg => Reason::ApprovalAlg,
        StatementFault::Typ => Reason::ApprovalTyp,
        StatementFault::UnknownKey => Reason::ApprovalUnknownKey,
        StatementFault::Role => Reason::ApprovalKeyRole,
        StatementFault::Signature => Reason::ApprovalSignature,
        StatementFault::Format | StatementFault::Header | StatementFault::Json => {
            Reason::ApprovalMalformed
        }
    };
    TokenError::new(reason, 0, fault.detail())
}
