//! Approval receipts (`approval-receipt+jwt`): a person's yes or no to exactly one thing.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_core::grammar::RECEIPT;
use ambit_core::json::Json;
use ambit_core::limits::{CLOCK_SKEW_SECONDS, RECEIPT_BYTES};

use crate::base64url;
use crate::error::TokenError;
use crate::key::PublicKey;
use crate::keys::{About, Bounds, IssuerKey, Keys};
use crate::statement::{Statement, StatementFault, StatementKind};

/// The `typ` of a receipt.
pub const RECEIPT_TYP: &str = "approval-receipt+jwt";

/// How a receipt is read.
pub(crate) const KIND: StatementKind = StatementKind {
    typ: RECEIPT_TYP,
    name: "the receipt",
    bytes: RECEIPT_BYTES,
    form: RECEIPT,
    malformed: Reason::ApprovalMalformed,
    alg: Reason::ApprovalAlg,
    wrong_typ: Reason::ApprovalTyp,
    unknown_key: Reason::ApprovalUnknownKey,
    key_role: Reason::ApprovalKeyRole,
    signature: Reason::ApprovalSignature,
    iat_future: Reason::ApprovalIatFuture,
    expired: Reason::ApprovalExpired,
};

/// To what a receipt says yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptKind {
    /// One call: bound to its action digest.
    Action,
    /// What a token is to hold: bound to its grant digest. Never enough for a call.
    Grant,
    /// A key that is enrolled as the person's own: bound to the enrolment's signing input.
    Enrolment,
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
    /// Whether that key speaks for one person only, and so is in that person's hand.
    pub personal: bool,
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
    /// When it was shown, where the text says how long that is.
    pub now: Option<i64>,
    /// Minutes between the clocks where it was shown and UTC, where the text tells their time.
    pub utc_offset: Option<i64>,
    /// When it ends: until then its consumption is remembered.
    pub exp: i64,
    /// How the person logged in, where it says.
    pub acr: Option<String>,
    /// When the person logged in, where it says.
    pub auth_time: Option<i64>,
    /// Whose yes it is: the person, and `role:` with each role in which the person says it.
    pub names: Vec<String>,
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
        let unverified = KIND.parse(text)?;
        let statement = KIND.verify(&unverified, keys)?;
        let claims = statement.claims();
        KIND.check_form(claims)?;
        let receipt = Self::read(&statement).ok_or_else(|| {
            TokenError::new(Reason::ApprovalMalformed, 0, "the receipt cannot be read")
        })?;
        KIND.check_times(claims, now)?;
        if receipt
            .auth_time
            .is_some_and(|time| time > now.saturating_add(CLOCK_SKEW_SECONDS))
        {
            let detail = "`auth_time` is in the future";
            return Err(TokenError::new(Reason::ApprovalIatFuture, 0, detail));
        }
        let roles = roles(claims);
        let about = About {
            sub: Some(&receipt.sub),
            tier: Some(&receipt.risk_tier),
            roles: &roles,
            ..*about
        };
        KIND.check_role(statement.key(), &about)?;
        // A policy service speaks by a key that is its own, and nobody for it.
        if receipt.sub.starts_with(SERVICE) && !receipt.personal {
            return Err(KIND.refuse(StatementFault::Role));
        }
        // Who is asked by a role is asked by what the key's row lets it state, and by no name.
        if receipt.sub.starts_with(ROLE) {
            let detail = "`sub` begins with `role:`: a receipt is a person's";
            return Err(TokenError::new(Reason::ApprovalMalformed, 0, detail));
        }
        Ok(receipt)
    }

    /// Whether a key that is one person's speaks for two people here. The compiler refuses a policy in
    /// which it could; where it does, it counts for nobody. A service signs for many people.
    #[must_use]
    pub fn is_same_hand(&self, other: &Self) -> bool {
        self.signer == other.signer && self.sub != other.sub && (self.personal || other.personal)
    }

    /// What is plain before a key signs such claims: for whom and at which risk it speaks, and that they
    /// hold at some time.
    pub(crate) fn check_signer(claims: Json<'_>, key: &IssuerKey<'_>) -> Result<(), TokenError> {
        let only = Bounds {
            sub: key.only.sub,
            tiers: key.only.tiers,
            roles: key.only.roles,
            ..Bounds::default()
        };
        let roles = roles(claims);
        let about = About {
            sub: text(claims, "sub"),
            tier: text(claims, "risk_tier"),
            roles: &roles,
            ..About::default()
        };
        if !(IssuerKey { only, ..*key }).may_sign(RECEIPT_TYP, &about) {
            return Err(KIND.refuse(StatementFault::Role));
        }
        let time = |name| claims.get_int(name);
        if time("exp") <= time("iat") {
            let detail = "`exp` has passed, or is not after `iat`";
            return Err(TokenError::new(Reason::ApprovalExpired, 0, detail));
        }
        Ok(())
    }

    /// Claims that have passed their table.
    fn read(statement: &Statement<'_>) -> Option<Self> {
        let claims = statement.claims();
        let display = claims.get("display")?;
        let aud = claims.get("aud")?;
        let aud = aud.elements().next().unwrap_or(aud);
        let mut names = alloc::vec![String::from(text(claims, "sub")?)];
        names.extend(roles(claims).iter().map(|role| [ROLE, *role].concat()));
        Some(Self {
            iss: statement.iss().into(),
            kid: statement.key().kid.into(),
            signer: statement.key().public,
            personal: statement.key().only.sub.is_some(),
            jti: text(claims, "jti")?.into(),
            sub: text(claims, "sub")?.into(),
            aud: aud.as_str()?.into(),
            approved: text(claims, "decision")? == "approved",
            kind: match text(claims, "kind")? {
                "action" => ReceiptKind::Action,
                "grant" => ReceiptKind::Grant,
                _ => ReceiptKind::Enrolment,
            },
            risk_tier: text(claims, "risk_tier")?.into(),
            binding: digest(claims, "binding_s256")?,
            text: digest(display, "text_s256")?,
            locale: text(display, "locale")?.into(),
            renderer: text(display, "renderer")?.into(),
            now: display.get_int("now"),
            utc_offset: display.get_int("utc_offset"),
            exp: claims.get("exp")?.as_int()?,
            acr: text(claims, "acr").map(String::from),
            auth_time: claims.get_int("auth_time"),
            names,
        })
    }
}

/// What stands before a role where people are named.
pub const ROLE: &str = "role:";

/// What stands before the name of a policy service whose yes is asked for.
pub const SERVICE: &str = "service:";

fn roles(claims: Json<'_>) -> Vec<&str> {
    claims.get("roles").map_or_else(Vec::new, Json::texts)
}

fn text<'a>(object: Json<'a>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

fn digest(object: Json<'_>, name: &str) -> Option<[u8; 32]> {
    base64url::decode_array(text(object, name)?.as_bytes())
}
