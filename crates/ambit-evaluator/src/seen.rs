//! What has been established when an answer is written.

use alloc::string::String;
use alloc::vec::Vec;

use core::ops::Range;

use ambit_core::json::Json;
use ambit_policy::Bundle;
use ambit_token::{ChainCache, Receipt, VerifiedProof, VerifiedToken};

use crate::rails::Ruling;
use crate::remedy::Shown;
use crate::request::Request;
use crate::revocation::Epochs;

/// The code of an answer that allows.
pub(crate) const ALLOWED: &str = "allowed";

/// Nothing of an unverified token is here.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) bundle: &'a Bundle<'a>,
    /// The request as it came.
    pub(crate) input: &'a [u8],
    /// Where in it the token stands.
    pub(crate) sent: Option<&'a Sent>,
    pub(crate) request: Option<&'a Request<'a>>,
    /// The arguments in RFC 8785 form.
    pub(crate) arguments: Option<&'a str>,
    pub(crate) token: Option<&'a VerifiedToken<'a>>,
    pub(crate) found: Option<&'a Found<'a>>,
}

/// The token of a request as it was sent, not verified.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Where in the request it stands, if it is written without escapes.
    pub(crate) place: Option<Range<usize>>,
    pub(crate) s256: [u8; 32],
}

impl Sent {
    /// A token that the cache knows is not hashed again.
    pub(crate) fn find(request: Json<'_>, cache: &ChainCache) -> Option<Self> {
        let token = request.get("token")?;
        let s256 = cache.s256(token.as_str()?);
        let place = token.place();
        Some(Self { place, s256 })
    }
}

/// What the request brought beside its token, verified.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    /// The proof of possession.
    pub(crate) proof: Option<VerifiedProof>,
    /// The lists of revocation epochs, those that deny included.
    pub(crate) epochs: Vec<Epochs>,
    /// Whether steps 3 to 5 were passed.
    pub(crate) in_force: bool,
    /// The people who said yes to this call, whether or not that is enough.
    pub(crate) people: Vec<Vec<String>>,
    /// The receipts, each for this call, where they are enough.
    pub(crate) receipts: Vec<Receipt>,
    /// What is put before people, where the call is a proposal.
    pub(crate) proposal: Option<Shown>,
    /// What the guard rails said.
    pub(crate) ruling: Option<Ruling<'a>>,
}

impl<'a> Seen<'a> {
    pub(crate) const fn new(bundle: &'a Bundle<'a>, input: &'a [u8]) -> Self {
        Self {
            bundle,
            input,
            sent: None,
            request: None,
            arguments: None,
            token: None,
            found: None,
        }
    }
}
