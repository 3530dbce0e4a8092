//! The claims of a block, checked against the table of docs/token.md ([`CLAIMS`]).

use alloc::boxed::Box;

use ambit_core::Reason;
use ambit_core::grammar::{CLAIMS, Claim, ClaimNeed};
use ambit_core::json::{Document, Json, Kind};

use super::Fault;

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
    places: [usize; CLAIMS.len()],
}

impl<'a> Claims<'a> {
    /// Claims that were checked before, and copied since.
    pub(super) const fn kept(document: Document<'a>, places: [usize; CLAIMS.len()]) -> Self {
        Self { document, places }
    }

    /// Checks every claim of a block against the table.
    pub(super) fn check(document: Document<'a>, root: bool) -> Result<Self, Box<Fault>> {
        if document.root().kind() != Kind::Object {
            return Err(Fault::new(
                Reason::TokenJson,
                "the claims are not an object",
            ));
        }
        let mut places = [0; CLAIMS.len()];
        for (name, value) in document.root().members() {
            let mut rows = CLAIMS.iter().zip(&mut places);
            let Some((row, place)) = rows.find(|(row, _)| row.name == name) else {
                let detail = "a claim is not known";
                return Err(Fault::new(Reason::TokenClaimUnknown, detail));
            };
            if let ClaimNeed::Refused(reason) = need(row, root) {
                return Err(Fault::claim(
                    reason,
                    row.name,
                    "does not belong in this block",
                ));
            }
            *place = value.index();
        }
        let claims = Self { document, places };
        for (at, row) in CLAIMS.iter().enumerate() {
            check(row, claims.get(at), root)?;
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

    /// The document, and where in it the claim of each row stands: what [`Self::kept`] takes.
    pub(super) const fn parts(&self) -> (&Document<'a>, [usize; CLAIMS.len()]) {
        (&self.document, self.places)
    }

    /// All claims.
    pub(super) fn root(&self) -> Json<'_> {
        self.document.root()
    }
}

const fn need(row: &Claim, root: bool) -> ClaimNeed {
    if root { row.root } else { row.derived }
}

fn check(row: &Claim, value: Option<Json<'_>>, root: bool) -> Result<(), Box<Fault>> {
    let Some(value) = value else {
        return match need(row, root) {
            ClaimNeed::Required => Err(Fault::claim(row.fault, row.name, "is missing")),
            ClaimNeed::Optional | ClaimNeed::Refused(_) => Ok(()),
        };
    };
    let checked = row.form.check(value);
    checked.map_err(|fault| Fault::form(row.fault, row.name, fault))
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
            assert_eq!(CLAIMS[place].name, name);
        }
    }
}
