//! Step 2: the header, and the keys that it leads to.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ambit_core::grammar::{self, Member};
use ambit_core::json::{Document, Json, Kind, Profile};
use ambit_core::{Reason, keep};

use super::Fault;
use super::verify::json_fault;
use crate::keys::{IssuerKey, Keys};

/// The `typ` of a chain's blocks.
pub(super) const TYP: &str = "cap+jwt";
/// Keys of one `kid` that a signature is tried with. Each costs a verification (about 0.1 ms in
/// wasm) for whoever sends a bad chain; issuers that share a `kid` are few.
const SAME_KID: usize = 16;

/// The keys that may have signed a root with this header.
pub(super) fn root_keys<'k>(
    header: &[u8],
    keys: &'k dyn Keys,
) -> Result<Vec<IssuerKey<'k>>, Box<Fault>> {
    let document = read(header, grammar::ROOT_HEADER)?;
    let header = document.root();
    let kid = member(header, "kid").unwrap_or_default();
    let mut named = Vec::new();
    if !kid.is_empty() {
        keys.by_kid(kid, &mut |key| {
            named.push(key);
            named.len() >= SAME_KID
        });
    }
    check_root_alg(header, &named)?;
    check_typ(header)?;
    if named.is_empty() {
        return Err(Fault::new(Reason::TokenUnknownKey, "no key has this `kid`"));
    }
    let alg = member(header, "alg");
    keep(&mut named, &mut |key| {
        Some(key.alg()) == alg && key.signs == TYP
    });
    if named.is_empty() {
        let detail = "the key may not sign capability tokens";
        return Err(Fault::new(Reason::KeyRole, detail));
    }
    Ok(named)
}

/// The header of a derived block, whose key is the holder of the block before.
pub(super) fn check_derived(header: &[u8], alg: Option<&str>) -> Result<(), Box<Fault>> {
    let document = read(header, grammar::DERIVED_HEADER)?;
    if alg.is_none() || member(document.root(), "alg") != alg {
        return Err(wrong_alg());
    }
    check_typ(document.root())
}

/// The header as JSON with no other members than those of its table. A member that is missing or of
/// another form is not the one that is wanted, whatever that is.
fn read<'h>(header: &'h [u8], table: &[Member]) -> Result<Document<'h>, Box<Fault>> {
    let document = Document::parse(header, Profile::Signed).map_err(|error| json_fault(&error))?;
    if document.root().kind() != Kind::Object {
        return Err(Fault::new(Reason::TokenJson, "the header is not an object"));
    }
    if grammar::has_others(document.root(), table) {
        let detail = "the header has a member that does not belong there";
        return Err(Fault::new(Reason::TokenHeaderMember, detail));
    }
    Ok(document)
}

/// `alg` is the name configured for the key. Where no key is found, `Ed25519` may stand (the key is
/// then the fault) and other names may not, because no issuer is configured so.
fn check_root_alg(header: Json<'_>, named: &[IssuerKey<'_>]) -> Result<(), Box<Fault>> {
    let alg = member(header, "alg").unwrap_or_default();
    if named.iter().any(|key| key.alg() == alg) || (named.is_empty() && alg == "Ed25519") {
        return Ok(());
    }
    Err(wrong_alg())
}

fn wrong_alg() -> Box<Fault> {
    Fault::new(Reason::TokenAlg, "`alg` is not the one of the key")
}

fn check_typ(header: Json<'_>) -> Result<(), Box<Fault>> {
    if member(header, "typ") == Some(TYP) {
        return Ok(());
    }
    Err(Fault::new(Reason::TokenTyp, "`typ` is not `cap+jwt`"))
}

fn member<'a>(header: Json<'a>, name: &str) -> Option<&'a str> {
    header.get_str(name)
}
