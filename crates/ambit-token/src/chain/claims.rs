//! The claims table of TOKEN.md: which claims a block has, and their forms.

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Kind};

use super::Fault;
use super::shapes::{self, Shape};

/// What a kind of block thinks of a claim.
#[derive(Clone, Copy)]
enum Need {
    Required,
    Optional,
    Refused(Reason),
}

use Need::{Optional, Refused, Required};

/// A row of the table.
struct Claim {
    name: &'static str,
    root: Need,
    derived: Need,
    shape: Shape,
    /// Missing though required, or not of its shape.
    fault: Reason,
}

const fn row(
    name: &'static str,
    (root, derived): (Need, Need),
    shape: Shape,
    fault: Reason,
) -> Claim {
    Claim {
        name,
        root,
        derived,
        shape,
        fault,
    }
}

const ALL: (Need, Need) = (Required, Required);
const ALL_MAY: (Need, Need) = (Optional, Optional);
const ROOT: (Need, Need) = (Required, Refused(Reason::ChainDerivedMember));
const ROOT_MAY: (Need, Need) = (Optional, Refused(Reason::ChainDerivedMember));
const ROOT_DERIVED_MAY: (Need, Need) = (Required, Optional);
const DERIVED: (Need, Need) = (Refused(Reason::ChainParHash), Required);

/// How many claims there are.
const COUNT: usize = 23;

/// The table, in the order in which the faults of one block are reported.
#[rustfmt::skip]
static TABLE: [Claim; COUNT] = [
    row("iss", ALL, shapes::text, Reason::TokenClaimIss),
    row("sub", ROOT, shapes::text, Reason::TokenClaimSub),
    row("aud", ROOT_DERIVED_MAY, shapes::texts, Reason::TokenClaimAud),
    row("iat", ALL, shapes::integer, Reason::TokenClaimIat),
    row("nbf", ALL_MAY, shapes::integer, Reason::TokenClaimNbf),
    row("exp", ALL, shapes::integer, Reason::TokenClaimExp),
    row("jti", ALL, shapes::text, Reason::TokenClaimJti),
    row("act", ROOT_DERIVED_MAY, shapes::act, Reason::TokenClaimAct),
    row("agent", ROOT, shapes::agent, Reason::TokenClaimAgent),
    row("cnf", ALL, shapes::cnf, Reason::TokenCnf),
    row("authorization_details", ALL, shapes::entries, Reason::TokenAuthorizationDetails),
    row("del_depth", ALL, shapes::integer, Reason::ChainDepth),
    row("del_max_depth", ALL, shapes::integer, Reason::ChainDepth),
    row("par_hash", DERIVED, shapes::digest, Reason::ChainParHash),
    row("tenant", ROOT_MAY, shapes::text, Reason::TokenClaimTenant),
    row("txn", ROOT_MAY, shapes::text, Reason::TokenClaimTxn),
    row("client_id", ROOT_MAY, shapes::text, Reason::TokenClaimClientId),
    row("acr", ROOT_MAY, shapes::text, Reason::TokenClaimLogin),
    row("amr", ROOT_MAY, shapes::texts, Reason::TokenClaimLogin),
    row("auth_time", ROOT_MAY, shapes::integer, Reason::TokenClaimLogin),
    row("policy", ROOT_MAY, shapes::policy, Reason::TokenClaimPolicy),
    row("status", ROOT_MAY, shapes::status, Reason::TokenClaimStatus),
    row("approval", ALL_MAY, shapes::approval, Reason::TokenClaimApproval),
];

// The rows that code reads, by their place in the table (a test compares).
pub(super) const ISS: usize = 0;
pub(super) const SUB: usize = 1;
pub(super) const AUD: usize = 2;
pub(super) const IAT: usize = 3;
pub(super) const NBF: usize = 4;
pub(super) const EXP: usize = 5;
pub(super) const JTI: usize = 6;
pub(super) const AGENT: usize = 8;
pub(super) const CNF: usize = 9;
pub(super) const DETAILS: usize = 10;
pub(super) const DEL_DEPTH: usize = 11;
pub(super) const DEL_MAX_DEPTH: usize = 12;
pub(super) const PAR_HASH: usize = 13;
pub(super) const TENANT: usize = 14;

/// The claims of one block: a JSON object that has passed the table.
#[derive(Clone, Debug)]
pub(super) struct Claims<'a> {
    document: Document<'a>,
    /// Where in the document the claim of each row stands. 0, the whole document, is "absent".
    places: [usize; COUNT],
}

impl<'a> Claims<'a> {
    /// Checks every claim of a block against the table. The claims of a `known` chain had their
    /// forms when it was verified before, and the bytes are the same.
    pub(super) fn check(document: Document<'a>, root: bool, known: bool) -> Result<Self, Fault> {
        if document.root().kind() != Kind::Object {
            return Err(Fault::new(
                Reason::TokenJson,
                "the claims are not an object",
            ));
        }
        let mut places = [0; COUNT];
        for (name, value) in document.root().members() {
            let mut rows = TABLE.iter().zip(&mut places);
            let Some((row, place)) = rows.find(|(row, _)| row.name == name) else {
                let detail = "a claim is not known";
                return Err(Fault::new(Reason::TokenClaimUnknown, detail));
            };
            if let Refused(reason) = row.need(root) {
                return Err(Fault::claim(
                    reason,
                    row.name,
                    "does not belong in this block",
                ));
            }
            *place = value.index();
        }
        let claims = Self { document, places };
        if known {
            return Ok(claims);
        }
        for (at, row) in TABLE.iter().enumerate() {
            row.check(claims.get(at), root)?;
        }
        Ok(claims)
    }

    /// The claim of a row of the table.
    pub(super) fn get(&self, row: usize) -> Option<Json<'_>> {
        let place = self.places.get(row).filter(|place| **place != 0)?;
        Some(self.document.value_at(*place))
    }

    /// The string of a row; empty when absent, which no string claim may be.
    pub(super) fn text(&self, row: usize) -> &str {
        self.get(row).and_then(Json::as_str).unwrap_or_default()
    }

    /// The integer of a row whose shape is an integer.
    pub(super) fn integer(&self, row: usize) -> Option<i64> {
        self.get(row).and_then(Json::as_int)
    }

    /// All claims.
    pub(super) fn root(&self) -> Json<'_> {
        self.document.root()
    }
}

impl Claim {
    const fn need(&self, root: bool) -> Need {
        if root { self.root } else { self.derived }
    }

    fn check(&self, value: Option<Json<'_>>, root: bool) -> Result<(), Fault> {
        match (value, self.need(root)) {
            (None, Required) => Err(Fault::claim(self.fault, self.name, "is missing")),
            (Some(value), _) if !(self.shape)(value) => Err(Fault::claim(
                self.fault,
                self.name,
                "does not have its form",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_are_those_of_the_names() {
        let places = [
            (ISS, "iss"),
            (SUB, "sub"),
            (AUD, "aud"),
            (IAT, "iat"),
            (NBF, "nbf"),
            (EXP, "exp"),
            (JTI, "jti"),
            (AGENT, "agent"),
            (CNF, "cnf"),
            (DETAILS, "authorization_details"),
            (DEL_DEPTH, "del_depth"),
            (DEL_MAX_DEPTH, "del_max_depth"),
            (PAR_HASH, "par_hash"),
            (TENANT, "tenant"),
        ];
        for (place, name) in places {
            assert_eq!(TABLE[place].name, name);
        }
    }
}
