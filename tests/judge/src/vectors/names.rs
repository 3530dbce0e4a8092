//! The error names of the published chain vectors and our reasons.

use ambit_core::Reason;

/// Which reasons an error name in a chain vector file (`"error": NAME`) stands for. The vectors
/// name some faults more coarsely than we do, so a name may stand in several rows, and several
/// names may stand for one reason.
const NAMES: &[(&str, Reason)] = &[
    ("chain_size", Reason::TokenSize),
    ("size", Reason::TokenSize),
    ("format", Reason::TokenFormat),
    ("base64url", Reason::TokenBase64),
    ("header_member", Reason::TokenHeaderMember),
    ("alg", Reason::TokenAlg),
    ("typ", Reason::TokenTyp),
    ("kid", Reason::TokenUnknownKey),
    ("unknown_key", Reason::TokenUnknownKey),
    ("key_role", Reason::KeyRole),
    ("signature", Reason::TokenSignature),
    ("json", Reason::TokenJson),
    ("utf8", Reason::TokenJson),
    ("json_depth", Reason::TokenJson),
    ("duplicate_member", Reason::TokenDuplicateMember),
    ("float", Reason::TokenFloat),
    ("claim", Reason::TokenClaimUnknown),
    ("claim_unknown", Reason::TokenClaimUnknown),
    ("unknown_claim", Reason::TokenClaimUnknown),
    ("unknown_member", Reason::TokenClaimUnknown),
    ("root_member", Reason::TokenClaimUnknown),
    ("claim_member", Reason::TokenClaimUnknown),
    ("claim_iss", Reason::TokenClaimIss),
    ("claim_iss", Reason::ChainIss),
    ("claim_sub", Reason::TokenClaimSub),
    ("claim_aud", Reason::TokenClaimAud),
    ("claim_iat", Reason::TokenClaimIat),
    ("claim_nbf", Reason::TokenClaimNbf),
    ("claim_exp", Reason::TokenClaimExp),
    ("claim_jti", Reason::TokenClaimJti),
    ("claim_txn", Reason::TokenClaimTxn),
    ("claim_act", Reason::TokenClaimAct),
    ("claim_agent", Reason::TokenClaimAgent),
    ("claim_client_id", Reason::TokenClaimClientId),
    ("claim_tenant", Reason::TokenClaimTenant),
    ("claim_acr", Reason::TokenClaimLogin),
    ("claim_amr", Reason::TokenClaimLogin),
    ("claim_auth_time", Reason::TokenClaimLogin),
    ("claim_login", Reason::TokenClaimLogin),
    ("claim_policy", Reason::TokenClaimPolicy),
    ("claim_status", Reason::TokenClaimStatus),
    ("claim_approval", Reason::TokenClaimApproval),
    ("authorization_details", Reason::TokenAuthorizationDetails),
    (
        "claim_authorization_details",
        Reason::TokenAuthorizationDetails,
    ),
    ("cnf", Reason::TokenCnf),
    ("claim_cnf", Reason::TokenCnf),
    ("iat_future", Reason::TokenIatFuture),
    ("not_yet", Reason::TokenNotYet),
    ("expired", Reason::TokenExpired),
    ("lifetime", Reason::TokenLifetime),
    ("derived_member", Reason::ChainDerivedMember),
    // A claim that no block has is no claim of a derived block either.
    ("derived_member", Reason::TokenClaimUnknown),
    ("depth", Reason::ChainDepth),
    ("del_depth", Reason::ChainDepth),
    ("del_max_depth", Reason::ChainDepth),
    ("claim_del_depth", Reason::ChainDepth),
    ("claim_del_max_depth", Reason::ChainDepth),
    ("iss", Reason::ChainIss),
    ("par_hash", Reason::ChainParHash),
    ("claim_par_hash", Reason::ChainParHash),
    ("exp_extended", Reason::ChainExp),
    ("iat_before_parent", Reason::ChainIat),
    ("jti", Reason::ChainJti),
    ("jti", Reason::TokenClaimJti),
];

/// Whether a vector that expects the error `name` is met by `reason`.
pub(super) fn means(name: &str, reason: Reason) -> bool {
    NAMES
        .iter()
        .any(|(known, means)| *known == name && *means == reason)
}

#[cfg(test)]
mod tests {
    use ambit_core::Reason;

    use super::{NAMES, means};

    #[test]
    fn names_are_unambiguous_where_it_matters() {
        for (at, row) in NAMES.iter().enumerate() {
            assert!(!NAMES[..at].contains(row), "{row:?} stands twice");
        }
        assert!(means("claim_iss", Reason::ChainIss));
        // A derived block with `foo` and one with `sub`: both carry what a derived block may not.
        for reason in [Reason::ChainDerivedMember, Reason::TokenClaimUnknown] {
            assert!(means("derived_member", reason));
        }
        assert!(!means("nothing", Reason::ChainIss));
    }
}
