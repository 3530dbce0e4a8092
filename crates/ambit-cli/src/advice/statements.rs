//! Proofs of possession, approval receipts, revocation epochs.

use super::Row;

const NEW_PROOF: &str =
    "make a new proof with the key that holds the token, for exactly this request";
const ASK_AGAIN: &str =
    "show the person what the answer to `propose` carries, and have exactly that signed";
const NEW_LIST: &str = "fetch the issuer's current list, and hand it to the evaluator as it came";

pub(super) const ROWS: &[Row] = &[
    (
        "possession.missing",
        "the policy requires proof of possession, and the request has no `proof`",
        "send a DPoP proof by the key of the token's last block; `possession = \"off\"` gives up the protection against theft",
    ),
    (
        "possession.malformed",
        "the proof is no JWS with exactly `alg`, `typ`, `jwk` in its header and the claims of a DPoP proof",
        NEW_PROOF,
    ),
    (
        "possession.typ",
        "the proof's `typ` is not `dpop+jwt`: another kind of statement stands in its place",
        NEW_PROOF,
    ),
    (
        "possession.alg",
        "the proof's `alg` is not the one of its key: `Ed25519` or `ES256`",
        NEW_PROOF,
    ),
    (
        "possession.key",
        "the proof is by another key than `cnf.jwk` of the token's last block",
        "prove with the key to which the last block is bound; if somebody else sent it, the token may be stolen",
    ),
    (
        "possession.signature",
        "the proof's signature does not verify",
        NEW_PROOF,
    ),
    (
        "possession.token",
        "`ath` is not the SHA-256 of the whole chain that was sent",
        NEW_PROOF,
    ),
    (
        "possession.method",
        "`htm` is not `facts.method`",
        NEW_PROOF,
    ),
    (
        "possession.url",
        "`htu` is not `facts.url`, compared without query and fragment",
        "prove for the URL that is called; behind a proxy, the host must give the outer URL as fact",
    ),
    (
        "possession.nonce",
        "`nonce` is not `facts.nonce`",
        "take the nonce of the service's last answer into a new proof",
    ),
    (
        "possession.call",
        "`ambit_call` is missing for `propose` or `execute`, or is the digest of another call",
        "put the action digest of exactly this call into the proof",
    ),
    (
        "possession.expired",
        "`iat` is more than 60 s ago",
        NEW_PROOF,
    ),
    (
        "possession.iat_future",
        "`iat` is more than 30 s ahead",
        "set the holder's clock",
    ),
    (
        "possession.used",
        "a proof with this `jti` was used before at this host",
        NEW_PROOF,
    ),
    (
        "approval.malformed",
        "a receipt is no JWS with the claims of an approval receipt",
        ASK_AGAIN,
    ),
    (
        "approval.typ",
        "the receipt's `typ` is not `approval-receipt+jwt`",
        ASK_AGAIN,
    ),
    (
        "approval.alg",
        "the receipt's `alg` is not the one of its key in the policy",
        ASK_AGAIN,
    ),
    (
        "approval.unknown_key",
        "the policy has no key with the receipt's `kid` and `iss`",
        "add the approval service's key to `ambit.toml` with `signs = \"approval-receipt+jwt\"`",
    ),
    (
        "approval.key_role",
        "the key may not sign receipts, or not for this tenant, audience, agent, risk tier or action",
        "use the approval service that the policy names for this",
    ),
    (
        "approval.signature",
        "the receipt's signature does not verify",
        ASK_AGAIN,
    ),
    (
        "approval.iat_future",
        "the receipt's `iat` is more than 30 s ahead",
        "set the approval service's clock",
    ),
    (
        "approval.expired",
        "the receipt's `exp` has passed",
        ASK_AGAIN,
    ),
    (
        "approval.audience",
        "the receipt's `aud` is not `facts.audience`",
        ASK_AGAIN,
    ),
    (
        "approval.kind",
        "the receipt is of kind `grant`: it was given for a token, not for a call",
        ASK_AGAIN,
    ),
    (
        "approval.binding",
        "`binding_s256` is the digest of another call: an argument, the actor, the purpose, the token or another part differs",
        ASK_AGAIN,
    ),
    (
        "approval.display",
        "`display` does not hash the text of this call, so the person saw something else",
        ASK_AGAIN,
    ),
    (
        "approval.display_size",
        "the text of this call is longer than 64 KiB, so no person can be shown all of it, and nobody can approve it",
        "ask for less at once, or put the long part into a document and name it",
    ),
    (
        "approval.risk",
        "`risk_tier` is not the risk of executing this action",
        ASK_AGAIN,
    ),
    (
        "approval.actor",
        "the receipt's `sub` is the agent, its client, or who passed the token on",
        "ask a person who does not act here",
    ),
    (
        "approval.approver",
        "the receipt's `sub` is neither the token's `sub` nor named by a matched entry or the manifest",
        "ask one of the approvers whom the remedy names",
    ),
    (
        "approval.denied",
        "a person said no to exactly this call",
        "do not retry",
    ),
    (
        "approval.repeated",
        "two receipts have the same `iss` and `jti`",
        "send each receipt once; people are counted, not receipts",
    ),
    (
        "approval.hand",
        "receipts for two people are signed by one key, which the policy says is one person's",
        "give each person a key of their own in `[[keys]]`, and ask the second person",
    ),
    (
        "approval.used",
        "the receipt was used before: each lets one call run, or makes one token",
        ASK_AGAIN,
    ),
    (
        "status.stale",
        "`facts.status` is older than 300 s (risk high or critical) or 3600 s, or from the future",
        "fetch the status list again",
    ),
    (
        "revocation.malformed",
        "a list of revocation epochs has another form, or a selector that is not known",
        NEW_LIST,
    ),
    (
        "revocation.typ",
        "a statement's `typ` is not `revocation-epochs+jwt`",
        NEW_LIST,
    ),
    (
        "revocation.alg",
        "the list's `alg` is not the one of its key in the policy",
        NEW_LIST,
    ),
    (
        "revocation.unknown_key",
        "the policy has no key with the list's `kid` and `iss`",
        "add the key to `ambit.toml` with `signs = \"revocation-epochs+jwt\"`",
    ),
    (
        "revocation.key_role",
        "the key may not sign revocation epochs",
        NEW_LIST,
    ),
    (
        "revocation.signature",
        "the list's signature does not verify",
        NEW_LIST,
    ),
    (
        "revocation.iat_future",
        "the list's `iat` is more than 30 s ahead",
        "set the clock of whoever issues the list",
    ),
    ("revocation.stale", "the list's `exp` has passed", NEW_LIST),
    (
        "revocation.rollback",
        "the list's `version` is below `facts.min_versions.epochs`",
        NEW_LIST,
    ),
    (
        "revocation.missing",
        "`facts.min_versions.epochs` names an issuer whose list is not among `statements`",
        NEW_LIST,
    ),
    (
        "revocation.revoked",
        "a list of revocation epochs names this token, its agent, client, subject, key, tenant or policy version",
        "do not retry; mint a new token once the cause is gone",
    ),
    (
        "agent.attestation",
        "the manifest asks for an attestation, and `facts.agent.iat` is too old or in the future",
        "attest the agent again",
    ),
];
