//! Every reason for which Ambit says no, in one place: its stable code, how it is told over HTTP, and
//! the sentence for people.
//!
//! A code never changes its meaning and is never used again for another. What differs from case to
//! case (the bound, the value, the path) stands in the answer's `admin` text and in its remedy.

use core::fmt;

use crate::http::Told;

macro_rules! reasons {
    ($($(#[$section:meta])* $variant:ident $code:literal $told:ident $sentence:literal;)+) => {
        /// Why a request is denied.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $(
                #[doc = concat!("`", $code, "`: ", $sentence)]
                $variant,
            )+
        }

        impl Reason {
            /// All of them, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code.
            #[must_use]
            pub fn code(self) -> &'static str {
                const LENGTHS: &[u8] = &[$(length($code)),+];
                self.among(concat!($($code),+), LENGTHS)
            }

            /// How it is told over HTTP.
            #[must_use]
            pub const fn told(self) -> Told {
                match self { $(Self::$variant => Told::$told,)+ }
            }

            /// The sentence for people (English).
            #[must_use]
            pub fn sentence(self) -> &'static str {
                const LENGTHS: &[u8] = &[$(length($sentence)),+];
                self.among(concat!($($sentence),+), LENGTHS)
            }
        }
    };
}

reasons! {
    RequestSize "request.size" TooLarge "The request is too large.";
    RequestSyntax "request.syntax" Malformed "The request is not valid JSON.";
    RequestMember "request.member" Malformed "The request has a part that is missing, malformed or not known.";
    RequestUnsupported "request.unsupported" Malformed "The request uses a part that this version does not support.";
    RequestAction "request.action" Malformed "This action is not known here.";
    RequestPower "request.power" Malformed "This action cannot be used in this way.";
    RequestResource "request.resource" Malformed "This action does not apply to this kind of thing.";
    RequestArgumentUnknown "request.argument_unknown" Malformed "The request has a detail that this action does not know.";
    RequestArgumentMissing "request.argument_missing" Malformed "The request lacks a detail that this action needs.";
    RequestArgumentType "request.argument_type" Malformed "A detail of the request has the wrong form.";
    RequestNumber "request.number" Malformed "A number in the request cannot be read exactly.";
    RequestEntities "request.entities" Fault "The service described something in a form that the policy does not know.";
    RequestValue "request.value" Malformed "The request has a value that JSON cannot say.";
    RequestSteps "request.steps" TooLarge "Checking the request would take too much work.";
    FactsMissing "facts.missing" Fault "The service did not say something that this decision needs.";
    FactsMalformed "facts.malformed" Fault "The service said something in a form that is not known.";

    PolicyMalformed "policy.malformed" Fault "The policy cannot be read.";
    PolicyExpired "policy.expired" Unavailable "The policy has expired; a newer one is needed.";
    PolicyRollback "policy.rollback" Unavailable "The policy is older than one that was in force already.";
    PolicyUid "policy.uid" Token "The permission was made for another policy.";
    PolicyVersion "policy.version" Token "The permission was made for another version of the policy.";
    PolicyDigest "policy.digest" Token "The permission was made for another content of the policy.";

    TokenMissing "token.missing" NoToken "No permission was shown.";
    TokenFormat "token.format" Token "The permission is not in the expected form.";
    TokenSize "token.size" Token "The permission is too long.";
    TokenBase64 "token.base64url" Token "The permission has characters that do not belong there.";
    TokenHeaderMember "token.header_member" Token "The permission's header has a member that is not allowed.";
    TokenAlg "token.alg" Token "The permission is signed in a way that is not accepted.";
    TokenTyp "token.typ" Token "This is not a permission of the expected kind.";
    TokenUnknownKey "token.unknown_key" Token "The signer of the permission is not known.";
    KeyRole "key.role" Token "The signer of the permission may not sign this.";
    TokenSignature "token.signature" Token "The permission's signature is not valid.";
    TokenJson "token.json" Token "The permission's content is not valid JSON.";
    TokenDuplicateMember "token.duplicate_member" Token "The permission says the same thing twice.";
    TokenFloat "token.float" Token "The permission has a number that cannot be read exactly.";
    TokenClaimUnknown "token.claim_unknown" Token "The permission says something that is not known.";
    TokenClaimIss "token.claim_iss" Token "The permission's issuer is missing or malformed.";
    TokenClaimSub "token.claim_sub" Token "The permission does not say for whom it is.";
    TokenClaimAud "token.claim_aud" Token "The permission does not say for which service it is.";
    TokenClaimIat "token.claim_iat" Token "The permission does not say when it was issued.";
    TokenClaimNbf "token.claim_nbf" Token "The permission's start is malformed.";
    TokenClaimExp "token.claim_exp" Token "The permission does not say when it ends.";
    TokenClaimJti "token.claim_jti" Token "The permission has no identifier.";
    TokenClaimTxn "token.claim_txn" Token "The permission's transaction identifier is malformed.";
    TokenClaimAct "token.claim_act" Token "The permission does not say which agent acts.";
    TokenClaimAgent "token.claim_agent" Token "The permission does not describe the agent.";
    TokenClaimClientId "token.claim_client_id" Token "The permission's client is malformed.";
    TokenClaimTenant "token.claim_tenant" Token "The permission's tenant is malformed.";
    TokenClaimLogin "token.claim_login" Token "The permission's statement about the login is malformed.";
    TokenClaimPolicy "token.claim_policy" Token "The permission's policy reference is malformed.";
    TokenClaimStatus "token.claim_status" Token "The permission's status reference is malformed.";
    TokenClaimApproval "token.claim_approval" Token "The permission's approval note is malformed.";
    TokenAuthorizationDetails "token.authorization_details" Token "The permission does not say what may be done.";
    TokenCnf "token.cnf" Token "The permission does not say who holds it, or names an unusable key.";
    TokenIatFuture "token.iat_future" Token "The permission was issued in the future.";
    TokenNotYet "token.not_yet" Token "The permission does not apply yet.";
    TokenExpired "token.expired" Token "The permission has expired.";
    TokenLifetime "token.lifetime" Token "The permission is valid for too long.";

    ChainDerivedMember "chain.derived_member" Token "A passed-on permission says something that only the first one may say.";
    ChainDepth "chain.depth" Token "The permission was passed on more often than allowed.";
    ChainIss "chain.iss" Token "A passed-on permission does not name the holder before it.";
    ChainParHash "chain.par_hash" Token "A passed-on permission does not belong to the one before it.";
    ChainExp "chain.exp_extended" Token "A passed-on permission lasts longer than the one before it.";
    ChainIat "chain.iat_before_parent" Token "A passed-on permission is older than the one before it.";
    ChainJti "chain.jti" Token "Two parts of the permission have the same identifier.";

    TokenAudience "token.audience" Token "The permission is for another service.";
    TokenTenant "token.tenant" Scope "The permission is for another organisation's data.";
    TokenSubject "token.subject" Scope "The permission was given for another person.";
    AgentClass "agent.class" Forbidden "The permission belongs to another agent.";
    AgentInstance "agent.instance" Forbidden "The permission belongs to another run of the agent.";
    AgentVersion "agent.version" Forbidden "The agent runs in another version than the permission says.";
    AgentModel "agent.model" Forbidden "The agent runs with another model than it may.";
    AgentEnvironment "agent.environment" Forbidden "The agent runs in another environment than it may.";
    AgentAttestation "agent.attestation" Forbidden "It was not attested recently enough how the agent runs.";
    PossessionMissing "possession.missing" Proof "Proof that the agent holds the permission is missing.";
    PossessionMalformed "possession.malformed" Proof "The proof that the agent holds the permission is not in the expected form.";
    PossessionTyp "possession.typ" Proof "What was shown is not a proof that the agent holds the permission.";
    PossessionAlg "possession.alg" Proof "The proof is signed in a way that is not accepted.";
    PossessionKey "possession.key" Proof "The permission belongs to another holder.";
    PossessionSignature "possession.signature" Proof "The proof's signature is not valid.";
    PossessionToken "possession.token" Proof "The proof was made for another permission.";
    PossessionMethod "possession.method" Proof "The proof was made for another kind of request.";
    PossessionUrl "possession.url" Proof "The proof was made for another address.";
    PossessionNonce "possession.nonce" Nonce "The proof does not answer the service's question.";
    PossessionCall "possession.call" Proof "The proof was made for another call.";
    PossessionExpired "possession.expired" Proof "The proof is too old.";
    PossessionIatFuture "possession.iat_future" Proof "The proof was made in the future.";
    PossessionUsed "possession.used" Proof "The proof was used before; each works once.";

    ManifestNone "manifest.none" Forbidden "Nothing may be granted to this agent.";
    ManifestLife "manifest.life" Forbidden "The permission is valid for longer than this agent may have one.";
    ManifestDepth "manifest.depth" Forbidden "The permission was passed on more often than this agent may.";
    ManifestCapability "manifest.capability" Forbidden "This agent may never do this.";
    ManifestPower "manifest.power" Forbidden "This agent may never do this in this way.";
    ManifestResource "manifest.resource" Forbidden "This agent may never do this to this.";
    ManifestPurpose "manifest.purpose" Forbidden "This agent may never do this for this purpose.";
    ManifestConstraint "manifest.constraint" Forbidden "This agent may never go this far.";
    ManifestHours "manifest.hours" Forbidden "This agent may not do this at this time.";

    CapabilityNone "capability.none" Scope "The permission does not include this.";
    CapabilityPower "capability.power" Scope "The permission does not go this far.";
    CapabilityResource "capability.resource" Scope "The permission is for something else.";
    CapabilityPurpose "capability.purpose" Scope "The permission is for another purpose.";
    CapabilityHours "capability.hours" Scope "The permission does not hold at this time.";
    ConstraintUnnamed "constraint.unnamed" Scope "The permission does not cover a detail of the request.";
    ConstraintMissing "constraint.missing" Scope "A detail that the permission bounds is missing.";
    ConstraintExact "constraint.exact" Scope "A detail differs from the only value allowed.";
    ConstraintOneOf "constraint.one_of" Scope "A detail is not one of the values allowed.";
    ConstraintNotOneOf "constraint.not_one_of" Scope "A detail has a value that is excluded.";
    ConstraintRange "constraint.range" Scope "A number is outside the bounds.";
    ConstraintLike "constraint.like" Scope "A text does not have the allowed form.";
    ConstraintEmailDomain "constraint.email_domain" Scope "An e-mail address is not in an allowed domain.";
    ConstraintHost "constraint.host" Scope "A name of a machine is not allowed.";
    ConstraintUrl "constraint.url" Scope "An address on the web is not allowed.";
    ConstraintSubpath "constraint.subpath" Scope "A path is outside the allowed folder.";
    ConstraintCidr "constraint.cidr" Scope "A network address is outside the allowed ranges.";
    ConstraintEach "constraint.each" Scope "An element of a list is not allowed.";
    ConstraintSubset "constraint.subset" Scope "A list has a value that is not allowed.";
    ConstraintContains "constraint.contains" Scope "A list lacks a value that it must have.";
    ConstraintCount "constraint.count" Scope "A list has too many or too few elements.";
    ConstraintAll "constraint.all" Scope "A detail does not meet every bound.";
    ConstraintAny "constraint.any" Scope "A detail meets none of the possible bounds.";
    ConstraintOptional "constraint.optional" Scope "A detail is outside its bound.";
    ConstraintWildcard "constraint.wildcard" Scope "A detail must be given.";

    LimitSpend "limit.spend" Scope "The amount is more than the permission's budget, or is not given as it must be.";
    LimitAudience "limit.audience" Scope "The permission has a budget and is for several services at once.";
    LimitUses "limit.uses" Scope "The permission was used as often as it may be.";
    LimitRate "limit.rate" TooMany "The permission was used as often as it may be for now.";
    StatusRevoked "status.revoked" Token "The permission was revoked or suspended.";
    StatusMismatch "status.mismatch" Fault "The status that the service gave belongs to another permission.";
    StatusStale "status.stale" Unavailable "It was not checked recently enough whether the permission was revoked.";
    RevocationMalformed "revocation.malformed" Unavailable "A list of revoked permissions cannot be read.";
    RevocationTyp "revocation.typ" Unavailable "What was shown is not a list of revoked permissions.";
    RevocationAlg "revocation.alg" Unavailable "A list of revoked permissions is signed in a way that is not accepted.";
    RevocationUnknownKey "revocation.unknown_key" Unavailable "The signer of a list of revoked permissions is not known.";
    RevocationKeyRole "revocation.key_role" Unavailable "The signer of a list of revoked permissions may not sign it.";
    RevocationSignature "revocation.signature" Unavailable "The signature of a list of revoked permissions is not valid.";
    RevocationIatFuture "revocation.iat_future" Unavailable "A list of revoked permissions was issued in the future.";
    RevocationStale "revocation.stale" Unavailable "A list of revoked permissions is too old.";
    RevocationRollback "revocation.rollback" Unavailable "A list of revoked permissions is older than one that was known already.";
    RevocationMissing "revocation.missing" Unavailable "A list of revoked permissions is missing.";
    RevocationRevoked "revocation.revoked" Token "The permission belongs to a group that was revoked.";
    LoginRequired "login.required" Login "A fresh or stronger login is needed.";
    ApprovalRequired "approval.required" Forbidden "A person must approve this first.";
    ApprovalMalformed "approval.malformed" Malformed "The approval is not in the expected form.";
    ApprovalTyp "approval.typ" Forbidden "What was shown is not an approval.";
    ApprovalAlg "approval.alg" Forbidden "The approval is signed in a way that is not accepted.";
    ApprovalUnknownKey "approval.unknown_key" Forbidden "The signer of the approval is not known.";
    ApprovalKeyRole "approval.key_role" Forbidden "The signer of the approval may not approve this.";
    ApprovalSignature "approval.signature" Forbidden "The approval's signature is not valid.";
    ApprovalIatFuture "approval.iat_future" Forbidden "The approval was given in the future.";
    ApprovalExpired "approval.expired" Forbidden "The approval has expired.";
    ApprovalAudience "approval.audience" Forbidden "The approval is for another service.";
    ApprovalKind "approval.kind" Forbidden "The approval is of another kind than this needs.";
    ApprovalBinding "approval.binding" Forbidden "The approval is for another call.";
    ApprovalDisplay "approval.display" Forbidden "The person was shown something else than this call.";
    ApprovalDisplaySize "approval.display_size" Forbidden "This is too long to be shown whole, so nobody can approve it.";
    ApprovalRisk "approval.risk" Forbidden "The approval was given for another risk.";
    ApprovalActor "approval.actor" Forbidden "Who acts cannot approve it.";
    ApprovalApprover "approval.approver" Forbidden "Who approved may not approve this.";
    ApprovalDenied "approval.denied" Forbidden "A person said no to this.";
    ApprovalRepeated "approval.repeated" Forbidden "The same approval was shown twice.";
    ApprovalHand "approval.hand" Forbidden "One key approved for two people.";
    ApprovalUsed "approval.used" Forbidden "The approval was used before; each is for one call.";
    EnrolmentMalformed "enrolment.malformed" Malformed "The enrolment of a key is not in the expected form.";
    EnrolmentTyp "enrolment.typ" Forbidden "What was shown is not the enrolment of a key.";
    EnrolmentAlg "enrolment.alg" Forbidden "The enrolment of a key is signed in a way that is not accepted.";
    EnrolmentUnknownKey "enrolment.unknown_key" Forbidden "The signer of an enrolment is not known.";
    EnrolmentKeyRole "enrolment.key_role" Forbidden "A key is not enrolled for this, or its signer may not enrol it for this.";
    EnrolmentSignature "enrolment.signature" Forbidden "The signature of an enrolment is not valid.";
    EnrolmentIatFuture "enrolment.iat_future" Forbidden "A key was enrolled in the future.";
    EnrolmentExpired "enrolment.expired" Forbidden "The enrolment of a key has expired.";
    EnrolmentLifetime "enrolment.lifetime" Forbidden "A key is enrolled for too long.";
    EnrolmentEpochs "enrolment.epochs" Forbidden "It was not checked whether the enrolment of a key was revoked.";
    EnrolmentRevoked "enrolment.revoked" Forbidden "The enrolment of a key was revoked.";
    EnrolmentCountersignature "enrolment.countersignature" Forbidden "The person did not confirm the new key with one that is known already.";
    EnrolmentShared "enrolment.shared" Forbidden "A new key is known already: it was enrolled twice, or is somebody else's.";

    PolicyForbid "policy.forbid" Forbidden "A rule of the organisation forbids this.";
    PolicyError "policy.error" Forbidden "A rule of the organisation could not be checked, so the answer is no.";
    PolicyNoPermit "policy.no_permit" Forbidden "No rule of the organisation permits this.";

    ObligationUnknown "obligation.unknown" Fault "The service cannot do something that it would have to do first.";
    ObligationFailed "obligation.failed" Unavailable "Something that had to be done first could not be done.";

    EngineTrap "engine.trap" Fault "The check did not finish, so the answer is no.";
    EngineResources "engine.resources" Fault "The check needed more memory or work than it may have.";
}

/// How long a text of the list is. A byte for each takes less of the wasm than where each text begins.
const fn length(text: &str) -> u8 {
    assert!(
        text.len() < 256,
        "a reason's text is at most 255 bytes long"
    );
    let [length, ..] = text.len().to_le_bytes();
    length
}

impl Reason {
    /// The one of the texts of all, which stand one after the other.
    fn among(self, texts: &'static str, lengths: &[u8]) -> &'static str {
        let mut start = 0_usize;
        for (one, length) in Self::ALL.iter().zip(lengths) {
            let end = start.saturating_add(usize::from(*length));
            if *one == self {
                return texts.get(start..end).unwrap_or_default();
            }
            start = end;
        }
        ""
    }

    /// The reason with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().find(|one| one.code() == code).copied()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
