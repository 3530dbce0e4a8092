//! Every reason for which Ambit says no, in one place: its stable code and the sentence for people.
//!
//! A code never changes its meaning and is never used again for another. What differs from case to
//! case (the bound, the value, the path) stands in the answer's `admin` text and in its remedy.

use core::fmt;

macro_rules! reasons {
    ($($(#[$section:meta])* $variant:ident $code:literal $sentence:literal;)+) => {
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
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The sentence for people (English).
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)+ }
            }
        }
    };
}

reasons! {
    RequestSize "request.size" "The request is too large.";
    RequestSyntax "request.syntax" "The request is not valid JSON.";
    RequestMember "request.member" "The request has a part that is missing, malformed or not known.";
    RequestUnsupported "request.unsupported" "The request uses a part that this version does not support.";
    RequestAction "request.action" "This action is not known here.";
    RequestPower "request.power" "This action cannot be used in this way.";
    RequestResource "request.resource" "This action does not apply to this kind of thing.";
    RequestArgumentUnknown "request.argument_unknown" "The request has a detail that this action does not know.";
    RequestArgumentMissing "request.argument_missing" "The request lacks a detail that this action needs.";
    RequestArgumentType "request.argument_type" "A detail of the request has the wrong form.";
    RequestNumber "request.number" "A number in the request cannot be read exactly.";
    RequestEntities "request.entities" "The service described something in a form that the policy does not know.";
    RequestValue "request.value" "The request has a value that JSON cannot say.";
    RequestSteps "request.steps" "Checking the request would take too much work.";
    FactsMissing "facts.missing" "The service did not say something that this decision needs.";
    FactsMalformed "facts.malformed" "The service said something in a form that is not known.";

    PolicyMalformed "policy.malformed" "The policy cannot be read.";
    PolicyExpired "policy.expired" "The policy has expired; a newer one is needed.";
    PolicyRollback "policy.rollback" "The policy is older than one that was in force already.";
    PolicyUid "policy.uid" "The permission was made for another policy.";
    PolicyVersion "policy.version" "The permission was made for another version of the policy.";
    PolicyDigest "policy.digest" "The permission was made for another content of the policy.";

    TokenMissing "token.missing" "No permission was shown.";
    TokenFormat "token.format" "The permission is not in the expected form.";
    TokenSize "token.size" "The permission is too long.";
    TokenBase64 "token.base64url" "The permission has characters that do not belong there.";
    TokenHeaderMember "token.header_member" "The permission's header has a member that is not allowed.";
    TokenAlg "token.alg" "The permission is signed in a way that is not accepted.";
    TokenTyp "token.typ" "This is not a permission of the expected kind.";
    TokenUnknownKey "token.unknown_key" "The signer of the permission is not known.";
    KeyRole "key.role" "The signer of the permission may not sign this.";
    TokenSignature "token.signature" "The permission's signature is not valid.";
    TokenJson "token.json" "The permission's content is not valid JSON.";
    TokenDuplicateMember "token.duplicate_member" "The permission says the same thing twice.";
    TokenFloat "token.float" "The permission has a number that cannot be read exactly.";
    TokenClaimUnknown "token.claim_unknown" "The permission says something that is not known.";
    TokenClaimIss "token.claim_iss" "The permission's issuer is missing or malformed.";
    TokenClaimSub "token.claim_sub" "The permission does not say for whom it is.";
    TokenClaimAud "token.claim_aud" "The permission does not say for which service it is.";
    TokenClaimIat "token.claim_iat" "The permission does not say when it was issued.";
    TokenClaimNbf "token.claim_nbf" "The permission's start is malformed.";
    TokenClaimExp "token.claim_exp" "The permission does not say when it ends.";
    TokenClaimJti "token.claim_jti" "The permission has no identifier.";
    TokenClaimTxn "token.claim_txn" "The permission's transaction identifier is malformed.";
    TokenClaimAct "token.claim_act" "The permission does not say which agent acts.";
    TokenClaimAgent "token.claim_agent" "The permission does not describe the agent.";
    TokenClaimClientId "token.claim_client_id" "The permission's client is malformed.";
    TokenClaimTenant "token.claim_tenant" "The permission's tenant is malformed.";
    TokenClaimLogin "token.claim_login" "The permission's statement about the login is malformed.";
    TokenClaimPolicy "token.claim_policy" "The permission's policy reference is malformed.";
    TokenClaimStatus "token.claim_status" "The permission's status reference is malformed.";
    TokenClaimApproval "token.claim_approval" "The permission's approval note is malformed.";
    TokenAuthorizationDetails "token.authorization_details" "The permission does not say what may be done.";
    TokenCnf "token.cnf" "The permission does not say who holds it, or names an unusable key.";
    TokenIatFuture "token.iat_future" "The permission was issued in the future.";
    TokenNotYet "token.not_yet" "The permission does not apply yet.";
    TokenExpired "token.expired" "The permission has expired.";
    TokenLifetime "token.lifetime" "The permission is valid for too long.";

    ChainDerivedMember "chain.derived_member" "A passed-on permission says something that only the first one may say.";
    ChainDepth "chain.depth" "The permission was passed on more often than allowed.";
    ChainIss "chain.iss" "A passed-on permission does not name the holder before it.";
    ChainParHash "chain.par_hash" "A passed-on permission does not belong to the one before it.";
    ChainExp "chain.exp_extended" "A passed-on permission lasts longer than the one before it.";
    ChainIat "chain.iat_before_parent" "A passed-on permission is older than the one before it.";
    ChainJti "chain.jti" "Two parts of the permission have the same identifier.";

    TokenAudience "token.audience" "The permission is for another service.";
    TokenTenant "token.tenant" "The permission is for another organisation's data.";
    TokenSubject "token.subject" "The permission was given for another person.";
    AgentClass "agent.class" "The permission belongs to another agent.";
    AgentInstance "agent.instance" "The permission belongs to another run of the agent.";
    AgentVersion "agent.version" "The agent runs in another version than the permission says.";
    AgentModel "agent.model" "The agent runs with another model than it may.";
    AgentEnvironment "agent.environment" "The agent runs in another environment than it may.";
    AgentAttestation "agent.attestation" "It was not attested recently enough how the agent runs.";
    PossessionMissing "possession.missing" "Proof that the agent holds the permission is missing.";
    PossessionMalformed "possession.malformed" "The proof that the agent holds the permission is not in the expected form.";
    PossessionTyp "possession.typ" "What was shown is not a proof that the agent holds the permission.";
    PossessionAlg "possession.alg" "The proof is signed in a way that is not accepted.";
    PossessionKey "possession.key" "The permission belongs to another holder.";
    PossessionSignature "possession.signature" "The proof's signature is not valid.";
    PossessionToken "possession.token" "The proof was made for another permission.";
    PossessionMethod "possession.method" "The proof was made for another kind of request.";
    PossessionUrl "possession.url" "The proof was made for another address.";
    PossessionNonce "possession.nonce" "The proof does not answer the service's question.";
    PossessionCall "possession.call" "The proof was made for another call.";
    PossessionExpired "possession.expired" "The proof is too old.";
    PossessionIatFuture "possession.iat_future" "The proof was made in the future.";
    PossessionUsed "possession.used" "The proof was used before; each works once.";

    ManifestNone "manifest.none" "Nothing may be granted to this agent.";
    ManifestLife "manifest.life" "The permission is valid for longer than this agent may have one.";
    ManifestDepth "manifest.depth" "The permission was passed on more often than this agent may.";
    ManifestCapability "manifest.capability" "This agent may never do this.";
    ManifestPower "manifest.power" "This agent may never do this in this way.";
    ManifestResource "manifest.resource" "This agent may never do this to this.";
    ManifestPurpose "manifest.purpose" "This agent may never do this for this purpose.";
    ManifestConstraint "manifest.constraint" "This agent may never go this far.";

    CapabilityNone "capability.none" "The permission does not include this.";
    CapabilityPower "capability.power" "The permission does not go this far.";
    CapabilityResource "capability.resource" "The permission is for something else.";
    CapabilityPurpose "capability.purpose" "The permission is for another purpose.";
    ConstraintUnnamed "constraint.unnamed" "The permission does not cover a detail of the request.";
    ConstraintMissing "constraint.missing" "A detail that the permission bounds is missing.";
    ConstraintExact "constraint.exact" "A detail differs from the only value allowed.";
    ConstraintOneOf "constraint.one_of" "A detail is not one of the values allowed.";
    ConstraintNotOneOf "constraint.not_one_of" "A detail has a value that is excluded.";
    ConstraintRange "constraint.range" "A number is outside the bounds.";
    ConstraintLike "constraint.like" "A text does not have the allowed form.";
    ConstraintEmailDomain "constraint.email_domain" "An e-mail address is not in an allowed domain.";
    ConstraintUrl "constraint.url" "An address on the web is not allowed.";
    ConstraintSubpath "constraint.subpath" "A path is outside the allowed folder.";
    ConstraintCidr "constraint.cidr" "A network address is outside the allowed ranges.";
    ConstraintEach "constraint.each" "An element of a list is not allowed.";
    ConstraintSubset "constraint.subset" "A list has a value that is not allowed.";
    ConstraintContains "constraint.contains" "A list lacks a value that it must have.";
    ConstraintCount "constraint.count" "A list has too many or too few elements.";
    ConstraintAll "constraint.all" "A detail does not meet every bound.";
    ConstraintAny "constraint.any" "A detail meets none of the possible bounds.";
    ConstraintOptional "constraint.optional" "A detail is outside its bound.";
    ConstraintWildcard "constraint.wildcard" "A detail must be given.";

    LimitSpend "limit.spend" "The amount is more than the permission's budget, or is not given as it must be.";
    LimitAudience "limit.audience" "The permission has a budget and is for several services at once.";
    LimitUses "limit.uses" "The permission was used as often as it may be.";
    StatusRevoked "status.revoked" "The permission was revoked or suspended.";
    StatusMismatch "status.mismatch" "The status that the service gave belongs to another permission.";
    StatusStale "status.stale" "It was not checked recently enough whether the permission was revoked.";
    RevocationMalformed "revocation.malformed" "A list of revoked permissions cannot be read.";
    RevocationTyp "revocation.typ" "What was shown is not a list of revoked permissions.";
    RevocationAlg "revocation.alg" "A list of revoked permissions is signed in a way that is not accepted.";
    RevocationUnknownKey "revocation.unknown_key" "The signer of a list of revoked permissions is not known.";
    RevocationKeyRole "revocation.key_role" "The signer of a list of revoked permissions may not sign it.";
    RevocationSignature "revocation.signature" "The signature of a list of revoked permissions is not valid.";
    RevocationIatFuture "revocation.iat_future" "A list of revoked permissions was issued in the future.";
    RevocationStale "revocation.stale" "A list of revoked permissions is too old.";
    RevocationRollback "revocation.rollback" "A list of revoked permissions is older than one that was known already.";
    RevocationMissing "revocation.missing" "A list of revoked permissions is missing.";
    RevocationRevoked "revocation.revoked" "The permission belongs to a group that was revoked.";
    LoginRequired "login.required" "A fresh or stronger login is needed.";
    ApprovalRequired "approval.required" "A person must approve this first.";
    ApprovalMalformed "approval.malformed" "The approval is not in the expected form.";
    ApprovalTyp "approval.typ" "What was shown is not an approval.";
    ApprovalAlg "approval.alg" "The approval is signed in a way that is not accepted.";
    ApprovalUnknownKey "approval.unknown_key" "The signer of the approval is not known.";
    ApprovalKeyRole "approval.key_role" "The signer of the approval may not approve this.";
    ApprovalSignature "approval.signature" "The approval's signature is not valid.";
    ApprovalIatFuture "approval.iat_future" "The approval was given in the future.";
    ApprovalExpired "approval.expired" "The approval has expired.";
    ApprovalAudience "approval.audience" "The approval is for another service.";
    ApprovalKind "approval.kind" "The approval is of another kind than this needs.";
    ApprovalBinding "approval.binding" "The approval is for another call.";
    ApprovalDisplay "approval.display" "The person was shown something else than this call.";
    ApprovalDisplaySize "approval.display_size" "This is too long to be shown whole, so nobody can approve it.";
    ApprovalRisk "approval.risk" "The approval was given for another risk.";
    ApprovalActor "approval.actor" "Who acts cannot approve it.";
    ApprovalApprover "approval.approver" "Who approved may not approve this.";
    ApprovalDenied "approval.denied" "A person said no to this.";
    ApprovalRepeated "approval.repeated" "The same approval was shown twice.";
    ApprovalUsed "approval.used" "The approval was used before; each is for one call.";

    PolicyForbid "policy.forbid" "A rule of the organisation forbids this.";
    PolicyError "policy.error" "A rule of the organisation could not be checked, so the answer is no.";
    PolicyNoPermit "policy.no_permit" "No rule of the organisation permits this.";

    ObligationUnknown "obligation.unknown" "The service cannot do something that it would have to do first.";
    ObligationFailed "obligation.failed" "Something that had to be done first could not be done.";

    EngineTrap "engine.trap" "The check did not finish, so the answer is no.";
    EngineResources "engine.resources" "The check needed more memory or work than it may have.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
