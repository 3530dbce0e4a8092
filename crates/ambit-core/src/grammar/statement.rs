//! Receipts, proofs of possession, revocation epochs, assertions.

use super::token::MODEL;
use super::{COUNT, Form, INTEGER, JWK, MANY, Member, OBJECT, TEXTS, may, needs, never};
use crate::limits::{ORIGINS, PROOF_ID_BYTES, ROLES};

/// The header of a statement that a key of the bundle signs.
pub const STATEMENT_HEADER: &[Member] = super::ROOT_HEADER;

/// A person's yes or no (`approval-receipt+jwt`).
pub const RECEIPT: &[Member] = &[
    needs("iss", Form::Text),
    // Exactly one: a receipt for two places could be used in both.
    needs(
        "aud",
        Form::OneOf(&[Form::Text, Form::List(&(1, 1), &Form::Text)]),
    ),
    needs("jti", Form::Short(PROOF_ID_BYTES)),
    needs("iat", INTEGER),
    needs("exp", INTEGER),
    needs("sub", Form::Text),
    needs("decision", Form::Word(&["approved", "denied"])),
    needs("kind", Form::Word(&["grant", "action", "enrolment"])),
    needs("risk_tier", Form::Text),
    needs("binding_s256", Form::Bytes32),
    needs("display", Form::Object(DISPLAY)),
    may("txn", Form::Text),
    may("acr", Form::Text),
    may("amr", TEXTS),
    may("auth_time", INTEGER),
    may("roles", Form::List(&(1, ROLES), &Form::Text)),
];
const DISPLAY: &[Member] = &[
    needs("text_s256", Form::Bytes32),
    needs("locale", Form::Text),
    needs("renderer", Form::Text),
    may("now", INTEGER),
    may("utc_offset", INTEGER),
];

/// A person's key, made known without a new bundle (`approver-key+jwt`). What narrows it is named as for
/// a key of a bundle.
pub const ENROLMENT: &[Member] = &[
    needs("iss", Form::Text),
    needs("jti", Form::Short(PROOF_ID_BYTES)),
    needs("iat", INTEGER),
    needs("exp", INTEGER),
    needs("sub", Form::Text),
    needs("jwk", JWK),
    needs("policies", Form::Set),
    may("webauthn", Form::Object(CREDENTIAL)),
    may("tenants", Form::Set),
    may("audiences", Form::Set),
    may("agents", Form::Set),
    may(
        "tiers",
        Form::List(&(1, 4), &Form::Word(&["low", "medium", "high", "critical"])),
    ),
    may("actions", Form::Set),
];
/// Where the key is that of an authenticator.
const CREDENTIAL: &[Member] = &[
    needs("rp_id", Form::Text),
    needs("origins", Form::List(&(1, ORIGINS), &Form::Text)),
];

/// The header of a proof of possession.
pub const PROOF_HEADER: &[Member] = &[
    needs("alg", Form::Text),
    needs("typ", Form::Text),
    needs("jwk", JWK),
];

/// A proof of possession (`dpop+jwt`). An unknown claim would be a bound that nobody keeps.
pub const PROOF: &[Member] = &[
    needs("jti", Form::Short(PROOF_ID_BYTES)),
    needs("htm", Form::Text),
    needs("htu", Form::Text),
    needs("iat", INTEGER),
    needs("ath", Form::Text),
    may("nonce", Form::Text),
    may("ambit_call", Form::Text),
];

/// What is to be made ready for a signature. Which of `token` and `kid` is needed follows from `typ`.
pub const SIGNING: &[Member] = &[
    needs(
        "typ",
        Form::Word(&["dpop+jwt", "cap+jwt", "approval-receipt+jwt"]),
    ),
    needs("claims", OBJECT),
    may("token", Form::Text),
    may("kid", Form::Text),
    may("enrolment", Form::Text),
];

/// Revocation epochs (`revocation-epochs+jwt`). A list with an unknown selector could mean more than we
/// see, so it is unusable as a whole.
pub const EPOCHS: &[Member] = &[
    needs("iss", Form::Text),
    needs("iat", INTEGER),
    needs("exp", INTEGER),
    needs("version", COUNT),
    needs("entries", Form::List(&(0, MANY), &EPOCH)),
];

/// A key that is revoked signed nothing that counts, whenever it says that it did: for `kid` only `all` is
/// sound.
const EPOCH: Form = Form::OneOf(&[
    Form::Object(&[
        needs(
            "selector",
            Form::Object(&[
                JTI, SUB, TENANT, CLIENT_ID, ACT_SUB, JKT, AGENT_UID, AI_MODEL, POLICY,
            ]),
        ),
        needs("before", INTEGER),
    ]),
    Form::Object(&[
        needs(
            "selector",
            Form::Object(&[
                JTI, SUB, TENANT, CLIENT_ID, ACT_SUB, JKT, AGENT_UID, AI_MODEL, POLICY, KID,
            ]),
        ),
        needs("all", Form::Is(true)),
    ]),
]);
const JTI: Member = may("jti", Form::Text);
const SUB: Member = may("sub", Form::Text);
const TENANT: Member = may("tenant", Form::Text);
const CLIENT_ID: Member = may("client_id", Form::Text);
const ACT_SUB: Member = may("act.sub", Form::Text);
const JKT: Member = may("jkt", Form::Text);
const KID: Member = may("kid", Form::Text);
const AGENT_UID: Member = may("agent.uid", Form::Text);
const AI_MODEL: Member = may("agent.ai_model", Form::Object(MODEL));
const POLICY: Member = may(
    "policy",
    Form::Object(&[needs("uid", Form::Text), needs("below", INTEGER)]),
);

/// The signature of an authenticator, as a browser's `AuthenticatorAssertionResponse` writes it.
pub const ASSERTION: &[Member] = &[
    needs("authenticatorData", Form::Text),
    needs("clientDataJSON", Form::Text),
    needs("signature", Form::Text),
];

/// `clientDataJSON`. The standard lets browsers add members.
pub const CLIENT_DATA: &[Member] = &[
    needs("type", Form::Word(&["webauthn.get"])),
    needs("challenge", Form::Text),
    needs("origin", Form::Text),
    // In no other site's frame.
    may("crossOrigin", Form::Is(false)),
    never("topOrigin"),
];
