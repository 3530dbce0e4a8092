//! The token chain: form, signature, claims, times, links.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "token.missing",
        "the request carries no `token`",
        "put the agent's token chain into `token`; `ambit mint` makes one",
    ),
    (
        "token.format",
        "the token is not one to five JWS blocks of three parts, joined by `~`",
        "pass the chain exactly as it was minted, without line breaks or `Bearer`",
    ),
    (
        "token.size",
        "the chain is longer than 16 KiB, or has more blocks than the policy allows",
        "grant fewer capabilities in one token, or delegate less deeply",
    ),
    (
        "token.base64url",
        "a part of the chain is not canonical base64url: padding, spare bits or foreign characters",
        "pass the chain exactly as it was minted",
    ),
    (
        "token.header_member",
        "a block's header has other members than `alg`, `typ` and (in the root) `kid`",
        "use an issuer that writes `cap+jwt` headers; embedded keys and URLs are refused on purpose",
    ),
    (
        "token.alg",
        "a block's `alg` is not the one configured for its key",
        "check `alg` of the key in `ambit.toml`; the old name `EdDSA` counts only for keys configured so",
    ),
    (
        "token.typ",
        "a block's `typ` is not `cap+jwt`",
        "present a capability token, not another kind of statement",
    ),
    (
        "token.unknown_key",
        "the policy has no key with this `kid` for the token's `iss`",
        "add the issuer's public key to `[[keys]]` of `ambit.toml` and build again, or use the right issuer key",
    ),
    (
        "key.role",
        "the key is known, but may not sign this type of statement, or not for this tenant, audience or agent",
        "use the key meant for it, or widen the key's `signs`, `tenants`, `audiences` or `agents` in `ambit.toml`",
    ),
    (
        "token.signature",
        "a block's signature does not verify under strict Ed25519",
        "present the token as it was minted; if it was, the key in the policy is not the issuer's",
    ),
    (
        "token.json",
        "a block's header or claims are not strict JSON",
        "use an issuer that writes valid JSON, at most 32 levels deep",
    ),
    (
        "token.duplicate_member",
        "a block has an object with the same member twice",
        "correct the issuer; readers differ in which of the two they believe",
    ),
    (
        "token.float",
        "a signed number has a fraction or an exponent",
        "write money as an integer in minor units",
    ),
    (
        "token.claim_unknown",
        "a block carries a claim that the token format does not have: `docs/token.md`, section 2, lists them",
        "remove the claim: what the evaluator does not understand, it cannot enforce",
    ),
    (
        "token.claim_iss",
        "`iss` is missing, malformed, or not an issuer of the policy",
        "set `iss` to the issuer as `ambit.toml` writes it",
    ),
    (
        "token.claim_sub",
        "`sub` is missing or malformed",
        "set `sub` to the person or service the agent acts for, for example `user:ann`",
    ),
    (
        "token.claim_aud",
        "`aud` is missing, or not a list of strings",
        "set `aud` to a list, for example `[\"https://mail.example\"]`",
    ),
    (
        "token.claim_iat",
        "`iat` is missing or not an integer",
        "set `iat` to the seconds since 1970 at which the token is made",
    ),
    (
        "token.claim_nbf",
        "`nbf` is not an integer",
        "write seconds since 1970, or leave `nbf` out",
    ),
    (
        "token.claim_exp",
        "`exp` is missing or not an integer",
        "set `exp` to the seconds since 1970 at which the token ends",
    ),
    (
        "token.claim_jti",
        "`jti` is missing or not a string",
        "give each block an identifier of its own",
    ),
    (
        "token.claim_txn",
        "`txn` is not a string",
        "write a string, or leave `txn` out",
    ),
    (
        "token.claim_act",
        "`act` is missing or malformed",
        "set `act` to the agent instance: `sub`, `iss` and `sub_profile: \"ai_agent\"`",
    ),
    (
        "token.claim_agent",
        "`agent` is missing or malformed",
        "set `agent.uid` to the agent class, the `agent` of a manifest",
    ),
    (
        "token.claim_client_id",
        "`client_id` is not a string",
        "write a string, or leave it out",
    ),
    (
        "token.claim_tenant",
        "`tenant` is not a string",
        "write a string, or leave it out",
    ),
    (
        "token.claim_login",
        "`acr`, `amr` or `auth_time` has the wrong type",
        "write `acr` as a string, `amr` as a list of strings, `auth_time` as an integer",
    ),
    (
        "token.claim_policy",
        "`policy` is not an object of `uid`, `version` and optionally `s256`, `exact`",
        "let `ambit mint --module` write it",
    ),
    (
        "token.claim_status",
        "`status` is not `{\"status_list\": {\"idx\", \"uri\"}}`",
        "correct it, or leave `status` out",
    ),
    (
        "token.claim_approval",
        "`approval` does not have the members of an approval note",
        "correct it, or leave it out: the note satisfies nothing by itself",
    ),
    (
        "token.authorization_details",
        "`authorization_details` is not a list of 1 to 64 capabilities",
        "grant at least one capability",
    ),
    (
        "token.cnf",
        "`cnf.jwk` is missing, is not a public Ed25519 key in its exact form, or is of small order",
        "name the holder with `--holder KEY.pub.jwk`",
    ),
    (
        "token.iat_future",
        "`iat` is more than the allowed clock skew (30 s) in the future",
        "set the clocks of issuer and service",
    ),
    (
        "token.not_yet",
        "`nbf` has not come yet",
        "wait, or mint a token that starts earlier",
    ),
    (
        "token.expired",
        "`facts.now` is at or after the `exp` of a block",
        "mint a new token: they are meant to be short-lived",
    ),
    (
        "token.lifetime",
        "the root lives longer than `limits.root_life_seconds` (at most 24 hours), or ends before it begins",
        "mint a token with a shorter life",
    ),
    (
        "chain.derived_member",
        "a derived block carries a claim that only the root may carry",
        "let `ambit attenuate` write derived blocks",
    ),
    (
        "chain.depth",
        "the chain is deeper than its `del_max_depth`, or a block's `del_depth` is not its place",
        "delegate less deeply, or mint a root with a higher `del_max_depth` if the manifest allows it",
    ),
    (
        "chain.iss",
        "a derived block's `iss` is not the thumbprint of the holder before it",
        "derive with the key that holds the parent",
    ),
    (
        "chain.par_hash",
        "a derived block's `par_hash` is not the digest of the block before it",
        "derive from exactly this parent",
    ),
    (
        "chain.exp_extended",
        "a derived block ends after its parent",
        "end it with the parent or before",
    ),
    (
        "chain.iat_before_parent",
        "a derived block claims to be older than its parent",
        "set the clocks of those who delegate",
    ),
    (
        "chain.jti",
        "two blocks of the chain have the same `jti`",
        "give each block an identifier of its own",
    ),
];
