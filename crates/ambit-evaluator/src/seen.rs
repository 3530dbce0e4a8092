//! What has been established when an answer is written.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_policy::Bundle;
use ambit_token::{Receipt, VerifiedProof, VerifiedToken};

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
    pub(crate) request: Option<&'a Request<'a>>,
    /// The arguments in RFC 8785 form.
    pub(crate) arguments: Option<&'a str>,
    pub(crate) token: Option<&'a VerifiedToken<'a>>,
    pub(crate) found: Option<&'a Found>,
}

/// What the request brought beside its token, verified.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The proof of possession.
    pub(crate) proof: Option<VerifiedProof>,
    /// The lists of revocation epochs, those that deny included.
    pub(crate) epochs: Vec<Epochs>,
    /// Whether steps 3 to 5 were passed.
    pub(crate) in_force: bool,
    /// The people who said yes to this call, whether or not that is enough.
    pub(crate) people: Vec<String>,
    /// The receipts, each for this call, where they are enough.
    pub(crate) receipts: Vec<Receipt>,
    /// What is put before people, where the call is a proposal.
    pub(crate) proposal: Option<Shown>,
    /// What the guard rails said.
    pub(crate) ruling: Option<Ruling>,
}

impl<'a> Seen<'a> {
    pub(crate) const fn new(bundle: &'a Bundle<'a>, input: &'a [u8]) -> Self {
        Self {
            bundle,
            input,
            request: None,
            arguments: None,
            token: None,
            found: None,
        }
    }
}
