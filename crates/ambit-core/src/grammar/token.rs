//! Capability chains: headers, the claims of a block, the holder's key.

use super::{COUNT, Form, INTEGER, Member, Need, TEXTS, may, needs, never};
use crate::Reason;
use crate::limits::CAPABILITIES;

/// The header of a root.
pub const ROOT_HEADER: &[Member] = &[
    needs("alg", Form::Text),
    needs("typ", Form::Text),
    needs("kid", Form::Text),
];
/// The header of a derived block.
pub const DERIVED_HEADER: &[Member] = &[needs("alg", Form::Text), needs("typ", Form::Text)];

/// What a kind of block thinks of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimNeed {
    /// It must have it.
    Required,
    /// It may have it.
    Optional,
    /// It must not have it.
    Refused(Reason),
}

/// A claim of a block.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Its name.
    pub name: &'static str,
    /// In the first block.
    pub root: ClaimNeed,
    /// In a further block.
    pub derived: ClaimNeed,
    /// Its form.
    pub form: Form,
    /// Missing though required, or not of its form.
    pub fault: Reason,
}

impl Claim {
    /// The claim as a member of a root's or of a derived block's claims.
    #[must_use]
    pub const fn member(&self, root: bool) -> Member {
        let need = match if root { self.root } else { self.derived } {
            Required => Need::Required,
            Optional => Need::Optional,
            Refused(_) => Need::Refused,
        };
        Member {
            name: self.name,
            need,
            form: self.form,
        }
    }
}

const fn row(
    name: &'static str,
    (root, derived): (ClaimNeed, ClaimNeed),
    form: Form,
    fault: Reason,
) -> Claim {
    Claim {
        name,
        root,
        derived,
        form,
        fault,
    }
}

use ClaimNeed::{Optional, Refused, Required};

const ALL: (ClaimNeed, ClaimNeed) = (Required, Required);
const ALL_MAY: (ClaimNeed, ClaimNeed) = (Optional, Optional);
const ROOT: (ClaimNeed, ClaimNeed) = (Required, Refused(Reason::ChainDerivedMember));
const ROOT_MAY: (ClaimNeed, ClaimNeed) = (Optional, Refused(Reason::ChainDerivedMember));
const ROOT_DERIVED_MAY: (ClaimNeed, ClaimNeed) = (Required, Optional);
const DERIVED: (ClaimNeed, ClaimNeed) = (Refused(Reason::ChainParHash), Required);

/// The claims of a block (docs/token.md, "Claims"), in the order in which the faults of one block are
/// reported.
#[rustfmt::skip]
pub static CLAIMS: [Claim; 23] = [
    row("iss", ALL, Form::Text, Reason::TokenClaimIss),
    row("sub", ROOT, Form::Text, Reason::TokenClaimSub),
    row("aud", ROOT_DERIVED_MAY, TEXTS, Reason::TokenClaimAud),
    row("iat", ALL, INTEGER, Reason::TokenClaimIat),
    row("nbf", ALL_MAY, INTEGER, Reason::TokenClaimNbf),
    row("exp", ALL, INTEGER, Reason::TokenClaimExp),
    row("jti", ALL, Form::Text, Reason::TokenClaimJti),
    row("act", ROOT_DERIVED_MAY, Form::Object(ACT), Reason::TokenClaimAct),
    row("agent", ROOT, Form::Object(AGENT), Reason::TokenClaimAgent),
    row("cnf", ALL, Form::Object(CNF), Reason::TokenCnf),
    row("authorization_details", ALL, ENTRIES, Reason::TokenAuthorizationDetails),
    row("del_depth", ALL, INTEGER, Reason::ChainDepth),
    row("del_max_depth", ALL, INTEGER, Reason::ChainDepth),
    row("par_hash", DERIVED, Form::Bytes32, Reason::ChainParHash),
    row("tenant", ROOT_MAY, Form::Text, Reason::TokenClaimTenant),
    row("txn", ROOT_MAY, Form::Text, Reason::TokenClaimTxn),
    row("client_id", ROOT_MAY, Form::Text, Reason::TokenClaimClientId),
    row("acr", ROOT_MAY, Form::Text, Reason::TokenClaimLogin),
    row("amr", ROOT_MAY, TEXTS, Reason::TokenClaimLogin),
    row("auth_time", ROOT_MAY, INTEGER, Reason::TokenClaimLogin),
    row("policy", ROOT_MAY, POLICY, Reason::TokenClaimPolicy),
    row("status", ROOT_MAY, Form::Object(STATUS), Reason::TokenClaimStatus),
    row("approval", ALL_MAY, Form::Object(APPROVAL), Reason::TokenClaimApproval),
];

/// What entries hold is judged entry by entry: a malformed one never matches (see `entry`).
const ENTRIES: Form = Form::List(&(1, CAPABILITIES), &Form::Exact);

/// The agent instance.
const ACT: &[Member] = &[
    needs("sub", Form::Address),
    may("iss", Form::Text),
    may("sub_profile", Form::Word(&["ai_agent"])),
];

const AGENT: &[Member] = &[
    needs("uid", Form::Text),
    may("instance_uid", Form::Text),
    may("version", Form::Text),
    may("ai_model", Form::Object(MODEL)),
    may("env", Form::Text),
];

/// A model, by the members given.
pub(super) const MODEL: &[Member] = &[
    may("ai_provider", Form::Text),
    may("name", Form::Text),
    may("version", Form::Text),
];

const CNF: &[Member] = &[needs("jwk", JWK)];

/// For which policy the token was made. `exact` without a digest would bind nothing.
const POLICY: Form = Form::OneOf(&[
    Form::Object(&[
        needs("uid", Form::Text),
        needs("version", VERSION),
        may("s256", Form::Bytes32),
        may("exact", Form::Is(false)),
    ]),
    Form::Object(&[
        needs("uid", Form::Text),
        needs("version", VERSION),
        needs("s256", Form::Bytes32),
        needs("exact", Form::Is(true)),
    ]),
]);
const VERSION: Form = Form::AtLeast(1);

/// A place in a Token Status List.
const STATUS: &[Member] = &[needs(
    "status_list",
    Form::Object(&[needs("idx", COUNT), needs("uri", Form::Text)]),
)];

/// Where an approval came from. It satisfies nothing, so only its form matters.
const APPROVAL: &[Member] = &[
    needs("id", Form::Text),
    may("approved_at", Form::Text),
    may("approved_until", Form::Text),
    may("approver", Form::Text),
    may("receipt_s256", Form::Bytes32),
];

/// A public Ed25519 or P-256 key (RFC 7517, 8037). Members that say nothing secret may stand beside it,
/// as RFC 7517 section 4 says and `WebCrypto` exports them; what would make it private must not.
/// Whether it is a usable point is asked with the signature.
pub const JWK: Form = Form::OneOf(&[
    Form::Open(&[
        needs("kty", Form::Word(&["OKP"])),
        needs("crv", Form::Word(&["Ed25519"])),
        needs("x", Form::Bytes32),
        never("y"),
        may("alg", Form::Word(&["Ed25519", "EdDSA"])),
        USE,
        KEY_OPS,
        EXT,
        KID,
        X5U,
        X5C,
        X5T,
        X5T_S256,
        D,
        P,
        Q,
        DP,
        DQ,
        QI,
        OTH,
        K,
    ]),
    Form::Open(&[
        needs("kty", Form::Word(&["EC"])),
        needs("crv", Form::Word(&["P-256"])),
        needs("x", Form::Bytes32),
        needs("y", Form::Bytes32),
        may("alg", Form::Word(&["ES256"])),
        USE,
        KEY_OPS,
        EXT,
        KID,
        X5U,
        X5C,
        X5T,
        X5T_S256,
        D,
        P,
        Q,
        DP,
        DQ,
        QI,
        OTH,
        K,
    ]),
]);
const USE: Member = may("use", Form::Word(&["sig"]));
const KEY_OPS: Member = may("key_ops", TEXTS);
const EXT: Member = may("ext", Form::Bool);
const KID: Member = may("kid", Form::Text);
const X5U: Member = may("x5u", Form::Text);
const X5C: Member = may("x5c", TEXTS);
const X5T: Member = may("x5t", Form::Text);
const X5T_S256: Member = may("x5t#S256", Form::Text);
// Private members of every kind of key (RFC 7518 section 6).
const D: Member = never("d");
const P: Member = never("p");
const Q: Member = never("q");
const DP: Member = never("dp");
const DQ: Member = never("dq");
const QI: Member = never("qi");
const OTH: Member = never("oth");
const K: Member = never("k");
