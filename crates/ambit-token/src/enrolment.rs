//! Enrolments (`approver-key+jwt`): a person's key made known without a new bundle.
//!
//! An enrolment is a JWS by a key of the policy, and where the risk is critical a receipt of kind
//! `enrolment` behind a `~`: the yes of a key that the policy already knows as this person's. Whether it was
//! revoked, and whose hands hold the keys, is the evaluator's to judge.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::grammar::ENROLMENT;
use ambit_core::json::Json;
use ambit_core::limits::{ENROLMENT_BYTES, ENROLMENT_LIFE_SECONDS};
use ambit_core::{Reason, split_once};

use crate::error::TokenError;
use crate::key::PublicKey;
use crate::keys::{About, Bounds, IssuerKey, Keys, within};
use crate::receipt::{RECEIPT_TYP, Receipt, ReceiptKind};
use crate::sha256;
use crate::statement::{Statement, StatementFault, StatementKind, UnverifiedStatement};
use crate::webauthn::RelyingParty;

/// The `typ` of an enrolment.
pub const ENROLMENT_TYP: &str = "approver-key+jwt";

/// The risk at which a countersignature is wanted, and that it names.
const CRITICAL: &str = "critical";

pub(crate) const KIND: StatementKind = StatementKind {
    typ: ENROLMENT_TYP,
    name: "the enrolment",
    bytes: ENROLMENT_BYTES,
    form: ENROLMENT,
    malformed: Reason::EnrolmentMalformed,
    alg: Reason::EnrolmentAlg,
    wrong_typ: Reason::EnrolmentTyp,
    unknown_key: Reason::EnrolmentUnknownKey,
    key_role: Reason::EnrolmentKeyRole,
    signature: Reason::EnrolmentSignature,
    iat_future: Reason::EnrolmentIatFuture,
    expired: Reason::EnrolmentExpired,
};

/// An enrolment as it came.
#[derive(Debug)]
pub struct UnverifiedEnrolment<'s> {
    statement: UnverifiedStatement<'s>,
    countersignature: Option<&'s str>,
}

/// An enrolment that verified: made only by [`UnverifiedEnrolment::verify`].
#[derive(Debug)]
pub struct Enrolment<'a> {
    statement: Statement<'a>,
    public: PublicKey,
    /// The keys on which it rests: first the enrolled one, whose thumbprint is the `kid` of its receipts; the
    /// issuer's; the countersigning one.
    signers: Vec<Signer>,
}

/// The names of a key that signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// What a header calls it.
    pub kid: String,
    /// Its thumbprint.
    pub jkt: String,
    /// The key.
    pub public: PublicKey,
}

impl Signer {
    /// The names of this key.
    #[must_use]
    pub fn of(kid: &str, key: &PublicKey) -> Self {
        Self {
            kid: kid.into(),
            jkt: key.thumbprint(),
            public: *key,
        }
    }
}

impl<'s> UnverifiedEnrolment<'s> {
    /// Takes an enrolment apart.
    ///
    /// # Errors
    ///
    /// `enrolment.malformed`.
    pub fn parse(text: &'s str) -> Result<Self, TokenError> {
        let (enrolment, countersignature) = match split_once(text, "~") {
            None => (text, None),
            Some((enrolment, countersignature)) => (enrolment, Some(countersignature)),
        };
        Ok(Self {
            statement: KIND.parse(enrolment)?,
            countersignature,
        })
    }

    /// Shows the key that it makes known, as a row of a policy. Nothing is verified.
    pub(crate) fn with_row(&self, visit: &mut dyn FnMut(IssuerKey<'_>)) -> Result<(), TokenError> {
        let document = self.statement.claims();
        let document = document.map_err(|fault| KIND.refuse(fault))?;
        let claims = document.root();
        KIND.check_form(claims)?;
        let public = public(claims)?;
        visit(row(claims, &public.thumbprint(), &public));
        Ok(())
    }

    /// The enrolment as its issuer signed it; what it claims is not judged.
    ///
    /// # Errors
    ///
    /// [`TokenError`] with an `enrolment.…` reason.
    pub fn signed<'a>(&'a self, keys: &'a dyn Keys) -> Result<Statement<'a>, TokenError> {
        KIND.verify(&self.statement, keys)
    }

    /// Verifies signatures, form and times, and that the enrolment is for this policy and that both it and
    /// its issuer's key reach as far as `about`, whose `sub` is the enrolment's own.
    ///
    /// # Errors
    ///
    /// [`TokenError`] with an `enrolment.…` reason.
    pub fn verify<'a>(
        &'a self,
        keys: &'a dyn Keys,
        policy: &str,
        about: &About<'_>,
        now: i64,
    ) -> Result<Enrolment<'a>, TokenError> {
        let statement = self.signed(keys)?;
        let claims = statement.claims();
        check_claims(claims, now)?;
        let public = public(claims)?;
        let about = About {
            sub: claims.get_str("sub"),
            ..*about
        };
        KIND.check_role(statement.key(), &about)?;
        let policies = claims.get("policies");
        if !within(policies, &[policy]) || !Bounds::of(claims).admit(&about) {
            let detail =
                "the key is not enrolled for this policy, tenant, audience, agent, risk or action";
            return Err(TokenError::new(KIND.key_role, 0, detail));
        }
        let issuer = statement.key();
        let mut signers = Vec::with_capacity(3);
        signers.push(Signer::of(&public.thumbprint(), &public));
        signers.push(Signer::of(issuer.kid, &issuer.public));
        if about.tier == Some(CRITICAL) || self.countersignature.is_some() {
            let receipt = self.countersigned(keys, &about, now)?;
            let is_theirs = receipt.personal
                && receipt.kind == ReceiptKind::Enrolment
                && receipt.approved
                && Some(receipt.sub.as_str()) == about.sub
                && receipt.aud == statement.iss()
                && receipt.risk_tier == CRITICAL
                && receipt.binding == sha256(self.statement.signing_input())
                && !receipt.signer.same_hand(&public);
            if !is_theirs {
                let detail = "it is no yes to this enrolment, at critical risk, by another key of this \
                              person that the policy has";
                return Err(TokenError::new(UNCONFIRMED, 0, detail));
            }
            signers.push(Signer::of(&receipt.kid, &receipt.signer));
        }
        Ok(Enrolment {
            statement,
            public,
            signers,
        })
    }

    /// The countersignature, by a key that may itself approve what `about` says.
    fn countersigned(
        &self,
        keys: &dyn Keys,
        about: &About<'_>,
        now: i64,
    ) -> Result<Receipt, TokenError> {
        let Some(text) = self.countersignature else {
            let detail = "at this risk a key that the person has must countersign the new one";
            return Err(TokenError::new(UNCONFIRMED, 0, detail));
        };
        Receipt::verify(text, keys, about, now).map_err(|mut error| {
            error.reason = UNCONFIRMED;
            error
        })
    }
}

const UNCONFIRMED: Reason = Reason::EnrolmentCountersignature;

impl Enrolment<'_> {
    /// Its claims, which have their form.
    #[must_use]
    pub const fn claims(&self) -> Json<'_> {
        self.statement.claims()
    }

    /// A claim that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.claims().get_str(name).unwrap_or("")
    }

    /// The enrolled key.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The keys on which it rests, its own among them.
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// Whether one of these keys has this thumbprint.
    #[must_use]
    pub fn rests_on(&self, thumbprint: &str) -> bool {
        self.signers.iter().any(|signer| signer.jkt == thumbprint)
    }

    /// Whether the hand that holds this key holds one on which it rests.
    #[must_use]
    pub fn rests_on_hand_of(&self, key: &PublicKey) -> bool {
        self.signers
            .iter()
            .any(|signer| signer.public.same_hand(key))
    }

    fn kid(&self) -> &str {
        self.signers.first().map_or("", |signer| &signer.kid)
    }

    /// The key as a row of a policy.
    fn key(&self) -> IssuerKey<'_> {
        row(self.claims(), self.kid(), &self.public)
    }
}

fn public(claims: Json<'_>) -> Result<PublicKey, TokenError> {
    let jwk = claims.get("jwk").and_then(PublicKey::from_jwk);
    jwk.filter(PublicKey::is_usable)
        .ok_or_else(|| TokenError::new(KIND.malformed, 0, "`jwk` is not a usable key"))
}

/// The key that an enrolment with these claims makes known, as a row of a policy.
fn row<'k>(claims: Json<'k>, kid: &'k str, public: &PublicKey) -> IssuerKey<'k> {
    let credential = claims.get("webauthn");
    IssuerKey {
        iss: claims.get_str("iss"),
        kid,
        eddsa_name: false,
        public: *public,
        signs: RECEIPT_TYP,
        webauthn: credential.and_then(RelyingParty::of),
        only: Bounds::of(claims),
    }
}

/// The keys of a policy, and those that were enrolled.
#[derive(Clone, Copy)]
pub struct WithEnrolled<'k> {
    /// Those of the policy.
    pub keys: &'k dyn Keys,
    /// The others, none of them twice.
    pub enrolled: &'k [Enrolment<'k>],
}

impl core::fmt::Debug for WithEnrolled<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.enrolled).finish()
    }
}

impl Keys for WithEnrolled<'_> {
    fn by_kid<'k>(&'k self, kid: &str, visit: &mut dyn FnMut(IssuerKey<'k>) -> bool) {
        let mut enough = false;
        self.keys.by_kid(kid, &mut |key| {
            enough = visit(key);
            enough
        });
        for one in self.enrolled {
            if !enough && one.kid() == kid {
                enough = visit(one.key());
            }
        }
    }
}

/// What is plain of an enrolment at this time, whoever signs it.
pub(crate) fn check_claims(claims: Json<'_>, now: i64) -> Result<(), TokenError> {
    KIND.check_form(claims)?;
    KIND.check_times(claims, now)?;
    let time = |name| claims.get_int(name).unwrap_or_default();
    if time("exp").saturating_sub(time("iat")) > ENROLMENT_LIFE_SECONDS {
        let detail = "`exp` is more than 90 days after `iat`";
        return Err(TokenError::new(Reason::EnrolmentLifetime, 0, detail));
    }
    Ok(())
}

/// What is plain before a key signs such claims: that they hold at some time, and for whom it enrols.
pub(crate) fn check_signer(claims: Json<'_>, key: &IssuerKey<'_>) -> Result<(), TokenError> {
    let iat = claims.get_int("iat").unwrap_or_default();
    check_claims(claims, iat)?;
    let sub = claims.get_str("sub");
    let speaks = key.only.sub.is_none_or(|only| sub == Some(only));
    speaks
        .then_some(())
        .ok_or_else(|| KIND.refuse(StatementFault::Role))
}
